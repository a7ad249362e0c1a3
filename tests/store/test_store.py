"""Reading as of a day: per key, the last observation made by then."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import DataError, InputError
from analysis.store import Store
from analysis.tables import TABLES, keys_of

DAYS = st.dates(date(2025, 1, 1), date(2025, 1, 6))
INSTANTS = st.datetimes(datetime(2025, 1, 7), datetime(2025, 1, 20), timezones=st.just(UTC))
OBSERVATIONS = st.lists(
    st.tuples(DAYS, st.sampled_from(["NVDA", "TSM"]), INSTANTS, st.floats(1, 1000)),
    unique_by=lambda row: row[:3],
    max_size=25,
)


def prices(rows: list[tuple[date, str, datetime, float]]) -> pl.DataFrame:
    types = {name: held.dtype for name, held in TABLES["prices"].columns().items()}
    return pl.DataFrame(
        [
            {
                "date": day,
                "ticker": ticker,
                "adj_close": value,
                "source": "a vendor",
                "observed_at": at,
                "backfilled": False,
            }
            for day, ticker, at, value in rows
        ],
        schema=types,
    )


def stored(folder: Path, rows: list[tuple[date, str, datetime, float]]) -> Store:
    prices(rows).write_parquet(folder / "prices.parquet")
    return Store(folder)


@pytest.fixture
def revised(tmp_path: Path) -> Store:
    """One close, observed on 27 January and corrected on the 29th."""
    day = date(2025, 1, 27)
    return stored(
        tmp_path,
        [
            (day, "NVDA", datetime(2025, 1, 29, 9, tzinfo=UTC), 118.39),
            (day, "NVDA", datetime(2025, 1, 27, 21, tzinfo=UTC), 118.42),
            (day, "TSM", datetime(2025, 1, 27, 21, tzinfo=UTC), 192.31),
        ],
    )


def closes(frame: pl.DataFrame) -> dict[str, float]:
    return dict(frame.select("ticker", "adj_close").iter_rows())


def test_without_a_day_the_last_observation_of_every_key_counts(revised: Store) -> None:
    assert closes(revised.read("prices")) == {"NVDA": 118.39, "TSM": 192.31}


def test_a_day_means_its_end_in_utc(revised: Store) -> None:
    assert closes(revised.read("prices", date(2025, 1, 28))) == {"NVDA": 118.42, "TSM": 192.31}
    assert closes(revised.read("prices", date(2025, 1, 29)))["NVDA"] == 118.39


def test_an_instant_counts_itself_in_any_time_zone(revised: Store) -> None:
    shanghai = timezone(timedelta(hours=8))
    at = datetime(2025, 1, 29, 17, tzinfo=shanghai)
    assert closes(revised.read("prices", at))["NVDA"] == 118.39
    assert closes(revised.read("prices", at - timedelta(seconds=1)))["NVDA"] == 118.42


def test_an_instant_without_a_time_zone_is_refused(revised: Store) -> None:
    with pytest.raises(InputError, match="has no time zone: give it in UTC"):
        revised.read("prices", datetime(2025, 1, 29))


def test_before_the_first_observation_the_table_is_empty(revised: Store) -> None:
    empty = revised.read("prices", date(2025, 1, 26))
    assert empty.height == 0
    assert empty.columns == TABLES["prices"].column_names()


@given(observations=OBSERVATIONS, order=st.randoms(use_true_random=False), day=DAYS)
def test_the_order_of_appends_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    observations: list[tuple[date, str, datetime, float]],
    order: object,
    day: date,
) -> None:
    shuffled = list(observations)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    as_of = day + timedelta(days=10)
    first = stored(tmp_path_factory.mktemp("store"), observations).read("prices", as_of)
    second = stored(tmp_path_factory.mktemp("store"), shuffled).read("prices", as_of)
    assert first.equals(second)


@given(observations=OBSERVATIONS, moments=st.tuples(INSTANTS, INSTANTS))
def test_a_later_reading_knows_every_key_of_an_earlier_one_and_nothing_older(
    tmp_path_factory: pytest.TempPathFactory,
    observations: list[tuple[date, str, datetime, float]],
    moments: tuple[datetime, datetime],
) -> None:
    store = stored(tmp_path_factory.mktemp("store"), observations)
    earlier, later = (store.read("prices", moment) for moment in sorted(moments))
    keys = keys_of("prices")
    assert not earlier.select(keys).is_duplicated().any()
    both = earlier.join(later, on=keys, how="left", suffix="_later")
    assert both["observed_at_later"].null_count() == 0
    assert (both["observed_at_later"] >= both["observed_at"]).all()
    for row in later.iter_rows(named=True):
        known = [
            seen
            for seen in observations
            if (seen[0], seen[1]) == (row["date"], row["ticker"]) and seen[2] <= max(moments)
        ]
        assert row["adj_close"] == max(known, key=lambda seen: seen[2])[3]


def test_the_version_is_the_hash_of_the_file_its_rows_and_its_last_observation(
    revised: Store,
) -> None:
    raw = (revised.home / "prices.parquet").read_bytes()
    assert revised.version("prices") == {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "rows": 3,
        "observed_to": "2025-01-29T09:00:00+00:00",
    }


def test_an_empty_table_has_a_version_without_a_last_observation(tmp_path: Path) -> None:
    version = stored(tmp_path, []).version("prices")
    assert (version["rows"], version["observed_to"]) == (0, None)


def test_names_are_the_known_tables_of_the_folder(revised: Store) -> None:
    (revised.home / "notes.parquet").write_bytes(b"no table of ours")
    assert revised.names() == ["prices"]
    assert repr(revised) == f"Store({str(revised.home)!r})"


def test_a_changed_file_is_read_again(revised: Store) -> None:
    assert revised.read("prices").height == 2
    prices([]).write_parquet(revised.home / "prices.parquet")
    assert revised.read("prices").height == 0


def test_an_unknown_table_is_bad_input(revised: Store) -> None:
    with pytest.raises(InputError, match=r"Unknown table 'price'\. Did you mean 'prices'"):
        revised.read("price")


def test_a_missing_folder_is_named_with_its_mend(tmp_path: Path) -> None:
    store = Store(tmp_path / "gone")
    for ask in (store.names, lambda: store.read("prices"), lambda: store.version("prices")):
        with pytest.raises(DataError, match=r"gone does not exist: make it with .* or unset"):
            ask()


def test_a_table_that_the_folder_lacks_is_named_with_its_mend(revised: Store) -> None:
    with pytest.raises(DataError, match=r"no table 'factors' in .*: put factors.parquet there"):
        revised.read("factors")


def test_a_file_that_is_no_parquet_is_named_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "prices.parquet").write_text("date,ticker\n")
    with pytest.raises(DataError, match=r"prices.parquet cannot be read as parquet .*good copy"):
        Store(tmp_path).read("prices")


def test_a_file_that_breaks_its_schema_is_named_with_the_row(tmp_path: Path) -> None:
    row = (date(2025, 1, 27), "NVDA", datetime(2025, 1, 27, 21, tzinfo=UTC), -1.0)
    with pytest.raises(DataError, match=r"prices.parquet: Table 'prices', row date=2025-01-27"):
        stored(tmp_path, [row]).read("prices")
