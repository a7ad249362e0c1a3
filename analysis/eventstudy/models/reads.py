"""Which series a model reads beside the returns of the events' securities."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.eventstudy.models.peers import EqualWeight


@dataclass(frozen=True)
class Reads:
    """Names of series, each once.

    Attributes
    ----------
    benchmarks : tuple of str
        Columns that the model takes for the market.
    factors : tuple of str
        Other columns of factors.
    peers : EqualWeight or None
        The mean of peers that it takes for the market.
    """

    benchmarks: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    peers: EqualWeight | None = None
