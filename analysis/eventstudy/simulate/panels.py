"""One panel of returns in which nothing happened, and the days that are taken for events.

Either a factor model is drawn, or a stretch of a panel of real returns: random securities
on random dates, as Brown & Warner (1980, 1985) do. `experiment` calls `draw` once per
repetition.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.inputs.frames import check_factors, check_table
from analysis.eventstudy.models.linear import PreparedModel
from analysis.eventstudy.simulate.design import MARKET, MARKETS, Design

# A market with 16 % and firms with 16 to 48 % own volatility a year.
MARKET_MEAN, MARKET_SD = 0.0003, 0.01
BETA, SIGMA = (0.5, 1.5), (0.01, 0.03)
DEGREES, SHAPE = 5.0, 4.0

# A simulated return may not lose more than everything where prices are made of returns.
WORST_RETURN = -0.99


@dataclass(frozen=True, eq=False)
class SimulatedPanel:
    """Returns, and where the events lie in them.

    Attributes
    ----------
    returns : (D, N) float
        One security per event.
    noise : (D, N) float
        The part of them that the variance of abnormal returns is made of.
    common : (D, N) float or None
        What the securities share of the noise; None where that is not known.
    factors : (D, F) float
    names : tuple of str
        Columns of the factors.
    day0 : (N,) int
        Row of day 0 of each event.
    """

    returns: Floats
    noise: Floats
    common: Floats | None
    factors: Floats
    names: tuple[str, ...]
    day0: Ints

    def raised(self, part: str) -> Floats:
        """The part of the noise whose variance rises: all of it, the own or the common one."""
        if part == "all" or self.common is None:
            return self.noise
        return self.common if part == "common" else self.noise - self.common


@dataclass(frozen=True, eq=False)
class ReturnPanel:
    """A panel of real returns (D, S) and factors (D, F), checked, to draw events from.

    The noise is returns less the first factor, about their mean by security.
    """

    returns: Floats
    factors: Floats
    names: tuple[str, ...]
    noise: Floats

    @classmethod
    def of(cls, returns: object, factors: object | None) -> ReturnPanel:
        """Check frames; without factors the market is the mean of the panel, equally weighted."""
        table = check_table(returns, "returns")
        if factors is None:
            laid = pd.DataFrame({"market": table.mean(axis=1)})
        else:
            laid = check_table(factors, "factors").reindex(table.index)
            if not laid.notna().to_numpy().any():
                raise InputError("factors has no day in common with returns.")
        values, market = table.to_numpy(), laid.to_numpy()
        excess = values - market[:, :1]
        known = np.isfinite(excess)
        mean = np.where(known, excess, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return cls(values, market, tuple(map(str, laid.columns)), excess - mean)


def check_source(design: Design, panel: ReturnPanel | None) -> None:
    """Refuse a design whose factors are missing or whose panel is too small (InputError)."""
    if panel is not None:
        for name, usual in (("exchanges", 1), ("raised", "all"), ("apart", 0)):
            if getattr(design, name) != usual:
                raise InputError(
                    f"Design.{name} must be {usual!r} with a panel of real returns, whose "
                    "residuals are as they are."
                )
    names = _markets(design) if panel is None else panel.names
    securities: list[Hashable] = list(range(design.events))
    days = _dates(3)
    factors: pd.DataFrame | None = pd.DataFrame(0.0, index=days, columns=list(names))
    model = design.study_model
    if isinstance(model, PreparedModel):
        returns = pd.DataFrame(0.0, index=days, columns=securities)
        events = pd.DataFrame({"event_id": 0, "security": securities, "date": days[0]})
        model, factors = model.prepare(returns, events, factors)
    check_factors(factors, model, securities)
    if panel is not None:
        _starts(design, panel)


def draw(
    design: Design, panel: ReturnPanel | None, rng: np.random.Generator, history: int
) -> SimulatedPanel:
    """Draw one panel with its events.

    Parameters
    ----------
    design : Design
    panel : ReturnPanel or None
        What to draw from; None: the factor model.
    rng : numpy.random.Generator
    history : int
        Sessions before the rows that the study itself needs, for placebo dates; a panel of
        real returns gives all its days instead where this is not 0. The other rows are the
        same whatever the number.
    """
    if panel is None:
        drawn = _from_factor_model(design, rng, history)
    else:
        drawn = _from_panel(design, panel, rng, whole=history > 0)
    returns = drawn.returns
    if design.variance_increase > 0:
        first, last = design.window
        rows, column = np.arange(first, last + 1)[:, None] + drawn.day0, np.arange(design.events)
        part = drawn.raised(design.raised)[rows, column]
        returns[rows, column] += (np.sqrt(1.0 + design.variance_increase) - 1.0) * part
    returns[drawn.day0, np.arange(design.events)] += design.effect
    if design.untraded > 0:
        # Last: an effect on a day without a trade shows with the next one.
        returns = _with_thin_trading(design, returns, rng)
    drawn = replace(drawn, returns=returns)
    return drawn if design.closure == "no" else _closed(design, drawn)


def frames(
    design: Design, drawn: SimulatedPanel
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns, events and factors as an `EventStudy` takes them."""
    days = _dates(len(drawn.returns))
    securities = np.arange(design.events)
    # One piece of news hits all, or each firm has its own.
    names = securities if design.reach > 1 else np.zeros(design.events, dtype=np.int64)
    events = pd.DataFrame({"event_id": names, "security": securities, "date": days[drawn.day0]})
    return (
        pd.DataFrame(drawn.returns, index=days, columns=securities),
        events,
        pd.DataFrame(drawn.factors, index=days, columns=list(drawn.names)),
    )


def calendars(
    design: Design, drawn: SimulatedPanel, days: pd.DatetimeIndex
) -> dict[Hashable, pd.DatetimeIndex] | None:
    """Sessions of each firm as an `EventStudy` takes them; None where no exchange was closed."""
    if design.closure == "no":
        return None
    held = days.delete(_closed_rows(design, drawn))
    return {firm: held if asia else days for firm, asia in enumerate(design.in_asia)}


def _from_factor_model(design: Design, rng: np.random.Generator, history: int) -> SimulatedPanel:
    firms, lag = design.events, design.lag
    beta, sigma = rng.uniform(*BETA, firms), rng.uniform(*SIGMA, firms)
    day0 = history + design.before + rng.integers(0, design.spread, firms)
    day0 += design.apart * np.arange(firms)
    recent = design.before + design.reach + design.after
    # What the study needs comes first, so that it stays the same whatever history there is.
    late, early = (_draw_days(design, rng, length) for length in (recent, history))
    market, own = (np.concatenate([early[at], late[at]]) for at in (0, 2))
    shock = np.concatenate([early[1][:history], late[1]])
    asia, days = np.array(design.in_asia), len(own)
    felt = np.where(asia, shock[:days], shock[lag : lag + days])
    common = sigma * np.sqrt(design.correlation) * felt
    noise = common + sigma * np.sqrt(1.0 - design.correlation) * own
    returns = market[:, asia.astype(np.int64)] * beta + noise
    return SimulatedPanel(
        returns, noise, common, market, _markets(design), day0 + design.later * asia
    )


def _draw_days(
    design: Design, rng: np.random.Generator, length: int
) -> tuple[Floats, Floats, Floats]:
    """Markets (D, exchanges), common shocks (D + lag, 1) and own residuals (D, N) of some days."""
    market = MARKET_MEAN + MARKET_SD * rng.standard_normal((length, design.exchanges))
    # Starts as many sessions early as the shock needs to reach Asia.
    shock = _standard(design.residuals, rng, (length + design.lag, 1))
    return market, shock, _standard(design.residuals, rng, (length, design.events))


def _markets(design: Design) -> tuple[str, ...]:
    return MARKET if design.exchanges == 1 else MARKETS


def _closed(design: Design, drawn: SimulatedPanel) -> SimulatedPanel:
    """Close Asia for some days: its next session shows the change of all of them."""
    asia, rows = np.flatnonzero(design.in_asia), _closed_rows(design, drawn)
    returns, factors = drawn.returns.copy(), drawn.factors.copy()
    returns[rows[-1] + 1, asia] += returns[np.ix_(rows, asia)].sum(axis=0)
    returns[np.ix_(rows, asia)] = np.nan
    factors[rows[-1] + 1, 1] += factors[rows, 1].sum()
    return replace(drawn, returns=returns, factors=factors)


def _closed_rows(design: Design, drawn: SimulatedPanel) -> Ints:
    """Days on which Asia was closed."""
    first = int(drawn.day0[0]) + (design.closure == "late")
    return np.arange(first, first + design.closed_days)


def _standard(kind: str, rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Draws with mean 0 and variance 1."""
    if kind == "t":
        return np.asarray(rng.standard_t(DEGREES, shape) / np.sqrt(DEGREES / (DEGREES - 2.0)))
    if kind == "skewed":
        return np.asarray((rng.standard_gamma(SHAPE, shape) - SHAPE) / np.sqrt(SHAPE))
    return rng.standard_normal(shape)


def _from_panel(
    design: Design, panel: ReturnPanel, rng: np.random.Generator, *, whole: bool
) -> SimulatedPanel:
    eligible = _starts(design, panel)
    base = int(rng.choice(np.flatnonzero(eligible.sum(axis=1) >= design.events)))
    chosen = rng.choice(np.flatnonzero(eligible[base]), design.events, replace=False)
    day0 = base + rng.integers(0, design.spread, design.events)
    first, last = base - design.before, base + design.spread + design.after
    rows = slice(None) if whole else slice(first, last)
    return SimulatedPanel(
        panel.returns[rows, chosen],
        panel.noise[rows, chosen],
        None,
        panel.factors[rows],
        panel.names,
        day0 if whole else day0 - first,
    )


def _starts(design: Design, panel: ReturnPanel) -> NDArray[np.bool_]:
    """Which securities may have events spread from each day on, (D, S).

    A security is drawn where its estimation window holds ``min_observations`` complete rows
    and its event window is whole, wherever in the spread its day 0 falls.
    InputError where there are too few of them on every day.
    """
    days, firms = panel.returns.shape
    complete = np.isfinite(panel.returns) & np.isfinite(panel.factors).all(axis=1, keepdims=True)
    count = np.zeros((days + 1, firms), dtype=np.int64)
    np.cumsum(complete, axis=0, out=count[1:])
    last_start = days - design.spread - design.after
    base = np.arange(design.before, max(last_start + 1, design.before))

    def within(first: int, last: int) -> Ints:
        return np.asarray(count[base + last + 1] - count[base + first])

    extra = design.spread - 1
    whole_window = design.event_window[1] + extra - design.event_window[0] + 1
    eligible = np.zeros((days, firms), dtype=np.bool_)
    eligible[base] = (
        within(design.event_window[0], design.event_window[1] + extra) == whole_window
    ) & (
        within(design.estimation[0], design.estimation[1] + extra) - extra
        >= design.min_observations
    )
    most = int(eligible.sum(axis=1).max(initial=0))
    if most < design.events:
        raise InputError(
            f"The panel of returns ({days} days, {firms} securities) has no day on which "
            f"{design.events} securities have the rows that the windows {design.estimation} and "
            f"{design.event_window} need over {design.spread} sessions; the most is {most}. Ask "
            "for fewer events, a shorter spread or shorter windows."
        )
    return eligible


def _with_thin_trading(design: Design, returns: Floats, rng: np.random.Generator) -> Floats:
    """Take trades away: days without one, drawn independently, show no return of their own."""
    traded = rng.random(returns.shape) >= design.untraded
    if design.untraded_returns == "missing":
        whole_day = traded.copy()
        whole_day[1:] &= traded[:-1]
        return np.where(whole_day, returns, np.nan)
    known = np.isfinite(returns)
    price = np.cumsum(np.log1p(np.where(known, np.maximum(returns, WORST_RETURN), 0.0)), axis=0)
    traded[0] = True
    row = np.arange(len(returns))[:, None]
    last = np.maximum.accumulate(np.where(traded, row, 0), axis=0)
    seen = np.take_along_axis(price, last, axis=0)
    observed = np.expm1(np.diff(seen, axis=0, prepend=seen[:1]))
    observed[0] = returns[0]
    return np.where(known, observed, np.nan)


def _dates(length: int) -> pd.DatetimeIndex:
    return pd.date_range("2000-01-03", periods=length, freq="D")
