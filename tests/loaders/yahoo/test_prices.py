"""Prices, splits and dividends: what is taken of what Yahoo and FRED send, and what is not."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request, Unreadable
from analysis.loaders.fred_file import read_series
from analysis.loaders.fred_prices import FredPrices
from analysis.loaders.http.archive import Archive
from analysis.loaders.http.client import RetryPolicy
from analysis.loaders.yahoo import session
from analysis.loaders.yahoo.history import session_closed
from analysis.loaders.yahoo.prices import Yahoo, YahooActions
from analysis.loaders.yahoo.session import CurlAdapter, yahoo_session
from analysis.tables import TABLES
from tests.servers.local import LocalServer, Reply
from tests.servers.yahoo import CHART, chart, serve

QUICK = RetryPolicy(connect=1, read=1, total=5, attempts=3, first_wait=0.01, longest_wait=1)
# Nvidia was split ten for one, and paid a hundredth of a dollar, in these days of 2024.
FRIDAY, MONDAY, TUESDAY = date(2024, 6, 7), date(2024, 6, 10), date(2024, 6, 11)
WEDNESDAY = date(2024, 6, 12)
BEFORE_OPEN = datetime(2024, 6, 12, 12, 0, tzinfo=UTC)
WEEK = {FRIDAY: 120.89, MONDAY: 121.79, TUESDAY: 120.91}


@pytest.fixture
def yahoo(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    monkeypatch.setenv("FAULTLINE_YAHOO_URL", server.url)
    return server


@pytest.fixture
def fred(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_FRED_URL", server.url)
    return server


def prices(*names: str, at: datetime = BEFORE_OPEN, **asked: Any) -> pl.DataFrame:
    asked = {"since": date(2024, 6, 1)} | asked
    return Yahoo(QUICK, 1000, clock=lambda: at).fetch(Request(names=names, **asked))


def actions(*names: str, at: datetime = BEFORE_OPEN, **asked: Any) -> pl.DataFrame:
    asked = {"since": date(2024, 6, 1)} | asked
    return YahooActions(QUICK, 1000, clock=lambda: at).fetch(Request(names=names, **asked))


def figures(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.select("date", "ticker", "close", "adj_close", "volume").rows()


def test_closes_carry_their_day_on_the_exchange_and_the_time_of_asking(yahoo: LocalServer) -> None:
    # A Tokyo session opens at midnight UTC: an index in UTC would still name the same day, one
    # in New York's time the day before.
    tokyo = chart(WEEK, zone="Asia/Tokyo", opens=time(9), shuts=time(15, 30), currency="JPY")
    serve(yahoo, {"NVDA": chart(WEEK, adjusted=[120.8, 121.7, 120.9]), "8035.T": tokyo})
    frame = prices("NVDA", "8035.T")
    assert figures(frame) == [
        (FRIDAY, "NVDA", 120.89, 120.8, 1_000_000),
        (MONDAY, "NVDA", 121.79, 121.7, 1_000_000),
        (TUESDAY, "NVDA", 120.91, 120.9, 1_000_000),
        (FRIDAY, "8035.T", 120.89, 120.89, 1_000_000),
        (MONDAY, "8035.T", 121.79, 121.79, 1_000_000),
        (TUESDAY, "8035.T", 120.91, 120.91, 1_000_000),
    ]
    assert frame["observed_at"].unique().to_list() == [BEFORE_OPEN]
    assert frame["source"].unique().to_list() == ["yahoo"]
    assert not frame["backfilled"].any()
    assert TABLES["prices"].is_valid(frame)


def test_days_outside_of_those_asked_for_are_left_out(yahoo: LocalServer) -> None:
    serve(yahoo, {"NVDA": chart(WEEK)})
    frame = prices("NVDA", since=MONDAY, until=MONDAY)
    assert frame["date"].to_list() == [MONDAY]


def test_an_open_session_is_not_a_close(yahoo: LocalServer) -> None:
    running = datetime(2024, 6, 12, 17, 0, tzinfo=UTC)
    serve(yahoo, {"NVDA": chart(WEEK | {WEDNESDAY: 125.2}, last_trade=running)})
    assert prices("NVDA", at=running)["date"].max() == TUESDAY


def test_a_session_counts_half_an_hour_after_its_bell(yahoo: LocalServer) -> None:
    serve(yahoo, {"NVDA": chart(WEEK | {WEDNESDAY: 125.2})})
    bell = datetime(2024, 6, 12, 20, 0, tzinfo=UTC)
    assert prices("NVDA", at=bell + timedelta(minutes=29))["date"].max() == TUESDAY
    assert prices("NVDA", at=bell + timedelta(minutes=30))["date"].max() == WEDNESDAY


def test_a_clock_that_is_fast_does_not_end_a_session(yahoo: LocalServer) -> None:
    noon = datetime(2024, 6, 12, 16, 0, tzinfo=UTC)
    serve(yahoo, {"NVDA": chart(WEEK | {WEDNESDAY: 125.2}, last_trade=noon)})
    assert prices("NVDA", at=noon + timedelta(hours=7))["date"].max() == TUESDAY


@pytest.mark.parametrize(
    "broken",
    [{}, {"currentTradingPeriod": None}, {"regularMarketTime": None}, {"regularMarketTime": "4pm"}],
)
def test_without_hours_the_present_day_is_never_over(broken: dict[str, Any]) -> None:
    meta = chart({WEDNESDAY: 125.2})["chart"]["result"][0]["meta"]
    late = datetime(2024, 6, 12, 23, 0, tzinfo=UTC)
    assert session_closed(WEDNESDAY, meta, late)
    place = {"exchangeTimezoneName": "America/New_York"}
    assert not session_closed(WEDNESDAY, (meta | broken) if broken else place, late)


def test_the_hours_of_another_day_do_not_end_this_one() -> None:
    meta = chart(WEEK, today=TUESDAY)["chart"]["result"][0]["meta"]
    assert not session_closed(WEDNESDAY, meta, datetime(2024, 6, 12, 23, 0, tzinfo=UTC))
    assert session_closed(TUESDAY, meta, datetime(2024, 6, 12, 23, 0, tzinfo=UTC))


def test_a_day_without_a_close_is_no_row(yahoo: LocalServer) -> None:
    serve(yahoo, {"NVDA": chart({FRIDAY: 120.89, MONDAY: None, TUESDAY: 120.91})})
    assert prices("NVDA")["date"].to_list() == [FRIDAY, TUESDAY]


def test_a_close_without_its_adjusted_one_is_left_to_the_store(yahoo: LocalServer) -> None:
    serve(yahoo, {"NVDA": chart(WEEK, adjusted=[120.8, None, 120.9])})
    frame = prices("NVDA")
    assert frame["adj_close"].to_list() == [120.8, None, 120.9]
    good, bad = TABLES["prices"].filter(frame)
    assert (good.height, bad.invalid().height) == (2, 1)


def test_a_day_that_comes_twice_stands_once(yahoo: LocalServer) -> None:
    body = chart(WEEK)
    result = body["chart"]["result"][0]
    # Yahoo adds the running day again, with the time of the last trade.
    result["timestamp"].append(result["timestamp"][-1] + 22_800)
    for values in result["indicators"]["quote"][0].values():
        values.append(values[-1] + 1)
    result["indicators"]["adjclose"][0]["adjclose"] = result["indicators"]["quote"][0]["close"]
    serve(yahoo, {"NVDA": body})
    frame = prices("NVDA")
    assert frame["date"].to_list() == [FRIDAY, MONDAY, TUESDAY]
    assert frame["close"].to_list()[-1] == pytest.approx(121.91)


def test_an_index_has_no_volume_and_an_idle_share_a_flag(yahoo: LocalServer) -> None:
    idle = [5, 0, 7]
    serve(
        yahoo,
        {
            "^GSPC": chart(WEEK, symbol="^GSPC", kind="INDEX", volumes=idle),
            "688041.SS": chart(WEEK, currency="CNY", zone="Asia/Shanghai", volumes=idle),
        },
    )
    frame = prices("^GSPC", "688041.SS")
    index, share = frame.partition_by("ticker", maintain_order=True)
    assert index["volume"].to_list() == [5, None, 7]
    assert index["flag"].null_count() == 3
    assert share["volume"].to_list() == idle
    assert share["flag"].to_list() == [
        None, "no volume: Yahoo may have carried the last close forward", None,
    ]  # fmt: skip


def test_a_price_in_another_currency_is_not_passed_off(yahoo: LocalServer) -> None:
    serve(yahoo, {"NVDA": chart(WEEK), "ASML": chart(WEEK, currency="EUR")})
    with pytest.raises(
        PartialFetchError, match="ASML: Yahoo quotes it in EUR and the catalogue in USD"
    ) as e:
        prices("NVDA", "ASML", currencies={"NVDA": "USD", "ASML": "USD"})
    assert e.value.frame["ticker"].unique().to_list() == ["NVDA"]
    assert set(e.value.failures) == {"ASML"}


def test_a_currency_that_is_not_named_is_said_to_be_the_catalogues(yahoo: LocalServer) -> None:
    serve(yahoo, {"^HSI": chart(WEEK, currency=None, kind="INDEX")})
    frame = prices("^HSI", currencies={"^HSI": "HKD"})
    assert frame["flag"].unique().to_list() == [
        "Yahoo names no currency; HKD is the catalogue's",
    ]


def test_tickers_that_yahoo_names_otherwise_keep_our_name(yahoo: LocalServer) -> None:
    serve(yahoo, {"HSTECH.HK": chart(WEEK, currency="HKD", kind="INDEX")})
    assert prices("HSTECH")["ticker"].unique().to_list() == ["HSTECH"]


def test_what_fred_serves_is_not_asked_of_yahoo(yahoo: LocalServer) -> None:
    serve(yahoo, {"NVDA": chart(WEEK)})
    assert prices("NVDA", "USDCNY")["ticker"].unique().to_list() == ["NVDA"]
    assert prices("USDCNY").height == 0
    assert not [path for path in yahoo.paths() if "CNY" in path]


def test_splits_and_dividends_are_rows_of_their_own(yahoo: LocalServer) -> None:
    body = chart(WEEK, dividends={TUESDAY: 0.01}, splits={MONDAY: (10, 1)})
    serve(yahoo, {"NVDA": body})
    frame = actions("NVDA", currencies={"NVDA": "USD"})
    assert frame.select("date", "action", "value", "currency").rows() == [
        (MONDAY, "split", 10.0, None),
        (TUESDAY, "dividend", 0.01, "USD"),
    ]
    assert TABLES["actions"].is_valid(frame)


def test_a_dividend_keeps_the_currency_that_it_is_paid_in(yahoo: LocalServer) -> None:
    body = chart(
        WEEK, currency="HKD", zone="Asia/Hong_Kong", dividends={TUESDAY: 0.125}, paid_in="USD"
    )
    serve(yahoo, {"9988.HK": body})
    assert actions("9988.HK")["currency"].to_list() == ["USD"]


def test_a_split_between_two_fetches_changes_both_closes_of_the_past(yahoo: LocalServer) -> None:
    before = chart({FRIDAY: 1208.9}, adjusted=[1208.8])
    after = chart(WEEK, adjusted=[120.88, 121.79, 120.91], splits={MONDAY: (10, 1)})
    serve(yahoo, {"NVDA": before})
    friday_night = datetime(2024, 6, 8, 12, 0, tzinfo=UTC)
    assert figures(prices("NVDA", at=friday_night))[0][2:4] == (1208.9, 1208.8)
    serve(yahoo, {"NVDA": after})
    assert figures(prices("NVDA"))[0][2:4] == (120.89, 120.88)
    assert actions("NVDA")["value"].to_list() == [10.0]


def test_a_dividend_between_two_fetches_changes_the_adjusted_closes_alone(
    yahoo: LocalServer,
) -> None:
    serve(yahoo, {"NVDA": chart({FRIDAY: 120.89, MONDAY: 121.79})})
    prices("NVDA", at=datetime(2024, 6, 11, 12, 0, tzinfo=UTC))
    paid = chart(WEEK, adjusted=[120.88, 121.78, 120.91], dividends={TUESDAY: 0.01})
    serve(yahoo, {"NVDA": paid})
    frame = prices("NVDA")
    assert frame["close"].to_list() == [120.89, 121.79, 120.91]
    assert frame["adj_close"].to_list() == [120.88, 121.78, 120.91]


def test_both_loaders_share_one_answer_and_each_asks_anew_the_next_time(
    yahoo: LocalServer,
) -> None:
    serve(yahoo, {"NVDA": chart(WEEK, splits={MONDAY: (10, 1)})})

    def asked() -> int:
        return sum("period1" in seen.query for seen in yahoo.requests)

    prices("NVDA")
    assert (actions("NVDA").height, asked()) == (1, 1)
    prices("NVDA")
    assert asked() == 2
    actions("NVDA", since=date(2021, 1, 1))  # further back than what is held
    assert asked() == 3


def test_what_yahoo_sent_is_kept_without_the_crumb(yahoo: LocalServer, tmp_path: Path) -> None:
    body = chart(WEEK)
    serve(yahoo, {"NVDA": body})
    prices("NVDA", archive=tmp_path)
    archive = Archive(tmp_path, "yahoo")
    entries = list(archive.entries())
    assert entries
    assert all("/v8/finance/chart/NVDA" in entry.url for entry in entries)
    assert json.loads(archive.content(entries[-1]) or b"") == body
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and b"crumb" in path.read_bytes()
    ]


def test_no_name_and_no_ticker_are_refused_before_anything_is_asked(yahoo: LocalServer) -> None:
    with pytest.raises(InputError, match="none was given"):
        prices()
    with pytest.raises(InputError, match=r"'\.\./etc' is not a ticker"):
        prices("NVDA", "../etc")
    assert not yahoo.requests


def test_offline_no_socket_is_opened(yahoo: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    for ask in (prices, actions):
        with pytest.raises(InputError, match="FAULTLINE_OFFLINE"):
            ask("NVDA")
    assert not yahoo.requests


def test_a_browser_carries_the_request_and_its_cookies_come_back(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {"Set-Cookie": "A3=one; Max-Age=600", "set-cookie": "A1=two; Max-Age=600"}
    server.on("/cookie", Reply(b"here", 200, two))
    server.on("/next", {"a": 1})
    monkeypatch.setattr("analysis.loaders.yahoo.session.make_transport", CurlAdapter)
    with yahoo_session(policy=QUICK, per_second=1000) as here:
        assert here.session.get(f"{server.url}/cookie").text == "here"
        assert here.session.get(f"{server.url}/next", params={"q": "^HSI"}).json() == {"a": 1}
    sent = server.requests[-1]
    assert set(sent.headers["cookie"].split("; ")) == {"A3=one", "A1=two"}
    assert "Chrome" in sent.headers["user-agent"]
    assert sent.query == {"q": ["^HSI"]}
    here.session.cookies.clear()


# FRED


def rates(*names: str, **asked: Any) -> pl.DataFrame:
    loader = FredPrices(QUICK, clock=lambda: BEFORE_OPEN)
    return loader.fetch(Request(names=names, **asked))


CSV = "observation_date,DEXCHUS\n2024-06-07,7.2454\n2024-06-10,.\n2024-06-11,7.2526\n2024-06-12,\n"


def test_the_noon_rate_comes_from_fred(fred: LocalServer) -> None:
    fred.on("/graph/fredgraph.csv", CSV)
    frame = rates("NVDA", "USDCNY", "^GSPC", since=FRIDAY, until=WEDNESDAY)
    assert figures(frame) == [
        (FRIDAY, "USDCNY", 7.2454, 7.2454, None),
        (TUESDAY, "USDCNY", 7.2526, 7.2526, None),
    ]
    assert TABLES["prices"].is_valid(frame)
    assert [seen.query for seen in fred.requests] == [
        {"id": ["DEXCHUS"], "cosd": ["2024-06-07"], "coed": ["2024-06-12"]}
    ]


def test_an_index_comes_from_fred_only_by_its_series(fred: LocalServer) -> None:
    fred.on("/graph/fredgraph.csv", "DATE,SP500\n2024-06-11,5375.32\n")
    assert figures(rates("SP500")) == [(TUESDAY, "^GSPC", 5375.32, 5375.32, None)]
    assert rates("^GSPC").height == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a header 'nothing' where"),
        ("<!DOCTYPE html><html>", "a header '<!DOCTYPE html>"),
        ("observation_date,DEXKOUS\n2024-06-07,1379.1\n", "observation_date,DEXCHUS was expected"),
    ],
)
def test_a_file_that_is_not_the_series_is_refused(text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        list(read_series(text, "DEXCHUS"))


@pytest.mark.parametrize("line", ["2024-06", "2024-06-10,seven", "2024-06-10,nan"])
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_taken(line: str) -> None:
    text = f"observation_date,DEXCHUS\n2024-06-07,7.2454\n{line}\n2024-06-11,7.25\n"
    first, bad, last = read_series(text, "DEXCHUS")
    assert (first, last) == ((date(2024, 6, 7), 7.2454), (date(2024, 6, 11), 7.25))
    assert isinstance(bad, Unreadable)
    assert bad.reason == f"the line {line!r} cannot be read"


def test_a_series_that_is_gone_is_named(fred: LocalServer) -> None:
    fred.on(
        "/graph/fredgraph.csv",
        lambda seen: CSV if seen.query["id"] == ["DEXCHUS"] else Reply(status=404),
    )
    with pytest.raises(PartialFetchError, match=r"\^VIX: FRED has no series VIXCLS") as error:
        rates("USDCNY", "VIXCLS")
    assert error.value.frame.height == 2


def test_the_loaders_name_themselves() -> None:
    named: list[Callable[[], Any]] = [Yahoo, YahooActions, FredPrices]
    assert [(loader().name, loader().table) for loader in named] == [
        ("yahoo", "prices"), ("yahoo_actions", "actions"), ("fred_prices", "prices"),
    ]  # fmt: skip
    assert CHART.startswith("/v8/")


def test_the_folder_of_a_killed_update_is_cleared_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = tmp_path / "faultline-yahoo-killed"
    killed.mkdir()
    (killed / "lock").touch()
    folder = Path(session._folder.__wrapped__())
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]
    assert Path(session._folder.__wrapped__()) != folder  # of another process, and alive
    assert folder.is_dir()
