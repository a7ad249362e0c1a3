"""A clock that was a year ahead: its rows hide newer ones until they are taken out."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.cli.main import main
from analysis.errors import DataError
from analysis.store import Store
from analysis.store.repair import rows_ahead, take_out_ahead
from analysis.store.writer import types_of
from tests.stores.rows import Seen, prices, values

NOW = datetime.now(UTC).replace(microsecond=0)
AHEAD = NOW + timedelta(days=366)
DAY, NEXT = date(2025, 1, 6), date(2024, 1, 8)


def clock_at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    for place in ("admission.utc_now", "writer.utc_now"):
        monkeypatch.setattr(f"analysis.store.{place}", lambda: now)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a right row, and two that were stored with the clock ahead."""
    home = tmp_path / "home"
    store = Store(home)
    store.append("prices", prices([Seen(DAY, "S1", NOW - timedelta(days=3), 100.0)]))
    with monkeypatch.context() as patch:
        clock_at(patch, AHEAD)
        wrong = [Seen(DAY, "S1", AHEAD, 200.0), Seen(NEXT, "S1", AHEAD, 201.0)]
        store.append("prices", prices(wrong))
    return home


LATER = [Seen(DAY, "S1", NOW, 101.0), Seen(DAY, "S2", NOW, 7.0)]


def of_tests(home: Path) -> dict[tuple[date, str], float]:
    rows = Store(home).read("prices").filter(pl.col("ticker").str.contains("^S[12]$"))
    return values(rows)


def test_rows_observed_in_the_future_are_moved_to_the_quarantine(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert of_tests(home)[DAY, "S1"] == 200.0
    with pytest.raises(DataError, match=r"nothing was stored\. .* run faultline doctor --repair\."):
        Store(home).append("prices", prices(LATER))
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["doctor"]) == 1
    assert "2 rows were observed in the future" in " ".join(capsys.readouterr().out.split())
    main(["doctor", "--repair", "--json"])
    out, err = capsys.readouterr()
    (said,) = json.loads(out)["repaired"]
    assert said == (
        f"prices: 2 rows were observed in the future (to {AHEAD:%Y-%m-%d %H:%M} UTC) and would have"
        " hidden newer figures until then; moved to the quarantine, fetch them again with faultline"
        " data update."
    )
    assert f"repaired: {said}" in err
    assert of_tests(home) == {(DAY, "S1"): 100.0}
    kept = Store(home).quarantined("prices")
    assert [json.loads(row)["adj_close"] for row in kept["row"]] == [201.0, 200.0]
    assert kept["observed_at"].to_list() == [AHEAD, AHEAD]
    assert "a clock was wrong when the row was stored" in kept["reason"][0]
    assert main(["data", "verify"]) == 0
    assert rows_ahead(home) == {}
    # What was taken out can be fetched again, and the store goes on.
    again = Store(home).append("prices", prices([*LATER, Seen(NEXT, "S1", NOW, 99.0)]))
    assert (again.new, again.revised) == (2, 1)
    assert of_tests(home) == {(DAY, "S1"): 101.0, (DAY, "S2"): 7.0, (NEXT, "S1"): 99.0}


def test_a_repair_that_died_half_way_is_finished_and_keeps_each_row_once(home: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.store.delta.DeltaRows.delete_after", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(take_out_ahead(home))
    assert rows_ahead(home)["prices"][0] == 2
    list(take_out_ahead(home))
    assert rows_ahead(home) == {}
    assert Store(home).quarantined("prices").height == 2


def test_a_store_whose_clock_was_right_is_left_alone(home: Path) -> None:
    assert [step.table for step in take_out_ahead(home)] == ["prices"]
    before = Store(home).version("prices")
    assert list(take_out_ahead(home)) == []
    assert Store(home).version("prices") == before


def test_a_clock_that_is_behind_takes_nothing_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Store(home).version("prices")
    clock_at(monkeypatch, datetime(2020, 1, 1, tzinfo=UTC))
    (step,) = take_out_ahead(home)
    assert not step.done
    assert "clock (2020-01-01 00:01 UTC) is behind the bundled" in step.sentence
    assert Store(home).version("prices") == before


def risk(day: date, seen: datetime) -> pl.DataFrame:
    """One row of another table."""
    row = {"date": day, "series": "GPRD", "value": 100.0, "source": "a source", "observed_at": seen}
    return pl.DataFrame(
        [row | {"backfilled": False, "flag": None}], schema=types_of("risk_indexes")
    )


def test_a_clock_that_is_behind_one_table_stores_nothing_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, store = tmp_path / "home", Store(tmp_path / "home", seed=None)
    store.append("prices", prices([Seen(DAY, "S1", NOW - timedelta(hours=1), 100.0)]))
    behind = NOW - timedelta(days=40)
    clock_at(monkeypatch, behind)
    for one in (store, Store(home, seed=None)):
        with pytest.raises(DataError, match=r"Table 'prices' .* nothing was stored\."):
            one.append("risk_indexes", risk(DAY, behind))
    assert Store(home, seed=None).read("risk_indexes").is_empty()


def test_a_damaged_table_stops_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path / "home", seed=None)
    store.append("prices", prices([Seen(DAY, "S1", NOW, 100.0)]))
    next((tmp_path / "home" / "prices" / "_delta_log").glob("*.json")).write_bytes(b"{")
    again = Store(tmp_path / "home", seed=None)
    assert again.append("risk_indexes", risk(DAY, NOW)).new == 1
    with pytest.raises(DataError, match="differs from what was stored"):
        again.append("prices", prices([Seen(NEXT, "S1", NOW, 100.0)]))
