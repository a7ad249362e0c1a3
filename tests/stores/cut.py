"""Small stores for tests of power cuts and damage."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from analysis.files import write_atomic
from analysis.store import Store
from analysis.store.delta_log import LOG
from tests.stores.rows import Seen, at, prices

DAYS = [date(2025, 1, 6) + timedelta(days=number) for number in range(25)]


def seen(day: date, ticker: str = "NVDA", value: float = 100.0) -> Seen:
    """One observation, made on its day."""
    return Seen(day, ticker, at(day.day), value)


def filled(home: Path, days: int = 3) -> Store:
    """A store with one commit for each of the first days."""
    store = Store(home, seed=None)
    for day in DAYS[:days]:
        store.append("prices", prices([seen(day)]))
    return store


def last_entry(home: Path, table: str = "prices") -> Path:
    """The newest commit of a table."""
    return max((home / table / LOG).glob("*.json"))


def unsaid(home: Path, day: date) -> Path:
    """A commit whose append never returned: as another process would have left it."""
    index = home / ".checksums" / "prices.jsonl"
    before = index.read_bytes()
    Store(home, seed=None).append("prices", prices([seen(day)]))
    write_atomic(index, before)
    return last_entry(home)
