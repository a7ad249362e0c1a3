"""One event's briefing: everything that the notebook shows, computed once.

The notebook calls `event_report` and then displays its parts in order; every part is a
`Display`, a `Chart` or a `Table`, which Jupyter shows and the exporter turns into the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.formatting import listing
from analysis.json_values import records
from analysis.reports import (
    caveats,
    context,
    display,
    frames,
    history,
    narrative,
    robustness,
    terms,
    wording,
)
from analysis.reports import note as notes
from analysis.reports.display import CAVEATS, Display
from analysis.reports.event_study import EventStudyReport
from analysis.reports.findings import company
from analysis.reports.provenance import provenance
from analysis.reports.study_document import to_page_document

if TYPE_CHECKING:
    from analysis.charts import Chart, Table
    from analysis.desk import Desk


def event_report(
    desk: Desk,
    event: str,
    *,
    tickers: Sequence[str] | str | None = None,
    group: str | None = None,
    benchmark: str | None = None,
    model: str = "market",
    estimation: Sequence[int] = (-250, -31),
    window: Sequence[int] = (-5, 5),
    cars: Sequence[Sequence[int]] = ((0, 0), (-1, 1)),
    confounded: str = "include",
) -> EventReport:
    """Measure one event and gather what its briefing needs.

    Parameters
    ----------
    desk : Desk
        The tables, as of its day.
    event : str
        Id in the catalogue.
    tickers, group, benchmark, model, estimation, window
        As in `Desk.study`; blank strings count as not given.
    cars : sequence of (int, int)
        Windows of the cumulative abnormal returns, inside ``window``.
    confounded : {"include", "exclude"}
        Whether securities with other news of their own on day 0 are measured.

    Returns
    -------
    EventReport
        Nothing is displayed yet.

    Raises
    ------
    InputError
        For an unknown name, a window without day 0, or an event without a day 0.
    """
    span = _pair(window, "window")
    if not span[0] <= 0 <= span[1]:
        raise InputError(f"The window {span[0]} {span[1]} leaves out day 0; widen it.")
    instant, reason = desk.instant(event)
    if instant is None:
        raise InputError(f"Event {event!r} cannot be studied: {reason}")
    return EventReport.of(
        desk,
        event,
        tickers or None,
        group or None,
        benchmark=benchmark or None,
        model=model,
        estimation=_pair(estimation, "estimation"),
        window=span,
        cars=tuple(_pair(item, "cars") for item in cars),
        exclude_confounded=confounded == "exclude",
    )


def _pair(value: Sequence[int], name: str) -> tuple[int, int]:
    try:
        first, last = (int(item) for item in value)
    except (TypeError, ValueError):
        raise InputError(f"{name} {value!r} is not a pair of days such as -5 5.") from None
    return first, last


class EventReport(EventStudyReport):
    """The parts of one event's page, in the order in which the page shows them."""

    def note(self) -> Display:
        """Title, headline, badges, three figures and three bullets."""
        return display.note(
            notes.title(self.desk.event(self.event)),
            narrative.headline(self.findings, self.model, doubt=self.doubt, market=self.index),
            notes.badges(
                self.desk.event(self.event),
                self.findings,
                self.closed,
                self._limited(),
                noted="confounded" in self._notes().lower(),
            ),
            self._figures(),
            narrative.bullets(self.findings, self.surroundings, self.course),
        )

    def _figures(self) -> list[dict[str, str]]:
        average = self.groups[(self.groups["group"] == "all") & self.groups["caar"].notna()]
        zero = average[(average["window_start"] == 0) & (average["window_end"] == 0)]
        interval = (float(zero["low"].iloc[0]), float(zero["high"].iloc[0])) if len(zero) else None
        return notes.figures(self.findings, interval, self.value_change, self.index)

    def moves(self) -> Chart:
        """The largest moves of the lead's session, the event's own among them."""
        from analysis.charts import largest_moves

        lead = self.findings.lead
        offset = lead.offset if lead is not None else 0
        news = self.confounders
        busy = news[(news["kind"] == "own") & (news["offset"] == offset)]["security"]
        shown = self.securities if offset == 0 else self.neighbours[offset]
        shown = shown[shown["counted"]]
        return largest_moves(
            shown.assign(
                name=[company(*pair) for pair in zip(shown["name"], shown["security"], strict=True)]
            ),
            self.source,
            own=self.entities,
            confounded=set(busy),
            explained_by=terms.explained_by(self.model),
        )

    def context(self) -> Display:
        """How unusual, how robust, what could not be measured, and the source; a line each."""
        lines = {
            "How unusual": self._how_unusual(),
            "How robust": "" if self.variants is None else robustness.summary(self.variants),
            "Not measured": self._not_measured(),
            "Source": self.source.removeprefix("Source: "),
        }
        return display.lines({term: text for term, text in lines.items() if text})

    def _how_unusual(self) -> str:
        lead = self.findings.lead or self.findings.second
        if lead is None:
            return ""
        place = history.rank(self.desk.returns([lead.ticker])[lead.ticker], lead)
        first = f"{narrative.possessive(lead.name)} {place}." if place else ""
        similar = history.similar_events(self.desk, self.event, lead)
        return " ".join(filter(None, (first, history.similar_sentence(similar))))

    def _not_measured(self) -> str:
        skipped = self.results.skipped["security"].unique()
        names = [self.names.get(ticker, ticker) for ticker in skipped]
        others = [self.names[ticker] for ticker in self.tickers if ticker not in self.counted]
        parts = [f"{listing(names, most=6)}: see the appendix." if names else ""]
        if others:
            parts.append(f"Second listings, left out of averages: {listing(others, most=6)}.")
        return " ".join(filter(None, parts))

    def robustness_table(self) -> Table:
        """The lead's abnormal return under other benchmarks, models and estimation windows."""
        from analysis.charts.variants_table import variants_table

        lead = self.findings.lead
        frame = self.variants if self.variants is not None else robustness.empty()
        return variants_table(frame, lead.name if lead else "", self.names)

    def facts(self) -> Table:
        """The event, its instant in three zones, day 0 on each exchange."""
        from analysis.charts import event_table

        return event_table(context.event_facts(self.desk, self.event, self.placements))

    def timeline(self) -> Chart:
        """Sessions around the event, from Asia to New York."""
        from analysis.charts import session_timeline

        exchanges = [item for item in self.placements["exchange"].unique() if item]
        rows = context.session_rows(self.desk, self.event, exchanges)
        instant, _ = self.desk.instant(self.event)
        return session_timeline(
            rows,
            instant.at if instant else None,
            "Source: exchange_calendars.",
            placed=instant.note if instant else "",
        )

    def abnormal_returns(self) -> Chart:
        """Abnormal return of every security on day 0."""
        from analysis.charts import abnormal_by_security

        return abnormal_by_security(
            self.securities.assign(p_bh=self.securities["p_adjusted"]),
            wording.window_words(0, 0),
            self.source,
            explained_by=terms.explained_by(self.model),
            always=self.entities,
        )

    def paths(self) -> Chart:
        """Cumulative average abnormal return per role."""
        from analysis.charts import caar_paths

        return caar_paths(frames.paths_frame(self.averaged, self.window), self.source)

    def heat_map(self) -> Chart:
        """Abnormal return of every security on every day of the window."""
        from analysis.charts import day_heatmap

        abnormal = self.results.abnormal.droplevel("event_id")
        described = self.instruments.reindex(abnormal.index)
        roles = dict(zip(described["name"], described["role"], strict=True))
        return day_heatmap(
            abnormal.set_axis(described["name"], axis=0),
            roles,
            self.source,
            always=[self.names[ticker] for ticker in self.entities if ticker in self.names],
        )

    def security_table(self) -> Table:
        """Every security: raw, abnormal, CARs, t, p, adjusted p."""
        from analysis.charts import security_table

        cars = {window: self.car_tables[window] for window in self.cars}
        return security_table(self.securities, cars, always=self.entities)

    def group_table(self) -> Table:
        """CAAR of every role with its interval."""
        from analysis.charts.group_table import family_table

        return family_table(self.groups)

    def test_table(self) -> Table:
        """The recommended tests on all securities."""
        return self._battery_table(self.leading, self.recommended.sentence)

    def other_tests(self) -> Table:
        """The rest of the battery, folded."""
        others = [name for name in self.tests["test"].unique() if name not in self.leading]
        table = self._battery_table(others, "Not recommended here: see the table above.")
        words = f"The {wording.count(len(others), 'other test')}"
        return replace(table, key="other-tests", caption="Other tests", folded=words)

    def _battery_table(self, names: Sequence[str], why: str) -> Table:
        from analysis.charts import test_table

        kept = (self.tests["group"] == "all") & self.tests["test"].isin(list(names))
        return test_table(self.tests[kept], self.recommended.tests, why)

    def skipped(self) -> Table:
        """What could not be measured, each with its reason."""
        from analysis.charts import skipped_table

        return skipped_table(self.results.skipped)

    def caveats(self) -> Display:
        """The box of caveats."""
        securities = self.securities
        found = [
            caveats.clustering(securities[securities["counted"]], self.tests, self.leading),
            caveats.conventions(self.averaged.compare_presets(self.windows)),
            caveats.peers(self.model),
            caveats.us_factors(self.model, set(securities["exchange"])),
            caveats.confounders(self.others, self._notes()),
            caveats.uncertain_day(self.placements),
            caveats.doubtful_record(self.placements),
            caveats.late_markets(securities, context.CITIES),
            caveats.price_limits(self._near_limit()),
            caveats.gaps(self.results.skipped, self.doubtful_prices, self._last_price()),
            caveats.multiplicity(self._single_tests(), self.tests),
        ]
        boxes = [asdict(item) for item in found if item is not None]
        text = "\n".join(f"{box['title']}: {box['text']}" for box in boxes)
        return Display(CAVEATS, boxes, text)

    def provenance(self) -> Table:
        """Tables with their content, parameters, conventions and version."""
        from analysis.charts import event_table

        return event_table(provenance(self), key="provenance", caption="Sources and parameters")

    def payload(self) -> Display:
        """Every number of the headline tables, machine-readable (decimal returns)."""
        neighbours = {
            str(offset): records(frame.drop(columns=["name", "bloc", "exchange"]))
            for offset, frame in self.neighbours.items()
        }
        note = {
            "neighbours": neighbours,
            "confounders": records(self.confounders[self.confounders["kind"] != "sector"]),
            "variants": [] if self.variants is None else records(self.variants),
            "value_change": self.value_change,
        }
        return display.results(to_page_document(self) | note)

    def manifest(self) -> Display:
        """Which tables, of which content, as of which day."""
        # Without a day of its own the desk reads up to the last price that was observed.
        day = self.desk.as_of or self.last_observation
        return display.manifest({"tables": self.versions, "as_of": day and day.isoformat()})

    @property
    def source(self) -> str:
        """Source line under every chart."""
        return (
            "Source: Yahoo Finance through public collections, own calculations; "
            f"as of {self.as_of_words}."
        )

    def _notes(self) -> str:
        """What the catalogue notes about the event; it may look back, so not as of a day."""
        return "" if self.desk.as_of else str(self.desk.event(self.event)["notes"] or "")

    def _single_tests(self) -> int:
        """How many p-values of single securities there are, over all windows."""
        return sum(int(table["p_value"].notna().sum()) for table in self.car_tables.values())

    def _limited(self) -> list[str]:
        """Those of `_near_limit` that moved significantly, or lead."""
        lead = self.findings.lead
        moved = [*self.findings.significant, *([lead] if lead is not None else [])]
        near = self._near_limit()
        return [move.name for move in dict.fromkeys(moved) if self.names[move.ticker] in near]

    def _near_limit(self) -> list[str]:
        """Names of the securities within a tenth of their exchange's daily price limit."""
        limits = self.instruments["price_limit"].reindex(self.securities["security"]).to_numpy()
        near = self.securities["raw"].abs().to_numpy() >= 0.9 * limits
        return [str(name) for name in self.securities.loc[near, "name"]]

    def _last_price(self) -> str:
        """Last day of prices in words; with the earliest where the securities differ."""
        import polars as pl

        ends = self.prices.group_by("ticker").agg(pl.col("date").max()).sort("date", "ticker")
        if ends.is_empty():
            return "no day at all"
        first, last = ends.row(0, named=True), ends.row(-1, named=True)
        if first["date"] == last["date"]:
            return wording.day(last["date"])
        return (
            f"{wording.day(last['date'])} at the latest and {wording.day(first['date'])} at the "
            f"earliest ({self.names.get(first['ticker'], first['ticker'])})"
        )
