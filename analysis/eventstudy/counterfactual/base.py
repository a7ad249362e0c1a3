"""What the counterfactual models share: the choice of donors, and the fit of a block.

A donor is any column of returns that the shock has not touched. A model says how series are
matched with donors; `fit_block` turns its matches into the arrays of the engine, `placebos`
and `conformal` use them as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.panel import Block
from analysis.eventstudy.models.least_squares import (
    NO_FREEDOM,
    NO_VARIANCE,
    NO_VARIATION,
    TOO_FEW_DONORS,
    Fit,
    assemble,
)

if TYPE_CHECKING:
    import pandas as pd

# Fewest donors of a mixture.
LEAST = 2
# Degrees of freedom below which a residual variance means nothing.
LEAST_FREEDOM = 1.0
# Estimation rows below which nothing is matched.
LEAST_ROWS = 4


@dataclass(frozen=True)
class CounterfactualFit:
    """A counterfactual of one security.

    Attributes
    ----------
    weights : (J,) float
        Of the donors.
    before, after : (T,), (W,) float
        Counterfactual returns on the estimation and the event rows.
    spent : float
        Degrees of freedom that the match used: tr(2S − SS'), S = ∂before/∂y with the choice
        of donors held fixed (Hastie & Tibshirani 1990, sec. 3.5). For synthetic control it
        is the number of donors with a weight less one, the dimension of the face of the
        simplex on which the weights lie (Kato 2009; Tibshirani & Taylor 2012).
    forecast : (W, T) float
        P = ∂after/∂y, likewise: the forecast error has the covariance σ²(I + PP').
    extras : tuple of float
        What the model shows of it besides, named by `CounterfactualModel.extra_names`.
    tuned : float
        The tuning parameter that was used or found, NaN where the model has none.
    """

    weights: Floats
    before: Floats
    after: Floats
    spent: float
    forecast: Floats
    extras: tuple[float, ...]
    tuned: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class CounterfactualModel:
    """What the counterfactual models share; not a model by itself.

    Parameters
    ----------
    donors : sequence of names, optional
        Columns of ``returns``; by default all of them, without the securities that have an
        event in the study.
    leave_out : sequence of names
        Columns of ``returns`` that are not donors either.
    pool, columns : tuple
        The donors, and the columns of factors that hold their returns: filled by `prepare`.
    """

    donors: Iterable[Hashable] | None = None
    leave_out: Iterable[Hashable] = ()
    pool: tuple[Hashable, ...] = field(default=(), repr=False)
    columns: tuple[str, ...] = field(default=(), repr=False)

    name: ClassVar[str]
    k: ClassVar[int] = 0
    rf: ClassVar[str | None] = None
    extra_names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.donors is not None:
            object.__setattr__(self, "donors", _names(self.donors))
        object.__setattr__(self, "leave_out", _names(self.leave_out))

    @property
    def least(self) -> int:
        """Fewest donors that the model can do with."""
        return LEAST

    @property
    def parameters(self) -> tuple[str, ...]:
        """Columns of the estimates."""
        return ("n_donors", "n_dropped", *self.extra_names, "rmspe", "sigma", "n", "r2")

    def match(self, y: Floats, before: Floats, after: Floats) -> Sequence[CounterfactualFit]:
        """Match n series that share their donors and rows.

        Parameters
        ----------
        y : (n, T) float
            Returns on the estimation rows.
        before, after : (T, J), (W, J) float
            Donors' returns on the estimation and the event rows; W may be 0.
        """
        raise NotImplementedError

    def with_tuning(self, match: CounterfactualFit) -> Self:  # noqa: ARG002 - those with a parameter use it
        """The same model with its tuning parameter held where a match found it."""
        return self

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame]:
        """Choose the donors and put their returns beside the factors, see `linear.PreparedModel`.

        Raises
        ------
        InputError
            A name that is not a column of returns, a donor with an event, or too few donors.
        """
        import pandas as pd

        pool = self._choose(returns, set(events["security"]))
        given = factors
        if given is not None:
            # A study made again from a prepared one brings the donors of the former along.
            given = given.drop(columns=[name for name in self.columns if name in given.columns])
        taken = set() if given is None else set(map(str, given.columns))
        columns = tuple(_unused(f"donor {at}: {name}", taken) for at, name in enumerate(pool))
        made = returns[list(pool)].set_axis(list(columns), axis=1)
        if given is not None and len(given.columns):
            made = pd.concat([given, made], axis=1).sort_index()
        return replace(self, pool=pool, columns=columns), made

    def peers(self, returns: pd.DataFrame, events: pd.DataFrame) -> frozenset[Hashable]:
        """Name the donors among the columns of returns."""
        return frozenset(self._choose(returns, set(events["security"])))

    def needs(self, security: Hashable) -> tuple[str, ...]:  # noqa: ARG002 - the model's face
        """Need the donors' returns, the same for every security."""
        return self.columns

    def fit(self, block: Block) -> Fit:
        """Match every event of a block with the donors that are complete on its rows."""
        return fit_block(block, self)

    def _choose(self, returns: pd.DataFrame, shocked: set[Hashable]) -> tuple[Hashable, ...]:
        known = set(returns.columns)
        for kind, names in (
            ("donor", self.donors or ()),
            ("security in leave_out", self.leave_out),
        ):
            for name in names:
                if name not in known:
                    raise unknown_name(kind, str(name), map(str, returns.columns))
        barred = shocked | set(self.leave_out)
        if self.donors is None:
            pool = _names(name for name in returns.columns if name not in barred)
        else:
            pool = _names(self.donors)
            for name in pool:
                if name in barred:
                    why = "has an event in this study" if name in shocked else "is in leave_out"
                    raise InputError(
                        f"{name!r} cannot be a donor: it {why}; take it out of donors."
                    )
        if len(pool) < self.least:
            raise InputError(
                f"{type(self).__name__} needs at least {self.least} donors, and returns holds "
                f"{len(pool)} that the study leaves untouched; add columns to returns."
            )
        return pool


def _names(names: Iterable[Hashable]) -> tuple[Hashable, ...]:
    # A single name needs no list.
    alone = isinstance(names, str) or not isinstance(names, Iterable)
    return tuple(dict.fromkeys([names] if alone else names))


def _unused(name: str, taken: set[str]) -> str:
    """A name that no factor has yet."""
    while name in taken:
        name += "'"
    return name


def fit_block(block: Block, model: CounterfactualModel) -> Fit:
    """Match every event of a block.

    Donors with a missing return on a row of the event (an estimation or event row on which
    the security itself has one) are dropped for this event.

    Parameters
    ----------
    block : Block
        N events; the factors are the donors.
    model : CounterfactualModel

    Returns
    -------
    Fit
        Estimates n_donors, n_dropped, the model's own, rmspe, sigma, n, r2. ``fitted.x`` is
        a root of the forecast's covariance over s², (N, W, W): x·x' = PP', see
        `CounterfactualFit`, so that the variance of any sum of abnormal returns follows.
    """
    events, width = block.returns.shape
    seen, met = np.isfinite(block.estimation_returns), np.isfinite(block.returns)
    fitted = assemble(
        block,
        ar=np.full(block.returns.shape, np.nan),
        residuals=np.full(block.estimation_returns.shape, np.nan),
        x=np.full((events, width, width), np.nan),
        xtx_inv=np.broadcast_to(np.eye(width), (events, width, width)).copy(),
        sigma=np.full(events, np.nan),
        dof=np.zeros(events, dtype=np.int64),
        n=seen.sum(axis=1),
    )
    estimates = np.full((events, len(model.parameters)), np.nan)
    estimates[:, -2] = fitted.n
    fit = Fit(fitted, estimates, np.zeros(events, dtype=np.int8))
    # Events that share their rows, as those of one day do, share the donors' returns.
    alike: dict[bytes, list[int]] = {}
    for at, rows in enumerate(zip(block.estimation_days, block.days, seen, met, strict=True)):
        alike.setdefault(b"".join(row.tobytes() for row in rows), []).append(at)
    for same in alike.values():
        _fit_alike(block, model, np.array(same), seen[same[0]], met[same[0]], fit)
    return fit


def complete_donors(before: Floats, after: Floats) -> Bools:
    """Which donors have a return on every row, (J,)."""
    return np.asarray(np.isfinite(before).all(axis=0) & np.isfinite(after).all(axis=0))


def _fit_alike(
    block: Block, model: CounterfactualModel, rows: Ints, seen: Bools, met: Bools, fit: Fit
) -> None:
    """Match events that share their rows, and write the matches into a fit."""
    before = block.estimation_factors[rows[0]][:, seen].T
    after = block.factors[rows[0]][:, met].T
    kept = complete_donors(before, after)
    count = int(kept.sum())
    fit.estimates[rows, 0], fit.estimates[rows, 1] = count, len(kept) - count
    enough_rows = bool(met.any()) and int(seen.sum()) >= LEAST_ROWS
    if not enough_rows or count < model.least:
        fit.flaws[rows] = NO_FREEDOM if not enough_rows else TOO_FEW_DONORS
        # What is left missing would be taken for a security without returns.
        fit.fitted.ar[np.ix_(rows, np.flatnonzero(met))] = 0.0
        return
    y = block.estimation_returns[np.ix_(rows, np.flatnonzero(seen))]
    matches = model.match(y, before[:, kept], after[:, kept])
    for at, series, match in zip(rows, y, matches, strict=True):
        fit.fitted.ar[at, met] = block.returns[at, met] - match.after
        fit.fitted.residuals[at, seen] = series - match.before
        fit.fitted.x[at][met] = _covariance_root(match.forecast, len(met))
        _write_variance(int(at), series, match, fit)


def _write_variance(at: int, y: Floats, match: CounterfactualFit, fit: Fit) -> None:
    """Write one event's residual variance and estimates, or what is wrong with it."""
    residuals = y - match.before
    rss, dof = float(residuals @ residuals), len(y) - match.spent
    if dof < LEAST_FREEDOM:
        fit.flaws[at] = NO_FREEDOM
        return
    if rss <= len(y) * (NO_VARIATION * float(np.abs(y).max())) ** 2:
        fit.flaws[at] = NO_VARIANCE
    sigma = np.sqrt(rss / dof)
    fit.fitted.dof[at], fit.fitted.sigma[at] = dof, sigma
    about = y - y.mean()
    total = float(about @ about)
    r2 = 1.0 - rss / total if total > 0 else np.nan
    fit.estimates[at, 2:] = [*match.extras, np.sqrt(rss / len(y)), sigma, len(y), r2]


def _covariance_root(forecast: Floats, width: int) -> Floats:
    """A matrix of some width whose product with its transpose is PP', (rows, width)."""
    made = np.zeros((len(forecast), width))
    triangle = np.asarray(np.linalg.qr(forecast.T, mode="r")).T
    made[:, : triangle.shape[1]] = triangle
    return made


def effective_dof(smoother: Floats) -> float:
    """tr(2S − SS') of a linear smoother S, (T, T)."""
    # Not vdot: threads that wait for each other cost far more than so small a sum.
    return float(2.0 * np.trace(smoother) - np.einsum("st,st->", smoother, smoother))


def relative_gap(gap: float, y: Floats) -> float:
    """A duality gap as a share of the objective of no match at all, ½Σy²."""
    size = 0.5 * float(y @ y)
    return gap / size if size > 0 else 0.0
