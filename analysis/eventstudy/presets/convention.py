"""What a preset is: a package's tests by name, its standard errors, its average.

One module per package declares a `Preset`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inference.registry import TEST_NAMES
from analysis.eventstudy.inference.test_result import Outcome, normal, student, too_few, undefined
from analysis.eventstudy.models.linear import (
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    Model,
)
from analysis.eventstudy.presets.case import PresetSample

# A z, a t with its degrees of freedom, another test's outcome, or the reason why there is none.
Value = float | tuple[float, float] | Outcome | str

LINEAR = (MeanAdjusted, MarketAdjusted, MarketModel, FactorModel)


class Cars(NamedTuple):
    """Errors (decimal), degrees of freedom and p-values of single CARs, (N,), as a package's."""

    se: Floats
    df: Floats
    p_value: Floats


@dataclass(frozen=True)
class Statistic:
    """One test of a package.

    Attributes
    ----------
    name : str
        Our name where it is that test, else the package's own.
    theirs : str
        What the package calls it.
    compute : callable
        A case in, a `Value` out.
    least : int
        Fewest events.
    note : str
        Where the package departs from what the name promises; empty where it does not.
    one_day : str
        Why there is none in a window of several days; empty where there is.
    """

    name: str
    theirs: str
    compute: Callable[[PresetSample], Value]
    least: int = 2
    note: str = ""
    one_day: str = ""

    @property
    def ours(self) -> str:
        """Our name of the test; empty where we have no such test."""
        return self.name if self.name in TEST_NAMES else ""

    def outcome(self, case: PresetSample) -> Outcome:
        """Compute the statistic, or say why there is none."""
        n = case.size
        if n < self.least:
            return too_few(self.name, n, self.least)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = self.compute(case)
        if isinstance(found, str):
            return undefined(self.name, n, found)
        if self.one_day and case.length > 1:
            return undefined(self.name, n, self.one_day)
        if isinstance(found, Outcome):
            return found
        if isinstance(found, tuple):
            return student(self.name, *found, n)
        return normal(self.name, found, n)


@dataclass(frozen=True)
class Preset:
    """The conventions of a package.

    Attributes
    ----------
    name : str
        As in ``EventStudy(preset=...)``.
    package : str
        Package, version and language, for a sentence.
    statistics : tuple of Statistic
    car : callable
        Standard errors and p-values of single CARs.
    caar : callable
        The package's average of the CARs.
    lead : str
        The test that stands beside the average in `caar`.
    models : tuple of type
        Normal-return models that the package fits.
    """

    name: str
    package: str
    statistics: tuple[Statistic, ...]
    car: Callable[[PresetSample], Cars]
    caar: Callable[[PresetSample], float]
    lead: str
    models: tuple[type, ...] = LINEAR

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its tests."""
        return tuple(one.name for one in self.statistics)

    def outcomes(self, sample: PresetSample, statistics: tuple[Statistic, ...]) -> list[Outcome]:
        """Run some of its tests; none has an outcome with a model that it cannot handle."""
        if reason := self.unable(sample.model):
            return [undefined(one.name, sample.size, reason) for one in statistics]
        return [one.outcome(sample) for one in statistics]

    def unable(self, model: Model) -> str:
        """Why the package cannot answer with a model; empty where it can."""
        return "" if type(model) in self.models else f"{self.package} fits no {model.name}"


def mean_car(case: PresetSample) -> float:
    """Average the CARs: the usual CAAR."""
    return float(case.car.mean()) if case.size else math.nan


def over_error(values: Floats) -> float:
    """Mean of some values over its standard error, ddof 1; NaN where they do not vary."""
    sd = values.std(ddof=1)
    return float(values.mean() / (sd / math.sqrt(len(values)))) if sd > 0 else math.nan


def dependence_factor(rbar: float, n: int) -> float:
    """√((1−r̄)/(1+(N−1)r̄)), Kolari & Pynnönen (2010); NaN where it is not defined."""
    below = 1.0 + (n - 1) * rbar
    return math.sqrt((1.0 - rbar) / below) if below > 0 and rbar < 1 else math.nan


def sign_excess(case: PresetSample, p: float) -> float:
    """(w − Np)/√(Np(1−p)), w the number of positive CARs."""
    positive = int((case.car > 0).sum())
    return (positive - case.size * p) / math.sqrt(case.size * p * (1 - p))
