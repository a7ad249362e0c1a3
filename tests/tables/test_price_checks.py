"""Prices that do not fit their own splits, dividends, units or volumes, as Yahoo has sent them.

The kinds are public: a split that is named while earlier closes ignore it, a dividend left out
of the adjusted closes, days a hundred times off, dividends in dollars taken for Hong Kong
dollars, sessions read before their close, adjustment by subtraction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.desk import Desk
from analysis.loaders.base import Request
from analysis.loaders.http.rate_limit import RetryPolicy
from analysis.loaders.yahoo import fetch as yahoo_fetch
from analysis.loaders.yahoo.prices import Yahoo, YahooActions
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables.price_checks import (
    early_captures,
    jumps,
    listing_doubts,
    table_doubts,
    with_doubts,
)
from analysis.update import SourceResult
from analysis.update.fetch import UpdateRun
from analysis.update.plan import UpdateContext, last_closed
from tests.servers.local import LocalServer
from tests.servers.yahoo import chart, serve

QUICK = RetryPolicy(connect=1, read=2, total=5, attempts=2, first_wait=0.01, longest_wait=1)
# Ten sessions of June 2024 in New York, none of them beside a holiday.
DAYS = [date(2024, 6, day) for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]
EX_DAY = DAYS[5]
AT = datetime(2024, 6, 15, 12, 0, tzinfo=UTC)
MOVES = [1.0, 1.01, 0.995, 1.02, 1.015, 1.018, 1.03, 1.025, 1.04, 1.035]
HONG_KONG = {"zone": "Asia/Hong_Kong", "currency": "HKD", "shuts": time(16)}


class QuickYahoo(Yahoo):
    """The loader, without waiting, and at a moment of ours."""

    moment = AT

    def __init__(self) -> None:
        super().__init__(QUICK, 1000, clock=lambda: self.moment)


@pytest.fixture
def yahoo(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    monkeypatch.setenv("FAULTLINE_YAHOO_URL", server.url)
    monkeypatch.setattr(yahoo_fetch, "_cache", {})
    return server


def flags(server: LocalServer, closes: Sequence[float], ticker: str = "NVDA", **more: Any) -> Any:
    """Flag of each doubtful day, as the loader gives it."""
    serve(server, {ticker: chart(dict(zip(DAYS, closes, strict=True)), symbol=ticker, **more)})
    currency = more.get("currency", "USD")
    asked = Request(names=(ticker,), since=DAYS[0], currencies={ticker: currency})
    frame = QuickYahoo().fetch(asked).filter(pl.col("flag").is_not_null())
    return dict(frame.select("date", "flag").iter_rows())


def priced(*factors: float, level: float = 120.0) -> list[float]:
    """Ten closes: the first five times the one factor, the others times the other."""
    before, after = factors
    return [level * move * (before if n < 5 else after) for n, move in enumerate(MOVES)]


def test_a_split_that_the_closes_follow_is_in_order(yahoo: LocalServer) -> None:
    assert flags(yahoo, priced(1, 1), splits={EX_DAY: (10, 1)}) == {}


@pytest.mark.parametrize(
    ("split", "before", "named", "adjusted"),
    [
        ((10, 1), 10.0, "price break: a 10:1 split", "not adjusted for it"),
        ((10, 1), 0.1, "price break: a 10:1 split", "adjusted twice for it"),
        ((1, 8), 0.125, "price break: a 1:8 split", "not adjusted for it"),
        ((3, 2), 1.5, "price break: a 1.5:1 split", "not adjusted for it"),
        # A bonus share for ten: within what a price can do in a day, so the return stays.
        ((11, 10), 1.1, "adjustment check: a 1.1:1 split", "not adjusted for it"),
    ],
)
def test_a_split_that_earlier_closes_do_not_follow_is_said(
    yahoo: LocalServer, split: tuple[int, int], before: float, named: str, adjusted: str
) -> None:
    said = f"{named} is reported but earlier closes are {adjusted}"
    assert flags(yahoo, priced(before, 1), splits={EX_DAY: split}) == {EX_DAY: said}


def test_a_split_of_a_day_without_trade_is_held_against_the_next_session(
    yahoo: LocalServer,
) -> None:
    sunday = EX_DAY - timedelta(days=1)
    found = flags(yahoo, priced(10, 1), splits={sunday: (10, 1)})
    assert list(found) == [EX_DAY]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (10.0, "price break: fell by a factor of 9.97, and no split was reported"),
        (2.0, "price break: fell by a factor of 2, as in a split, and none was reported"),
        (1 / 3, "price break: rose by a factor of 3, as in a split, and none was reported"),
        (100.0, "price break: fell by a factor of about 100, as with another unit"),
        (0.01, "price break: rose by a factor of about 100, as with another unit"),
        (0.001, "price break: rose by a factor of about 1000, as with another unit"),
    ],
)
def test_a_move_of_a_split_or_of_another_unit_is_said_without_a_split(
    yahoo: LocalServer, before: float, said: str
) -> None:
    assert flags(yahoo, priced(before, 1)) == {EX_DAY: said}


@pytest.mark.parametrize("before", [1 / 0.53, 1 / 0.45, 1.5, 1 / 1.9, 1 / 2.4])
def test_a_wild_day_is_no_split(yahoo: LocalServer, before: float) -> None:
    # Credo lost 47 % on 2023-02-15, Super Micro 33 % on 2024-10-30.
    assert flags(yahoo, priced(before, 1)) == {}


def test_a_single_day_in_pence_breaks_both_returns_around_it(yahoo: LocalServer) -> None:
    closes = priced(1, 1)
    closes[3] *= 100
    found = flags(yahoo, closes, ticker="ARM", currency="USD")
    assert list(found) == DAYS[3:5]
    assert all("price break" in flag for flag in found.values())


def adjusted(closes: Sequence[float], factor: float) -> list[float]:
    return [close * (factor if n < 5 else 1.0) for n, close in enumerate(closes)]


def test_a_dividend_that_the_adjusted_closes_follow_is_in_order(yahoo: LocalServer) -> None:
    closes = priced(1, 1)
    right = adjusted(closes, 1 - 1.2 / closes[4])
    assert flags(yahoo, closes, adjusted=right, dividends={EX_DAY: 1.2}) == {}


@pytest.mark.parametrize(
    ("paid", "share", "said"),
    [
        (1.2, 0.0, "dividend check: the adjusted closes ignore a dividend of 1.2 USD"),
        (12.0, 0.0, "price break: the adjusted closes ignore a dividend of 12 USD"),
        (
            1.2,
            0.5,
            "dividend check: earlier closes are adjusted by 0.49 % for a dividend of 0.99 %",
        ),
        (
            1.2,
            2.0,
            "dividend check: earlier closes are adjusted by 1.97 % for a dividend of 0.99 %",
        ),
    ],
)
def test_a_dividend_that_the_adjusted_closes_do_not_follow_is_said(
    yahoo: LocalServer, paid: float, share: float, said: str
) -> None:
    closes = priced(1, 1)
    wrong = adjusted(closes, 1 - share * paid / closes[4])
    assert flags(yahoo, closes, adjusted=wrong, dividends={EX_DAY: paid}) == {EX_DAY: said}


@pytest.mark.parametrize("named", ["USD", None])
@pytest.mark.parametrize(
    ("ticker", "paid", "used", "right"),
    # Alibaba on 2026-06-10 and JD.com on 2026-04-08: dollars taken for Hong Kong dollars.
    [("9988.HK", 0.13125, 0.99888, 0.9912), ("9618.HK", 0.5, 0.99553, 0.965)],
)
def test_dollars_taken_for_hong_kong_dollars_are_said(
    yahoo: LocalServer, ticker: str, paid: float, used: float, right: float, named: str | None
) -> None:
    level = paid / (1 - used) / MOVES[4]
    closes = priced(1, 1, level=level)
    more: dict[str, Any] = {**HONG_KONG, "dividends": {EX_DAY: paid}, "paid_in": named}
    said = f"dividend check: a dividend of {paid:g} USD is taken for HKD"
    assert flags(yahoo, closes, ticker, adjusted=adjusted(closes, used), **more) == {EX_DAY: said}
    yahoo_fetch._cache.clear()
    assert flags(yahoo, closes, ticker, adjusted=adjusted(closes, right), **more) == {}


def test_a_dividend_in_hong_kong_dollars_is_no_dollars(yahoo: LocalServer) -> None:
    closes = priced(1, 1, level=400.0)
    right = adjusted(closes, 1 - 3.4 / closes[4])
    more: dict[str, Any] = {**HONG_KONG, "dividends": {EX_DAY: 3.4}}
    assert flags(yahoo, closes, "0700.HK", adjusted=right, **more) == {}


@pytest.mark.parametrize(("named", "currency"), [(None, "USD"), ("HKD", "HKD")])
def test_a_dividend_without_a_currency_is_in_that_of_its_declaration(
    yahoo: LocalServer, named: str | None, currency: str
) -> None:
    closes = priced(1, 1, level=120.0)
    right = adjusted(closes, 1 - 1.02 / closes[4])
    more: dict[str, Any] = {**HONG_KONG, "dividends": {EX_DAY: 1.02}, "paid_in": named}
    found = flags(yahoo, closes, "9988.HK", adjusted=right, **more)
    assert list(found) == ([EX_DAY] if currency == "USD" else [])
    loader = YahooActions(QUICK, 1000, clock=lambda: AT)
    paid = loader.fetch(Request(names=("9988.HK",), since=DAYS[0]))
    assert paid.select("value", "currency").rows() == [(1.02, currency)]


@pytest.mark.parametrize("nothing", [0.0, -3.0, None, 1e308])
def test_a_close_that_is_no_price_stops_no_check(yahoo: LocalServer, nothing: float | None) -> None:
    closes: list[Any] = priced(10, 1)
    closes[4] = nothing
    found = flags(yahoo, closes, splits={EX_DAY: (10, 1)}, dividends={EX_DAY: 1.0})
    assert "price break" in found[EX_DAY]


@pytest.mark.parametrize(
    "closes", [[0.5, 1e308], [1e308, 1e-300], [1e9, 5e-324], [1.0, 1e-300, 1e308]]
)
def test_moves_beyond_all_numbers_stop_no_check(closes: list[float]) -> None:
    days = [date(2024, 6, 6) + timedelta(days=n) for n in range(len(closes))]
    frame = pl.DataFrame({"date": days, "close": closes, "adj_close": closes})
    actions = pl.DataFrame(
        {"date": days[1:2] * 2, "action": ["split", "dividend"], "value": [10.0, 1.0],
         "currency": [None, "USD"]},
    )  # fmt: skip
    assert listing_doubts("NVDA", frame, actions, "USD").height == 0
    assert jumps(frame).height == 0


def test_closes_less_an_amount_are_no_adjusted_closes(yahoo: LocalServer) -> None:
    closes = [round(close, 2) for close in priced(1, 1)]
    # Hygon: the dividend is taken off every earlier close, whatever that close was.
    shifted = [round(close - 1.0, 2) if n < 5 else close for n, close in enumerate(closes)]
    found = flags(yahoo, closes, adjusted=shifted, dividends={EX_DAY: 1.0})
    said = "adjustment check: closes less 1, and not a share of them"
    assert found == dict.fromkeys(DAYS[:5], said)


# From the answer to a study --------------------------------------------------------------


@pytest.fixture
def few(tmp_path: Path) -> Catalogue:
    """A catalogue of a few tickers, so that nothing else is asked for."""
    folder = tmp_path / "few"
    folder.mkdir()
    whole = pl.read_csv(bundled("data/catalogue/instruments.csv"), infer_schema=False)
    names = ["NVDA", "0700.HK", "0981.HK", "9988.HK", "005930.KS"]
    kept = whole.filter(pl.col("ticker").is_in(names)).with_columns(
        benchmark=pl.lit(None), primary=pl.lit("yes")
    )
    kept.write_csv(folder / "instruments.csv")
    return Catalogue(folder)


def updated(home: Path, few: Catalogue, at: datetime, calendars: Calendars) -> SourceResult:
    yahoo_fetch._cache.clear()

    class Now(QuickYahoo):
        moment = at

    known = UpdateContext(few, calendars, at, since=DAYS[0])
    return UpdateRun(Store(home, seed=None), known, lambda *_: None).fetch_source(Now)


def kept(home: Path, ticker: str) -> dict[date, str | None]:
    rows = Store(home, seed=None).read("prices").filter(ticker=ticker).sort("date")
    return dict(rows.select("date", "flag").iter_rows())


def test_no_return_across_a_split_reaches_a_study_and_the_next_right_answer_mends_it(
    yahoo: LocalServer, few: Catalogue, tmp_path: Path
) -> None:
    home, calendars = tmp_path / "home", Calendars()
    split = {"splits": {EX_DAY: (10, 1)}}
    serve(yahoo, {"NVDA": chart(dict(zip(DAYS, priced(10, 1), strict=True)), **split)})
    outcome = updated(home, few, AT, calendars)
    assert outcome.doubts == (
        f"prices NVDA {EX_DAY}: price break: a 10:1 split is reported but earlier closes are not "
        "adjusted for it. The return into that day is left out.",
    )
    returns = Desk(home=home).returns("NVDA")["NVDA"]
    assert returns.isna().to_list() == [n in (0, 5) for n in range(10)]
    assert returns.abs().max() < 0.03
    # Asked again, the same answer is no news.
    assert updated(home, few, AT + timedelta(hours=1), calendars).doubts == ()
    serve(yahoo, {"NVDA": chart(dict(zip(DAYS, priced(1, 1), strict=True)), **split)})
    assert updated(home, few, AT + timedelta(hours=2), calendars).doubts == ()
    assert set(kept(home, "NVDA").values()) == {None}
    returns = Desk(home=home).returns("NVDA")["NVDA"]
    assert returns[str(EX_DAY)] == pytest.approx(MOVES[5] / MOVES[4] - 1)
    assert returns.isna().sum() == 1


def test_a_day_a_hundred_times_off_reaches_no_study_until_it_is_right(
    yahoo: LocalServer, few: Catalogue, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    wrong = priced(1, 1)
    wrong[3] /= 100
    serve(yahoo, {"NVDA": chart(dict(zip(DAYS, wrong, strict=True)))})
    assert len(updated(home, few, AT, Calendars()).doubts) == 2
    returns = Desk(home=home).returns("NVDA")["NVDA"]
    assert returns.isna().to_list() == [n in (0, 3, 4) for n in range(10)]
    serve(yahoo, {"NVDA": chart(dict(zip(DAYS, priced(1, 1), strict=True)))})
    updated(home, few, AT + timedelta(hours=1), Calendars())
    # The close of the day after is what it was: its flag alone has lapsed.
    assert set(kept(home, "NVDA").values()) == {None}
    returns = Desk(home=home).returns("NVDA")["NVDA"]
    assert returns.iloc[3] == pytest.approx(MOVES[3] / MOVES[2] - 1)
    assert returns.iloc[4] == pytest.approx(MOVES[4] / MOVES[3] - 1)


def test_sessions_read_before_their_close_are_said_until_they_come_whole(
    yahoo: LocalServer, few: Catalogue, tmp_path: Path
) -> None:
    home, names = tmp_path / "home", ("0700.HK", "0981.HK", "9988.HK")
    whole = [20_000_000 + 1_000_000 * (n % 3) for n in range(10)]
    torn = [*whole[:6], 6_000_000, *whole[7:]]

    def answers(volumes: list[int]) -> dict[str, Any]:
        closes = dict(zip(DAYS, priced(1, 1), strict=True))
        return {
            name: chart(closes, symbol=name, volumes=volumes, **HONG_KONG)  # type: ignore[arg-type]
            for name in names
        }

    # The tenth was the Dragon Boat Festival in Hong Kong, so that Yahoo's row is no session.
    serve(yahoo, answers(torn))
    outcome = updated(home, few, AT, Calendars())
    assert [doubt.partition(" of usual")[0] for doubt in outcome.doubts] == [
        f"prices {name} {DAYS[6]}: volume check: 29 %" for name in names
    ]
    assert Desk(home=home).returns(names).loc[str(DAYS[7])].notna().all()
    serve(yahoo, answers(whole))
    updated(home, few, AT + timedelta(hours=1), Calendars())
    assert {flag for name in names for flag in kept(home, name).values()} == {None}


def volumes(low: date, tickers: Sequence[str], level: float = 0.4) -> pl.DataFrame:
    days = [date(2025, 12, 1) + timedelta(days=n) for n in range(40)]
    rows = [
        {"date": day, "ticker": ticker, "volume": int(1e6 * (level if day == low else 1))}
        for ticker in tickers
        for day in days
        if day.weekday() < 5
    ]
    return pl.DataFrame(rows)


def test_a_small_volume_is_right_on_a_half_day_and_at_a_single_security() -> None:
    shortened = Desk().calendars.shortened
    names = ["0700.HK", "0981.HK", "9988.HK"]
    exchanges: dict[str, str | None] = dict.fromkeys(names, "XHKG")
    full, half = date(2025, 12, 18), date(2025, 12, 24)
    found = early_captures(volumes(full, names), exchanges, shortened)
    assert found.select("date", "ticker").rows() == [(full, name) for name in names]
    assert early_captures(volumes(half, names), exchanges, shortened).height == 0
    assert early_captures(volumes(full, names[:2]), exchanges, shortened).height == 0
    assert early_captures(volumes(full, names, 0.7), exchanges, shortened).height == 0


def test_a_table_of_prices_is_checked_without_its_splits() -> None:
    names = ["0700.HK", "0981.HK", "9988.HK"]
    low = date(2025, 12, 18)
    table = volumes(low, names).with_columns(
        flag=pl.lit(None, pl.String),
        adj_close=pl.when((pl.col("ticker") == names[0]) & (pl.col("date") == low))
        .then(pl.lit(5.0))
        .otherwise(pl.lit(500.0)),
    )
    exchanges: dict[str, str | None] = dict.fromkeys(names, "XHKG")
    found = with_doubts(table, table_doubts(table, exchanges, Desk().calendars.shortened))
    assert found.height == table.height
    said = found.drop_nulls("flag").select("ticker", "date", "flag").rows()
    assert [row[:2] for row in said] == [
        (names[0], low), (names[0], date(2025, 12, 19)), (names[1], low), (names[2], low),
    ]  # fmt: skip
    assert "volume check: 40 %" in said[0][2]
    assert "price break: fell by a factor of about 100" in said[0][2]


def test_shortened_sessions_are_known() -> None:
    calendars = Desk().calendars
    assert calendars.shortened("XHKG", date(2023, 10, 9))  # opened at 14:00
    assert calendars.shortened("XNYS", date(2025, 11, 28))
    assert not calendars.shortened("XHKG", date(2026, 3, 12))
    assert not calendars.shortened("XKRX", date(2024, 11, 14))  # later, and as long as ever


def test_the_bundled_prices_of_hong_kong_that_were_read_before_the_close_are_found() -> None:
    desk = Desk()
    exchanges = dict(desk.instruments().select("ticker", "exchange").iter_rows())
    near = desk.table("prices").filter(
        pl.col("date").is_between(date(2026, 2, 20), date(2026, 4, 2)), pl.col("volume") > 0
    )
    torn = {"0700.HK": 9_271_271, "0981.HK": 25_572_170, "9888.HK": 2_670_036}
    day = date(2026, 3, 12)
    seen = near.with_columns(
        volume=pl.when(pl.col("date") == day)
        .then(pl.col("ticker").replace_strict(torn, default=pl.col("volume")))
        .otherwise("volume")
    )
    found = early_captures(seen, exchanges, desk.calendars.shortened)
    assert set(found["date"]) == {day}
    assert set(torn) <= set(found["ticker"])


def test_the_bundled_prices_hold_no_price_break() -> None:
    table = Desk().table("prices")
    for (ticker,), rows in table.group_by("ticker"):
        assert jumps(rows).height == 0, ticker


def test_a_session_of_an_exam_day_is_no_close_before_its_later_bell(
    yahoo: LocalServer, few: Catalogue, tmp_path: Path
) -> None:
    days = [date(2024, 11, day) for day in (11, 12, 13, 14)]
    # Yahoo gives the usual hours of Seoul, and a trade of five past four.
    running = datetime(2024, 11, 14, 7, 5, tzinfo=UTC)
    answer = chart(
        dict(zip(days, [50.0, 51.0, 50.5, 52.0], strict=True)),
        symbol="005930.KS", zone="Asia/Seoul", opens=time(9), shuts=time(15, 30), currency="KRW",
        last_trade=running,
    )  # fmt: skip
    serve(yahoo, {"005930.KS": answer})
    calendars = Desk().calendars
    updated(tmp_path / "home", few, running, calendars)
    assert max(kept(tmp_path / "home", "005930.KS")) == days[2]
    over = running + timedelta(minutes=55)
    updated(tmp_path / "home", few, over, calendars)
    assert max(kept(tmp_path / "home", "005930.KS")) == days[3]
    known = UpdateContext(few, calendars, running)
    assert last_closed("XKRX", known) == days[2]
