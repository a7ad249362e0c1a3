"""Asking Yahoo about many tickers: side by side, patiently, and once for both loaders.

Called by `analysis.loaders.yahoo.prices`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from analysis import settings
from analysis.errors import InputError
from analysis.loaders.base import Request
from analysis.loaders.http.rate_limit import Timing
from analysis.loaders.wording import worded
from analysis.loaders.yahoo.history import (
    NOT_ASKED,
    Listing,
    Trouble,
    chart_of,
    listing,
    nothing_new,
    trouble,
)
from analysis.loaders.yahoo.session import Visit, patience, visit

SYMBOLS = {"HSTECH": "HSTECH.HK"}
"""Tickers that Yahoo names otherwise than the catalogue."""

# A question costs the same for a week as for half a year: the longer answer serves both loaders.
_AT_LEAST = timedelta(days=150)
# A price is held against the one before it, so the first day asked for needs that one too.
_BEFORE = timedelta(days=14)
_FRESH = 600.0  # seconds for which an answer serves the other loader


def now() -> datetime:
    """Read the clock of this machine, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Manner:
    """How Yahoo is asked.

    Attributes
    ----------
    timing : analysis.loaders.http.rate_limit.Timing or None
        How patient to be with each ticker; None for the usual patience.
    per_second : float
        Requests that may start in one second.
    workers : int
        Tickers asked for side by side.
    clock : callable
        Gives the present moment (UTC).
    """

    timing: Timing | None
    per_second: float
    workers: int
    clock: Clock


@dataclass
class Told:
    """What Yahoo said about a ticker.

    Attributes
    ----------
    since : datetime.date or None
        The first day asked for; None for all.
    answer : Listing, Trouble or None
        None when it is listed, and nothing happened.
    asked_at : datetime.datetime
        When it was asked (UTC).
    moment : float
        The same on the monotonic clock.
    takers : set of str
        Loaders that have had it: one that asks again wants to know again.
    """

    since: date | None
    answer: Listing | Trouble | None
    asked_at: datetime
    moment: float
    takers: set[str] = field(default_factory=set)

    def serves(self, since: date | None, taker: str) -> bool:
        """Whether a loader that wants the days from ``since`` on can use it."""
        covers = self.since is None or (since is not None and self.since <= since)
        young = time.monotonic() - self.moment < _FRESH
        return covers and young and taker not in self.takers


# So many tickers without any answer, and none with one: Yahoo cannot be reached.
_SILENT = 3

Clock = Callable[[], datetime]
Found = TypeVar("Found")

_told: dict[tuple[str, str], Told] = {}
_told_lock = threading.Lock()


def answers(taker: str, names: Iterable[str], request: Request, manner: Manner) -> dict[str, Told]:
    """What Yahoo says about each ticker: to the other loader a moment ago, or now.

    Parameters
    ----------
    taker : str
        The loader that wants to know.
    names : iterable of str
        Tickers of the catalogue.
    request : Request
        Its first day and its archive count.
    manner : Manner
    """
    timing = manner.timing or patience()
    place = settings.base_url("yahoo")
    with visit(request.archive, timing, manner.per_second) as here:
        with _told_lock:
            held = {name: _told.get((place, name)) for name in names}
        unknown = [
            name
            for name, said in held.items()
            if said is None or not said.serves(request.since, taker)
        ]
        fresh = _Round(here, request.since, timing, manner.clock).about(unknown, manner.workers)
        with _told_lock:
            _told.update({(place, name): said for name, said in fresh.items()})
            found = {name: _told[place, name] for name in held}
            for said in found.values():
                said.takers.add(taker)
        return found


class Troubled(Exception):
    """A trouble on its way to `patiently`, which asks again where that may help."""

    def __init__(self, what: Trouble) -> None:
        super().__init__(what.reason)
        self.what = what


def patiently(
    ask: Callable[[], Found], timing: Timing, hopeless: Callable[[], bool] = lambda: False
) -> Found | Trouble:
    """Ask until there is an answer, or no attempt, time or hope is left.

    Parameters
    ----------
    ask : callable
        Raises `Troubled` for what went wrong.
    timing : analysis.loaders.http.rate_limit.Timing
        Attempts and pauses. Whoever is told to wait for longer does not ask again.
    hopeless : callable
        Whether to give up between attempts.
    """
    import stamina

    def pause(error: Exception) -> bool | float:
        if not isinstance(error, Troubled) or not error.what.may_pass or hopeless():
            return False
        wait = error.what.wait
        if wait is None:
            return True
        return max(wait, timing.first_wait) if wait <= timing.longest_wait else False

    attempt = stamina.retry(
        on=pause,
        attempts=timing.attempts,
        timeout=timing.total,
        wait_initial=timing.first_wait,
        wait_jitter=timing.first_wait,
        wait_max=timing.longest_wait,
    )(ask)
    try:
        return attempt()
    except Troubled as error:
        return error.what


class _Round:
    """One round of questions; once Yahoo turns us away for good, nobody asks on."""

    def __init__(self, here: Visit, since: date | None, timing: Timing, clock: Clock) -> None:
        self._here = here
        self._timing = timing
        self._clock = clock
        self._now = clock()
        self._since = since and min(since - _BEFORE, self._now.date() - _AT_LEAST)
        self._turned_away = threading.Event()
        self._heard = threading.Event()
        self._unheard: set[str] = set()

    def about(self, names: list[str], workers: int) -> dict[str, Told]:
        if not names:
            return {}
        with ThreadPoolExecutor(workers, thread_name_prefix="yahoo") as pool:
            answers = pool.map(self._answer, names)
            moment = time.monotonic()
            return {
                name: Told(self._since, answer, self._now, moment)
                for name, answer in zip(names, answers, strict=True)
            }

    def _answer(self, name: str) -> Listing | Trouble | None:
        """Ask until there is an answer, or no hope is left for anybody."""
        answer: Listing | Trouble | None
        try:
            answer = patiently(lambda: self._once(name), self._timing, self._hopeless)
        except InputError:
            raise
        except Exception as error:  # a figure that nobody foresaw is the trouble of one ticker
            answer = Trouble(worded(error).rstrip("."))
        if not isinstance(answer, Trouble) or not answer.unheard:
            self._heard.set()
        else:
            self._unheard.add(name)
        silent = len(self._unheard) >= _SILENT and not self._heard.is_set()
        if silent or (isinstance(answer, Trouble) and answer.blocked):
            self._turned_away.set()
        return answer

    def _hopeless(self) -> bool:
        return self._turned_away.is_set() or self._here.door.budget.left() <= 0

    def _once(self, name: str) -> Listing | Trouble | None:
        import yfinance

        if self._turned_away.is_set():
            return Trouble(NOT_ASKED, blocked=True)
        symbol = SYMBOLS.get(name, name)
        self._here.forget(symbol)
        try:
            history = self._history(yfinance.Ticker(symbol, session=self._here.session))
        except InputError:
            raise
        except Exception as error:  # yfinance lets through whatever its parts raise
            return self._judged(symbol, error)
        heard = self._here.heard(symbol)
        chart = chart_of(heard.content) if heard else {}
        if not chart:
            return Trouble("Yahoo sent nothing that can be read as prices")
        try:
            return listing(name, history, chart, self._now)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return Trouble(f"Yahoo's answer has changed its shape ({error!r})")

    def _history(self, ticker: Any) -> Any:
        span: dict[str, Any] = {"start": self._since} if self._since else {"period": "max"}
        return ticker.history(
            interval="1d", auto_adjust=False, actions=True, timeout=self._timing.read, **span
        )

    def _judged(self, symbol: str, error: Exception) -> Trouble | None:
        heard = self._here.heard(symbol)
        chart = chart_of(heard.content) if heard and heard.status == 200 else {}
        if chart and not chart.get("timestamp"):
            return nothing_new(chart, self._now)
        raise Troubled(trouble(heard, error)) from None
