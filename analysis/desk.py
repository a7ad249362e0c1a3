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
from analysis.catalogue import Catalogue, own_files
from analysis.catalogue.selection import one_listing_each, select_events, select_securities
from analysis.dates import parse_day, parse_optional_day
from analysis.store import Store
from analysis.studies.confounders import find_confounders
from analysis.studies.market_value import value_change
from analysis.studies.placement import assign_day0, event_instant_or_reason, flagged_prices
from analysis.studies.returns import PriceReader, factor_table, session_returns
from analysis.studies.study import candidate_days, fit_study, fit_uncertain_study, home_benchmarks

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from analysis.eventstudy import EventStudyResults, UncertainResults
    from analysis.eventstudy.models.linear import Model


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
        self, as_of: date | str | None = None, home: str | os.PathLike[str] | None = None
    ) -> None:
        self.as_of = parse_optional_day(as_of)
        self.home = settings.store_home(home)
        self._store = Store(self.home)
        self._prices = PriceReader(self._store, self.as_of)

    def __repr__(self) -> str:
        return f"Desk(as_of={self.as_of and self.as_of.isoformat()!r}, home={self.location!r})"

    @property
    def location(self) -> str:
        """Where the tables are, for people to read: without what would open an object store."""
        return self._store.location

    @cached_property
    def catalogue(self) -> Catalogue:
        """The curated tables; closures and hours also from ``catalogue`` in a store's folder."""
        return Catalogue(settings.bundled("data/catalogue"), own_files(self.home))

    @cached_property
    def calendars(self) -> Calendars:
        """Exchange sessions, amended by the catalogue's closures and changed hours."""
        return Calendars.amended(self.catalogue.table("closures"), self.catalogue.table("hours"))

    def table(self, name: str) -> pl.DataFrame:
        """Read one table: per key the last observation made by the desk's day.

        ``Desk().versions()`` lists the tables, `analysis.tables` has their schemas. An unknown
        name is an `InputError` with the nearest ones.
        """
        return self._store.read(name, as_of=self.as_of)

    def versions(self) -> dict[str, dict[str, Any]]:
        """Content hash of every table in the store, and what of it the desk reads.

        Returns
        -------
        dict
            Table to ``sha256``, ``rows`` and ``observed_to`` (ISO, of the observations made by
            the desk's day; None where there are none). The hash is of what was observed by
            then, so that what a store learns later does not change it; in a folder of plain
            files it is the file's.
        """
        found = {}
        for name in self._store.names():
            frame = self.table(name)
            last = frame["observed_at"].max() if len(frame) else None
            found[name] = {
                "sha256": self._store.version(name, self.as_of)["sha256"],
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
        """List catalogued events, oldest first, with the columns of the catalogue's ``events``.

        Parameters
        ----------
        category, status : str, optional
            Keep events of this category (``"release"``) or status (``"official"``).
        entity : str, optional
            Keep events that name this entity (``"Nvidia"``).
        since, until : datetime.date or str, optional
            First and last day, both included. ``until`` is never later than ``as_of``.

        Raises
        ------
        InputError
            For a category, entity or status that no event has.
        """
        first, last = parse_optional_day(since), parse_optional_day(until)
        if self.as_of is not None:
            last = min(last or self.as_of, self.as_of)
        where = {"category": category, "entity": entity, "status": status}
        return select_events(self.catalogue.table("events"), **where, first=first, last=last)

    def event(self, event_id: str) -> dict[str, Any]:
        """One event by its id, or an `InputError` with the nearest ids."""
        return self.catalogue.event(event_id)

    def instant(self, event_id: str) -> tuple[Instant | None, str]:
        """When an event became public (UTC), or None and the reason why there is no instant."""
        return event_instant_or_reason(self.event(event_id), self.calendars)

    def instruments(self) -> pl.DataFrame:
        """Every instrument: ticker, name, entity, exchange, role, bloc, benchmark, limits."""
        return self.catalogue.table("instruments")

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
            Dates × tickers, decimal. The first return after a hole is missing, and so is one
            across a price break (a split that earlier prices ignore, another unit), which the
            flag of the price names. A currency has no exchange: its sessions are the days for
            which its source has a quote.

        Raises
        ------
        InputError
            For an unknown ticker; the message has the nearest ones.
        """
        import pandas as pd

        wanted = list(dict.fromkeys(_as_list(tickers)))
        for ticker in wanted:
            self.catalogue.instrument(ticker)
        closes = self._prices.closes(wanted).reindex(columns=pd.Index(wanted, name="security"))
        table = session_returns(closes, self.sessions(wanted), self._prices.breaks)
        first, last = parse_optional_day(start), parse_optional_day(end)
        return table.loc[
            pd.Timestamp(first) if first else None : pd.Timestamp(last) if last else None
        ]

    def value_change(self, ticker: str, day: date | str) -> float | None:
        """Market value gained or lost, see `analysis.studies.market_value.value_change`."""
        closes = self._prices.closes([ticker])
        return value_change(self.table("shares"), closes[ticker], ticker, parse_day(day))

    def sessions(self, tickers: Sequence[str]) -> dict[Hashable, pd.DatetimeIndex]:
        """Sessions of each security from its first price to its last; without a price, none.

        A currency has no exchange: its sessions are the days for which its source has a quote.
        """
        import pandas as pd

        found: dict[Hashable, pd.DatetimeIndex] = {}
        closes = self._prices.closes(tickers)
        for ticker in tickers:
            if ticker not in closes:
                continue
            days = pd.DatetimeIndex(closes.index[closes[ticker].notna()])
            if exchange := self._exchange(ticker):
                days = self.calendars.sessions(exchange, days[0].date(), days[-1].date())
            found[ticker] = days
        return found

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

    def one_listing_each(self, tickers: Sequence[str]) -> list[str]:
        """Leave out second listings of companies whose primary listing is among the tickers."""
        return one_listing_each(self.catalogue, tickers)

    def placements(self, events: str | Sequence[str], tickers: Sequence[str]) -> pd.DataFrame:
        """Day 0 of each event on each security's exchange, see `studies.placement.assign_day0`."""
        exchanges = {ticker: self._exchange(ticker) for ticker in tickers}
        doubt = self.catalogue.doubt
        rows = [
            {**self.event(event_id), "flag": doubt("events", event_id)}
            for event_id in dict.fromkeys(_as_list(events))
        ]
        return assign_day0(rows, exchanges, self.calendars)

    def doubtful(
        self, placements: pd.DataFrame, window: tuple[int, int], benchmark: str | None = None
    ) -> pd.DataFrame:
        """Prices within the event windows that carry a flag, the benchmarks' included.

        Parameters
        ----------
        placements : pandas.DataFrame
            As `placements` gives them.
        window : (int, int)
            Sessions relative to day 0, both ends included.
        benchmark : str, optional
            Instead of each security's home benchmark.

        Returns
        -------
        pandas.DataFrame
            event_id, security, ticker (the security or its benchmark), date, flag. The return
            of a day whose flag names a price break is missing.
        """
        import polars as pl

        securities = list(dict.fromkeys(placements["security"]))
        homes = self.benchmarks(securities, benchmark)
        where = {"ticker": list(dict.fromkeys([*securities, *homes.values()]))}
        flagged = self._store.read("prices", self.as_of, where).filter(
            pl.col("flag").fill_null("") != ""
        )
        return flagged_prices(flagged, placements, self.sessions(securities), homes, window)

    def factors(self, names: Sequence[str]) -> pd.DataFrame:
        """Daily factors, dates × names, decimal returns, as of the desk's day."""
        return factor_table(self.table("factors"), names)

    def study(
        self,
        events: str | Sequence[str],
        tickers: str | Sequence[str] | None = None,
        group: str | None = None,
        *,
        model: str | Model = "market",
        benchmark: str | None = None,
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
            One of `analysis.studies.models.MODELS`, or a model of the engine.
        benchmark : str, optional
            Ticker that replaces every security's home benchmark.
        **options
            exclude_confounded leaves out securities with other news of their own on day 0 (see
            `confounders`), which ``skipped`` then names; estimation, window, min_observations,
            exclude_own_events, rbar, preset, seed of `analysis.eventstudy.EventStudy`; returns,
            factors and calendars are the desk's.

        Returns
        -------
        EventStudyResults
            Its groups are the securities' roles; what was left out is in ``skipped``.

        Raises
        ------
        InputError
            For an unknown event, ticker, group, model, benchmark or option.
        """
        securities = self.securities(events, tickers, group)
        return fit_study(self, events, securities, model, benchmark, **options)

    def confounders(
        self,
        events: str | Sequence[str],
        tickers: str | Sequence[str] | None = None,
        group: str | None = None,
        *,
        window: tuple[int, int] = (0, 0),
    ) -> pd.DataFrame:
        """Other news that reached a security's market in the same sessions.

        Parameters
        ----------
        events, tickers, group
            As in `study`.
        window : (int, int)
            Sessions relative to day 0, both ends included.

        Returns
        -------
        pandas.DataFrame
            event_id, security, kind, category, what, date (of the news), session (the first on the
            security's exchange), offset (sessions from day 0), source. Kinds: ``own`` (results or
            other company news of the company itself), ``sector`` (of a company with the same
            role), ``market`` (macroeconomic releases, policy that names no company).

        Notes
        -----
        News of which no table knows is not found.
        """
        placements = self.placements(events, self.securities(events, tickers, group))
        return find_confounders(self, placements, window)

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
        return candidate_days(self, events, self.securities(events, tickers, group), sessions)

    def uncertain_study(
        self,
        candidates: pd.DataFrame,
        *,
        model: str | Model = "market",
        benchmark: str | None = None,
        **options: Any,
    ) -> UncertainResults:
        """Measure the reaction to events whose day is one of several; the rest as `study`.

        ``candidates`` come from `candidates`, or are as
        `analysis.eventstudy.UncertainStudy` takes them.
        """
        return fit_uncertain_study(self, candidates, model, benchmark, **options)

    def benchmarks(self, securities: Sequence[str], benchmark: str | None = None) -> dict[str, str]:
        """Benchmark of each security; one that has none is left out."""
        return home_benchmarks(self.catalogue, securities, benchmark)


def _as_list(events: str | Sequence[str]) -> list[str]:
    return [events] if isinstance(events, str) else list(events)
