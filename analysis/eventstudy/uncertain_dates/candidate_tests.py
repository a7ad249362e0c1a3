"""What the search over candidate days finds, and what it would find where nothing happened.

Two statistics of the CARs of some pairs of event and security at every candidate, and the
tests that compare them with the same on placebo dates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.fitted import Fitted, window_sample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference.parametric import SAME_SCAR
from analysis.eventstudy.inference.permutation import LEAST_PLACEBOS
from analysis.eventstudy.inference.placebo_statistics import SAME, studentised_choice
from analysis.eventstudy.inference.test_result import Outcome, too_few, undefined
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.uncertain_dates.alignment import CandidateAlignment
from analysis.eventstudy.uncertain_dates.ball_torous import (
    Likelihoods,
    Moments,
    bounded_tail,
    chi_square_tail,
    maximise,
    moments,
    posterior,
    standard_error,
)
from analysis.eventstudy.uncertain_dates.placebos import CandidatePlacebos

MAX_TEST = "max_permutation"
LIKELIHOOD_RATIO = "likelihood_ratio"
LIKELIHOOD_ANY = "likelihood_any"
LIKELIHOOD_PERMUTATION = "likelihood_permutation"
TESTS = (MAX_TEST, LIKELIHOOD_RATIO, LIKELIHOOD_ANY, LIKELIHOOD_PERMUTATION)

# Residuals that move as one still leave each event a covariance that can be inverted.
MOST_CORRELATED = 0.999


@dataclass(frozen=True, eq=False)
class CandidateSample:
    """n pairs of event and security that are whole in a window around every candidate.

    Attributes
    ----------
    alignment : CandidateAlignment
    window : (int, int)
    car, se : (n, K) float
        NaN where the event has fewer candidates.
    members : (n,) int
        Rows among the fitted pairs, for the placebos.
    rho : (E',) float
        Correlation within each event that has a pair.
    """

    alignment: CandidateAlignment
    window: Window
    car: Floats
    se: Floats
    members: Ints
    rho: Floats

    @cached_property
    def events(self) -> Ints:
        """Events that have a pair, as rows of `CandidateAlignment.weight`, (E',)."""
        return np.unique(self.alignment.event)

    @cached_property
    def event(self) -> Ints:
        """Position of each pair's event among `events`, (n,)."""
        return np.searchsorted(self.events, self.alignment.event)

    @cached_property
    def weight(self) -> Floats:
        """Prior weights, (E', K)."""
        return np.asarray(self.alignment.weight[self.events])

    @cached_property
    def starts(self) -> Ints:
        """First pair of each event, (E',)."""
        return np.unique(self.event, return_index=True)[1]

    @cached_property
    def there(self) -> Bools:
        """Which candidates an event has, (E', K)."""
        return np.asarray(self.alignment.exists[self.starts])

    def moments(self, car: Floats, se: Floats) -> Moments:
        """What the likelihood needs of CARs (B, n, K)."""
        return moments(car, se, self.event, self.rho, self.weight)

    @cached_property
    def likelihood(self) -> tuple[Moments, Likelihoods]:
        """The likelihood of the events as they are, and its maximum."""
        data = self.moments(self.car[None], self.se[None])
        return data, maximise(data)

    def largest(self, scar: Floats) -> tuple[Floats, Ints]:
        """Mean of SCARs (B, n, K) of largest size over the joint choices, studentised there.

        The mean is a sum over events, each with a choice of its own, so its maximum is the
        sum of the events' maxima, its minimum that of their minima: no joint choice is
        missed and none is enumerated. Its mean is then divided by its standard error, see
        `placebo_statistics.studentised_choice`.

        Returns
        -------
        statistic : (B,) float
            With its sign; NaN where the SCARs of the choice do not differ.
        choice : (B, E') int
            The candidate of each event.
        """
        sums = np.add.reduceat(np.where(np.isnan(scar), 0.0, scar), self.starts, axis=1)
        high = np.where(self.there, sums, -np.inf)
        low = np.where(self.there, sums, np.inf)
        up, down = high.max(axis=2).sum(axis=1), low.min(axis=2).sum(axis=1)
        positive = up >= -down
        choice = np.where(positive[:, None], high.argmax(axis=2), low.argmin(axis=2))
        own = np.take_along_axis(scar, choice[:, self.event, None], axis=2)[..., 0]
        return studentised_choice(own, scar), choice

    def estimate(self) -> dict[str, float]:
        """The maximum of the likelihood, in a row of `UncertainResults.effect`."""
        data, best = self.likelihood
        effect, ratio = float(best.effect[0]), float(best.ratio[0])
        return {
            "effect": effect,
            "se": standard_error(data, effect, ratio),
            "variance_ratio": ratio,
            "log_likelihood": float(best.top[0]),
            "events": len(self.events),
            "n": len(self.car),
        }

    def days(self) -> pd.DataFrame:
        """The candidates with what speaks for each, see `UncertainResults.posterior`."""
        data, best = self.likelihood
        after = posterior(data, best.effect, best.ratio)[0]
        choice = self.largest((self.car / self.se)[None])[1][0]
        event, candidate = np.nonzero(self.there)
        size = np.diff(np.append(self.starts, len(self.car)))
        mean_car = np.add.reduceat(self.car, self.starts, axis=0) / size[:, None]
        mean_scar = np.add.reduceat(self.car / self.se, self.starts, axis=0) / size[:, None]
        names = self.alignment.pairs["event_id"].to_numpy()[self.starts]
        return pd.DataFrame(
            {
                "event_id": names[event],
                "candidate": self.alignment.names[self.events][event, candidate],
                "weight": self.weight[event, candidate],
                "posterior": after[event, candidate],
                "mean_car": mean_car[event, candidate],
                "mean_scar": mean_scar[event, candidate],
                "n": size[event],
                "fixed": self.alignment.fixed[self.events][event, candidate],
                "chosen": choice[event] == candidate,
            }
        ).infer_objects()


def mean_correlations(
    alignment: CandidateAlignment, fitted: Fitted, window: Window, mode: str
) -> Floats:
    """Mean residual correlation between the securities of each event, (E',).

    r̄ of the study's mode, see `mean_correlation.rbar`, over the pairs of securities of one event;
    a negative one counts as none, one near 1 as 0.999.
    """
    found = []
    for event in np.unique(alignment.event):
        rows = np.flatnonzero(alignment.event == event)
        mean = 0.0
        if len(rows) > 1:
            mean = rbar(window_sample(fitted.take(rows), window)[0], mode)
        found.append(min(max(mean, 0.0), MOST_CORRELATED) if math.isfinite(mean) else 0.0)
    return np.array(found)


def run_tests(sample: CandidateSample | None, placebos: CandidatePlacebos) -> list[Outcome]:
    """Run the tests of uncertain dates on one group in one window.

    - ``max_permutation``: S = the mean SCAR of largest size over the joint choices of
      candidates, one per event and shared by its securities, over its cross-sectional
      standard error, pooled over the candidates (a single pair: its SCAR);
      p = (1 + #{|S_s| ≥ |S_0|})/(1 + B) over the placebos s of `CandidatePlacebos.draws`, which
      search and studentise alike; B < 39, or pairs without spread, give NaN and a reason.
      Where a model names a ``stand_in``, S_0 and every S_s are those of that.
    - ``likelihood_ratio``: 2(ℓ₁ − ℓ₀) of the mixture, A = 0 against any A, λ ≥ 1 free in
      both, χ²(1); Ball & Torous (1988).
    - ``likelihood_any``: 2ℓ₁ against A = 0 and λ = 1, half χ²(1) half χ²(2): Self & Liang
      (1987).
    - ``likelihood_permutation``: the likelihood ratio against that of the same placebos.

    In the order of `TESTS`. The sample is None where no pair is left.
    """
    if sample is None:
        return [too_few(name, 0, 1) for name in TESTS]
    n = len(sample.car)
    observed = float(sample.largest((sample.car / sample.se)[None])[0][0])
    best = sample.likelihood[1]
    ratio, both = float(best.statistic[0]), max(2.0 * float(best.top[0]), 0.0)
    largest, ratios = _placebos(sample, placebos)
    own_ratio = ratio
    if (refitted := placebos.real(sample.window, sample.members)) is not None:
        car, se = (one[None] for one in refitted)
        observed = float(sample.largest(car / se)[0][0])
        own_ratio = float(maximise(sample.moments(car, se)).statistic[0])
    return [
        _against(MAX_TEST, observed, np.abs(largest), n),
        Outcome(LIKELIHOOD_RATIO, ratio, 1.0, chi_square_tail(ratio), n),
        Outcome(LIKELIHOOD_ANY, both, math.nan, bounded_tail(both), n),
        _against(LIKELIHOOD_PERMUTATION, own_ratio, ratios, n),
    ]


def _placebos(sample: CandidateSample, placebos: CandidatePlacebos) -> tuple[Floats, Floats]:
    """Largest statistic, where there is a spread, and likelihood ratio of every placebo."""
    largest, ratios = [np.empty(0)], [np.empty(0)]
    for car, se in placebos.draws(sample.window, sample.members):
        if len(car):
            found = sample.largest(car / se)[0]
            largest.append(found[np.isfinite(found)])
            ratios.append(maximise(sample.moments(car, se)).statistic)
    return np.concatenate(largest), np.concatenate(ratios)


def _against(test: str, observed: float, placed: Floats, n: int) -> Outcome:
    count = len(placed)
    if count < LEAST_PLACEBOS:
        reason = f"{count} admissible placebo dates, at least {LEAST_PLACEBOS} are needed"
        return undefined(test, n, reason)
    if not math.isfinite(observed):
        return undefined(test, n, SAME_SCAR)
    # Equal up to rounding counts as reached, which never makes p smaller than it is.
    reached = int((placed >= abs(observed) * (1.0 - SAME)).sum())
    return Outcome(test, observed, math.nan, (1 + reached) / (1 + count), n)
