"""One security's abnormal return under other benchmarks, models and estimation windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.catalogue.selection import NEW_YORK
from analysis.errors import FaultlineError
from analysis.reports import wording
from analysis.reports.frames import LEVEL
from analysis.studies.models import model_spec

if TYPE_CHECKING:
    import pandas as pd

    from analysis.desk import Desk

Window = tuple[int, int]
# Of the security's exchange, beside its home benchmark.
_BENCHMARKS = {True: ("^GSPC", "^IXIC", "^SOX"), False: ()}
# A mean of other securities takes out what they share with it, and so asks another question.
_MODELS = ("market", "market_adjusted", "mean_adjusted")
_US_MODELS = ("ff3",)
COLUMNS = ("model", "benchmark", "first", "last", "abnormal", "p_value", "ours")
_ESTIMATIONS: tuple[Window, ...] = ((-250, -31), (-120, -11), (-500, -31))


def variants(
    desk: Desk,
    event: str,
    ticker: str,
    *,
    model: str,
    benchmark: str | None,
    estimation: Window,
    window: Window,
    offset: int = 0,
) -> pd.DataFrame:
    """Measure one security again under other choices, one choice changed at a time.

    Parameters
    ----------
    desk, event, ticker, model, benchmark, estimation, window
        Of the study; its own choice comes first.
    offset : int
        The session, relative to day 0.

    Returns
    -------
    pandas.DataFrame
        model, benchmark (blank where the model reads none), first, last (estimation window),
        abnormal (decimal), p_value, ours; a choice that cannot be measured is left out.
    """
    import pandas as pd

    home = benchmark or desk.benchmarks([ticker]).get(ticker) or ""
    american = (desk.catalogue.instrument(ticker)["exchange"] or "") in NEW_YORK
    choices: dict[tuple[str, str, Window], None] = {(model, home, estimation): None}
    for other in _MODELS + (_US_MODELS if american else ()):
        choices[other, home, estimation] = None
    if model_spec(model).reads == "benchmark":
        for index in _BENCHMARKS[american]:
            choices[model, index, estimation] = None
    for span in _ESTIMATIONS:
        choices[model, home, span] = None
    rows: list[dict[str, Any]] = []
    for name, index, span in choices:
        reads = model_spec(name).reads == "benchmark"
        try:
            study = desk.study(
                event,
                [ticker],
                model=name,
                benchmark=(index or None) if reads else None,
                estimation=span,
                window=window,
            )
        except FaultlineError:  # for instance factors that end before the event
            continue
        table = study.car((offset, offset))
        if len(table):
            rows.append(
                {
                    "model": name,
                    "benchmark": index if reads else "",
                    "first": span[0],
                    "last": span[1],
                    "abnormal": float(table["car"].iloc[0]),
                    "p_value": float(table["p_value"].iloc[0]),
                    "ours": (name, index, span) == (model, home, estimation),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def empty() -> pd.DataFrame:
    """The table where no security leads."""
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS))


def summary(found: pd.DataFrame) -> str:
    """Range and median over all choices, in a sentence; blank where ours alone can be measured."""
    own = found[found["ours"]]
    if len(found) < 2 or own.empty:
        return ""
    low, high = found["abnormal"].min(), found["abnormal"].max()
    significant = int((found["p_value"] < LEVEL).sum())
    return (
        f"Abnormal return {wording.per_cent(float(own['abnormal'].iloc[0]))} here; "
        f"{wording.per_cent(float(low))} to {wording.per_cent(float(high))} (median "
        f"{wording.per_cent(float(found['abnormal'].median()))}) over {len(found)} choices of "
        f"model, benchmark and estimation window, {significant} of them significant."
    )


def dissent(found: pd.DataFrame) -> str:
    """Say how far significance or sign hang on the choice; blank where all choices agree."""
    own, tested = found[found["ours"]], found[found["p_value"].notna()]
    if own.empty:
        return ""
    significant = tested["p_value"] < LEVEL
    ours = bool(own["p_value"].iloc[0] < LEVEL)
    if (significant != ours).any():
        return f"Significant in {int(significant.sum())} of {len(tested)} model choices."
    flips = ours and bool((tested["abnormal"] * own["abnormal"].iloc[0] < 0).any())
    return "Its sign depends on the model." if flips else ""
