"""What explains the CARs: a cross-section regression on what is known of the events.

``results.explain("car ~ china_share + log(cap)", ...)`` comes here. The formula and the
regression are statsmodels'; what can go wrong with names, gaps, clusters and rank is found
before and said in a sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.fitting.skipped import skipped_table
from analysis.eventstudy.inference.regressors import (
    DAY0,
    KEYS,
    beside,
    complete,
    keyed,
    needed,
    own,
    read,
)
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.inputs.options import check_level

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

ERRORS = ("HC3", "cluster")
# Cameron & Miller (2015, section VI): below this, clustered errors are too small.
FEW_CLUSTERS = 20
COLLINEAR = 1e-10


@dataclass(frozen=True, eq=False, repr=False)
class CrossSectionResults:
    """A regression of CARs.

    Attributes
    ----------
    formula : str
    window : (int, int)
    table : pandas.DataFrame
        term, coefficient, se, t, df, p_value (two-sided, Student's t), low, high.
    n : int
        Events used.
    r2 : float
        Share of the (weighted) variation that is explained; about zero, not about the mean,
        where the formula has no constant.
    left_out : pandas.DataFrame
        event_id, security, reason.
    note : str
        What to keep in mind of the errors: shared dates, few clusters; may be empty.
    fit : statsmodels RegressionResults
        The regression behind the table.
    """

    formula: str
    window: Window
    table: pd.DataFrame
    n: int
    r2: float
    left_out: pd.DataFrame
    note: str
    fit: Any

    def __repr__(self) -> str:
        head = f"{self.formula}, window {self.window}: {self.n} events, R² {self.r2:.3f}"
        body = self.table.to_string(index=False, float_format=lambda value: f"{value:.4g}")
        out = f"{len(self.left_out)} left out" if len(self.left_out) else ""
        return "\n".join(part for part in (head, body, out, self.note) if part)


def explain(
    results: FittedStudy,
    formula: str,
    window: Window,
    data: pd.DataFrame,
    *,
    errors: str = "HC3",
    cluster: str | None = None,
    weights: str | None = None,
    level: float = 0.95,
) -> CrossSectionResults:
    """Regress the CARs of a window on columns of `data`, by least squares.

    Parameters are those of `EventStudyResults.explain`, the window checked. Beside columns of
    `data` the right side may name group, security and event_id of the study, in the notation of
    statsmodels (``C()`` for categories, ``:`` and ``*`` for interactions; log, log10, exp, sqrt,
    abs and ``np`` may be called; a logarithm of zero or less is a missing figure).

    HC3: û_i²/(1−h_i)², t with n−k degrees of freedom. Clustered: with the correction
    G/(G−1)·(n−1)/(n−k), t with G−1. ``weights="forecast"``: 1/se², the inverse of the CAR's
    forecast variance, as an event whose returns are noisy says less.

    Raises
    ------
    InputError
        Unknown names, two rows of `data` for one event, a formula that cannot be read or
        gives infinite values, collinear regressors, too few events or clusters, an event
        that alone determines a coefficient (HC3).

    Notes
    -----
    Events that share a date have CARs that move together. What moves all of them alike goes
    into the constant; errors clustered by date need several dates. Source: White (1980);
    MacKinnon & White (1985) for HC3; Cameron & Miller (2015) for clusters; Karafiath (1988)
    and Sefcik & Thompson (1986) on the cross-section of CARs on one date.
    """
    check_level(level)
    left, names = read(formula)
    _check_options(errors, cluster, weights, left)
    theirs, keys = keyed(data)
    ours = own(results, window)
    together = cluster or (DAY0 if errors == "cluster" else None)
    wanted = needed(names, together, ours, theirs)
    table, gaps = complete(beside(ours, theirs, keys), wanted)
    model, used, senseless = _design(formula, table, weights)
    _check_rank(model, used, errors)
    groups = None if together is None else used[together]
    if groups is not None and groups.nunique() < 2:
        raise InputError(_one_cluster(groups, together or ""))
    fit = _fit(model, errors, groups)
    out = skipped_table(results, [window])[[*KEYS, "reason"]]
    return CrossSectionResults(
        formula=formula,
        window=window,
        table=_table(fit, level),
        n=len(used),
        r2=float(fit.rsquared),
        left_out=pd.concat([out, gaps, senseless], ignore_index=True),
        note=_note(used[DAY0], groups),
        fit=fit,
    )


def _check_options(errors: str, cluster: str | None, weights: str | None, left: str) -> None:
    if errors not in ERRORS:
        raise unknown_name("kind of errors", str(errors), ERRORS)
    if cluster is not None and errors != "cluster":
        raise InputError(f"cluster={cluster!r} needs errors='cluster', not {errors!r}.")
    if weights not in (None, "forecast"):
        raise unknown_name("kind of weights", str(weights), ["forecast"])
    if weights and left == "scar":
        raise InputError(
            "A SCAR is divided by its forecast error already; weights='forecast' goes with car."
        )


def _design(
    formula: str, table: pd.DataFrame, weights: str | None
) -> tuple[Any, pd.DataFrame, pd.DataFrame]:
    """Build the regression; also the events in it, and those for which it has no value."""
    model = _built(formula, table, weights)
    kept = table.index.isin(model.data.row_labels)
    # Once more without them: the levels of a category may have gone with them.
    if not kept.all() and kept.any():
        model = _built(formula, table[kept].reset_index(drop=True), weights)
    senseless = table.loc[~kept, KEYS].assign(
        reason="the formula has no value for it: a logarithm of zero or less?"
    )
    used = table[kept].reset_index(drop=True)
    n, k = model.exog.shape
    if n <= k:
        raise InputError(
            f"{n} event{'' if n == 1 else 's'} with all figures are too few for {k} "
            f"coefficients; at least {k + 1} are needed."
        )
    return model, used, senseless


def _built(formula: str, table: pd.DataFrame, weights: str | None) -> Any:
    from statsmodels.regression.linear_model import OLS, WLS

    if table.empty:
        raise InputError("No event has all the figures that the formula needs.")
    options = {"eval_env": _functions(), "missing": "drop"}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if weights is None:
                return OLS.from_formula(formula, table, **options)
            return WLS.from_formula(formula, table, weights=1.0 / table["se"] ** 2, **options)
    except Exception as problem:
        said = str(problem).strip().split("\n")[0]
        if "inf or nan" in said:
            said = "it gives infinite values"
        raise InputError(f"The formula {formula!r} cannot be evaluated: {said}.") from None


def _functions() -> dict[str, object]:
    """What a formula may call beside what its language has."""

    def positive(function: Any) -> Callable[[Any], Floats]:
        def call(values: Any) -> Floats:
            x = np.asarray(values, dtype=np.float64)
            out = np.full(x.shape, np.nan)
            found: Floats = function(x, out=out, where=x > 0)
            return found

        return call

    logs = {name: positive(getattr(np, name)) for name in ("log", "log10", "log2")}
    return {**logs, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs, "np": np}


def _check_rank(model: Any, used: pd.DataFrame, errors: str) -> None:
    """Refuse collinear regressors, and with HC3 an event that alone fixes a coefficient."""
    x, names = model.wexog, model.exog_names
    length = np.linalg.norm(x, axis=0)
    q, r = np.linalg.qr(x / np.where(length > 0, length, 1.0))
    weak = np.flatnonzero(np.abs(np.diag(r)) <= COLLINEAR)
    if len(weak):
        at = int(weak[0])
        why = "is zero throughout" if length[at] == 0 else "follows from the terms before it"
        raise InputError(
            f"The regressors are collinear: {names[at]} {why} among the {len(x)} events used; "
            "leave it out."
        )
    leverage = (q**2).sum(axis=1)
    if errors == "HC3" and leverage.max() > 1.0 - COLLINEAR:
        alone = used.loc[int(leverage.argmax()), KEYS]
        raise InputError(
            f"The event {alone['event_id']!r} of {alone['security']!r} alone determines a "
            "coefficient, which leaves HC3 no error; drop the term, or the event from data."
        )


def _one_cluster(groups: pd.Series, cluster: str) -> str:
    if cluster == DAY0:
        return (
            f"All {len(groups)} events share one date ({groups.iloc[0]:%Y-%m-%d}): errors cannot "
            "be clustered by date; name another column by cluster=, or take errors='HC3'."
        )
    return (
        f"All {len(groups)} events have the same {cluster}: errors cannot be clustered by it; "
        "name another column by cluster=, or take errors='HC3'."
    )


def _fit(model: Any, errors: str, groups: pd.Series | None) -> Any:
    how: dict[str, Any] = {"cov_type": errors, "use_t": True}
    if groups is not None:
        how["cov_kwds"] = {"groups": pd.factorize(groups)[0]}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = model.fit(**how)
        left = float(fit.ssr)
    total = float(model.wendog @ model.wendog)
    if left <= COLLINEAR**2 * total:
        raise InputError("The regressors explain every CAR exactly, which leaves no error.")
    return fit


def _table(fit: Any, level: float) -> pd.DataFrame:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        low, high = np.asarray(fit.conf_int(alpha=1.0 - level)).T
        return pd.DataFrame(
            {
                "term": list(fit.model.exog_names),
                "coefficient": np.asarray(fit.params),
                "se": np.asarray(fit.bse),
                "t": np.asarray(fit.tvalues),
                "df": float(getattr(fit, "df_resid_inference", None) or fit.df_resid),
                "p_value": np.asarray(fit.pvalues),
                "low": low,
                "high": high,
            }
        )


def _note(day0: pd.Series, groups: pd.Series | None) -> str:
    """Say what the errors do not know."""
    n, dates = len(day0), day0.nunique()
    if groups is not None:
        count = groups.nunique()
        few = f"{count} clusters are few: their errors are too small and p-values too low."
        return few if count < FEW_CLUSTERS else ""
    if dates == n:
        return ""
    shared = f"{n} events share {dates} date{'' if dates == 1 else 's'} and move together, "
    if dates == 1:
        return (
            shared
            + "which HC3 does not allow for and no clustering by date can: what moved all of "
            "them is in the constant, and errors of the other terms hold only as far as they "
            "have nothing else in common."
        )
    return shared + "which HC3 does not allow for; errors='cluster' does."
