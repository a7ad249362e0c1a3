"""What is simulated: one frozen value that says all of it, checked when it is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.inputs.frames import Window, check_inside, check_options
from analysis.eventstudy.inputs.options import check_count, number
from analysis.eventstudy.models.linear import MarketModel, Model

RESIDUALS = ("normal", "t", "skewed")
UNTRADED = ("zero", "missing")
RAISED = ("all", "own", "common")
CLOSURES = ("no", "together", "behind", "late")
# Columns of the factors: one market, or that of either exchange.
MARKET, MARKETS = ("market",), ("new_york", "asia")
# What a table says of residuals that were not drawn but found.
PANEL = "as in the panel"


@dataclass(frozen=True)
class Design:
    """One experiment: how many events, on which days, in what returns, and their effect.

    Parameters
    ----------
    window : (int, int)
        Relative days of the window that is tested, inside ``event_window``.
    events : int
        Events N, each of a security of its own.
    spread : int
        Consecutive sessions over which day 0 of the events is spread evenly at random; 1:
        all events share one date. Spread events have an event_id each, others share one.
    apart : int
        Sessions from the day 0 of each event to that of the next, in place of ``spread``: dates
        of their own, each with an event_id; 0: not so.
    exchanges : {1, 2}
        2: half of the firms trade in New York, where day 0 is the day d of the news, half in
        Asia, where it is d + 1. What is common to the residuals reaches Asia a session later,
        on every day, and each exchange has its own market. All events share one event_id, so
        ``spread`` is 1; only for the factor model and `MarketModel`.
    closure : {"no", "together", "behind", "late"}
        On two exchanges, whether Asia was closed from the day d of the news on, or ("late")
        from d + 1 on: its next session, day 0, then shows the change of all these days. What is
        common reaches Asia on New York's date ("together") or, as else, a session later
        ("behind", "late"). Not with a variance that rises or days without trades.
    closed_days : int
        For how many days it was closed.
    correlation : float
        Correlation ρ of the residuals of any two securities on one day, 0 to below 1. Only
        for the factor model; a panel of real returns has its own.
    residuals : {"normal", "t", "skewed"}
        Distribution of residuals: normal; Student's t with 5 degrees of freedom; gamma with
        shape 4 (skewness 1). All are scaled to one variance. Only for the factor model.
    variance_increase : float
        θ: on the days of ``window`` the variance of the abnormal returns is 1 + θ times
        what it is before.
    raised : {"all", "own", "common"}
        Whose variance rises: that of the whole abnormal return, of its own part u alone, or
        of the common shock c alone, which no test of one date can tell from an effect. A
        panel of real returns knows "all" only.
    untraded : float
        Share of days on which a security does not trade, 0 to below 1.
    untraded_returns : {"zero", "missing"}
        A day without a trade shows a return of zero and the next trade the whole change
        since the last; or that day's return is missing and so is the next, the change over
        the hole being no daily return.
    effect : float
        Abnormal return added on day 0 of every event (decimal). 0: the null is true.
    model : MeanAdjusted, MarketAdjusted, MarketModel or FactorModel
        The normal-return model of the study.
    estimation, event_window : (int, int)
        The study's windows, see `EventStudy`.
    min_observations : int
        Complete rows that an estimation window must have, see `EventStudy`.

    Raises
    ------
    InputError
        A number out of its range, an unknown name, or windows that do not fit each other.

    Notes
    -----
    The factor model is R_it = β_i·M_t + σ_i·e_it with M_t normal with mean 0.0003 and
    standard deviation 0.01, β_i uniform on 0.5 to 1.5, σ_i uniform on 0.01 to 0.03 and
    e_it = √ρ·c_t + √(1−ρ)·u_it, where c_t, common to all securities, and u_it are
    independent, each with the distribution ``residuals``. The variance rises by the factor
    √(1+θ) on the residual, or on its part ``raised``, as in Kolari & Pynnönen (2010); the
    effect is a constant, as in Brown & Warner (1980).
    """

    window: Window = (0, 0)
    events: int = 30
    spread: int = 1
    apart: int = 0
    exchanges: int = 1
    closure: str = "no"
    closed_days: int = 1
    correlation: float = 0.2
    residuals: str = "normal"
    variance_increase: float = 0.0
    raised: str = "all"
    untraded: float = 0.0
    untraded_returns: str = "zero"
    effect: float = 0.0
    model: Model = field(default_factory=MarketModel)
    estimation: Window = (-250, -31)
    event_window: Window = (-5, 5)
    min_observations: int = 100

    def __post_init__(self) -> None:
        counts = {"events": 1, "spread": 1, "apart": 0, "closed_days": 1, "exchanges": 1}
        for name, least in counts.items():
            count = check_count(getattr(self, name), f"Design.{name}", least)
            object.__setattr__(self, name, count)
        if self.apart and self.spread > 1:
            raise InputError("Design.spread must be 1 with dates of their own (apart).")
        for name in ("correlation", "untraded"):
            if not 0 <= number(value := getattr(self, name)) < 1:
                raise InputError(f"Design.{name} must be a share from 0 to below 1, not {value!r}.")
        for name, lowest in (("variance_increase", 0), ("effect", -1)):
            if not lowest <= number(value := getattr(self, name)) < math.inf:
                raise InputError(
                    f"Design.{name} must be a number of at least {lowest}, not {value!r}."
                )
        for kind, chosen, known in (
            ("distribution of residuals", self.residuals, RESIDUALS),
            ("part of the abnormal return", self.raised, RAISED),
            ("return of an untraded day", self.untraded_returns, UNTRADED),
            ("closure", self.closure, CLOSURES),
        ):
            if chosen not in known:
                raise unknown_name(kind, str(chosen), known)
        _check_exchanges(self)
        before, during = check_options(
            self.estimation, self.event_window, self.min_observations, self.model
        )
        for name, value in {
            "estimation": before,
            "event_window": during,
            "window": check_inside(self.window, during),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def before(self) -> int:
        """Sessions needed before the first possible day 0."""
        return max(0, -self.estimation[0] - min(self._steps))

    @property
    def after(self) -> int:
        """Sessions needed after the last possible day 0 of the first exchange."""
        return max(0, self.event_window[1]) + self.later + max(self._steps)

    @property
    def later(self) -> int:
        """Sessions of New York from its day 0 to Asia's."""
        if self.closure == "no":
            return self.exchanges - 1
        return self.closed_days + (self.closure == "late")

    @property
    def reach(self) -> int:
        """Sessions over which the days 0 of one exchange can lie."""
        return self.spread + self.apart * (self.events - 1)

    @property
    def _steps(self) -> tuple[int, ...]:
        """Sessions by which the model moves its benchmark, the leads above 0."""
        return getattr(self.model, "steps", (0,))

    @property
    def lag(self) -> int:
        """Sessions by which what is common reaches Asia after New York."""
        return 0 if self.closure == "together" else self.exchanges - 1

    @property
    def in_asia(self) -> tuple[bool, ...]:
        """Which firms trade in Asia."""
        first = self.events - self.events // 2 if self.exchanges > 1 else self.events
        return tuple(firm >= first for firm in range(self.events))

    @property
    def study_model(self) -> Model:
        """The model of the study: on two exchanges each firm has its own market."""
        if self.exchanges == 1:
            return self.model
        return MarketModel({firm: MARKETS[asia] for firm, asia in enumerate(self.in_asia)})

    def shared(self) -> Design:
        """The design whose draws and fits serve all windows, where they can be shared.

        A variance that rises on the days of the window makes other returns of every window.
        """
        return self if self.variance_increase > 0 else replace(self, window=self.event_window)

    def columns(self, *, panel: bool) -> dict[str, object]:
        """The design as a row of a table; what a panel decides itself is left blank."""
        row: dict[str, object] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in ("window", "estimation", "event_window"):
                row |= {f"{one.name}_start": value[0], f"{one.name}_end": value[1]}
            elif one.name == "model":
                row["model"] = value.name
            else:
                row[one.name] = value
        if panel:
            row |= {"correlation": math.nan, "residuals": PANEL}
        return row


def _check_exchanges(design: Design) -> None:
    """Check that what several exchanges need is there."""
    if design.closure != "no" and (
        design.exchanges == 1 or design.variance_increase or design.untraded
    ):
        raise InputError(
            'Design.closure must be "no" unless there are two exchanges, and with '
            "variance_increase or untraded."
        )
    if design.exchanges == 1:
        return
    if design.exchanges > len(MARKETS):
        raise InputError(f"Design.exchanges must be 1 or 2, not {design.exchanges}.")
    if design.reach > 1:
        raise InputError(
            "Design.spread must be 1, and apart 0, with two exchanges: one piece of news is "
            "simulated."
        )
    if design.events < len(MARKETS):
        raise InputError("Design.events must be at least 2 with two exchanges.")
    if design.model != MarketModel():
        raise InputError("Design.model must be MarketModel() with two exchanges.")


def cases(results: pd.DataFrame) -> pd.Series:
    """Say in words in what the design of each row departs from the usual one.

    Parameters
    ----------
    results : pandas.DataFrame
        From `size_and_power`.

    Returns
    -------
    pandas.Series
        For instance ``"N = 100"`` or ``"ρ = 0.5"``; ``"as usual"`` for the usual design.
        Window, spread and effect are left to their own columns.
    """
    usual = Design().columns(panel=False)
    return pd.Series([_case(row, usual) for row in results.to_dict("records")], results.index)


ORDERS = {
    "together": "else on New York's date",
    "behind": "else a session later",
    "late": "from the session after on",
}
_WORDS: dict[str, Callable[[Any], str]] = {
    "events": lambda n: f"N = {n}",
    # A panel leaves the correlation blank: it is its own.
    "correlation": lambda rho: "" if np.isnan(rho) else f"ρ = {rho:g}",
    "residuals": lambda kind: "" if kind == PANEL else f"{kind} residuals",
    "exchanges": lambda count: f"{count} exchanges",
    "apart": lambda sessions: f"dates {sessions} sessions apart",
    "closure": lambda order: f"Asia closed, {ORDERS[order]}",
    "closed_days": lambda days: f"for {days} days",
    "untraded": lambda share: f"{share:.0%} of days untraded",
    "untraded_returns": lambda how: f"returns {how}",
    "model": str,
}


def _case(row: dict[Hashable, Any], usual: dict[str, object]) -> str:
    parts = [say(row[name]) for name, say in _WORDS.items() if row[name] != usual[name]]
    if theta := row["variance_increase"]:
        whose = "" if row["raised"] == "all" else f"{row['raised']} "
        parts.append(f"{whose}variance × {1 + theta:g}")
    ends = ("estimation_start", "estimation_end")
    if any(row[end] != usual[end] for end in ends):
        parts.append("estimation ({}, {})".format(*(row[end] for end in ends)).replace("-", "−"))
    return ", ".join(filter(None, parts)) or "as usual"
