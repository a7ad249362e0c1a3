"""A live store: what adds something is kept, what is wrong is kept apart, nothing is lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import Desk
from analysis.errors import DataError, InputError
from analysis.redaction import redact
from analysis.settings import bundled
from analysis.store import Store
from analysis.store.delta import DeltaRows
from analysis.store.location import StoreLocation
from tests.stores.rows import Seen, adding, at, known, over_address, prices, values

MONDAY = date(2025, 1, 27)
NVDA = Seen(MONDAY, "NVDA", at(27), 118.42)
DAYS = st.dates(date(2024, 12, 30), date(2025, 1, 2))
INSTANTS = st.integers(0, 12).map(lambda hours: datetime(2025, 1, 3, hours, tzinfo=UTC))
SEEN = st.tuples(DAYS, st.sampled_from(["NVDA", "TSM"]), INSTANTS, st.integers(1, 3)).map(
    lambda row: Seen(*row)
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "live", seed=None)


def counts(store: Store, *rows: Seen) -> tuple[int, int, int, int]:
    done = store.append("prices", prices(rows))
    return done.new, done.revised, done.unchanged, done.rejected


def reasons(store: Store) -> list[str]:
    return store.quarantined("prices")["reason"].to_list()


# What an observation adds -------------------------------------------------------------------


def test_a_figure_fetched_again_unchanged_adds_nothing(store: Store) -> None:
    assert counts(store, NVDA) == (1, 0, 0, 0)
    assert counts(store, NVDA, NVDA._replace(at=at(28), source="another")) == (0, 0, 2, 0)
    assert store.history("prices", "NVDA").height == 1


def test_a_revision_is_kept_beside_what_it_revises(store: Store) -> None:
    assert counts(store, NVDA) == (1, 0, 0, 0)
    assert counts(store, NVDA._replace(at=at(29), value=118.39)) == (0, 1, 0, 0)
    assert values(store.read("prices", date(2025, 1, 28))) == {(MONDAY, "NVDA"): 118.42}
    assert values(store.read("prices")) == {(MONDAY, "NVDA"): 118.39}
    listed = store.history("prices", "NVDA", "2025-01-27")
    assert listed["adj_close"].to_list() == [118.42, 118.39]


def test_a_figure_that_comes_back_is_a_revision_again(store: Store) -> None:
    for day, value in ((27, 1.0), (28, 2.0), (29, 1.0)):
        store.append("prices", prices([NVDA._replace(at=at(day), value=value)]))
    assert store.history("prices", "NVDA")["adj_close"].to_list() == [1.0, 2.0, 1.0]


def test_an_observation_that_comes_late_counts_from_its_own_instant(store: Store) -> None:
    store.append("prices", prices([NVDA, NVDA._replace(at=at(30), value=3.0)]))
    assert counts(store, NVDA._replace(at=at(28), value=2.0)) == (0, 1, 0, 0)
    read = [store.read("prices", date(2025, 1, day))["adj_close"][0] for day in (27, 28, 29, 30)]
    assert read == [118.42, 2.0, 2.0, 3.0]


def test_rounding_of_an_adjusted_close_is_no_revision_until_it_adds_up(store: Store) -> None:
    step = 118.42 * 7e-7
    store.append("prices", prices([NVDA]))
    assert counts(store, NVDA._replace(at=at(28), value=118.42 + step)) == (0, 0, 1, 0)
    assert counts(store, NVDA._replace(at=at(29), value=118.42 + 2 * step)) == (0, 1, 0, 0)
    drift = [
        NVDA._replace(ticker="TSM", at=at(day), value=100 + day * 7e-5) for day in (27, 28, 29)
    ]
    assert counts(store, *drift) == (1, 1, 1, 0)


def test_a_doubt_about_a_figure_is_kept_and_its_absence_takes_none_away(store: Store) -> None:
    store.append("prices", prices([NVDA]))
    doubted = NVDA._replace(at=at(28), flag="vendors differ")
    assert counts(store, doubted) == (0, 1, 0, 0)
    assert counts(store, doubted._replace(at=at(29), flag=None)) == (0, 0, 1, 0)
    assert counts(store, doubted._replace(at=at(30))) == (0, 0, 1, 0)
    assert store.read("prices")["flag"].to_list() == ["vendors differ"]


@settings(max_examples=25)
@given(
    rows=st.lists(SEEN, unique_by=lambda row: row[:3], max_size=14),
    cuts=st.sets(st.integers(1, 13), max_size=3),
    late=st.booleans(),
    many=st.booleans(),
)
def test_reads_are_those_of_a_slow_and_obvious_store(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Seen],
    cuts: set[int],
    late: bool,
    many: bool,
) -> None:
    """Whether observations come in their order (nothing else counts) or late ones among them."""
    if not late:
        rows = sorted(rows, key=lambda row: row.at)
    store = Store(tmp_path_factory.mktemp("store"), seed=None)
    ends = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    kept: list[Seen] = []
    for first, last in itertools.pairwise(ends):
        store.append("prices", prices(rows[first:last]))
        kept = adding(kept, rows[first:last])
    if many:
        store.compact()
    for hour in (None, *range(0, 13, 3)):
        limit = None if hour is None else datetime(2025, 1, 3, hour, tzinfo=UTC)
        wanted = known(kept if late else rows, limit)
        assert values(store.read("prices", limit)) == wanted
        one = store.read("prices", limit, {"ticker": ["TSM"], "date": (date(2024, 12, 31), None)})
        assert values(one) == {
            key: value
            for key, value in wanted.items()
            if key[1] == "TSM" and key[0] >= date(2024, 12, 31)
        }


# The door -------------------------------------------------------------------------------------


def test_rows_that_break_the_schema_are_kept_apart_with_every_reason(store: Store) -> None:
    bad = NVDA._replace(ticker="nvda", value=-1.0)
    assert counts(store, NVDA, bad) == (1, 0, 0, 1)
    kept = store.quarantined("prices").row(0, named=True)
    assert "column adj_close: -1.0 is not greater than 0" in kept["reason"]
    assert "column ticker: 'nvda' does not have the form of NVDA" in kept["reason"]
    assert json.loads(kept["row"])["adj_close"] == -1.0
    assert (kept["source"], kept["observed_at"]) == ("a vendor", at(27))
    assert store.quarantined("factors").is_empty()


def test_a_row_refused_twice_for_the_same_reason_is_kept_once(store: Store) -> None:
    for day in (27, 28):
        assert counts(store, NVDA._replace(value=0.0, at=at(day))) == (0, 0, 0, 1)
    assert len(reasons(store)) == 1


def test_what_the_clock_has_not_reached_is_refused(store: Store) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert counts(store, NVDA, NVDA._replace(at=soon, value=1.0)) == (1, 0, 0, 1)
    assert "is later than this machine's clock" in reasons(store)[0]


def test_two_figures_of_one_instant_are_refused_unless_equal(store: Store) -> None:
    twice = NVDA._replace(ticker="TSM"), NVDA._replace(ticker="TSM", value=1.0)
    assert counts(store, NVDA, NVDA, *twice) == (1, 0, 0, 2)
    assert counts(store, NVDA._replace(value=1.0)) == (0, 0, 0, 1)
    assert any("observed at the same instant" in reason for reason in reasons(store))
    assert values(store.read("prices")) == {(MONDAY, "NVDA"): 118.42}


def test_a_frame_of_other_columns_adds_nothing(store: Store) -> None:
    with pytest.raises(DataError, match="lacks the column ticker"):
        store.append("prices", prices([NVDA]).drop("ticker"))
    assert not Path(store.home).exists()


def test_a_table_of_other_keys_is_kept_as_well(store: Store) -> None:
    row = {
        "platform": "huggingface", "owner": "deepseek-ai", "name": "DeepSeek-R1",
        "revision": "abc", "kind": "model", "created_at": at(20), "source": "Hugging Face",
        "url": "https://huggingface.co/deepseek-ai/DeepSeek-R1", "observed_at": at(27),
        "backfilled": False, "flag": None,
    }  # fmt: skip
    from analysis.store.writer import types_of

    frame = pl.DataFrame([row], schema=types_of("artefacts"))
    assert store.append("artefacts", frame).new == 1
    assert store.read("artefacts").rows() == frame.rows()
    assert store.names() == ["artefacts"]


# Alerts ---------------------------------------------------------------------------------------


def test_a_split_is_told_of_with_its_ratio_and_its_days(store: Store) -> None:
    days = [MONDAY + timedelta(days=day) for day in range(3)]
    store.append("prices", prices(NVDA._replace(day=day, at=at(30), value=100.0) for day in days))
    split = [NVDA._replace(day=day, at=at(31), value=10.0) for day in days]
    done = store.append("prices", prices([*split, NVDA._replace(ticker="TSM", at=at(31))]))
    (alert,) = done.alerts
    assert (alert.subject, alert.days, alert.ratio) == ("NVDA", 3, pytest.approx(0.1))
    assert (alert.first, alert.last) == (days[0], days[-1])
    assert "on 3 days from 2025-01-27 to 2025-01-29, median of new/old 0.1" in str(alert)


def test_what_fails_after_the_commit_takes_no_count_and_no_alert_along(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("prices", prices([NVDA._replace(at=at(30), value=100.0)]))
    broken = tmp_path / "live" / "quarantine" / "_delta_log"
    broken.mkdir(parents=True)
    (broken / f"{0:020d}.json").write_bytes(b"")

    def fails(*_: object, **__: object) -> int:
        raise DataError("A file of the part is damaged.")

    monkeypatch.setattr(DeltaRows, "compact", fails)
    bad = NVDA._replace(day=MONDAY + timedelta(days=1), at=at(31), value=-1.0)
    done = store.append("prices", prices([NVDA._replace(at=at(31), value=10.0), bad]))
    assert (done.revised, done.rejected, len(done.alerts)) == (1, 1, 1)
    quarantine, compaction = done.failures
    assert "Table 'quarantine' of the store" in quarantine
    assert compaction == "A file of the part is damaged."
    assert values(store.read("prices")) == {(MONDAY, "NVDA"): 10.0}


def test_a_small_correction_is_a_revision_without_an_alert(store: Store) -> None:
    store.append("prices", prices([NVDA]))
    done = store.append("prices", prices([NVDA._replace(at=at(28), value=118.44)]))
    assert (done.revised, done.alerts) == (1, ())


# Where it lies, and what it begins with ---------------------------------------------------------


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    folder = tmp_path / "seed"
    folder.mkdir()
    prices([NVDA]).write_parquet(folder / "prices.parquet")
    return folder


def test_an_empty_store_reads_the_snapshot_and_begins_with_it(tmp_path: Path, seed: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = Store(home, seed=seed)
    before = store.version("prices")
    assert (store.is_live, store.names()) == (True, ["prices"])
    assert values(store.read("prices")) == {(MONDAY, "NVDA"): 118.42}
    assert not any(home.iterdir())
    store.seed()
    assert store.version("prices") == before
    assert counts(store, NVDA._replace(at=at(28))) == (0, 0, 1, 0)
    assert counts(store, NVDA._replace(at=at(28), value=1.0)) == (0, 1, 0, 0)
    assert store.version("prices", date(2025, 1, 27)) == before


def test_a_store_begins_with_the_bundled_figures_in_one_go(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: Store(home).seed(), range(2)))
    plain = Store(bundled("data/snapshot"))
    for name in plain.names():
        assert Store(home).read(name).equals(plain.read(name))
        assert Store(home).version(name)["rows"] == plain.version(name)["rows"]


def test_a_desk_reads_the_same_returns_from_a_store_that_began_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    store.append(
        "prices",
        prices([NVDA._replace(day=date(2026, 11, 2), at=datetime(2026, 11, 3, tzinfo=UTC))]),
    )
    asked: dict[str, Any] = {
        "tickers": ["NVDA", "USDCNY"],
        "start": "2024-01-01",
        "end": "2025-06-30",
    }
    desk = Desk(home=tmp_path / "home")
    pl_frame = Desk(home=bundled("data/snapshot")).returns(**asked)
    assert desk.returns(**asked).equals(pl_frame)
    assert desk.returns("NVDA").index[-1].date() == date(2026, 11, 2)


def test_a_snapshot_is_only_read(seed: Path) -> None:
    plain = Store(seed)
    assert not plain.is_live
    with pytest.raises(InputError, match="is a snapshot that is only read: set FAULTLINE_HOME"):
        plain.append("prices", prices([NVDA]))


def test_an_address_works_like_a_folder(tmp_path: Path) -> None:
    store = over_address(tmp_path / "remote")
    assert counts(store, NVDA, NVDA._replace(ticker="TSM", value=-1.0)) == (1, 0, 0, 1)
    assert counts(store, NVDA._replace(at=at(28), value=1.0)) == (0, 1, 0, 0)
    assert values(over_address(tmp_path / "remote").read("prices", date(2025, 1, 27))) == {
        (MONDAY, "NVDA"): 118.42
    }
    assert store.compact() == 1
    assert store.history("prices", "NVDA").height == 2
    assert not (tmp_path / "remote" / ".locks").exists()


def test_a_file_address_is_the_folder_that_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "with a blank"
    store = Store(folder.as_uri(), seed=None)
    assert store.home == folder
    assert counts(store, NVDA) == (1, 0, 0, 0)
    assert {".checksums", ".locks", "prices"} <= {path.name for path in folder.iterdir()}


# Versions and files ---------------------------------------------------------------------------


def several(store: Store, days: Sequence[int]) -> None:
    for day in days:
        store.append("prices", prices([NVDA._replace(day=date(2025, 1, day), at=at(day))]))


def test_the_version_depends_on_the_observations_alone(tmp_path: Path) -> None:
    first, second = (Store(tmp_path / name, seed=None) for name in "ab")
    several(first, [1, 2, 3])
    several(second, [3, 1, 2])
    assert first.version("prices") == second.version("prices")
    assert first.compact() == 1
    assert first.version("prices") == second.version("prices")
    several(first, [4])
    assert first.version("prices") != second.version("prices")
    assert first.version("prices", date(2025, 1, 3)) == second.version("prices")


def test_many_small_files_are_put_together_by_themselves(store: Store) -> None:
    several(store, range(1, 28))
    files = {path.name for path in (store.home / "prices").rglob("*.parquet")}  # type: ignore[operator]
    from deltalake import DeltaTable

    assert len(DeltaTable(str(store.home / "prices")).file_uris()) < 6  # type: ignore[operator]
    assert len(files) >= 27, "readers that began before still find the files of then"
    assert store.read("prices").height == 27


def test_a_reader_that_began_before_a_compaction_finishes(store: Store) -> None:
    several(store, [1, 2, 3])
    rows = store._writer._tables["prices"].scan()
    Store(store.home, seed=None).compact()
    assert rows.collect().height == 3


def test_another_process_s_rows_are_seen(store: Store) -> None:
    several(store, [1])
    other = Store(store.home, seed=None)
    assert other.read("prices").height == 1
    several(store, [2])
    assert other.read("prices").height == 2


def test_threads_of_one_store_double_nothing_and_lose_nothing(store: Store) -> None:
    def add(number: int) -> int:
        rows = [NVDA._replace(ticker=f"T{number % 4}.{one}") for one in range(3)]
        return store.append("prices", prices(rows)).new + 0 * store.read("prices").height

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(12))) == 12
    assert store.history("prices").height == store.read("prices").height == 12


# Questions that cannot be answered ------------------------------------------------------------


def test_rows_are_chosen_by_keys_alone(store: Store) -> None:
    store.append("prices", prices([NVDA]))
    with pytest.raises(InputError, match="Unknown key column of table 'prices' 'adj_close'"):
        store.read("prices", where={"adj_close": 118.42})
    assert store.read("prices", where={"ticker": []}).is_empty()
    assert store.read("prices", where={"date": MONDAY, "ticker": "NVDA"}).height == 1


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("NVDA", "27.1.2025"), "date '27.1.2025' is not a date: write it as 2025-01-27"),
        (("NVDA", "2025-01-27", "close"), "has 2 keys and 3 were given: give ticker, date"),
    ],
)
def test_keys_that_are_none_are_named(store: Store, keys: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        store.history("prices", *keys)


def test_a_home_that_is_no_store_is_named_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist: make it with faultline data update"):
        Store(tmp_path / "gone", seed=None).history("prices", "NVDA")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="file is a file: set FAULTLINE_HOME to a folder"):
        Store(tmp_path / "file", seed=None).read("prices")


def test_no_message_shows_what_opens_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-key-of-the-store")
    place = StoreLocation("s3://somebody:opensesame@bucket/faultline")
    told = redact("GET https://host/p?sig=abc%2Fdef&X-Amz-Signature=123 a-key-of-the-store")
    assert told == "GET https://host/p?sig=***&X-Amz-Signature=*** ***"
    assert str(place) == "s3://***@bucket/faultline"
