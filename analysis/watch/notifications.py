"""Alerts as notices: to chats, mail and phones, through Apprise.

A notify URL is a secret as a whole (a Telegram URL is little but its token), so messages name it
by its place and its scheme alone, and what Apprise itself would log is held back.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.plain_text import visible
from analysis.watch.alerts import Alert
from analysis.watch.postman import Postman

if TYPE_CHECKING:
    from apprise import NotifyBase

_SHOWN = 20
VARIABLE = "FAULTLINE_NOTIFY"


@dataclass(frozen=True)
class Notification:
    """One message about some alerts of one subject."""

    title: str
    body: str
    ids: tuple[str, ...]


class Target(Postman):
    """Where notices go.

    Parameters
    ----------
    url : str
        As Apprise reads it: ``tgram://...``, ``mailto://...``, ``json://...``.
    place : int
        Its number among those given, for messages.

    Raises
    ------
    InputError
        When Apprise cannot use it; the message holds nothing of it but its scheme.
    """

    def __init__(self, url: str, place: int) -> None:
        scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*(?=://)", url)
        self.name = f"notify URL {place} ({scheme[0] + '://' if scheme else 'no scheme'})"
        # Short on purpose: tells a few addresses apart, and is no help to guess a password.
        self.fingerprint = hashlib.sha256(url.encode()).hexdigest()[:8]
        super().__init__(url)
        if _service(url) is None:
            raise InputError(
                f"The {self.name} cannot be used: write it in Apprise's form, for instance "
                "json://host/path or tgram://token/chat; docs/watch.md has examples."
            )


def addresses(urls: Iterable[str]) -> list[Target]:
    """Addresses of the URLs given, then of those in ``FAULTLINE_NOTIFY``; each once."""
    given = [*urls, *os.environ.get(VARIABLE, "").split()]
    return [Target(url, place) for place, url in enumerate(dict.fromkeys(given), start=1)]


def notices(alerts: Sequence[Alert]) -> Iterator[Notification]:
    """One notice per subject, so that an author who changes a hundred models sends one."""
    for subject, group in groupby(alerts, key=lambda alert: alert.subject):
        own = list(group)
        # An alert that is sent again, after a kill or by a service that failed half way, may be
        # grouped with others then: its own id is what tells that it is the same one.
        lines = [
            visible(f"{' '.join(filter(None, (alert.text, alert.url)))} [{alert.id}]")
            for alert in own[:_SHOWN]
        ]
        if len(own) > _SHOWN:
            lines.append(f"and {len(own) - _SHOWN} more: see the home's folder watch/alerts.")
        title = own[0].text.rstrip(".") if len(own) == 1 else f"{len(own)} alerts: {subject}"
        yield Notification(
            visible(f"Faultline: {title}")[:200], "\n".join(lines), tuple(one.id for one in own)
        )


def _service(url: str) -> NotifyBase | None:
    from apprise import Apprise

    with _quiet_logs():
        found = Apprise.instantiate(url, suppress_exceptions=True)
    return found if found is not None and hasattr(found, "notify") else None


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Hold back what Apprise and its HTTP library log: it may quote the URL."""
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3", "requests")]
    before = [logger.disabled for logger in loggers]
    children = [
        logger
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and name.startswith(("apprise.", "urllib3."))
    ]
    loggers += children
    before += [logger.disabled for logger in children]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, state in zip(loggers, before, strict=True):
            logger.disabled = state
