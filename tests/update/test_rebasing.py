"""After a split no day may stay on the old base, whatever the source gives and leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.loaders import Loader, Request
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables import schema_of
from analysis.update.fetch import UpdateRun
from analysis.update.plan import UpdateContext
from analysis.update.rebasing import CARRIED, rescale_missing

MONDAY = date(2026, 9, 7)
DAYS = [MONDAY + timedelta(days=number) for number in range(54) if number % 7 < 5]
HOLE = DAYS[12]
FIRST, SECOND = (datetime(2026, 11, day, 23, tzinfo=UTC) for day in (16, 17))
NOTHING: frozenset[date] = frozenset()


def prices(
    days: Iterable[date], base: float, at: datetime, ticker: str = "NVDA", close: float = 100.0
) -> pl.DataFrame:
    rows = [
        {
            "date": day,
            "ticker": ticker,
            "close": close * base,
            "adj_close": (close + day.toordinal() % 7) * base,
            "volume": 1000,
            "source": "yahoo",
            "observed_at": at,
            "backfilled": False,
            "flag": None,
        }
        for day in days
    ]
    return pl.DataFrame(rows, schema=schema_of("prices").create_empty().schema)


class Yahoo(Loader):
    """Answers on a base of its own, and leaves some days out."""

    name, table = "yahoo", "prices"
    base, left_out, answered_at = 1.0, NOTHING, FIRST

    def fetch(self, request: Request) -> pl.DataFrame:
        if "NVDA" not in request.names:
            return schema_of("prices").create_empty()
        days = [day for day in DAYS if request.covers(day) and day not in self.left_out]
        return prices(days, self.base, self.answered_at)


class Split(Yahoo):
    base, left_out, answered_at = 0.1, frozenset({HOLE}), SECOND


class Moved(Split):
    left_out = frozenset(DAYS[:-3])


def one_pass(store: Store, kind: type[Loader], at: datetime) -> tuple[str, ...]:
    known = UpdateContext(Catalogue(bundled("data/catalogue")), Calendars(), at)
    return UpdateRun(store, known, lambda *_: None).fetch_source(kind).failures


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "home", seed=None)
    store.append("prices", prices(DAYS[:-3], 1.0, FIRST))
    return store


def test_a_day_that_does_not_come_again_is_brought_to_the_new_base(store: Store) -> None:
    assert one_pass(store, Split, SECOND) == ()
    after = store.read("prices").sort("date")
    expected = prices(DAYS, 0.1, SECOND)
    assert after["date"].to_list() == DAYS
    assert after["adj_close"].to_list() == pytest.approx(expected["adj_close"].to_list())
    (row,) = after.filter(pl.col("flag").is_not_null()).to_dicts()
    assert (row["date"], row["flag"], row["volume"]) == (HOLE, CARRIED, None)
    assert row["close"] == pytest.approx(10.0)
    assert (row["source"], row["observed_at"]) == ("yahoo", SECOND)
    before = store.read("prices", as_of=FIRST).sort("date")
    assert before["adj_close"].to_list() == prices(DAYS[:-3], 1.0, FIRST)["adj_close"].to_list()


def test_a_ticker_of_which_nothing_comes_again_is_left_as_it_was(store: Store) -> None:
    before = store.read("prices")
    (failure,) = one_pass(store, Moved, SECOND)
    assert failure.startswith(f"NVDA: none of its {len(DAYS) - 3} held figures came again")
    assert store.read("prices").equals(before)


def test_a_figure_beyond_a_price_break_tells_nothing_of_the_new_base() -> None:
    held, whole = prices(DAYS[:6], 1.0, FIRST), prices(DAYS[:6], 0.5, SECOND)
    off = pl.col("date") == DAYS[2]
    broken = whole.filter(pl.col("date") != DAYS[1]).with_columns(
        adj_close=pl.when(off).then(pl.col("adj_close") / 100).otherwise("adj_close"),
        flag=pl.when(pl.col("date").is_in(DAYS[2:4])).then(pl.lit("price break: another unit")),
    )
    more, lost = rescale_missing(held, broken, "prices")
    assert lost == {}
    assert more["date"].to_list() == [DAYS[1]]
    assert more["adj_close"][0] == pytest.approx(held["adj_close"][1] * 0.5)


def test_a_row_without_a_close_does_not_count_as_come_again() -> None:
    held, whole = prices(DAYS[:4], 1.0, FIRST), prices(DAYS[:4], 0.5, SECOND)
    torn = whole.with_columns(
        pl.when(pl.col("date") == DAYS[1]).then(None).otherwise("adj_close").alias("adj_close")
    )
    more, lost = rescale_missing(held, torn, "prices")
    assert lost == {}
    assert more["date"].to_list() == [DAYS[1]]
    assert more["adj_close"].item() == pytest.approx(held["adj_close"][1] / 2)


def test_the_nearest_day_says_the_new_base_and_a_missing_close_stays_missing() -> None:
    held = prices(DAYS[:6], 1.0, FIRST).with_columns(close=pl.lit(None, pl.Float64))
    whole = pl.concat([prices(DAYS[:2], 0.5, SECOND), prices(DAYS[4:6], 0.8, SECOND)])
    more, _ = rescale_missing(held, whole, "prices")
    ratios = more.sort("date")["adj_close"] / held["adj_close"][2:4]
    assert ratios.to_list() == pytest.approx([0.5, 0.8])
    assert more["close"].null_count() == 2


def test_a_known_close_is_brought_over_by_the_nearest_day_that_has_one() -> None:
    held = prices(DAYS[:4], 1.0, FIRST)
    whole = prices([DAYS[1], DAYS[2]], 0.1, SECOND).with_columns(
        pl.when(pl.col("date") == DAYS[1]).then(None).otherwise("close").alias("close")
    )
    more, _ = rescale_missing(held, whole, "prices")
    assert more.sort("date")["close"].to_list() == pytest.approx([10.0, 10.0])


def test_a_ticker_whose_history_did_not_come_is_not_carried() -> None:
    held = pl.concat([prices(DAYS[:3], 1.0, FIRST), prices(DAYS[:3], 1.0, FIRST, "AMD")])
    more, lost = rescale_missing(held, prices(DAYS[:3], 0.5, SECOND), "prices")
    assert more.is_empty()
    assert lost == {}


def test_dividends_are_brought_to_the_new_base_and_splits_are_not() -> None:
    schema = schema_of("actions").create_empty().schema
    at = {"ticker": "NVDA", "currency": "USD", "backfilled": False, "flag": None}

    def row(day: int, action: str, value: float, seen: datetime) -> dict[str, object]:
        when = {"date": DAYS[day], "observed_at": seen, "source": "yahoo_actions"}
        return {**at, **when, "action": action, "value": value}

    old = [row(0, "dividend", 0.4, FIRST), row(5, "dividend", 0.5, FIRST)]
    held = pl.DataFrame([*old, row(2, "split", 4.0, FIRST)], schema=schema)
    new = [row(5, "dividend", 0.05, SECOND), row(9, "split", 10.0, SECOND)]
    more, lost = rescale_missing(held, pl.DataFrame(new, schema=schema), "actions")
    assert lost == {}
    (brought,) = more.to_dicts()
    assert (brought["date"], brought["action"], brought["flag"]) == (DAYS[0], "dividend", CARRIED)
    assert brought["value"] == pytest.approx(0.04)


def test_a_dividend_takes_the_base_of_the_one_before_it() -> None:
    schema = schema_of("actions").create_empty().schema
    at = {"ticker": "NVDA", "currency": "USD", "backfilled": False, "flag": None}

    def paid(day: int, value: float, seen: datetime) -> dict[str, object]:
        when = {"date": DAYS[day], "observed_at": seen, "source": "yahoo_actions"}
        return {**at, **when, "action": "dividend", "value": value}

    # The last was stored after the split already.
    held = pl.DataFrame([paid(0, 1.0, FIRST), paid(9, 1.0, FIRST), paid(10, 0.1, FIRST)], schema)
    whole = pl.DataFrame([paid(0, 0.1, SECOND), paid(10, 0.1, SECOND)], schema)
    more, _ = rescale_missing(held, whole, "actions")
    assert more["value"].to_list() == pytest.approx([0.1])
