"""A study as machines read it: two JSON documents and the rows of a CSV file.

`to_document` is what ``faultline study --json`` prints, `to_page_document` what a page carries
as ``faultline-results``, `to_rows` what ``--csv`` writes. Returns are decimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.json_values import records

if TYPE_CHECKING:
    import pandas as pd

    from analysis.reports.study_report import Pair, StudyReport, Window

Row = dict[str, Any]
_CAR_COLUMNS = ("car", "se", "t", "df", "p_value")


def to_document(report: StudyReport) -> Row:
    """Build the JSON document of the command; missing figures are NaN (null when printed)."""
    placed = by_pair(report.placements.set_index(["event_id", "security"]))
    parameters = by_pair(report.results.parameters)
    abnormal = report.results.abnormal
    days = [int(day) for day in abnormal.columns]
    cars = {window: by_pair(report.car_tables[window]) for window in report.cars}
    events = [
        {
            "event_id": pair[0],
            "security": pair[1],
            "day0": placed[pair]["day0"].date(),
            "uncertain": placed[pair]["uncertain"],
            "note": placed[pair]["note"],
            "flag": placed[pair].get("flag") or None,
            "parameters": parameters[pair],
            "abnormal": dict(zip(days, values.tolist(), strict=True)),
            "car": {
                f"{first},{last}": {name: table[pair][name] for name in _CAR_COLUMNS}
                for (first, last), table in cars.items()
                if pair in table
            },
        }
        for pair, values in zip(report.pairs, abnormal.to_numpy(), strict=True)
    ]
    return {
        "as_of": report.desk.as_of,
        "model": report.model,
        "benchmark": report.benchmark,
        "estimation": list(report.estimation),
        "window": list(report.window),
        "units": "decimal",
        "events": events,
        "tests": rows_of(report.tests),
        "recommended": _recommended(report),
        "skipped": [
            {
                "event_id": row["event_id"],
                "security": row["security"],
                "reason": row["reason"],
                "window": None if window is None else f"{window[0]},{window[1]}",
            }
            for row in rows_of(report.skipped_pairs)
            for window in [skipped_window(row)]
        ],
        "doubtful": [{**row, "date": row["date"].date()} for row in rows_of(report.doubtful)],
        "tables": report.versions,
        "price_sources": report.price_sources,
    }


def to_page_document(report: StudyReport) -> Row:
    """Gather every number of a page's headline tables; what is not defined is null.

    Returns
    -------
    dict
        ``units``, ``event``, ``event_flag`` (what of its row is doubtful, or null), the
        conventions, ``securities``, ``groups``, ``tests``, ``recommended``, ``skipped``,
        ``doubtful``.
    """
    securities = records(report.securities.drop(columns=["name", "bloc", "exchange"]))
    for window in report.cars:
        table = report.car_tables[window]
        cars = dict(zip(table.index, records(table), strict=True))
        for row in securities:
            car = cars.get((row["event_id"], row["security"]))
            row.setdefault("car", {})[f"{window[0]},{window[1]}"] = car
    event = report.events[0]
    return {
        "units": "decimal",
        "event": event,
        "event_flag": report.desk.catalogue.doubt("events", event),
        "model": report.model,
        "estimation": list(report.estimation),
        "window": list(report.window),
        "securities": securities,
        "groups": records(report.groups),
        "tests": records(report.tests),
        "recommended": _recommended(report),
        "skipped": records(report.results.skipped),
        "doubtful": records(report.doubtful_prices),
    }


def to_rows(report: StudyReport) -> list[Row]:
    """Build the rows of the CSV file: one per event, security and window.

    The last columns say whether day 0 is uncertain, and what is doubtful about the event's row
    and the prices of its window.
    """
    placed = by_pair(report.placements.set_index(["event_id", "security"]))
    parameters = by_pair(report.results.parameters)
    doubts = _doubts(report, placed)
    return [
        {
            "event_id": pair[0],
            "security": pair[1],
            "day0": placed[pair]["day0"].date().isoformat(),
            "window_start": window[0],
            "window_end": window[1],
            **{name: car[name] for name in _CAR_COLUMNS},
            **parameters[pair],
            "uncertain": "yes" if placed[pair]["uncertain"] else "no",
            "flag": "; ".join(doubts[pair]),
        }
        for window in report.cars
        for pair, car in by_pair(report.car_tables[window]).items()
    ]


def _doubts(report: StudyReport, placed: dict[Pair, Row]) -> dict[Pair, list[str]]:
    """What is doubtful about each pair: its event's row, and flagged prices, each flag once."""
    flags = {pair: placed[pair].get("flag") for pair in report.pairs}
    doubts = {pair: [str(flag)] if flag else [] for pair, flag in flags.items()}
    keys = ["event_id", "security", "ticker", "flag"]
    for (event, security, ticker, flag), days in report.doubtful.groupby(keys)["date"]:
        pair = str(event), str(security)
        if pair in doubts:
            last = f" to {days.max():%Y-%m-%d}" if len(days) > 1 else ""
            doubts[pair].append(f"price of {ticker}, {days.min():%Y-%m-%d}{last}: {flag}")
    return doubts


def _recommended(report: StudyReport) -> Row:
    return {
        "tests": list(report.recommended.tests),
        "sentence": report.recommended.sentence,
    }


def skipped_window(row: Row) -> Window | None:
    """Window of a row of skipped pairs; None when the pair is left out of every window."""
    import pandas as pd

    first, last = row["window_start"], row["window_end"]
    return None if pd.isna(first) else (int(first), int(last))


def by_pair(table: pd.DataFrame) -> dict[Pair, Row]:
    """Rows of a frame by its index of events and securities."""
    pairs = [(str(event), str(name)) for event, name in table.index]
    return dict(zip(pairs, rows_of(table), strict=True))


def rows_of(table: pd.DataFrame) -> list[Row]:
    """Rows of a frame as dictionaries, values as they are."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
