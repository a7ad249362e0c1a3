"""What was measured, as tables, and held against what must be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Measured = Mapping[str, Mapping[str, Any]]

# Keys of a contest -> what the row is called.
ROWS = {
    "parametric": "faultline: AR, CAR, five parametric tests",
    "with rbar": "faultline: and the two with r̄",
    "battery": "faultline: all closed-form tests",
    "battery, 21 days": "faultline: all closed-form tests, of 21 days",
    "battery, holes": "faultline: all closed-form tests, own events cut",
    "rbar": "faultline: r̄ alone (overlap)",
    "rbar, holes": "faultline: r̄ alone, own events cut",
    "plain": "plain vectorised NumPy: AR, CAR",
    "numpy loop": "NumPy, one event at a time",
    "statsmodels loop": "statsmodels, one event at a time",
}
# Rows whose figure is r̄, or the CAAR of other estimation rows.
NO_CAAR = ("rbar", "rbar, holes", "battery, holes")
BIG, MIDDLE = 1_000_000, 20_000


@dataclass(frozen=True)
class Target:
    """What must be reached: a ratio, its limit, and whether it must stay below or above."""

    what: str
    value: float | None
    limit: float
    below: bool = True
    unit: str = "×"

    @property
    def reached(self) -> str:
        if self.value is None:
            return "not measured"
        fine = self.value <= self.limit if self.below else self.value >= self.limit
        return "yes" if fine else "NO"


def contest_table(events: int, measured: Measured, peers: Measured | None = None) -> str:
    """Seconds, events per second, ratio to ours, and how far each CAAR is from ours.

    A peer that could not be asked has ``reason`` instead of figures.
    """
    ours = measured["parametric"]
    lines = [f"{'':52}{'seconds':>9}{'CPU s':>8}{'events/s':>11}{'ratio':>8}{'|CAAR − ours|':>15}"]
    for key, name in ROWS.items():
        if key in measured:
            lines.append(_contest_line(name, events, measured[key], ours, caar=key not in NO_CAAR))
    for name, one in (peers or {}).items():
        if "reason" in one:
            lines.append(f"{name:52}{one['reason']}")
        else:
            lines.append(_contest_line(name, events, one, ours, caar=True))
    return "\n".join(lines)


def scaling_table(sizes: Sequence[Mapping[str, Any]]) -> str:
    """Microseconds per event at every size, beside copying and sorting the same windows."""
    lines = [
        "microseconds per event".ljust(24) + f"{'ratios to the sort':>52}{'above the inputs':>34}",
        f"{'events':>10}{'copy':>8}{'sort':>8}{'plain':>8}{'AR+CAR+tests':>14}{'battery':>9}"
        f"{'tests/sort':>12}{'battery/sort':>14}{'inputs':>10}{'tests':>9}{'battery':>9}",
    ]
    for one in sizes:
        each = {name: took / one["events"] * 1e6 for name, took in one["seconds"].items()}
        plain = f"{each['plain']:8.1f}" if "plain" in each else f"{'—':>8}"
        lines.append(
            f"{one['events']:10,}{each['copy']:8.1f}{each['sort']:8.1f}{plain}"
            f"{each['parametric']:14.1f}{each['battery']:9.1f}"
            f"{each['parametric'] / each['sort']:12.1f}{each['battery'] / each['sort']:14.1f}"
            f"{_size(one['inputs']):>10}{_size(one['above']['parametric']):>9}"
            f"{_size(one['above']['battery']):>9}"
        )
    return "\n".join(lines)


def targets(
    small: tuple[Measured, Measured],
    middle: tuple[Measured, Measured],
    alone: Measured,
    sizes: Sequence[Mapping[str, Any]],
) -> list[Target]:
    """Hold what was measured against what must be reached.

    Parameters
    ----------
    small, middle : (dict, dict)
        The contests of 1,000 and of 20,000 events, each with the peers on the same set; of the
        larger one the fast peers alone.
    alone : dict
        The contest of 20,000 events on one core.
    sizes : sequence of dict
        What `scaling.measure` found.
    """
    found = []
    elsewhere = [one["seconds"]["plain"] for one in sizes if one["events"] == MIDDLE]
    for where, one in (("all cores", middle[0]), ("one core", alone)):
        # The plain way at its best, in whichever process that was: its memory is its own.
        plain = min([one["plain"]["best"], *elsewhere])
        found += [
            Target(f"tests / plain, {where}", one["parametric"]["best"] / plain, 0.7),
            Target(f"battery / plain, {where}", one["battery"]["best"] / plain, 4.0),
            Target(
                f"battery of 21 days / plain, {where}",
                one["battery, 21 days"]["best"] / plain,
                4.0,
            ),
            Target(f"r̄ without holes / plain, {where}", one["rbar"]["best"] / plain, 2.0),
        ]
    times = {name: one["best"] for name, one in middle[1].items() if "best" in one}
    fastest = min(times, key=times.__getitem__, default=None)
    seven = small[1].get("StatsPAI", {}).get("best")
    found += [
        _faster(
            "tests", middle[0]["parametric"], times.get(fastest or ""), 40, fastest or "no peer"
        ),
        _faster("battery", small[0]["battery"], seven, 100, "StatsPAI"),
    ]
    return found + _scale(sizes)


def target_table(found: Iterable[Target]) -> str:
    """One line a target: what, measured, limit, reached."""
    lines = [f"{'must reach':58}{'measured':>12}{'target':>12}  reached"]
    for one in found:
        value = "—" if one.value is None else f"{one.value:.2f} {one.unit}"
        limit = f"{'≤' if one.below else '≥'} {one.limit:g} {one.unit}"
        lines.append(f"{one.what:58}{value:>12}{limit:>12}  {one.reached}")
    return "\n".join(lines)


def store_table(store: Mapping[str, Any]) -> str:
    """Milliseconds of the store beside Polars and clean Parquet files."""
    names = {
        "append to empty": f"append {store['day']:,} rows to a table of one row",
        "append": f"append {store['day']:,} rows to a table of {store['rows']:,} rows",
        "append unsynced": "the same without syncing it to the disk and hashing it",
        "append again": "append the same rows again: nothing to add",
        "read": f"read {store['read']:,} rows as of a day",
        "clean": "Polars: these rows from one clean Parquet file of the table",
        "alone": "Polars: a Parquet file of these rows and no others",
    }
    return "\n".join(
        f"{said:64}{store['seconds'][name] * 1e3:9.1f} ms" for name, said in names.items()
    )


def store_targets(store: Mapping[str, Any]) -> list[Target]:
    """Hold the store's times against what must be reached."""
    seconds = store["seconds"]
    return [
        Target("store: append / to empty", seconds["append"] / seconds["append to empty"], 10.0),
        Target(
            "store: as of a day / one clean Parquet file", seconds["read"] / seconds["clean"], 3.0
        ),
    ]


def merged(runs: Iterable[Measured]) -> dict[str, dict[str, Any]]:
    """Put several runs of one contest together: the best seconds of each contender."""
    best: dict[str, dict[str, Any]] = {}
    for run in runs:
        for name, one in run.items():
            known = best.get(name)
            if known is None or one.get("best", float("inf")) < known.get("best", float("inf")):
                best[name] = dict(one)
    return best


def _contest_line(
    name: str, events: int, one: Mapping[str, Any], ours: Mapping[str, Any], *, caar: bool
) -> str:
    seconds = one["best"]
    cpu = f"{one['cpu']:8.3f}" if "cpu" in one else " " * 8
    apart = f"{abs(one['figure'] - ours['figure']):15.1e}" if caar else ""
    ratio = seconds / ours["best"]
    return f"{name:52}{seconds:9.4f}{cpu}{events / seconds:11,.0f}{ratio:8.2f}{apart}"


def _faster(
    what: str, ours: Mapping[str, Any], theirs: float | None, limit: float, name: str
) -> Target:
    times = None if theirs is None else theirs / ours["best"]
    return Target(f"{what}: times as fast as {name}", times, limit, below=False)


def _scale(sizes: Sequence[Mapping[str, Any]]) -> list[Target]:
    """Targets of a million events: time per event, memory, and the sort."""
    by = {one["events"]: one for one in sizes}
    big, middle = by.get(BIG), by.get(MIDDLE)
    found = []
    for key, what in (("parametric", "tests"), ("battery", "battery")):
        ratio = memory = None
        if big and middle:
            ratio = big["seconds"][key] / BIG / (middle["seconds"][key] / MIDDLE)
        if big and big["above"][key] is not None:
            memory = big["above"][key] / 1e9
        found += [
            Target(f"{what}: time per event at 1,000,000 / at 20,000", ratio, 1.3),
            Target(f"{what}: memory above the inputs at 1,000,000", memory, 1.0, unit="GB"),
        ]
    sorting = big["seconds"]["battery"] / big["seconds"]["sort"] if big else None
    return [*found, Target("battery / np.sort of the windows at 1,000,000", sorting, 8.0)]


def _size(count: float | None) -> str:
    if count is None:
        return "—"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
