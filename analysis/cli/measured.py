"""A study's answers in the shapes that the command prints: document, long table, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from analysis.desk import Desk
    from analysis.eventstudy import EventStudyResults
    from analysis.eventstudy.inference.recommendation import Recommendation

Window = tuple[int, int]
Pair = tuple[str, str]
Row = dict[str, Any]

DEFAULT_WINDOWS: tuple[Window, ...] = ((0, 0), (-1, 1))
_CAR_FIGURES = ("car", "se", "t", "df", "p_value")


@dataclass(frozen=True)
class Measured:
    """One study with what was asked.

    Attributes
    ----------
    results : EventStudyResults
        The answers.
    placements : pandas.DataFrame
        event_id, security, day0, uncertain, note, reason, flag: how each pair was placed, and
        what of the event's row is doubtful.
    events : tuple of str
        As asked, each once.
    windows : tuple of (int, int)
        Windows of the CARs.
    model : str
        Name of the model.
    benchmark : str or None
        The benchmark that replaced the home benchmarks.
    estimation, window : (int, int)
        Sessions relative to day 0, both ends included.
    as_of : date or None
        Day of the data.
    sources : dict of str to dict
        Table -> content hash, rows, last observation.
    price_sources : tuple of str
        Who says so, of the securities asked for.
    doubtful : pandas.DataFrame
        Flagged prices of the event windows, see `analysis.desk.Desk.doubtful`.
    """

    results: EventStudyResults
    placements: pd.DataFrame
    events: tuple[str, ...]
    windows: tuple[Window, ...]
    model: str
    benchmark: str | None
    estimation: Window
    window: Window
    as_of: date | None
    sources: dict[str, dict[str, Any]]
    price_sources: tuple[str, ...]
    doubtful: pd.DataFrame

    @cached_property
    def tests(self) -> list[Row]:
        """The battery on every group and window, see `EventStudyResults.tests`."""
        return records(self._battery)

    @cached_property
    def _battery(self) -> pd.DataFrame:
        return self.results.tests(list(self.windows))

    @cached_property
    def recommended(self) -> Recommendation:
        """The tests that keep their size under the conditions of this study."""
        first = self.windows[0]
        window = (0, 0) if (0, 0) in self.windows else first
        return self.results.recommended(window, tests=self._battery)

    @cached_property
    def abnormal(self) -> dict[Pair, dict[int, float]]:
        """Abnormal returns of each pair by relative day."""
        table = self.results.abnormal
        days = [int(day) for day in table.columns]
        rows = zip(self.pairs, table.to_numpy(), strict=True)
        return {pair: dict(zip(days, values.tolist(), strict=True)) for pair, values in rows}

    @cached_property
    def pairs(self) -> list[Pair]:
        """Event and security of everything that was measured."""
        return [(str(event), str(name)) for event, name in self.results.abnormal.index]

    @cached_property
    def cars(self) -> dict[Window, dict[Pair, Row]]:
        """CAR of each pair that is whole in a window, per window."""
        return {window: _by_pair(self.results.car(window)) for window in self.windows}

    @cached_property
    def parameters(self) -> dict[Pair, Row]:
        """Estimates of each pair."""
        return _by_pair(self.results.parameters)

    @cached_property
    def skipped(self) -> list[Row]:
        """The ledger for the event window and every CAR window."""
        windows = list(dict.fromkeys((self.window, *self.windows)))
        return records(self.results.skipped_in(windows))

    @cached_property
    def placed(self) -> dict[Pair, Row]:
        """Placement of each pair."""
        rows = records(self.placements)
        return {(row["event_id"], row["security"]): row for row in rows}

    @cached_property
    def failed(self) -> dict[str, str]:
        """Events for which nothing was computed, with the commonest reason."""
        measured = {event for event, _ in self.pairs}
        return {event: self._why(event) for event in self.events if event not in measured}

    def _why(self, event_id: str) -> str:
        reasons = Counter(row["reason"] for row in self.skipped if row["event_id"] == event_id)
        return reasons.most_common(1)[0][0] if reasons else "no security was placed"

    def document(self) -> dict[str, Any]:
        """Build the JSON document; figures are decimal, missing ones NaN (null when printed)."""
        return {
            "as_of": self.as_of,
            "model": self.model,
            "benchmark": self.benchmark,
            "estimation": list(self.estimation),
            "window": list(self.window),
            "units": "decimal",
            "events": [self._pair(pair) for pair in self.pairs],
            "tests": self.tests,
            "recommended": {
                "tests": list(self.recommended.tests),
                "sentence": self.recommended.sentence,
            },
            "skipped": [
                {
                    "event_id": row["event_id"],
                    "security": row["security"],
                    "reason": row["reason"],
                    "window": None if window is None else f"{window[0]},{window[1]}",
                }
                for row in self.skipped
                for window in [ledger_window(row)]
            ],
            "doubtful": [{**row, "date": row["date"].date()} for row in records(self.doubtful)],
            "tables": self.sources,
            "price_sources": self.price_sources,
        }

    def _pair(self, pair: Pair) -> dict[str, Any]:
        placed = self.placed[pair]
        return {
            "event_id": pair[0],
            "security": pair[1],
            "day0": placed["day0"].date(),
            "uncertain": placed["uncertain"],
            "note": placed["note"],
            "flag": placed.get("flag") or None,
            "parameters": self.parameters[pair],
            "abnormal": self.abnormal[pair],
            "car": {
                f"{first},{last}": {name: table[pair][name] for name in _CAR_FIGURES}
                for (first, last), table in self.cars.items()
                if pair in table
            },
        }

    def long_table(self) -> list[Row]:
        """Rows for the CSV file: one per event, security and window, figures decimal.

        The last columns say whether day 0 is uncertain, and what of the event's row and of the
        prices of its window is doubtful.
        """
        doubts = self._doubts()
        return [
            {
                "event_id": pair[0],
                "security": pair[1],
                "day0": self.placed[pair]["day0"].date().isoformat(),
                "window_start": first,
                "window_end": last,
                **{name: table[pair][name] for name in _CAR_FIGURES},
                **self.parameters[pair],
                "uncertain": "yes" if self.placed[pair]["uncertain"] else "no",
                "flag": "; ".join(doubts[pair]),
            }
            for (first, last), table in self.cars.items()
            for pair in self.pairs
            if pair in table
        ]

    def _doubts(self) -> dict[Pair, list[str]]:
        """What is doubtful of each pair: its event's row, and flagged prices, each flag once."""
        flags = {pair: self.placed[pair].get("flag") for pair in self.pairs}
        found = {pair: [str(flag)] if flag else [] for pair, flag in flags.items()}
        keys = ["event_id", "security", "ticker", "flag"]
        for (event, security, ticker, flag), days in self.doubtful.groupby(keys)["date"]:
            pair = str(event), str(security)
            if pair in found:
                last = f" to {days.max():%Y-%m-%d}" if len(days) > 1 else ""
                told = f"price of {ticker}, {days.min():%Y-%m-%d}{last}: {flag}"
                found[pair].append(told)
        return found


def records(table: pd.DataFrame) -> list[Row]:
    """Rows of a frame as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def ledger_window(row: Row) -> Window | None:
    """Window of a ledger row; None when the pair is left out of every window."""
    import pandas as pd

    first, last = row["window_start"], row["window_end"]
    return None if pd.isna(first) else (int(first), int(last))


def _by_pair(table: pd.DataFrame) -> dict[Pair, Row]:
    pairs = [(str(event), str(name)) for event, name in table.index]
    return dict(zip(pairs, records(table), strict=True))


def checked_windows(car: Sequence[Window] | None, window: Window) -> tuple[Window, ...]:
    """Windows of the CARs: those asked for, else the default ones that fit.

    Raises
    ------
    InputError
        A window that ends before it starts or leaves the event window.
    """
    if not car:
        inside = tuple(item for item in DEFAULT_WINDOWS if _within(item, window))
        return inside or (window,)
    for first, last in car:
        if first > last:
            raise InputError(f"--car {first} {last} ends before it starts: write {last} {first}.")
        if not _within((first, last), window):
            raise InputError(
                f"--car {first} {last} reaches outside the event window {window[0]} {window[1]}: "
                f"widen it with --window {min(first, window[0])} {max(last, window[1])}."
            )
    return tuple(dict.fromkeys(car))


def _within(inner: Window, outer: Window) -> bool:
    return outer[0] <= inner[0] <= inner[1] <= outer[1]


def measure(
    events: Sequence[str],
    tickers: str | None,
    group: str | None,
    benchmark: str | None,
    model: str,
    estimation: Window,
    window: Window,
    windows: tuple[Window, ...],
    as_of: str | None,
) -> Measured:
    """Ask the desk for the study and for how its events were placed.

    Raises
    ------
    InputError
        For an unknown event, ticker, group, model or benchmark, with the nearest names.
    """
    from analysis.desk import Desk

    desk = Desk(as_of=as_of)
    asked = tuple(dict.fromkeys(events))
    securities = desk.securities(asked, tickers, group)
    placements = desk.placements(asked, securities)
    results = desk.study(
        asked,
        securities,
        model=model,
        benchmark=benchmark,
        estimation=estimation,
        window=window,
    )
    return Measured(
        results,
        placements,
        asked,
        windows,
        model,
        benchmark,
        estimation,
        window,
        desk.as_of,
        {name: dict(version) for name, version in desk.versions().items()},
        _price_sources(desk, securities),
        desk.doubtful(placements, window, benchmark),
    )


def _price_sources(desk: Desk, securities: Sequence[str]) -> tuple[str, ...]:
    import polars as pl

    prices = desk.table("prices").filter(pl.col("ticker").is_in(list(securities)))
    return tuple(prices["source"].unique().sort().to_list())
