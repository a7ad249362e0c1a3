"""The one door that notebooks and the command go through.

A `Desk` knows where the tables are and as of which day to read them; from there it answers
with tables, events, returns and event studies. Nothing that it returns is filled or smoothed.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis import settings
from analysis.calendars import Calendars, Instant
from analysis.catalogue import Catalogue
from analysis.catalogue.selecting import select_events, select_peers, select_securities
from analysis.errors import InputError, unknown
from analysis.normal_returns import ModelChoice, choose_model
from analysis.placing import instant_of, place
from analysis.returns import adjusted_closes, session_returns
from analysis.store import Store

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from analysis.eventstudy import EventStudyResults, UncertainResults
    from analysis.eventstudy.models import Model

_A_DAY = ["2000-01-03"]
_NO_BENCHMARK = "no home benchmark in the tables: name one, or take the model mean_adjusted"


class Desk:
    """Tables, events, returns and studies, as they were known on one day.

    Parameters
    ----------
    as_of : datetime.date or str, optional
        Last day (UTC, included) whose observations count; ISO form when a string. Without
        it everything in the store counts.
    home : path-like, optional
        Store folder; else ``FAULTLINE_HOME``, else the bundled snapshot.

    Raises
    ------
    InputError
        When ``as_of`` is not a day.
    """

    def __init__(
        self,
        as_of: date | str | None = None,
        home: str | os.PathLike[str] | None = None,
    ) -> None:
        self.as_of = _as_day(as_of)
        self.home = settings.store_home(home)
        self._store = Store(self.home)

    def __repr__(self) -> str:
        return f"Desk(as_of={self.as_of and self.as_of.isoformat()!r}, home={str(self.home)!r})"

    @cached_property
    def catalogue(self) -> Catalogue:
        """The curated tables: events, instruments, groups, closures, claims, chips."""
        return Catalogue(settings.bundled("data/catalogue"))

    @cached_property
    def calendars(self) -> Calendars:
        """Exchange sessions, amended by the catalogue's closures."""
        closures: dict[str, set[date]] = {}
        for row in self.catalogue.closures().iter_rows(named=True):
            closures.setdefault(row["exchange"], set()).add(row["date"])
        return Calendars(closures)

    def table(self, name: str) -> pl.DataFrame:
        """Read one table: per key the last observation made by the desk's day.

        Parameters
        ----------
        name : str
            For instance ``"prices"``; ``Desk().versions()`` lists them.

        Returns
        -------
        polars.DataFrame
            The table's schema is in `analysis.tables`.

        Raises
        ------
        InputError
            For an unknown table; the message has the nearest names.
        """
        return self._store.read(name, as_of=self.as_of)

    def versions(self) -> dict[str, dict[str, Any]]:
        """Content hash of every table in the store, and what of it the desk reads.

        Returns
        -------
        dict
            Table to ``sha256`` (of all that is stored), ``rows`` and ``observed_to`` (ISO,
            of the observations made by the desk's day; None where there are none).
        """
        found = {}
        for name in self._store.names():
            frame = self.table(name)
            last = frame["observed_at"].max() if len(frame) else None
            found[name] = {
                "sha256": self._store.version(name)["sha256"],
                "rows": len(frame),
                "observed_to": last.isoformat() if isinstance(last, datetime) else None,
            }
        return found

    def events(
        self,
        category: str | None = None,
        entity: str | None = None,
        status: str | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
    ) -> pl.DataFrame:
        """List catalogued events, oldest first.

        Parameters
        ----------
        category, status : str, optional
            Keep events of this category (``"release"``) or status (``"official"``).
        entity : str, optional
            Keep events that name this entity (``"Nvidia"``).
        since, until : datetime.date or str, optional
            First and last day, both included. ``until`` is never later than ``as_of``.

        Returns
        -------
        polars.DataFrame
            The columns of the catalogue's ``events`` table.

        Raises
        ------
        InputError
            For a category, entity or status that no event has.
        """
        first, last = _as_day(since), _as_day(until)
        if self.as_of is not None:
            last = min(last or self.as_of, self.as_of)
        return select_events(
            self.catalogue.events(),
            category=category,
            entity=entity,
            status=status,
            first=first,
            last=last,
        )

    def event(self, event_id: str) -> dict[str, Any]:
        """One event by its id, or an `InputError` with the nearest ids."""
        return self.catalogue.event(event_id)

    def instant(self, event_id: str) -> tuple[Instant | None, str]:
        """When an event became public (UTC), or None and the reason why there is no instant."""
        return instant_of(self.event(event_id))

    def instruments(self) -> pl.DataFrame:
        """Every instrument: ticker, name, entity, exchange, role, bloc, benchmark, limits."""
        return self.catalogue.instruments()

    def members(self, group: str) -> list[str]:
        """Tickers of a role, a bloc, ``role@bloc`` or a named group."""
        return self.catalogue.members(group)

    def returns(
        self,
        tickers: str | Sequence[str],
        start: date | str | None = None,
        end: date | str | None = None,
    ) -> pd.DataFrame:
        """Simple returns from adjusted closes, between consecutive sessions only.

        Parameters
        ----------
        tickers : str or sequence of str
            One or several.
        start, end : datetime.date or str, optional
            First and last day, both included.

        Returns
        -------
        pandas.DataFrame
            Dates × tickers, decimal. The first return after a hole is missing. A currency
            has no exchange: its sessions are the days for which its source has a quote.

        Raises
        ------
        InputError
            For an unknown ticker; the message has the nearest ones.
        """
        import pandas as pd

        wanted = list(dict.fromkeys(_as_list(tickers)))
        for ticker in wanted:
            self.catalogue.instrument(ticker)
        closes = self._closes.reindex(columns=pd.Index(wanted, name="security"))
        table = session_returns(closes, self.sessions(wanted))
        first, last = _as_day(start), _as_day(end)
        return table.loc[
            pd.Timestamp(first) if first else None : pd.Timestamp(last) if last else None
        ]

    def sessions(self, tickers: Sequence[str]) -> dict[Hashable, pd.DatetimeIndex]:
        """Sessions of each security from its first price to its last.

        A security without a price is left out. A currency has no exchange: its sessions
        are the days for which its source has a quote.
        """
        import pandas as pd

        found: dict[Hashable, pd.DatetimeIndex] = {}
        for ticker in tickers:
            if ticker not in self._closes:
                continue
            days = pd.DatetimeIndex(self._closes.index[self._closes[ticker].notna()])
            exchange = self._exchange(ticker)
            found[ticker] = (
                self.calendars.sessions(exchange, days[0].date(), days[-1].date())
                if exchange
                else days
            )
        return found

    @cached_property
    def _closes(self) -> pd.DataFrame:
        return adjusted_closes(self.table("prices"))

    def _exchange(self, ticker: str) -> str:
        return self.catalogue.instrument(ticker)["exchange"] or ""

    def securities(
        self,
        events: str | Sequence[str],
        tickers: str | Sequence[str] | None = None,
        group: str | None = None,
    ) -> list[str]:
        """Securities that a study of these events takes.

        The tickers or the group as given; else the events' entities and every security
        with a role that is not index, etf, fx or volatility.

        Raises
        ------
        InputError
            For an unknown ticker or group, for both at once, and for an empty list.
        """
        return select_securities(
            self.catalogue, [self.event(item) for item in _as_list(events)], tickers, group
        )

    def placements(self, events: str | Sequence[str], tickers: Sequence[str]) -> pd.DataFrame:
        """Day 0 of each event on the exchange of each security, see `analysis.placing.place`."""
        exchanges = {ticker: self._exchange(ticker) for ticker in tickers}
        rows = [self.event(event_id) for event_id in dict.fromkeys(_as_list(events))]
        return place(rows, exchanges, self.calendars)

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

        securities = self.securities(events, tickers, group)
        chosen = self._choose(model, securities, benchmark)
        placed = self._placed(events, securities)
        if chosen.needs_benchmark and not chosen.markets:
            lacking = ~placed["security"].isin(list(self.benchmarks(securities, benchmark)))
            placed.loc[lacking & (placed["reason"] == ""), "reason"] = _NO_BENCHMARK
        study = EventStudy(
            _at_least(self.returns([*securities, *chosen.peers]), placed),
            placed,
            model=chosen.model,
            factors=self._factors(chosen, benchmark, placed),
            estimation=estimation,
            window=window,
            calendars=self.sessions(securities),
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

        placed = self._placed(events, self.securities(events, tickers, group))
        calendars = self.sessions(list(placed["security"].unique()))
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
        from analysis.eventstudy.candidates import check_candidates

        table = check_candidates(candidates).table
        securities = list(table["security"].unique())
        if options.pop("preset", None) is not None:
            raise InputError("A study of uncertain dates has our conventions; leave preset out.")
        homes = self.benchmarks(securities, benchmark)
        chosen = choose_model(model, homes, select_peers(self.catalogue, securities))
        return UncertainStudy(
            _at_least(self.returns([*securities, *chosen.peers]), table),
            table,
            model=chosen.model,
            factors=self._factors(chosen, benchmark, table),
            estimation=estimation,
            window=window,
            calendars=self.sessions(securities),
            **_checked_options(options),
        ).fit()

    def benchmarks(self, securities: Sequence[str], benchmark: str | None = None) -> dict[str, str]:
        """Benchmark of each security; one that has none is left out."""
        if benchmark is not None:
            self.catalogue.instrument(benchmark)
            return dict.fromkeys(securities, benchmark)
        homes = {item: self.catalogue.instrument(item)["benchmark"] for item in securities}
        return {security: home for security, home in homes.items() if home}

    def _choose(
        self, model: str | Model, securities: list[str], benchmark: str | None
    ) -> ModelChoice:
        peers = select_peers(self.catalogue, securities)
        return choose_model(model, self.benchmarks(securities, benchmark), peers)

    def _placed(self, events: str | Sequence[str], securities: list[str]) -> pd.DataFrame:
        """Pairs for the engine, which skips those without a day 0; groups are roles."""
        frame = self.placements(events, securities).rename(columns={"day0": "date"})
        roles = dict(self.instruments().select("ticker", "role").iter_rows())
        frame["group"] = [roles.get(item) or "other" for item in frame["security"]]
        return frame

    def _factors(
        self, chosen: ModelChoice, benchmark: str | None, placed: pd.DataFrame
    ) -> pd.DataFrame | None:
        """Columns that the model reads: benchmarks, and figures of the table of factors."""
        table = self.factors(chosen.factors) if chosen.factors else None
        if chosen.needs_benchmark:
            homes = self.instruments()["benchmark"].drop_nulls().unique().sort()
            named = [benchmark] if benchmark else [home for home in homes if home]
            markets = self.returns([*named, *chosen.markets])
            table = markets if table is None else markets.join(table, how="outer")
        return None if table is None else _at_least(table, placed)

    def factors(self, names: Sequence[str]) -> pd.DataFrame:
        """Daily factors, dates × names, decimal returns, as of the desk's day."""
        import pandas as pd
        import polars as pl

        kept = self.table("factors").filter(pl.col("factor").is_in(list(names)))
        frame = kept.select("date", "factor", "value").to_pandas()
        frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[ns]")
        wide = frame.pivot(index="date", columns="factor", values="value")
        return wide.reindex(columns=list(names)).sort_index()


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


def _as_list(events: str | Sequence[str]) -> list[str]:
    return [events] if isinstance(events, str) else list(events)


def _as_day(value: date | str | None) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{value!r} is not a day; write it as 2025-01-27.") from None
