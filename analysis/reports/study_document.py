"""The machine-readable twin of a briefing's tables: ``faultline-results``.

Returns are decimal; a number that is not defined is null, never NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from analysis.reports.event import EventReport


def results_payload(report: EventReport) -> dict[str, Any]:
    """Gather every number of the headline tables.

    Parameters
    ----------
    report : EventReport
        Already measured or not; it computes what is missing.

    Returns
    -------
    dict
        ``units``, ``event``, ``event_flag`` (what of its row is doubtful, or null), the
        conventions, ``securities``, ``groups``, ``tests``, ``recommended``, ``skipped``,
        ``doubtful``.
    """
    securities = records(report.securities.drop(columns=["name", "bloc", "exchange"]))
    for window in report.cars:
        cars = report.results.car(window)
        known = {key: records(cars.loc[[key]])[0] for key in cars.index}
        for row in securities:
            cell = known.get((row["event_id"], row["security"]))
            row.setdefault("car", {})[f"{window[0]},{window[1]}"] = cell
    return {
        "units": "decimal",
        "event": report.event,
        "event_flag": report.desk.catalogue.doubt("events", report.event),
        "model": report.model,
        "estimation": list(report.estimation),
        "window": list(report.window),
        "securities": securities,
        "groups": records(report.groups),
        "tests": records(report.tests),
        "recommended": {
            "tests": list(report.recommended.tests),
            "sentence": report.recommended.sentence,
        },
        "skipped": records(report.results.skipped),
        "doubtful": records(report.flagged()),
    }


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as plain objects that JSON can hold."""
    return [
        {str(name): plain(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def plain(value: Any) -> Any:
    """One value as JSON can hold it: days in ISO form, null for what is not defined."""
    import numpy as np
    import pandas as pd

    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
