"""``faultline data``: fill the store, and say how it stands and how its figures came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from analysis.cli import console, data_update, data_verify
from analysis.cli.console import Column
from analysis.errors import InputError, unknown_name
from analysis.formatting import MINUS
from analysis.plain_text import count

if TYPE_CHECKING:
    from analysis.store import Store
    from analysis.update import Freshness, Gap

_STATUS_EXAMPLES = """Examples

faultline data status
    how fresh each table is, and which sessions have no price

faultline data status --json
"""
_HISTORY_EXAMPLES = """Examples

faultline data history prices NVDA 2025-01-27
    every observation of one figure: ticker or entity first, then the day

faultline data history factors mkt_rf 2025-01-27 --json
"""
_QUARANTINE_EXAMPLES = """Examples

faultline data quarantine
    rows that were kept out of any table, with the reason

faultline data quarantine prices --json
"""
_COMPACT_EXAMPLES = """Examples

faultline data compact
    after months of daily updates: many small files become few

faultline data compact prices
"""
_SHOWN_DAYS = 3
_PROVENANCE_COLUMNS = ("source", "observed_at", "backfilled", "flag")


def register(app: App) -> None:
    """Add the commands."""
    examples = [data_update.EXAMPLES, _STATUS_EXAMPLES, _HISTORY_EXAMPLES]
    group = App(
        name="data",
        help="Fetch figures and report the state of the store.",
        help_epilogue="Examples\n" + "".join(item.removeprefix("Examples\n") for item in examples),
    )
    group.command(data_update.update, name="update", help_epilogue=data_update.EXAMPLES)
    group.command(data_verify.verify, name="verify", help_epilogue=data_verify.EXAMPLES)
    group.command(status, name="status", help_epilogue=_STATUS_EXAMPLES)
    group.command(history, name="history", help_epilogue=_HISTORY_EXAMPLES)
    group.command(quarantine, name="quarantine", help_epilogue=_QUARANTINE_EXAMPLES)
    group.command(compact, name="compact", help_epilogue=_COMPACT_EXAMPLES)
    app.command(group)


def status(*, json: Annotated[bool, Parameter(show_default=False)] = False) -> int:
    """Show how fresh each table is, and which sessions have no price.

    Reads the store of FAULTLINE_HOME, else the bundled snapshot.

    Parameters
    ----------
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.desk import Desk
    from analysis.store import Store
    from analysis.update import UpdateContext, freshness, gaps

    desk = Desk()
    store = Store(desk.home)
    known = UpdateContext(desk.catalogue, desk.calendars, datetime.now(UTC))
    fresh = freshness(store, known)
    held = store.pieces("prices", ["ticker", "date"]) if "prices" in store.names() else ()
    holes = gaps(held, known)
    if json:
        console.print_json(
            {
                "home": store.location,
                "live": store.is_live,
                "tables": [asdict(item) for item in fresh],
                "gaps": [asdict(item) for item in holes],
            }
        )
        return 0
    console.print_line(
        f"{'Live store' if store.is_live else 'Bundled snapshot'} at {store.location}"
    )
    _print_freshness(fresh)
    _print_gaps(holes)
    return 0


def _print_freshness(fresh: Sequence[Freshness]) -> None:
    columns = [
        Column("table"), Column("source", fold=True), Column("rows", "right"),
        Column("last figure"), Column("age", "right"), Column("last observed (UTC)"),
        Column("kept out", "right"),
    ]  # fmt: skip
    rows = [
        (
            item.table,
            item.source,
            f"{item.rows:,}",
            item.last.isoformat() if item.last else "–",
            "–" if item.age is None else f"{item.age} {item.unit}",
            f"{item.observed:%Y-%m-%d %H:%M}" if item.observed else "–",
            f"{item.quarantined:,}" if item.quarantined else "",
        )
        for item in fresh
    ]
    console.print_table(columns, rows)
    _print_ends(fresh)


def _print_ends(fresh: Sequence[Freshness]) -> None:
    """Series that end on other days than the last figure of their source says."""
    rows = []
    for item in fresh:
        by_day: dict[date, list[str]] = {}
        for series, day in item.series.items():
            by_day.setdefault(day, []).append(series)
        rows += [
            (item.table, item.source, day.isoformat(), ", ".join(names))
            for day, names in sorted(by_day.items(), reverse=True)
        ]
    if rows:
        names = ("table", "source", "last figure", "series")
        columns = [Column(name, fold=name in ("source", "series")) for name in names]
        console.print_table(columns, rows, title="Last figure of each series, where they differ")


def _print_gaps(holes: Sequence[Gap]) -> None:
    if not holes:
        console.print_line("Every session has its price.")
        return
    columns = [
        *map(Column, ("ticker", "exchange", "last price")),
        Column("sessions since", "right"),
        Column("sessions without a price", "right"),
        Column("", fold=True),
    ]
    rows = [
        (
            item.ticker,
            item.exchange,
            item.last.isoformat(),
            f"{item.behind:,}" if item.behind else "",
            f"{len(item.missing):,}" if item.missing else "",
            _some(item.missing),
        )
        for item in holes
    ]
    console.print_table(columns, rows, title="Sessions of the exchange without a price")


def _some(days: Sequence[date]) -> str:
    """The latest of the missing days; a table has no room for all."""
    shown = ", ".join(day.isoformat() for day in days[-_SHOWN_DAYS:])
    return f"… {shown}" if len(days) > _SHOWN_DAYS else shown


def history(
    table: str,
    /,
    *keys: Annotated[str, Parameter(name="KEY")],
    json: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """List every observation of one figure, oldest first, and what each changed.

    Parameters
    ----------
    table
        For instance prices.
    keys
        What the figure is about: ticker or entity first, then the day; fewer list more figures.
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.settings import store_home
    from analysis.store import Store
    from analysis.tables import keys_of

    store = Store(store_home())
    named = store.key_order(table)
    if not keys:
        raise InputError(
            f"Which figure of {table}? Give {', '.join(named)}, in that order; with fewer, all "
            "that begin with them are listed."
        )
    frame = store.history(table, *keys)
    if frame.is_empty():
        return _report_missing(store, table, keys)
    observations = frame.to_dicts()
    shared = [name for name in keys_of(table) if frame[name].n_unique() == 1]
    apart = [name for name in named if name not in shared]
    values = [name for name in frame.columns if name not in (*named, *_PROVENANCE_COLUMNS)]
    changes = _changes(observations, values, apart)
    if json:
        console.print_json(
            {
                "table": table,
                "key": {name: observations[0][name] for name in shared},
                "observations": [
                    {**{name: item for name, item in row.items() if name not in shared}, **change}
                    for row, change in zip(observations, changes, strict=True)
                ],
            }
        )
        return 0
    columns = [
        *(Column(name.replace("_", " ")) for name in apart),
        Column("observed (UTC)"),
        *(Column(name, "right", fold=name == "note") for name in values),
        Column("changed", fold=True),
        Column("source", fold=True),
        Column("flag", fold=True),
    ]
    rows = [
        (
            *(_spell(row[name]) for name in apart),
            f"{row['observed_at']:%Y-%m-%d %H:%M:%S}" + (" (rule)" if row["backfilled"] else ""),
            *(_spell(row[name]) for name in values),
            _spell_change(change["changed"]),
            row["source"],
            row["flag"] or "",
        )
        for row, change in zip(observations, changes, strict=True)
    ]
    console.print_table(columns, rows, title=f"{table} {' '.join(keys)}")
    if any(row["backfilled"] for row in observations):
        console.print_err("(rule): the time follows from the publication rule in data/README.md.")
    return 0


def _report_missing(store: Store, table: str, keys: Sequence[str]) -> int:
    """Say that nobody observed such a figure; 1, or an error for a name that nobody knows."""
    subject, *others = store.key_order(table)
    held = store.read(table)
    if keys[0] not in held[subject]:
        raise unknown_name(f"{subject} of {table}", keys[0], held[subject].unique().sort())
    message = f"{table} holds no figure for {' '.join(keys)}"
    day = next((name for name in others if name in ("date", "period_end")), None)
    if day is not None:
        days = held.filter(held[subject] == keys[0])[day]
        message += f"; those of {keys[0]} reach from {days.min()!s} to {days.max()!s}"
    console.print_err(f"faultline: {message}.")
    return 1


def _changes(
    rows: Sequence[dict[str, Any]], values: Sequence[str], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Per observation, the columns that differ from the same figure before: to old and new."""
    found: list[dict[str, Any]] = [{"changed": None} for _ in rows]
    for before, row, one in zip(rows, rows[1:], found[1:], strict=False):
        if all(before[name] == row[name] for name in keys):
            one["changed"] = {
                name: {"from": before[name], "to": row[name]}
                for name in values
                if before[name] != row[name]
            }
    return found


def _spell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.10g}".replace("-", MINUS)
    return value.isoformat() if isinstance(value, date) else str(value)


def _spell_change(changed: dict[str, dict[str, Any]] | None) -> str:
    if changed is None:
        return "first observation"
    return "; ".join(
        f"{name} {_spell(pair['from'])} → {_spell(pair['to'])}{_share(pair['from'], pair['to'])}"
        for name, pair in changed.items()
    )


def _share(old: object, new: object) -> str:
    if not isinstance(old, float | int) or not isinstance(new, float | int):
        return ""
    if isinstance(old, bool) or not old:
        return ""
    return f" ({console.percent(new / old - 1)})"


def quarantine(
    table: str | None = None,
    /,
    *,
    json: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """List the rows that were kept out of the tables, each with its reason.

    Parameters
    ----------
    table
        Only rows that were meant for this table.
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.settings import store_home
    from analysis.store import Store
    from analysis.tables import TABLES

    store = Store(store_home())
    found = [
        {"table": name, **row}
        for name in ([table] if table else sorted(TABLES))
        for row in store.quarantined(name).to_dicts()
    ]
    if json:
        console.print_json({"rows": found})
        return 0
    names = list(dict.fromkeys(name for row in found for name in row))
    if names:
        columns = [Column(name.replace("_", " "), fold=name in ("row", "reason")) for name in names]
        console.print_table(columns, [[_spell(row.get(name)) for name in names] for row in found])
    console.print_err(f"{count(len(found), 'row')} kept out.")
    return 0


def compact(table: str | None = None, /) -> int:
    """Make few large files of the many small ones that daily updates leave.

    No observation is lost; the figures are the same afterwards. Without a table,
    answers of the sources that are older than FAULTLINE_RAW_DAYS (90) are deleted
    from raw/ too, as after every update; the newest answer to each question is always kept.

    Parameters
    ----------
    table
        Only this table; without it, all of them.
    """
    from analysis.settings import raw_days, store_home
    from analysis.store import Store

    home, days = store_home(), raw_days()
    Store(home).compact(table)
    console.print_err("Compacted.")
    if table is None:
        data_update.clear_raw(home, days)
    return 0
