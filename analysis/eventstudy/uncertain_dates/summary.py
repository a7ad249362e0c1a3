"""The summary of a study of uncertain dates: sentences and tables for reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.summary import Summary, number_text, p_text
from analysis.eventstudy.uncertain_dates.conclusions import Conclusion

MOST_ROWS = 20

WHAT = (
    "The date is one of several: max_permutation takes the largest mean standardised CAR over "
    "the candidate days over its standard error and allows for the search; the likelihood weighs "
    "them (Ball & Torous 1988)."
)
ROUGH = (
    "With fewer than ten events the χ² reference of the likelihood ratio is rough (it rejects "
    "too rarely); read max_permutation and likelihood_permutation."
)
FEW_EVENTS = 10


def summarise(
    events: int,
    disagreements: Sequence[str],
    notes: Sequence[str],
    tables: list[tuple[str, pd.DataFrame]],
    skipped: pd.DataFrame,
) -> Summary:
    """Put the summary together, the disagreements with fixed dates first."""
    sentences = [*disagreements, WHAT]
    if events < FEW_EVENTS:
        sentences.append(ROUGH)
    if len(skipped):
        tables = [*tables, ("Skipped", skipped.head(MOST_ROWS).astype(str))]
    title = f"Event study of uncertain dates: {events} event{'s' if events != 1 else ''}"
    return Summary(title, (*sentences, *notes), tuple(tables))


def verdicts_text(
    found: Sequence[Conclusion],
    fixed: Sequence[Conclusion],
    groups: tuple[str, ...],
    windows: list[Window],
) -> pd.DataFrame:
    """Write the tests over the candidates beside those of the fixed dates."""
    said = [(one, one.test) for one in found]
    said += [(one, f"fixed dates: {one.test}") for one in fixed]
    order = {group: at for at, group in enumerate(groups)}
    said.sort(key=lambda pair: (order[pair[0].group], windows.index(pair[0].window)))
    rows = [
        (one.group, str(one.window), name, number_text(one.statistic), p_text(one.p_value))
        for one, name in said
    ]
    return pd.DataFrame(rows, columns=["group", "window", "test", "statistic", "p"])


def effects_text(table: pd.DataFrame) -> pd.DataFrame:
    """Write `UncertainResults.effect`."""
    return pd.DataFrame(
        {
            "group": list(table.index),
            "effect": [_percent(value) for value in table.get("effect", [])],
            "se": [_percent(value) for value in table.get("se", [])],
            "variance ratio": [number_text(value) for value in table.get("variance_ratio", [])],
            "events": [str(int(value)) for value in table.get("events", [])],
            "n": [str(int(value)) for value in table.get("n", [])],
        }
    )


def days_text(posterior: pd.DataFrame) -> pd.DataFrame:
    """Write `UncertainResults.posterior`, its first rows."""
    table = posterior.head(MOST_ROWS)
    return pd.DataFrame(
        {
            "event": [str(one) for one in table["event_id"]],
            "candidate": [_day(one) for one in table["candidate"]],
            "weight": [number_text(value) for value in table["weight"]],
            "posterior": [number_text(value) for value in table["posterior"]],
            "mean CAR": [_percent(value) for value in table["mean_car"]],
            "mean SCAR": [number_text(value) for value in table["mean_scar"]],
            "": [
                ", ".join(["fixed"] * bool(fixed) + ["largest"] * bool(chosen))
                for fixed, chosen in zip(table["fixed"], table["chosen"], strict=True)
            ],
        }
    )


def _day(candidate: object) -> str:
    return str(candidate.date()) if isinstance(candidate, pd.Timestamp) else str(candidate)


def _percent(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{100 * value:.2f} %".replace("-", "−")
