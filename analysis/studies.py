"""The studies that a desk makes: from ids and tickers to the engine's question and its answer.

`desk.Desk` takes these methods over. They bring together what the desk knows, day 0 on each
exchange, returns, benchmarks or factors and calendars, and hand it to the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from analysis.catalogue.selection import select_peers
from analysis.errors import InputError, unknown
from analysis.normal_returns import ModelChoice, choose_model

if TYPE_CHECKING:
    import pandas as pd

    from analysis.desk import Desk
    from analysis.eventstudy import EventStudyResults, UncertainResults
    from analysis.eventstudy.models.linear import Model

_A_DAY = ["2000-01-03"]
_NO_BENCHMARK = "no home benchmark in the tables: name one, or take the model mean_adjusted"


class Studies:
    """The part of `Desk` that measures reactions to events."""

    def study(
        self,
        events: str | Sequence[str],
        tickers: str | Sequence[str] | None = None,
        group: str | None = None,
        *,
        model: str | Model = "market",
        benchmark: str | None = None,
        estimation: tuple[int, int] = (-250, -31),
        window: tuple[int, int] = (-5, 5),
        **options: Any,
    ) -> EventStudyResults:
        """Measure the reaction of securities to events.

        Parameters
        ----------
        events : str or sequence of str
            Event ids, see ``faultline events list``.
        tickers, group : optional
            See `securities`.
        model : str or Model
            One of `analysis.normal_returns.MODELS`, or a model of the engine.
        benchmark : str, optional
            Ticker that replaces every security's home benchmark.
        estimation, window : (int, int)
            Sessions relative to day 0, both ends included.
        **options
            min_observations, exclude_own_events, rbar, preset, seed of
            `analysis.eventstudy.EventStudy`; returns, factors and calendars are the desk's.

        Returns
        -------
        EventStudyResults
            Its groups are the securities' roles; what was left out is in ``skipped``.

        Raises
        ------
        InputError
            For an unknown event, ticker, group, model, benchmark or option.
        """
        from analysis.eventstudy import EventStudy

        securities = self._desk.securities(events, tickers, group)
        chosen = self._choose(model, securities, benchmark)
        placed = self._placed(events, securities)
        if chosen.needs_benchmark and not chosen.markets:
            lacking = ~placed["security"].isin(list(self.benchmarks(securities, benchmark)))
            placed.loc[lacking & (placed["reason"] == ""), "reason"] = _NO_BENCHMARK
        study = EventStudy(
            _at_least(self._desk.returns([*securities, *chosen.peers]), placed),
            placed,
            model=chosen.model,
            factors=self._factors(chosen, benchmark, placed),
            estimation=estimation,
            window=window,
            calendars=self._desk.sessions(securities),
            **_checked_options(options),
        )
        refused = placed[placed["reason"] != ""]
        return study.fit().with_skipped(refused[["event_id", "security", "reason"]])

    def candidates(
        self,
        events: str | Sequence[str],
        tickers: str | Sequence[str] | None = None,
        group: str | None = None,
        *,
        sessions: int | tuple[int, int] | None = None,
    ) -> pd.DataFrame:
        """Days on which events may have become known, for `uncertain_study`.

        ``sessions`` is how many sessions day 0 may be off, to either side or as (before,
        after); by default one for events whose placing is uncertain, none for the others.
        Groups are roles. An event without any day 0 is an `InputError` with its reason.
        """
        import pandas as pd

        from analysis.eventstudy import candidates_around

        placed = self._placed(events, self._desk.securities(events, tickers, group))
        calendars = self._desk.sessions(list(placed["security"].unique()))
        parts = []
        for _, rows in placed.groupby("event_id", sort=False):
            if rows["date"].isna().all():
                raise InputError(rows["reason"].iloc[0])
            reach = int(rows["uncertain"].any()) if sessions is None else sessions
            parts.append(candidates_around(rows, calendars, reach))
        return pd.concat(parts, ignore_index=True)

    def uncertain_study(
        self,
        candidates: pd.DataFrame,
        *,
        model: str | Model = "market",
        benchmark: str | None = None,
        estimation: tuple[int, int] = (-250, -31),
        window: tuple[int, int] = (-5, 5),
        **options: Any,
    ) -> UncertainResults:
        """Measure the reaction to events whose day is one of several; the rest as `study`.

        ``candidates`` come from `candidates`, or are as
        `analysis.eventstudy.UncertainStudy` takes them.
        """
        from analysis.eventstudy import UncertainStudy
        from analysis.eventstudy.uncertain_dates.candidates import check_candidates

        table = check_candidates(candidates).table
        securities = list(table["security"].unique())
        if options.pop("preset", None) is not None:
            raise InputError("A study of uncertain dates has our conventions; leave preset out.")
        homes = self.benchmarks(securities, benchmark)
        chosen = choose_model(model, homes, select_peers(self._desk.catalogue, securities))
        return UncertainStudy(
            _at_least(self._desk.returns([*securities, *chosen.peers]), table),
            table,
            model=chosen.model,
            factors=self._factors(chosen, benchmark, table),
            estimation=estimation,
            window=window,
            calendars=self._desk.sessions(securities),
            **_checked_options(options),
        ).fit()

    def benchmarks(self, securities: Sequence[str], benchmark: str | None = None) -> dict[str, str]:
        """Benchmark of each security; one that has none is left out."""
        if benchmark is not None:
            self._desk.catalogue.instrument(benchmark)
            return dict.fromkeys(securities, benchmark)
        homes = {item: self._desk.catalogue.instrument(item)["benchmark"] for item in securities}
        return {security: home for security, home in homes.items() if home}

    def _choose(
        self, model: str | Model, securities: list[str], benchmark: str | None
    ) -> ModelChoice:
        peers = select_peers(self._desk.catalogue, securities)
        return choose_model(model, self.benchmarks(securities, benchmark), peers)

    def _placed(self, events: str | Sequence[str], securities: list[str]) -> pd.DataFrame:
        """Pairs for the engine, which skips those without a day 0; groups are roles."""
        frame = self._desk.placements(events, securities).rename(columns={"day0": "date"})
        roles = dict(self._desk.instruments().select("ticker", "role").iter_rows())
        frame["group"] = [roles.get(item) or "other" for item in frame["security"]]
        return frame

    def _factors(
        self, chosen: ModelChoice, benchmark: str | None, placed: pd.DataFrame
    ) -> pd.DataFrame | None:
        """Columns that the model reads: benchmarks, and figures of the table of factors."""
        table = self._desk.factors(chosen.factors) if chosen.factors else None
        if chosen.needs_benchmark:
            homes = self._desk.instruments()["benchmark"].drop_nulls().unique().sort()
            named = [benchmark] if benchmark else [home for home in homes if home]
            markets = self._desk.returns([*named, *chosen.markets])
            table = markets if table is None else markets.join(table, how="outer")
        return None if table is None else _at_least(table, placed)

    @property
    def _desk(self) -> Desk:
        return cast("Desk", self)


def _at_least(table: pd.DataFrame, placed: pd.DataFrame) -> pd.DataFrame:
    """The table; where the desk's day knows no figure, the days asked for, all missing."""
    if len(table):
        return table
    import pandas as pd

    days = placed["date"].dropna().unique()
    return table.reindex(pd.DatetimeIndex(days).sort_values() if len(days) else _A_DAY)


def _checked_options(options: dict[str, Any]) -> dict[str, Any]:
    known = ("min_observations", "exclude_own_events", "rbar", "preset", "seed")
    for name in options:
        if name not in known:
            raise unknown("option of a study", name, known)
    return options
