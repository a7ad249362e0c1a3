"""How fast a source may be asked, and how long it wants to be left alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TypeVar

from analysis import settings
from analysis.errors import SourceError

Found = TypeVar("Found")

A_DAY = 86_400.0
"""Seconds by which two clocks may differ: more would date figures wrongly."""

_LONGEST_SAID = 365 * A_DAY
"""Nobody waits so long; a source that names more, or no number that a computer has, means never."""


class ClockError(SourceError):
    """Our clock or the source's is wrong."""


@dataclass(frozen=True)
class RetryPolicy:
    """How patient a client is; all in seconds."""

    # connect, read: longest wait for a connection, and for the next piece of a response
    connect: float = 10.0
    read: float = 20.0
    total: float = 45.0  # longest time for one response, all attempts and pauses together
    attempts: int = 4  # how often one question is asked at most
    # pause before the second attempt; it doubles from then on, with jitter of the same size
    first_wait: float = 0.5
    # no pause is longer. A source that asks for more is not asked again.
    longest_wait: float = 60.0

    def retry(
        self, attempt: Callable[[], Found], on: Callable[[Exception], bool | float], total: float
    ) -> Found:
        """Attempt until it succeeds; ``on`` says whether, or after how long, to try again."""
        import stamina

        return stamina.retry(
            on=on,
            attempts=self.attempts,
            timeout=total,
            wait_initial=self.first_wait,
            wait_jitter=self.first_wait,
            wait_max=self.longest_wait,
        )(attempt)()


def default_policy() -> RetryPolicy:
    """The policy with the time-outs that the user set, see `analysis.settings.request_timeout`."""
    total, usually = settings.request_timeout(), RetryPolicy()
    return replace(
        usually, connect=min(usually.connect, total), read=min(usually.read, total), total=total
    )


class RateLimiter:
    """At most so many questions in any one second, over all threads.

    Below 1 ``per_second``: one question each ``1 / per_second`` seconds.
    """

    def __init__(self, per_second: float) -> None:
        self._count = max(1, int(per_second))
        self._period = self._count / per_second
        self._taken: deque[float] = deque(maxlen=self._count)
        self._closed_until = 0.0
        self._lock = Lock()

    def reserve(self, now: float) -> float:
        """Take the next free moment (on the clock of ``now``) and say when it is."""
        with self._lock:
            moment = max(now, self._closed_until)
            if self._taken:
                moment = max(moment, self._taken[-1])
            if len(self._taken) == self._count:
                moment = max(moment, self._taken[0] + self._period)
            self._taken.append(moment)
            return moment

    def close(self, until: float) -> None:
        """Let nobody ask before ``until``: a source told one thread to wait."""
        with self._lock:
            self._closed_until = max(self._closed_until, until)

    def wait(self, most: float) -> float | None:
        """Sleep until it is this thread's turn; None, at once, if that takes too long.

        Returns how many of the seconds are due to the pace, and not to a source that wants rest.
        """
        now = time.monotonic()
        pause = self.reserve(now) - now
        if pause > most:
            return None
        if pause > 0:
            time.sleep(pause)
        rest = max(self._closed_until - now, 0.0)
        return max(pause - rest, 0.0)


_paces: dict[tuple[str, str, float], RateLimiter] = {}
_paces_lock = Lock()


def limiter_for(source: str, host: str, per_second: float) -> RateLimiter:
    """Find the one pace that all clients of a source share towards a host.

    ``FAULTLINE_PACE`` goes before what the loader asks for.
    """
    per_second = settings.rate_limit() or per_second
    with _paces_lock:
        return _paces.setdefault((source, host, per_second), RateLimiter(per_second))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read how many seconds a source wants to be left alone; None where it does not say.

    From ``Retry-After`` (seconds, or a date, which is compared with the source's own ``Date``:
    either clock may be wrong; ``now`` is ours, used where it tells none), else from GitHub's
    ``X-RateLimit-Reset`` once nothing remains. Names of the headers are in lower case.
    """
    theirs = _date(headers.get("date", "")) or now
    after = headers.get("retry-after", "").strip()
    if after.isdecimal():
        return min(float(after), _LONGEST_SAID)
    if (moment := _date(after)) is not None:
        return max(0.0, min((moment - theirs).total_seconds(), _LONGEST_SAID))
    reset = headers.get("x-ratelimit-reset", "").strip()
    if headers.get("x-ratelimit-remaining", "").strip() == "0" and reset.isdecimal():
        return max(0.0, min(float(reset) - theirs.timestamp(), _LONGEST_SAID))
    return None


def check_clock(source: str, headers: Mapping[str, str], now: datetime) -> float:
    """Seconds by which a source's clock is ahead of ours, which figures are dated with.

    A response from a cache is as old as its ``Age`` says; 0 where it tells no time. A `ClockError`
    where the clocks differ by more than `A_DAY`. Names of the headers are in lower case.
    """
    theirs = _date(headers.get("date", ""))
    if theirs is None:
        return 0.0
    age = headers.get("age", "").strip()
    ahead = (theirs - now).total_seconds()
    if age.isascii() and age.isdecimal() and ahead < 0:
        ahead += min(float(age), -ahead)
    if abs(ahead) > A_DAY:
        raise ClockError(
            f"{source}: its clock says {theirs:%Y-%m-%d %H:%M} UTC and this machine's "
            f"{now:%Y-%m-%d %H:%M} UTC: they differ by more than a day, so nothing was stored. "
            "Correct this machine's clock, or try again later."
        )
    return ahead


def _date(text: str) -> datetime | None:
    """Read an HTTP date; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
