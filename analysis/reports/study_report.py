"""One study with everything that is said about it, each thing computed once and when needed.

The command prints it, `event.EventReport` makes a page of it, and `study_document` writes it as
JSON and CSV. Nothing here knows how a page or a terminal looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from analysis.reports import frames, wording

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    import polars as pl

    from analysis.desk import Desk
    from analysis.eventstudy import EventStudyResults
    from analysis.eventstudy.inference.recommendation import Recommendation

Window = tuple[int, int]
Pair = tuple[str, str]


@dataclass(frozen=True)
class StudyReport:
    """A study of events under one model, with its tests, placements and sources.

    Attributes
    ----------
    desk : Desk
        The tables, as of its day.
    events : tuple of str
        Ids in the catalogue, each once.
    tickers : tuple of str
        Securities of the study.
    benchmark : str or None
        Replaces every security's home benchmark.
    model : str
        One of `analysis.studies.models.MODELS`.
    estimation, window : (int, int)
        Sessions relative to day 0, both included.
    cars : tuple of (int, int)
        Windows of the cumulative abnormal returns.
    exclude_confounded : bool
        Whether securities with other news of their own on day 0 are left out.
    counted : tuple of str
        Securities that averages and adjusted p-values are of: one listing of each company, or
        all where the tickers were named.
    """

    desk: Desk
    events: tuple[str, ...]
    tickers: tuple[str, ...]
    benchmark: str | None
    model: str
    estimation: Window
    window: Window
    cars: tuple[Window, ...]
    exclude_confounded: bool = False
    counted: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        desk: Desk,
        events: str | Sequence[str],
        tickers: str | Sequence[str] | None = None,
        group: str | None = None,
        *,
        benchmark: str | None = None,
        model: str = "market",
        estimation: Window = (-250, -31),
        window: Window = (-5, 5),
        cars: Sequence[Window] = ((0, 0), (-1, 1)),
        exclude_confounded: bool = False,
    ) -> Self:
        """Choose the securities as `Desk.study` does; nothing is computed yet.

        Raises
        ------
        InputError
            For an unknown event, ticker or group, with the nearest names.
        """
        ids = (events,) if isinstance(events, str) else tuple(dict.fromkeys(events))
        securities = tuple(desk.securities(ids, tickers, group))
        counted = securities if tickers else tuple(desk.one_listing_each(securities))
        return cls(
            desk, ids, securities, benchmark, model, estimation, window, tuple(cars),
            exclude_confounded, counted,
        )  # fmt: skip

    @cached_property
    def results(self) -> EventStudyResults:
        """The study of all securities."""
        return self._study(self.tickers)

    @cached_property
    def averaged(self) -> EventStudyResults:
        """The study of the counted securities, which every average and test is of."""
        return self.results if self.counted == self.tickers else self._study(self.counted)

    def _study(self, tickers: Sequence[str]) -> EventStudyResults:
        options: dict[str, Any] = {"exclude_confounded": True} if self.exclude_confounded else {}
        return self.desk.study(
            self.events,
            list(tickers),
            model=self.model,
            benchmark=self.benchmark,
            estimation=self.estimation,
            window=self.window,
            **options,
        )

    @cached_property
    def placements(self) -> pd.DataFrame:
        """Day 0 of every event for every security, see `Desk.placements`."""
        return self.desk.placements(self.events, list(self.tickers))

    @property
    def windows(self) -> list[Window]:
        """Windows that are tested, each once."""
        return list(dict.fromkeys(self.cars))

    @cached_property
    def car_tables(self) -> dict[Window, pd.DataFrame]:
        """`EventStudyResults.car` of every tested window."""
        return {window: self.results.car(window) for window in self.windows}

    @cached_property
    def _battery(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return frames.battery(self.averaged, self.windows)

    @cached_property
    def tests(self) -> pd.DataFrame:
        """All tests on every group and window, see `EventStudyResults.tests`."""
        return self.averaged.tests(self.windows)

    @cached_property
    def recommended(self) -> Recommendation:
        """The tests that keep their size under the conditions of this study."""
        window = (0, 0) if (0, 0) in self.windows else self.windows[0]
        return self.averaged.recommended(window, tests=self.tests)

    @property
    def leading(self) -> tuple[str, ...]:
        """Tests to read first; all that allow for shared dates where none is recommended."""
        return self.recommended.tests or self.recommended.others

    @cached_property
    def groups(self) -> pd.DataFrame:
        """See `frames.groups_frame`."""
        return frames.groups_frame(self.averaged, *self._battery, self.leading[0])

    @cached_property
    def pairs(self) -> list[Pair]:
        """Event and security of everything that was measured."""
        return [(str(event), str(name)) for event, name in self.results.abnormal.index]

    @cached_property
    def skipped_pairs(self) -> pd.DataFrame:
        """What was left out of the event window or of a window of the CARs, with reasons."""
        return self.results.skipped_in(list(dict.fromkeys((self.window, *self.cars))))

    @cached_property
    def failed(self) -> dict[str, str]:
        """Events without any measured security, with the commonest reason."""
        measured = {event for event, _ in self.pairs}
        skipped = self.skipped_pairs
        failed = {}
        for event in self.events:
            if event not in measured:
                reasons = Counter(skipped.loc[skipped["event_id"] == event, "reason"])
                commonest = reasons.most_common(1) or [("no security was placed", 0)]
                failed[event] = self._not_yet(event) or str(commonest[0][0])
        return failed

    def _not_yet(self, event: str) -> str:
        """Say that an event comes after the day of the data; blank where it does not."""
        first = self.placements.loc[self.placements["event_id"] == event, "day0"].min()
        # NaT, where no security has a day 0, is not equal to itself.
        if self.desk.as_of is None or first != first or first.date() <= self.desk.as_of:
            return ""
        return f"its day 0 is {wording.day(first)}, after --as-of {wording.day(self.desk.as_of)}"

    @cached_property
    def doubtful(self) -> pd.DataFrame:
        """Flagged prices of the event windows, benchmarks included, see `Desk.doubtful`."""
        return self.desk.doubtful(self.placements, self.window, self.benchmark)

    @property
    def doubtful_prices(self) -> pd.DataFrame:
        """Ticker, date and flag of `doubtful`, each once."""
        found = self.doubtful[["ticker", "date", "flag"]]
        return found.drop_duplicates(ignore_index=True)

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
        """Day 0 of every security, see `frames.securities_frame`."""
        return self._session()

    def _session(self, **options: Any) -> pd.DataFrame:
        benchmarks = self.desk.benchmarks(self.tickers, self.benchmark)
        return frames.securities_frame(
            self.results,
            self.placements,
            self.desk.returns(self.tickers),
            self.desk.returns(sorted(set(benchmarks.values()))),
            benchmarks,
            self.instruments,
            self.counted,
            **options,
        )

    @cached_property
    def versions(self) -> dict[str, dict[str, Any]]:
        """Content hash, rows and last observation of every table."""
        return self.desk.versions()

    @cached_property
    def prices(self) -> pl.DataFrame:
        """Prices of the study's securities."""
        import polars as pl

        return self.desk.table("prices").filter(pl.col("ticker").is_in(list(self.tickers)))

    @cached_property
    def price_sources(self) -> list[str]:
        """Who published the prices, sorted."""
        sources: list[str] = self.prices["source"].unique().sort().to_list()
        return sources

    @cached_property
    def last_observation(self) -> date | None:
        """Day (UTC) on which the last price in the tables was observed."""
        last: Any = self.desk.table("prices")["observed_at"].max()
        return None if last is None else last.date()

    @property
    def as_of_words(self) -> str:
        """The desk's day, or the last observation of a price where it has none."""
        if self.desk.as_of:
            return wording.day(self.desk.as_of)
        last = self.last_observation
        return f"{wording.day(last)}, the last observation" if last else "no day"
