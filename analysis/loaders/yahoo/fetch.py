"""Fetch many tickers from Yahoo: concurrently, with retries, and once for both loaders.

Called by `analysis.loaders.yahoo.prices`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from analysis import settings
from analysis.dates import utc_now
from analysis.errors import InputError
from analysis.loaders.base import Request
from analysis.loaders.http.rate_limit import RetryPolicy
from analysis.loaders.wording import describe_error
from analysis.loaders.yahoo.history import (
    NOT_ASKED,
    PriceHistory,
    TickerFailure,
    chart_of,
    diagnose,
    no_new_data,
    price_history,
)
from analysis.loaders.yahoo.session import PER_SECOND, YahooSession, yahoo_policy, yahoo_session

SYMBOLS = {"HSTECH": "HSTECH.HK"}
"""Tickers that Yahoo names otherwise than the catalogue."""

# A question costs the same for a week as for half a year: the longer answer serves both loaders.
_AT_LEAST = timedelta(days=150)
# A price is held against the one before it, so the first day asked for needs that one too.
_BEFORE = timedelta(days=14)
_FRESH = 600.0  # seconds for which a response serves the other loader


Clock = Callable[[], datetime]


@dataclass(frozen=True)
class FetchOptions:
    """How Yahoo is asked."""

    policy: RetryPolicy | None = None  # with each ticker; by default that of `yahoo_policy`
    per_second: float = PER_SECOND  # requests
    workers: int = 4  # tickers asked for side by side
    clock: Clock = utc_now


@dataclass
class CachedHistory:
    """What Yahoo said about a ticker."""

    since: date | None  # first day asked for; None for all
    result: PriceHistory | TickerFailure | None  # None when it is listed and nothing happened
    requested_at: datetime  # UTC
    moment: float  # the same on the monotonic clock
    # loaders that have had it: one that asks again wants to know again
    consumers: set[str] = field(default_factory=set)

    def serves(self, since: date | None, consumer: str) -> bool:
        """Whether a loader that wants the days from ``since`` on can use it."""
        covers = self.since is None or (since is not None and self.since <= since)
        young = time.monotonic() - self.moment < _FRESH
        return covers and young and consumer not in self.consumers


# So many tickers without any response, and none with one: Yahoo cannot be reached.
_MAX_UNREACHABLE = 3

Found = TypeVar("Found")

_cache: dict[tuple[str, str], CachedHistory] = {}
_cache_lock = threading.Lock()


def fetch_tickers(
    consumer: str, names: Iterable[str], request: Request, options: FetchOptions
) -> dict[str, CachedHistory]:
    """What Yahoo says about each ticker: to the other loader a moment ago, or now to ``consumer``.

    Of the request the first day and the archive count.
    """
    policy = options.policy or yahoo_policy()
    place = settings.base_url("yahoo")
    with yahoo_session(request.archive, policy, options.per_second) as yahoo:
        with _cache_lock:
            held = {name: _cache.get((place, name)) for name in names}
        unknown = [
            name
            for name, said in held.items()
            if said is None or not said.serves(request.since, consumer)
        ]
        fresh = FetchRound(yahoo, request.since, policy, options.clock).fetch(
            unknown, options.workers
        )
        with _cache_lock:
            _cache.update({(place, name): said for name, said in fresh.items()})
            found = {name: _cache[place, name] for name in held}
            for said in found.values():
                said.consumers.add(consumer)
        return found


class TickerError(Exception):
    """Carries a failure to `retry`, which tries again where that may help."""

    def __init__(self, what: TickerFailure) -> None:
        super().__init__(what.reason)
        self.what = what


def retry(
    ask: Callable[[], Found], policy: RetryPolicy, give_up: Callable[[], bool] = lambda: False
) -> Found | TickerFailure:
    """Ask until there is a response, or no attempt, no time or no hope (``give_up``) is left.

    ``ask`` raises `TickerError` for what went wrong. Whoever is told to wait for longer than the
    policy allows does not ask again.
    """

    def pause(error: Exception) -> bool | float:
        if not isinstance(error, TickerError) or not error.what.may_pass or give_up():
            return False
        wait = error.what.wait
        if wait is None:
            return True
        return max(wait, policy.first_wait) if wait <= policy.longest_wait else False

    try:
        return policy.retry(ask, pause, policy.total)
    except TickerError as error:
        return error.what


class FetchRound:
    """One round of questions; once Yahoo turns us away for good, nobody asks on."""

    def __init__(
        self, yahoo: YahooSession, since: date | None, policy: RetryPolicy, clock: Clock
    ) -> None:
        self._yahoo = yahoo
        self._policy = policy
        self._clock = clock
        self._now = clock()
        self._since = since and min(since - _BEFORE, self._now.date() - _AT_LEAST)
        self._blocked = threading.Event()
        self._reached = threading.Event()
        self._unreachable: set[str] = set()

    def fetch(self, names: list[str], workers: int) -> dict[str, CachedHistory]:
        """Ask for tickers side by side."""
        if not names:
            return {}
        with ThreadPoolExecutor(workers, thread_name_prefix="yahoo") as pool:
            results = pool.map(self._fetch_ticker, names)
            moment = time.monotonic()
            return {
                name: CachedHistory(self._since, result, self._now, moment)
                for name, result in zip(names, results, strict=True)
            }

    def _fetch_ticker(self, name: str) -> PriceHistory | TickerFailure | None:
        """Ask until there is a response, or no hope is left for anybody."""
        result: PriceHistory | TickerFailure | None
        try:
            result = retry(lambda: self._fetch_once(name), self._policy, self._give_up)
        except InputError:
            raise
        except Exception as error:  # a figure that nobody foresaw is the trouble of one ticker
            result = TickerFailure(describe_error(error).rstrip("."))
        if not isinstance(result, TickerFailure) or not result.unreachable:
            self._reached.set()
        else:
            self._unreachable.add(name)
        silent = len(self._unreachable) >= _MAX_UNREACHABLE and not self._reached.is_set()
        if silent or (isinstance(result, TickerFailure) and result.blocked):
            self._blocked.set()
        return result

    def _give_up(self) -> bool:
        return self._blocked.is_set() or self._yahoo.adapter.budget.left() <= 0

    def _fetch_once(self, name: str) -> PriceHistory | TickerFailure | None:
        import yfinance

        if self._blocked.is_set():
            return TickerFailure(NOT_ASKED, blocked=True)
        symbol = SYMBOLS.get(name, name)
        self._yahoo.forget(symbol)
        try:
            history = self._history(yfinance.Ticker(symbol, session=self._yahoo.session))
        except InputError:
            raise
        except Exception as error:  # yfinance lets through whatever its parts raise
            return self._diagnose(symbol, error)
        last = self._yahoo.last_response(symbol)
        chart = chart_of(last.content) if last else {}
        if not chart:
            return TickerFailure("Yahoo sent nothing that can be read as prices")
        try:
            return price_history(name, history, chart, self._now)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return TickerFailure(f"Yahoo's response has changed its shape ({error!r})")

    def _history(self, ticker: Any) -> Any:
        span: dict[str, Any] = {"start": self._since} if self._since else {"period": "max"}
        return ticker.history(
            interval="1d", auto_adjust=False, actions=True, timeout=self._policy.read, **span
        )

    def _diagnose(self, symbol: str, error: Exception) -> TickerFailure | None:
        last = self._yahoo.last_response(symbol)
        chart = chart_of(last.content) if last and last.status == 200 else {}
        if chart and not chart.get("timestamp"):
            return no_new_data(chart, self._now)
        raise TickerError(diagnose(last, error)) from None
