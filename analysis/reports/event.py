"""One event's briefing: everything that the notebook shows, computed once.

The notebook calls `event_report` and then displays its parts in order; every part is a
`Display`, a `Chart` or a `Table`, which Jupyter shows and the exporter turns into the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError
from analysis.reports import caveats, context, frames, narrative, wording
from analysis.reports.provenance import provenance
from analysis.reports.study_report import Measurement

if TYPE_CHECKING:
    import pandas as pd

    from analysis.charts import Chart, Table
    from analysis.desk import Desk

MIME = "application/vnd.faultline."


@dataclass(frozen=True)
class Display:
    """One thing to show: a MIME type, its payload, and text or HTML for other front ends."""

    mime: str
    payload: Any
    text: str
    html: str = ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown = {self.mime: self.payload, "text/plain": self.text}
        return shown | ({"text/html": self.html} if self.html else {})


def opening(headline: str, lead: str) -> Display:
    """The first heading of a page and the paragraph under it; text, never Markdown."""
    return Display(
        f"{MIME}opening+json",
        {"headline": headline, "lead": lead},
        f"{headline}\n\n{lead}",
        f"<h1>{escape(headline)}</h1><p>{escape(lead)}</p>",
    )


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
    return EventReport(
        desk=desk,
        event=event,
        tickers=tuple(desk.securities(event, tickers or None, group or None)),
        benchmark=benchmark or None,
        model=model,
        estimation=_pair(estimation, "estimation"),
        window=span,
        cars=tuple(_pair(item, "cars") for item in cars),
    )


def _pair(value: Sequence[int], name: str) -> tuple[int, int]:
    try:
        first, last = (int(item) for item in value)
    except (TypeError, ValueError):
        raise InputError(f"{name} {value!r} is not a pair of days such as -5 5.") from None
    return first, last


class EventReport(Measurement):
    """The parts of one event's page, in the order in which the page shows them."""

    def headline(self) -> Display:
        """The first heading of the page and its lead paragraph."""
        written = narrative.opening(
            self.securities, self.groups, self.tests, self.entities, self.model, self.leading
        )
        return opening(written.headline, written.lead)

    def key_figures(self) -> Display:
        """At most three figures under the headline, each with its window in words."""
        cards: list[dict[str, str]] = []
        measured = self.securities[self.securities["abnormal"].notna()]
        if len(measured):
            row = narrative.largest(measured)
            cards.append(
                {
                    "value": wording.per_cent(float(row["abnormal"])),
                    "label": f"largest abnormal return: {row['name']}",
                    "window": f"day 0, {wording.day(row['day0'])}",
                }
            )
        pooled = self.groups[(self.groups["group"] == "all") & self.groups["caar"].notna()]
        for item in pooled.head(1).to_dict("records") if len(measured) > 1 else ():
            low, high = wording.per_cent(item["low"]), wording.per_cent(item["high"])
            cards.append(
                {
                    "value": wording.per_cent(item["caar"]),
                    "label": f"average of {wording.count(int(item['n']), 'security', 'securities')}"
                    f" (CAAR), 95\u202f% interval {low} to {high}",
                    "window": wording.window_words(0, 0),
                }
            )
        robust = (
            narrative.robust_p(self.tests, recommended=self.leading) if len(measured) > 1 else {}
        )
        for name, value in list(robust.items())[:1]:
            cards.append(
                {
                    "value": wording.p_value(value),
                    "label": "for that average by the "
                    f"{narrative.TEST_NAMES[name]} test, which allows for securities that "
                    "move together",
                    "window": wording.window_words(0, 0),
                }
            )
        plain = "; ".join(f"{card['value']} {card['label']}" for card in cards)
        return Display(f"{MIME}figures+json", cards, plain)

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

    def reactions(self) -> Chart:
        """Abnormal return of every security on day 0."""
        from analysis.charts import abnormal_by_security

        return abnormal_by_security(
            self.securities,
            wording.window_words(0, 0),
            self.source,
            explained_by=narrative.explained_by(self.model),
            always=self.entities,
        )

    def paths(self) -> Chart:
        """Cumulative average abnormal return per role."""
        from analysis.charts import caar_paths

        return caar_paths(frames.paths_frame(self.results, self.window), self.source)

    def three_ways(self) -> Chart:
        """Raw, market-adjusted and model-adjusted returns side by side."""
        from analysis.charts import three_returns

        return three_returns(self.securities, self.source, always=self.entities)

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

    def security_numbers(self) -> Table:
        """Every security: raw, abnormal, CARs, t, p, adjusted p."""
        from analysis.charts import security_table

        return security_table(self.securities, self._car_frames(), always=self.entities)

    def family_numbers(self) -> Table:
        """CAAR of every role with its interval."""
        from analysis.charts.group_table import family_table

        return family_table(self.groups)

    def group_numbers(self) -> Table:
        """The battery of tests on all securities, the recommended ones first."""
        from analysis.charts import test_table

        return test_table(
            self.tests[self.tests["group"] == "all"],
            self.recommended.tests,
            self.recommended.sentence,
        )

    def left_out(self) -> Table:
        """What could not be measured, each with its reason."""
        from analysis.charts import skipped_table

        return skipped_table(self.results.skipped)

    def how_sure(self) -> Display:
        """The box of caveats."""
        securities = self.securities
        found = [
            caveats.clustering(securities, self.tests, self.leading),
            caveats.conventions(self.conventions),
            caveats.benchmark(self.focus, self.model, self.mean_adjusted, self.names),
            caveats.peers(self.model),
            caveats.us_factors(self.model, set(securities["exchange"])),
            caveats.confounders(self.others, self.notes),
            caveats.uncertain_day(self.placements),
            caveats.doubtful_record(self.placements),
            caveats.late_markets(securities, context.CITIES),
            caveats.price_limits(self.near_limit()),
            caveats.gaps(self.results.skipped, self.flagged(), self.last_price()),
            caveats.multiplicity(self.single_tests, self.tests),
        ]
        boxes = [asdict(item) for item in found if item is not None]
        plain = "\n".join(f"{box['title']}: {box['text']}" for box in boxes)
        return Display(f"{MIME}caveats+json", boxes, plain)

    def provenance(self) -> Table:
        """Tables with their content, parameters, conventions and version."""
        from analysis.charts import event_table

        return event_table(provenance(self), key="provenance", caption="Sources and parameters")

    def payload(self) -> Display:
        """Every number of the headline tables, machine-readable (decimal returns)."""
        from analysis.reports.study_document import results_payload

        document = results_payload(self)
        return Display(f"{MIME}results+json", document, "faultline-results")

    def manifest(self) -> Display:
        """Which tables, of which content, as of which day."""
        tables = self.desk.versions()
        # Without a day of its own the desk reads up to the last price that was observed.
        last = str(tables["prices"]["observed_to"] or "")[:10]
        as_of = self.desk.as_of.isoformat() if self.desk.as_of else last or None
        document = {"tables": tables, "as_of": as_of}
        return Display(f"{MIME}manifest+json", document, "faultline-manifest")

    @cached_property
    def source(self) -> str:
        """Source line under every chart."""
        return (
            "Source: Yahoo Finance through public collections, own calculations; "
            f"as of {self.as_of_words}."
        )

    def _car_frames(self) -> dict[tuple[int, int], pd.DataFrame]:
        return {window: self.results.car(window) for window in self.cars}
