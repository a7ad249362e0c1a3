"""One event's briefing: everything that the notebook shows, computed once.

The notebook calls `event_report` and then displays its parts in order; every part is a
`Display`, a `Chart` or a `Table`, which Jupyter shows and the exporter turns into the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.reports import caveats, context, display, frames, narrative, wording
from analysis.reports.display import CAVEATS, Display
from analysis.reports.provenance import provenance
from analysis.reports.study_document import to_page_document
from analysis.reports.study_report import StudyReport, Window

if TYPE_CHECKING:
    import pandas as pd

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
    )


def _pair(value: Sequence[int], name: str) -> tuple[int, int]:
    try:
        first, last = (int(item) for item in value)
    except (TypeError, ValueError):
        raise InputError(f"{name} {value!r} is not a pair of days such as -5 5.") from None
    return first, last


class EventReport(StudyReport):
    """The parts of one event's page, in the order in which the page shows them."""

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

    def headline(self) -> Display:
        """The first heading of the page and its lead paragraph."""
        return display.opening(
            *narrative.headline_and_lead(
                self.securities, self.groups, self.tests, self.entities, self.model, self.leading
            )
        )

    def key_figures(self) -> Display:
        """At most three figures under the headline, each with its window in words."""
        cards: list[dict[str, str]] = []
        measured = self.securities[self.securities["abnormal"].notna()]
        if len(measured):
            row = narrative.largest_move(measured)
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
        p_values = narrative.recommended_p_values(self.tests, recommended=self.leading)
        for name, value in list(p_values.items())[:1] if len(measured) > 1 else ():
            cards.append(
                {
                    "value": wording.p_value(value),
                    "label": "for that average by the "
                    f"{narrative.TEST_NAMES[name]} test, which allows for securities that "
                    "move together",
                    "window": wording.window_words(0, 0),
                }
            )
        return display.key_figures(cards)

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

    def return_comparison(self) -> Chart:
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
        """The battery of tests on all securities, the recommended ones first."""
        from analysis.charts import test_table

        return test_table(
            self.tests[self.tests["group"] == "all"],
            self.recommended.tests,
            self.recommended.sentence,
        )

    def skipped(self) -> Table:
        """What could not be measured, each with its reason."""
        from analysis.charts import skipped_table

        return skipped_table(self.results.skipped)

    def caveats(self) -> Display:
        """The box of caveats."""
        securities = self.securities
        found = [
            caveats.clustering(securities, self.tests, self.leading),
            caveats.conventions(self.results.compare_presets(self.windows)),
            caveats.benchmark(self.focus, self.model, self._mean_adjusted(), self.names),
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
        return display.results(to_page_document(self))

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

    @cached_property
    def entities(self) -> list[str]:
        """Tickers of the entities that the event names."""
        entities = (self.desk.event(self.event)["entities"] or "").split(";")
        return self.desk.catalogue.entities_to_tickers(entities)

    @cached_property
    def focus(self) -> narrative.HeadlineSecurity | None:
        """The security that the headline is about."""
        return narrative.headline_security(self.securities, self.entities)

    @cached_property
    def others(self) -> pd.DataFrame:
        """Other catalogued events within the event window."""
        return context.other_events(self.desk, self.placements, self.window)

    def _notes(self) -> str:
        """What the catalogue notes about the event; it may look back, so not as of a day."""
        return "" if self.desk.as_of else str(self.desk.event(self.event)["notes"] or "")

    def _mean_adjusted(self) -> float | None:
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

    def _single_tests(self) -> int:
        """How many p-values of single securities there are, over all windows."""
        return sum(int(table["p_value"].notna().sum()) for table in self.car_tables.values())

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
