"""A table gone through piece by piece says what it says when it is read whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from analysis.settings import bundled
from analysis.store import Store
from tests.stores.rows import Seen, at, prices

COLUMNS = ["ticker", "date", "adj_close", "source", "observed_at"]


def whole(store: Store, name: str = "prices") -> list[tuple[object, ...]]:
    columns = COLUMNS if name == "prices" else store.read(name).columns
    return sorted(store.read(name).select(columns).rows(), key=str)


def in_pieces(store: Store, name: str = "prices") -> list[tuple[object, ...]]:
    columns = COLUMNS if name == "prices" else store.read(name).columns
    rows = [row for piece in store.pieces(name, columns) for row in piece.rows()]
    return sorted(rows, key=str)


def filled(home: Path) -> Store:
    """Two years, twelve tickers, some figures revised later and others found earlier."""
    store = Store(home, seed=None)
    days = [date(2024, 12, 30), date(2024, 12, 31), date(2025, 1, 2), date(2025, 1, 3)]
    tickers = [f"S{number:02d}" for number in range(12)]
    first = [Seen(day, ticker, at(6), 100.0) for day in days for ticker in tickers]
    again = [Seen(day, ticker, at(8), 101.0) for day in days[1:3] for ticker in tickers[:5]]
    late = [Seen(day, ticker, at(7), 102.0) for day in days[2:] for ticker in tickers[3:8]]
    for rows in (first, again, late):
        store.append("prices", prices(rows))
    return store


@pytest.mark.parametrize("size", [2_000_000, 20, 1])
@pytest.mark.parametrize("compacted", [False, True])
def test_each_key_is_in_one_piece_with_its_last_observation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, compacted: bool
) -> None:
    store = filled(tmp_path / "home")
    if compacted:
        store.compact("prices")
    monkeypatch.setattr("analysis.store.writer.PIECE", size)
    found = in_pieces(store)
    assert found == whole(store)
    assert len(found) == 48
    assert max(piece.height for piece in store.pieces("prices", COLUMNS)) <= max(size, 24)


@pytest.mark.parametrize("name", ["factors", "revenues", "downloads", "artefacts"])
def test_the_snapshot_is_one_piece_and_a_table_without_parts_is_cut_by_a_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, live = Store(bundled("data/snapshot")), Store(tmp_path / "home")
    live.seed()
    monkeypatch.setattr("analysis.store.writer.PIECE", 500)
    if name in snapshot.names():
        assert in_pieces(snapshot, name) == whole(snapshot, name) == in_pieces(live, name)


def test_a_table_that_was_not_begun_has_no_piece(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    assert list(Store(tmp_path / "home", seed=None).pieces("prices", ["ticker"])) == []


def test_refused_rows_are_counted_by_source(tmp_path: Path) -> None:
    store = Store(tmp_path / "home", seed=None)
    rows = prices([Seen(date(2025, 1, 6), "NVDA", at(6), -1.0)])
    store.append("prices", rows)
    store.append("prices", rows.with_columns(source=pl.lit(None, pl.String)))
    assert store.quarantined_by("prices") == {"a vendor": 1, None: 1}
    assert store.quarantined_by("factors") == {}
