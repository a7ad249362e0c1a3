"""What is measured of one event for its note: findings, what else happened, how it went on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analysis.reports import context, narrative, robustness, terms, wording
from analysis.reports.findings import Findings, Move, find
from analysis.reports.study_report import StudyReport, Window

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd


class EventStudyReport(StudyReport):
    """A study of one event, and what its note rests on."""

    @property
    def event(self) -> str:
        """Id in the catalogue."""
        return self.events[0]

    @property
    def windows(self) -> list[Window]:
        """Day 0 first, then the other windows."""
        return list(dict.fromkeys([(0, 0), *self.cars]))

    @cached_property
    def tests(self) -> pd.DataFrame:
        """As of any study, but from the placebo fits that the page's groups need anyway."""
        return self._battery[0]

    @property
    def value_change(self) -> float | None:
        """Change of the lead's market value in dollars; None where it is not known."""
        lead = self.findings.lead
        if lead is None or self.desk.catalogue.instrument(lead.ticker)["currency"] != "USD":
            return None
        return self.desk.value_change(lead.ticker, lead.day)

    @cached_property
    def entities(self) -> list[str]:
        """Tickers of the entities that the event names."""
        entities = (self.desk.event(self.event)["entities"] or "").split(";")
        return self.desk.catalogue.entities_to_tickers(entities)

    @cached_property
    def securities(self) -> pd.DataFrame:
        """Day 0 of every security, see `frames.securities_frame`."""
        return self._session(own=self.entities)

    @cached_property
    def open_sessions(self) -> dict[int, set[str]]:
        """Sessions beside day 0 that the timing leaves open, to the exchanges where it does.

        Of an event whose hour is not known the market may have heard at any hour of its day, of
        a commit until a day later; an offset outside the event window is left out.
        """
        return context.open_sessions(self.desk, self.event, self.placements, self.window)

    @cached_property
    def neighbours(self) -> dict[int, pd.DataFrame]:
        """The sessions that the timing leaves open, as `securities`."""
        found = {}
        for offset, exchanges in self.open_sessions.items():
            looked_at = 1 + len(self.open_sessions)
            frame = self._session(own=self.entities, offset=offset, sessions=looked_at)
            found[offset] = frame[frame["exchange"].isin(exchanges)]
        return found

    @cached_property
    def confounders(self) -> pd.DataFrame:
        """Other news in the sessions that the note looks at, see `Desk.confounders`."""
        return self.desk.confounders(self.event, list(self.tickers), window=(-1, 1))

    @cached_property
    def findings(self) -> Findings:
        """What the note may claim."""
        own = self.confounders[self.confounders["kind"] == "own"]
        named = own.groupby(["security", "offset"])["category"].agg(_own_news)
        pooled = terms.recommended_p_values(self.tests, recommended=self.leading)
        return find(
            self.securities,
            self.groups,
            next(iter(pooled.values()), float("nan")),
            dict(zip(named.index.to_list(), named.to_list(), strict=True)),
            self.neighbours,
        )

    @cached_property
    def variants(self) -> pd.DataFrame | None:
        """The lead's abnormal return under other choices; None where there is no lead."""
        lead = self.findings.lead
        if lead is None:
            return None
        return robustness.variants(
            self.desk,
            self.event,
            lead.ticker,
            model=self.model,
            benchmark=self.benchmark,
            estimation=self.estimation,
            window=self.window,
            offset=lead.offset,
        )

    @property
    def doubt(self) -> str:
        """How far sign or significance of the lead hang on the choice of model; blank: not."""
        return "" if self.variants is None else robustness.dissent(self.variants)

    @cached_property
    def index(self) -> tuple[str, float] | None:
        """Name and return of the index of most securities; None where the event names one."""
        counted = self.securities[self.securities["counted"] & (self.securities["benchmark"] != "")]
        if self.findings.lead is not None or counted.empty:
            return None
        pairs = list(zip(counted["benchmark"], counted["day0"], strict=True))
        commonest, day0 = max(dict.fromkeys(pairs), key=pairs.count)
        return self._index_return(commonest, day0)

    @cached_property
    def surroundings(self) -> narrative.Surroundings:
        """Market and other news of the lead's session."""
        lead = self.findings.lead
        offset = lead.offset if lead else 0
        near = self.confounders
        own = near[(near["kind"] == "own") & (near["offset"] == offset)]
        if lead is not None:
            near = near[near["security"] == lead.ticker]
        market = near.loc[(near["kind"] == "market") & (near["offset"] == offset), "what"]
        zero = self.findings.moves if offset == 0 else ()
        busy = sorted(
            (move for move in zero if move.confounded), key=lambda one: -abs(one.abnormal)
        )
        calm = [move.abnormal for move in zero if not move.confounded]
        without = sum(calm) / len(calm) if busy and len(calm) > 1 else float("nan")
        index, change = (self._benchmark_of(lead) if lead else self.index) or ("", float("nan"))
        same = self.others[self.others["same_day"].astype(bool)]["title"] if offset == 0 else ()
        listed = {*market, *own["what"]}
        return narrative.Surroundings(
            index,
            change,
            tuple(wording.short_title(what, 8) for what in market.drop_duplicates()),
            tuple(f"{move.name} {move.confounded}" for move in busy),
            tuple(wording.short_title(what, 8) for what in same if what not in listed),
            without,
        )

    def _benchmark_of(self, lead: Move) -> tuple[str, float] | None:
        """Name and return of the lead's benchmark in its session."""
        ticker = self.desk.benchmarks([lead.ticker], self.benchmark).get(lead.ticker)
        return self._index_return(ticker, lead.day) if ticker else None

    def _index_return(self, ticker: str, day: date) -> tuple[str, float] | None:
        """Name and return of an index on a day; None where the tables do not have it."""
        import pandas as pd

        change = self.desk.returns([ticker])[ticker].get(pd.Timestamp(day), float("nan"))
        name = self.names[ticker].removesuffix(" Index")
        return None if change != change else (name, float(change))

    @cached_property
    def course(self) -> narrative.Course | None:
        """The lead's abnormal return summed to the end of the event window."""
        lead = self.findings.lead
        if lead is None:
            return None
        table = self.results.car((lead.offset, self.window[1]))
        row = table.loc[table.index.get_level_values("security") == lead.ticker]
        sessions = self.desk.sessions([lead.ticker])[lead.ticker]
        last = int(sessions.searchsorted(str(lead.day))) + self.window[1] - lead.offset
        if row.empty or last >= len(sessions):
            return None
        return narrative.Course(
            sessions[last].date(), float(row["car"].iloc[0]), float(row["p_value"].iloc[0])
        )

    @cached_property
    def closed(self) -> list[str]:
        """Cities whose exchanges were shut on a weekday between the event and their day 0."""
        exchanges = [item for item in self.placements["exchange"].unique() if item]
        rows = context.session_rows(self.desk, self.event, exchanges)
        return sorted(set(rows.loc[rows["open_utc"].isna(), "city"]))

    @cached_property
    def others(self) -> pd.DataFrame:
        """Other catalogued events within the event window."""
        return context.other_events(self.desk, self.placements, self.window)


def _own_news(categories: pd.Series) -> str:
    """What a company had to say, in a word."""
    return "results" if (categories == "earnings").all() else "news"
