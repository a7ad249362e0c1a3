"""Buy-and-hold returns, clustered errors and GARCH multiples the slow, obvious way: in loops."""

from __future__ import annotations

import math

import numpy as np


def bhar(held, benchmark) -> float:
    """One event: what 1 grew to, less what 1 in the benchmark grew to."""
    own = other = 1.0
    for r, b in zip(held, benchmark, strict=True):
        own *= 1 + r
        other *= 1 + b
    return own - other


def johnson(values, about: float = 0.0) -> float:
    """Johnson's t as Lyon, Barber & Tsai (1999, eq. 5) write it, for a mean of `about`."""
    n = len(values)
    mean = sum(values) / n
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    s = (mean - about) / sd
    gamma = sum((v - mean) ** 3 for v in values) / (n * sd**3)
    return math.sqrt(n) * (s + gamma * s**2 / 3 + gamma / (6 * n))


def clustered_variance(figures, *ways) -> float:
    """Variance of a mean: sums of residuals by cluster, Cameron, Gelbach & Miller (2011)."""
    figures = list(figures)
    mean = sum(figures) / len(figures)

    def one(labels):
        sums: dict = {}
        for value, label in zip(figures, labels, strict=True):
            sums[label] = sums.get(label, 0.0) + value - mean
        g = len(sums)
        return g / (g - 1) * sum(v**2 for v in sums.values()) / len(figures) ** 2

    if len(ways) == 1:
        return one(ways[0])
    both = list(zip(*ways, strict=True))
    return one(ways[0]) + one(ways[1]) - one(both)


def multiple(e, h) -> float:
    """M of one day: squares about the events' mean over their forecast variance."""
    n = len(e)
    total = 0.0
    for i in range(n):
        distance = n * e[i] - sum(e)
        expected = (n - 1) ** 2 * h[i] + sum(h[j] for j in range(n) if j != i)
        total += distance**2 / expected
    return total / n


def garch_forecasts(e, omega, alpha, beta, start, steps):
    """Variance forecasts of the next rows from every row on, recursion by recursion."""
    v, found = start, []
    for value in e:
        square = v if np.isnan(value) else value**2
        v = omega + alpha * square + beta * v
        ahead = [v]
        for _ in range(steps - 1):
            ahead.append(omega + (alpha + beta) * ahead[-1])
        found.append(ahead)
    return found
