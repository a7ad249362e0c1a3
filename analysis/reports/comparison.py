"""Several events side by side: the same securities, each event by itself, and all pooled.

The notebook ``event_comparison`` calls `comparison_report` and displays its parts in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.formatting import listing
from analysis.json_values import records
from analysis.reports import display, terms, wording
from analysis.reports.display import Display
from analysis.reports.event import EventReport, event_report
from analysis.reports.findings import company
from analysis.reports.frames import LEVEL
from analysis.reports.provenance import provenance
from analysis.reports.study_document import to_page_document
from analysis.reports.study_report import StudyReport

if TYPE_CHECKING:
    import pandas as pd

    from analysis.charts import Chart, Table
    from analysis.desk import Desk

_FEWEST, _MOST = 2, 12


def comparison_report(
    desk: Desk,
    events: Sequence[str],
    *,
    tickers: Sequence[str] | None = None,
    group: str | None = None,
    benchmark: str | None = None,
    model: str = "market",
    estimation: Sequence[int] = (-250, -31),
    window: Sequence[int] = (-5, 5),
    direction: str | None = None,
) -> ComparisonReport:
    """Measure several events on the same securities, each by itself and all pooled.

    Parameters
    ----------
    desk : Desk
    events : sequence of str
        Two to twelve ids in the catalogue.
    tickers, group, benchmark, model, estimation, window
        As in `analysis.reports.event.event_report`. Without tickers and group: the securities
        that any of the events names, where there are two or more, else all.
    direction : {"tightened", "relaxed"}, optional
        Of the events keep those that go this way.

    Raises
    ------
    InputError
        For an unknown name, too few or too many events, an event without a day 0, and events
        that go in opposite directions without a choice.
    """
    ids = tuple(dict.fromkeys(events))
    rows = {event: desk.event(event) for event in ids}
    if direction:
        ids = tuple(event for event in ids if rows[event]["direction"] == direction)
    ways = {way for event in ids if (way := rows[event]["direction"])}
    if len(ways) > 1:
        listed = "; ".join(
            f"{way}: {listing([event for event in ids if rows[event]['direction'] == way])}"
            for way in sorted(ways)
        )
        raise InputError(
            f"These events go in opposite directions ({listed}), and an average of them says "
            "nothing: choose one with the parameter direction."
        )
    if not _FEWEST <= len(ids) <= _MOST:
        raise InputError(f"{len(ids)} events were given: compare {_FEWEST} to {_MOST}.")
    if not tickers and not group:
        named = [item for event in ids for item in (rows[event]["entities"] or "").split(";")]
        found = desk.securities(ids, desk.catalogue.entities_to_tickers(named) or None)
        tickers = desk.one_listing_each(found) if len(found) > 1 else None
    reports = tuple(
        event_report(
            desk, event, tickers=tickers, group=group, benchmark=benchmark, model=model,
            estimation=estimation, window=window,
        )
        for event in ids
    )  # fmt: skip
    first = reports[0]
    pooled = StudyReport.of(
        desk, ids, tickers, group, benchmark=benchmark or None, model=model,
        estimation=first.estimation, window=first.window,
    )  # fmt: skip
    return ComparisonReport(reports, pooled)


class ComparisonReport:
    """The parts of the page that compares events.

    Attributes
    ----------
    reports : tuple of EventReport
        One per event, on the same securities.
    pooled : StudyReport
        All events in one study.
    """

    def __init__(self, reports: tuple[EventReport, ...], pooled: StudyReport) -> None:
        self.reports, self.pooled = reports, pooled

    @property
    def titles(self) -> dict[str, str]:
        """Short title of each event."""
        desk = self.pooled.desk
        return {
            report.event: wording.short_title(str(desk.event(report.event)["title"]), 5, 2)
            for report in self.reports
        }

    @cached_property
    def securities(self) -> pd.DataFrame:
        """Day 0 of every security and event, see `frames.securities_frame`."""
        import pandas as pd

        frame = pd.concat([report.securities for report in self.reports], ignore_index=True)
        names = [company(*pair) for pair in zip(frame["name"], frame["security"], strict=True)]
        return frame.assign(name=names)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per event: n, moved, average, low, high, p_value, lead, raw, abnormal."""
        import pandas as pd

        rows = []
        for report in self.reports:
            zero = report.groups[
                (report.groups["group"] == "all")
                & (report.groups["window_start"] == 0)
                & (report.groups["window_end"] == 0)
            ]
            average = zero.iloc[0].to_dict() if len(zero) else {}
            found, lead = report.findings, report.findings.lead or report.findings.second
            rows.append(
                {
                    "event_id": report.event,
                    "n": len(found.moves),
                    "moved": len(found.significant),
                    "average": average.get("caar", float("nan")),
                    "low": average.get("low", float("nan")),
                    "high": average.get("high", float("nan")),
                    "p_value": average.get("p_value", float("nan")),
                    "lead": lead.name if lead else "",
                    "raw": lead.raw if lead else float("nan"),
                    "abnormal": lead.abnormal if lead else float("nan"),
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def average(self) -> tuple[int, float, float, float, float]:
        """Pairs pooled, their average abnormal return of day 0, its 95 % interval and p-value."""
        groups = self.pooled.groups
        zero = groups[
            (groups["group"] == "all") & (groups["window_start"] == 0) & (groups["window_end"] == 0)
        ]
        if zero.empty:
            return (0, *(float("nan"),) * 4)
        row = zero.iloc[0]
        return (
            int(row["n"]),
            float(row["caar"]),
            float(row["low"]),
            float(row["high"]),
            float(row["p_value"]),
        )

    def note(self) -> Display:
        """Title, headline, figures and bullets."""
        pairs, caar, low, high, p = self.average
        dates = self.pooled.placements.dropna(subset="day0")["day0"].nunique()
        known = self.summary[self.summary["average"].notna()]
        if known.empty:
            return display.note("Events compared", "No event could be measured.", [], [], [])
        order = known.reindex(known["average"].abs().sort_values(ascending=False).index)
        top = order.iloc[0]
        title = f"{wording.spelled(len(self.reports)).capitalize()} events compared"
        verb = "is" if p < LEVEL else "is not"
        headline = (
            f"Over {wording.spelled(len(self.reports))} events the average abnormal return was "
            f"{wording.per_cent(caar)}, which {verb} significant; it was largest after "
            f"{self.titles[str(top['event_id'])].rstrip('.')}."
        )
        cards = [
            {
                "value": wording.per_cent(caar),
                "label": f"average abnormal return of {pairs} event\u2013security pairs",
                "window": f"95\u202f% interval {wording.per_cent(low)} to {wording.per_cent(high)}",
            },
            {
                "value": wording.p_value(p),
                "label": f"{terms.TEST_NAMES.get(self.pooled.leading[0], self.pooled.leading[0])}",
                "window": "allows for shared dates",
            },
            {
                "value": f"{int(known['moved'].sum())} of {int(known['n'].sum())}",
                "label": "moves of single securities were significant",
                "window": "adjusted within each event",
            },
        ]
        bullets = [
            f"{self.titles[str(row['event_id'])]}: average {wording.per_cent(row['average'])}, "
            f"{int(row['moved'])} of {int(row['n'])} securities significant."
            for row in order.head(3).to_dict("records")
        ]
        badges = [{"text": f"{pairs} pairs on {dates} dates", "level": "note"}]
        overlap = self.overlapping
        if overlap:
            badges.append(
                {"text": f"Windows overlap: {listing(overlap, most=2)}", "level": "warning"}
            )
        return display.note(title, headline, badges, cards, bullets)

    @cached_property
    def overlapping(self) -> list[str]:
        """Pairs of events whose event windows share sessions of New York."""
        calendars = self.pooled.desk.calendars
        instants = {}
        for report in self.reports:
            instant, _ = self.pooled.desk.instant(report.event)
            if instant is not None:
                instants[report.event] = calendars.day0(instant, "XNYS")
        days = sorted(instants.items(), key=lambda item: item[1])
        first, last = self.pooled.window
        found = []
        for (one, day), (other, later) in pairwise(days):
            if calendars.shift("XNYS", day, last) >= calendars.shift("XNYS", later, first):
                found.append(f"{self.titles[one]} and {self.titles[other]}")
        return found

    def chart(self) -> Chart:
        """Abnormal return of each security on day 0 of each event."""
        from analysis.charts.comparison import compare_events

        return compare_events(self.securities, self.titles, self.reports[0].source)

    def events_table(self) -> Table:
        """One row per event."""
        from analysis.charts.comparison import events_table

        frame = self.summary.assign(
            title=[self.titles[event] for event in self.summary["event_id"]],
            day0=[report.securities["day0"].min() for report in self.reports],
        )
        return events_table(frame)

    def security_table(self) -> Table:
        """Every security and event: raw, abnormal, CARs, t, p, adjusted p."""
        from analysis.charts import security_table

        return security_table(self.securities)

    def test_table(self) -> Table:
        """The battery of tests on all pairs, the recommended ones first."""
        from analysis.charts import test_table

        recommended = self.pooled.recommended
        tests = self.pooled.tests
        return test_table(tests[tests["group"] == "all"], recommended.tests, recommended.sentence)

    def skipped(self) -> Table:
        """What could not be measured, each with its reason."""
        from analysis.charts import skipped_table

        return skipped_table(self.pooled.results.skipped)

    def provenance(self) -> Table:
        """Tables with their content, parameters, conventions and version."""
        from analysis.charts import event_table

        return event_table(
            provenance(self.pooled), key="provenance", caption="Sources and parameters"
        )

    def payload(self) -> Display:
        """Every number of the page, machine-readable (decimal returns)."""
        document = to_page_document(self.pooled)
        return display.results(document | {"events": records(self.summary)})

    def manifest(self) -> Display:
        """Which tables, of which content, as of which day."""
        return self.reports[0].manifest()
