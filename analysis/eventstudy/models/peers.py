"""Benchmarks made of the other securities of a study: equal-weight, without the shocked.

An index that holds the shocked firms absorbs part of the shock. An `EqualWeight` stands
where the name of a benchmark could stand, ``MarketModel(market=EqualWeight())``, and becomes
columns of factors when the study is made.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.models.lagged_factors import event_securities as with_events

if TYPE_CHECKING:
    import pandas as pd

    from analysis.eventstudy.core.arrays import Floats, Ints

LEAVE_OUT = ("itself", "shocked", "nothing")

_Pool = frozenset[Hashable]


@dataclass(frozen=True)
class EqualWeight:
    """Mean return of a security's peers on each day, every peer counting alike.

    Peers are columns of the study's ``returns``; give returns of more securities than have
    events, so that there are some. A day on which fewer than ``minimum`` peers have a return
    is missing; no return is filled.

    Parameters
    ----------
    securities : sequence, or mapping of security to sequence, optional
        The peers, or each security's own; all columns of ``returns`` by default.
    leave_out : {"itself", "shocked", "nothing"} or collection of securities
        Who is no peer although it is listed: the security itself (ex-constituent); every
        security with an event in the study; nobody; or the securities named, and the
        security itself.
    minimum : int
        Least number of peers with a return on a day.

    Raises
    ------
    InputError
        An unknown word, or a minimum below 1.

    Notes
    -----
    MacKinlay (1997, section 4) takes the equal-weight index as the market of the market
    model. That an index holds the firm itself takes a share of the abnormal return out of
    it; leaving it out is the ex-constituent index. A security with fewer than ``minimum``
    peers has no benchmark and goes into the ledger.
    """

    securities: Sequence[Hashable] | Mapping[Hashable, Sequence[Hashable]] | None = None
    leave_out: str | Collection[Hashable] = "itself"
    minimum: int = 5

    def __post_init__(self) -> None:
        if isinstance(self.leave_out, str):
            if self.leave_out not in LEAVE_OUT:
                raise unknown_name("leave_out", self.leave_out, LEAVE_OUT)
        else:
            object.__setattr__(self, "leave_out", frozenset(self.leave_out))
        if isinstance(self.securities, str):
            raise InputError(
                f"EqualWeight needs a list of securities, not {self.securities!r} alone."
            )
        if not isinstance(self.minimum, int) or self.minimum < 1:
            raise InputError(f"minimum must be a whole number of at least 1, not {self.minimum!r}.")

    def columns(
        self, returns: pd.DataFrame, events: pd.DataFrame
    ) -> tuple[dict[Hashable, str | None], pd.DataFrame]:
        """Average the peers of every security with an event.

        Returns
        -------
        dict
            Security to its column; None where it has too few peers.
        pandas.DataFrame
            Dates × columns, decimal, NaN on days with fewer than `minimum` peers.

        Raises
        ------
        InputError
            A peer that is not a column of ``returns``, or no security with enough peers.
        """
        import pandas as pd

        pools = _Pools(returns, self.minimum)
        shocked = with_events(events)
        gone = self._gone(shocked, returns)
        shared = None if isinstance(self.securities, Mapping) else self._pool(None, returns) - gone
        column_of: dict[Hashable, str | None] = {}
        made: dict[tuple[_Pool, Hashable | None], str] = {}
        figures: dict[str, Floats] = {}
        for security in shocked:
            pool = self._pool(security, returns) - gone if shared is None else shared
            own = security if self.leave_out != "nothing" and security in pool else None
            if len(pool) - (own is not None) < self.minimum:
                column_of[security] = None
                continue
            if (pool, own) not in made:
                name = f"peers of {security}"
                made[pool, own] = name
                figures[name] = pools.mean(pool, own)
            column_of[security] = made[pool, own]
        if not figures:
            raise InputError(
                f"EqualWeight finds fewer than minimum={self.minimum} peers for every security "
                f"among the {len(returns.columns)} columns of returns; give returns of more "
                "securities than have events, or a lower minimum."
            )
        return column_of, pd.DataFrame(figures, index=returns.index)

    def peers(self, returns: pd.DataFrame, events: pd.DataFrame) -> frozenset[Hashable]:
        """Name every column of returns that is some security's peer."""
        shocked = with_events(events)
        mapped = isinstance(self.securities, Mapping)
        pools = [self._pool(one, returns) for one in (shocked if mapped else [None])]
        return frozenset().union(*pools) - self._gone(shocked, returns)

    def _gone(self, shocked: list[Hashable], returns: pd.DataFrame) -> _Pool:
        """Who is left out for every security."""
        if isinstance(self.leave_out, str):
            return frozenset(shocked) if self.leave_out == "shocked" else frozenset()
        return _all_known(self.leave_out, returns.columns, "security to leave out")

    def _pool(self, security: Hashable, returns: pd.DataFrame) -> _Pool:
        """Those who are listed as peers of a security."""
        if self.securities is None:
            return frozenset(returns.columns)
        listed = self.securities
        if isinstance(listed, Mapping):
            listed = listed.get(security, ())
        return _all_known(listed, returns.columns, "peer")


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


class _Pools:
    """Sums over pools of securities, each made once however many securities share it."""

    def __init__(self, returns: pd.DataFrame, minimum: int) -> None:
        self._values = returns.to_numpy()
        self._columns = returns.columns
        self._minimum = minimum
        self._sums: dict[_Pool, tuple[Floats, Ints]] = {}

    def mean(self, pool: _Pool, own: Hashable | None) -> Floats:
        """Mean of a pool without one of its members, NaN where too few have a return."""
        if pool not in self._sums:
            members = np.flatnonzero(self._columns.isin(list(pool)))
            self._sums[pool] = _sum(self._values[:, members])
        total, count = self._sums[pool]
        if own is not None:
            mine, there = _sum(self._values[:, self._columns == own])
            total, count = total - mine, count - there
        return np.where(count >= self._minimum, total / np.maximum(count, 1), np.nan)


def _sum(values: Floats) -> tuple[Floats, Ints]:
    """Sum and number of the values of each day."""
    known = np.isfinite(values)
    return np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1)


def _all_known(listed: Iterable[Hashable], columns: pd.Index, kind: str) -> _Pool:
    chosen = frozenset(listed)
    for name in chosen:
        if name not in columns:
            raise unknown_name(kind, str(name), map(str, columns))
    return chosen
