"""What is simulated: one frozen value that says all of it, checked when it is made."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field, fields, replace

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.inputs.frames import Window, check_inside, check_options
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
        A number out of its range, an unknown name, or windows that do not suit each other.

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
        for name, least in (("events", 1), ("spread", 1), ("apart", 0), ("closed_days", 1)):
            object.__setattr__(self, name, whole(getattr(self, name), f"Design.{name}", least))
        if self.apart and self.spread > 1:
            raise InputError("Design.spread must be 1 with dates of their own (apart).")
        _exchanges(self)
        for name in ("correlation", "untraded"):
            _share(name, getattr(self, name))
        _number("variance_increase", self.variance_increase, 0.0)
        _number("effect", self.effect, -1.0)
        if self.residuals not in RESIDUALS:
            raise unknown_name("distribution of residuals", str(self.residuals), RESIDUALS)
        if self.raised not in RAISED:
            raise unknown_name("part of the abnormal return", str(self.raised), RAISED)
        if self.untraded_returns not in UNTRADED:
            raise unknown_name("return of an untraded day", str(self.untraded_returns), UNTRADED)
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
    def asked_model(self) -> Model:
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


def _exchanges(design: Design) -> None:
    """Check that what several exchanges need is there."""
    object.__setattr__(design, "exchanges", whole(design.exchanges, "Design.exchanges", 1))
    if design.closure not in CLOSURES:
        raise unknown_name("closure", str(design.closure), CLOSURES)
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


def whole(value: object, name: str, least: int) -> int:
    """Check a whole number that must not be less than another.

    Raises
    ------
    InputError
        It is none, or less.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name} must be a whole number, not {value!r}.") from None
    if number < least:
        raise InputError(f"{name} must be at least {least}, not {number}.")
    return number


def _share(name: str, value: float) -> None:
    if not _is_number(value) or not 0 <= value < 1:
        raise InputError(f"Design.{name} must be a share from 0 to below 1, not {value!r}.")


def _number(name: str, value: float, least: float) -> None:
    if not _is_number(value) or not math.isfinite(value) or value < least:
        raise InputError(f"Design.{name} must be a number of at least {least:g}, not {value!r}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
