"""One event measured: the study and every frame that its briefing shows, computed once.

`EventReport` builds the page from it; nothing here knows how a page looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from analysis.reports import context, frames, narrative, wording

if TYPE_CHECKING:
    import pandas as pd

    from analysis.desk import Desk
    from analysis.eventstudy import EventStudyResults
    from analysis.eventstudy.inference.recommendation import Recommendation


@dataclass(frozen=True)
class Measurement:
    """A study of one event under one model, with what surrounds it.

    Attributes
    ----------
    desk : Desk
        The tables, as of its day.
    event : str
        Id in the catalogue.
    tickers : tuple of str
        Securities of the study.
    benchmark : str or None
        Replaces every security's home benchmark.
    model : str
        One of `analysis.normal_returns.MODELS`.
    estimation, window : (int, int)
        Sessions relative to day 0, both included.
    cars : tuple of (int, int)
        Windows of the cumulative abnormal returns.
    """

    desk: Desk
    event: str
    tickers: tuple[str, ...]
    benchmark: str | None
    model: str
    estimation: tuple[int, int]
    window: tuple[int, int]
    cars: tuple[tuple[int, int], ...]

    @cached_property
    def results(self) -> EventStudyResults:
        """The study under the chosen model."""
        return self._study(self.model)

    @cached_property
    def placements(self) -> pd.DataFrame:
        """Day 0 of the event for every security."""
        return self.desk.placements(self.event, list(self.tickers))

    @cached_property
    def instruments(self) -> pd.DataFrame:
        """The catalogue's instruments, indexed by ticker."""
        return self.desk.instruments().to_pandas().set_index("ticker")

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of every instrument, by ticker."""
        return {str(ticker): str(name) for ticker, name in self.instruments["name"].items()}

    @cached_property
    def securities(self) -> pd.DataFrame:
        """See `frames.securities_frame`."""
        benchmarks = self.desk.benchmarks(self.tickers, self.benchmark)
        return frames.securities_frame(
            self.results,
            self.placements,
            self.desk.returns(self.tickers),
            self.desk.returns(sorted(set(benchmarks.values()))),
            benchmarks,
            self.instruments,
        )

    @cached_property
    def windows(self) -> list[tuple[int, int]]:
        """Day 0 first, then the other windows asked for."""
        return list(dict.fromkeys([(0, 0), *self.cars]))

    @cached_property
    def tests(self) -> pd.DataFrame:
        """The battery on all securities and on every role, over all windows."""
        return self._battery[0]

    @cached_property
    def _battery(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return frames.battery(self.results, self.windows)

    @cached_property
    def recommended(self) -> Recommendation:
        """The tests that keep their size under the conditions of this study."""
        return self.results.recommended(tests=self.tests)

    @property
    def leading(self) -> tuple[str, ...]:
        """Tests to read first; all that allow for shared dates where none is defined."""
        return self.recommended.tests or self.recommended.others

    @cached_property
    def conventions(self) -> pd.DataFrame:
        """What other packages would have concluded for all securities, over all windows."""
        return self.results.compare_presets(self.windows)

    @cached_property
    def single_tests(self) -> int:
        """How many p-values of single securities there are, over all windows."""
        return sum(
            int(self.results.car(window)["p_value"].notna().sum()) for window in self.windows
        )

    @cached_property
    def groups(self) -> pd.DataFrame:
        """See `frames.groups_frame`."""
        return frames.groups_frame(self.results, *self._battery, self.leading[0])

    @cached_property
    def focus(self) -> narrative.Focus | None:
        """The security that the headline is about."""
        return narrative.focus_of(self.securities, self.entities)

    @cached_property
    def entities(self) -> list[str]:
        """Tickers of the entities that the event names."""
        entities = (self.desk.event(self.event)["entities"] or "").split(";")
        return self.desk.catalogue.entities_to_tickers(entities)

    @cached_property
    def others(self) -> pd.DataFrame:
        """Other catalogued events within the event window."""
        return context.other_events(self.desk, self.placements, self.window)

    @cached_property
    def notes(self) -> str:
        """What the catalogue notes about the event; it may look back, so not as of a day."""
        return "" if self.desk.as_of else str(self.desk.event(self.event)["notes"] or "")

    def _study(self, model: str) -> EventStudyResults:
        return self.desk.study(
            self.event,
            list(self.tickers),
            model=model,
            benchmark=self.benchmark,
            estimation=self.estimation,
            window=self.window,
        )

    @cached_property
    def mean_adjusted(self) -> float | None:
        """Day-0 abnormal return of the focus without any benchmark (decimal)."""
        if self.focus is None or self.model == "mean_adjusted":
            return None
        study = self.desk.study(
            self.event,
            [str(self.focus.row["security"])],
            model="mean_adjusted",
            estimation=self.estimation,
            window=self.window,
        )
        found = study.car((0, 0))
        return float(found["car"].iloc[0]) if len(found) else None

    def near_limit(self) -> list[str]:
        """Names of the securities within a tenth of their exchange's daily price limit."""
        limits = self.instruments["price_limit"].reindex(self.securities["security"]).to_numpy()
        near = self.securities["raw"].abs().to_numpy() >= 0.9 * limits
        return [str(name) for name in self.securities.loc[near, "name"]]

    @cached_property
    def as_of_words(self) -> str:
        """The desk's day, or the last observation of a price where it has none."""
        if self.desk.as_of:
            return wording.day(self.desk.as_of)
        last = self.desk.table("prices")["observed_at"].max()
        return f"{wording.day(last)}, the last observation" if last is not None else "no day"

    def flagged(self) -> pd.DataFrame:
        """Prices of the event windows that the table itself distrusts, benchmarks included."""
        found = self.desk.doubtful(self.placements, self.window, self.benchmark)
        return found[["ticker", "date", "flag"]].drop_duplicates(ignore_index=True)

    def last_price(self) -> str:
        """Last day of prices in words; with the earliest where the securities differ."""
        import polars as pl

        prices = self.desk.table("prices").filter(pl.col("ticker").is_in(list(self.tickers)))
        ends = prices.group_by("ticker").agg(pl.col("date").max()).sort("date", "ticker")
        if ends.is_empty():
            return "no day at all"
        first, last = ends.row(0, named=True), ends.row(-1, named=True)
        if first["date"] == last["date"]:
            return wording.day(last["date"])
        return (
            f"{wording.day(last['date'])} at the latest and {wording.day(first['date'])} at the "
            f"earliest ({self.names.get(first['ticker'], first['ticker'])})"
        )
