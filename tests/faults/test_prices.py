"""What the price loaders make of a Yahoo that refuses, breaks off, lies or changes its shape."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from analysis.errors import SourceError
from analysis.loaders.base import UNASKED, PartialFetchError, Request
from analysis.loaders.http.client import RetryPolicy
from analysis.loaders.http.limits import SpentError
from analysis.loaders.yahoo import fetch as yahoo_fetch
from analysis.loaders.yahoo.prices import Yahoo, YahooActions
from analysis.tables import price_checks
from analysis.update.fetch import by_reason
from tests.servers.local import (
    LocalServer,
    Reply,
    broken_gzip,
    empty,
    failing,
    html,
    rate_limited,
    reset,
    stall,
    truncated,
)
from tests.servers.yahoo import CHART, INVALID_CRUMB, chart, serve

QUICK = RetryPolicy(connect=1, read=1, total=5, attempts=3, first_wait=0.01, longest_wait=1)
NOW = datetime(2024, 6, 12, 12, 0, tzinfo=UTC)
WEEK = {date(2024, 6, 7): 120.89, date(2024, 6, 10): 121.79, date(2024, 6, 11): 120.91}
ALL = ("NVDA", "AMD")


@pytest.fixture
def yahoo(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_YAHOO_URL", server.url)
    serve(server, {"NVDA": chart(WEEK), "AMD": chart(WEEK, symbol="AMD")})
    return server


def prices(*names: str, **asked: Any) -> pl.DataFrame:
    asked = {"since": date(2024, 6, 1)} | asked
    loader = Yahoo(QUICK, 1000, workers=2, clock=lambda: NOW)
    return loader.fetch(Request(names=names, **asked))


def tickers(frame: pl.DataFrame) -> list[str]:
    return sorted(frame["ticker"].unique())


# yfinance asks a second time by itself with another cookie, and first for the time zone.
@pytest.mark.parametrize(
    "wrong",
    [
        rate_limited(), rate_limited("0"), failing(503), failing(500), reset(), stall(5),
        truncated(chart(WEEK)), broken_gzip(chart(WEEK)), html(), empty(),
        Reply(b"Will be right back", 200, {"Content-Type": "text/html"}),
    ],
    ids=["429", "429-retry-after", "503", "500", "reset", "stall", "truncated", "gzip", "html",
         "empty", "right-back"],
)  # fmt: skip
def test_a_fault_that_passes_costs_only_time(yahoo: LocalServer, wrong: Reply) -> None:
    yahoo.on(CHART, wrong, times=1)
    assert tickers(prices(*ALL)) == ["AMD", "NVDA"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (rate_limited(), r"too many requests \(429\)"),
        (failing(503), r"Yahoo failed \(503\)"),
        (reset(), "no response"),
        (html(), "an HTML page"),
        (empty(), "an empty response"),
    ],
    ids=["429", "503", "reset", "html", "empty"],
)
def test_a_fault_that_stays_is_told_once_for_all(
    yahoo: LocalServer, wrong: Reply, says: str
) -> None:
    yahoo.on(CHART, wrong)
    with pytest.raises(SourceError, match=says) as error:
        prices(*ALL)
    assert not isinstance(error.value, PartialFetchError)
    assert "NVDA" in str(error.value)
    assert "delisted" not in str(error.value)


def test_a_crumb_that_stays_invalid_is_not_taken_for_a_delisting(yahoo: LocalServer) -> None:
    yahoo.on(CHART, INVALID_CRUMB, status=401)
    with pytest.raises(SourceError, match=r"Yahoo refuses: Invalid Crumb \(401\)") as error:
        prices(*ALL)
    assert "delisted" not in str(error.value)


def test_a_crumb_that_was_invalid_is_asked_for_anew(yahoo: LocalServer) -> None:
    yahoo.on(CHART, INVALID_CRUMB, status=401, times=2)
    assert tickers(prices(*ALL)) == ["AMD", "NVDA"]


def test_once_turned_away_nobody_asks_on(yahoo: LocalServer) -> None:
    names = [f"T{number}" for number in range(40)]
    yahoo.on(CHART, rate_limited())
    with pytest.raises(SourceError, match=r"\(T\d+.*: .*not asked after that: T"):
        prices(*names)
    asked = {path.rpartition("/")[2] for path in yahoo.paths() if path.startswith(CHART)}
    assert len(asked) <= 4


def test_where_nobody_answers_few_are_asked_and_the_reason_stands_once(yahoo: LocalServer) -> None:
    names = [f"T{number}" for number in range(40)]
    yahoo.on("/", reset())
    with pytest.raises(SourceError, match="; not asked after that: T") as error:
        prices(*names)
    # Which were asked before all stopped depends on the pace of the two workers.
    assert str(error.value).count("no response") == 1
    asked = {path.rpartition("/")[2] for path in yahoo.paths() if path.startswith(CHART)}
    assert 3 <= len(asked) <= 6
    assert len(str(error.value)) < 400


def test_tickers_without_an_answer_do_not_speak_for_yahoo_once_it_answered(
    yahoo: LocalServer,
) -> None:
    for number in range(6):
        yahoo.on(f"{CHART}/T{number}", reset())
    with pytest.raises(PartialFetchError) as error:
        prices("NVDA", *(f"T{number}" for number in range(6)), "AMD")
    assert tickers(error.value.frame) == ["AMD", "NVDA"]
    assert set(error.value.failures) == {f"T{number}" for number in range(6)}


def test_a_wait_that_is_too_long_is_not_sat_out(yahoo: LocalServer) -> None:
    yahoo.on(CHART, rate_limited(3600))
    started = datetime.now(UTC)
    with pytest.raises(SourceError, match="429"):
        prices(*ALL)
    assert (datetime.now(UTC) - started).total_seconds() < 600  # it asked for 3,600


def test_a_delisted_ticker_is_named_and_the_others_come(yahoo: LocalServer) -> None:
    with pytest.raises(
        PartialFetchError, match="DEAD: Yahoo says: No data found, symbol may be"
    ) as error:
        prices("NVDA", "DEAD", "AMD")
    assert tickers(error.value.frame) == ["AMD", "NVDA"]
    again = pickle.loads(pickle.dumps(error.value))
    assert again.failures == error.value.failures
    assert again.frame.equals(error.value.frame)


def test_a_delisted_ticker_alone_does_not_speak_for_yahoo(yahoo: LocalServer) -> None:
    with pytest.raises(PartialFetchError) as error:
        prices("DEAD")
    assert error.value.frame.height == 0


def test_a_ticker_without_a_trade_for_a_month_is_named(yahoo: LocalServer) -> None:
    gone = chart({}, today=date(2024, 3, 28))
    quiet = chart({}, today=date(2024, 6, 7))  # a long holiday
    serve(yahoo, {"NVDA": chart(WEEK), "X": gone, "005930.KS": quiet})
    with pytest.raises(PartialFetchError, match=r"X: no trade since 2024-03-28") as error:
        prices("NVDA", "X", "005930.KS")
    assert set(error.value.failures) == {"X"}


@pytest.mark.parametrize("last", [1e17, 1e300, float("1e18")])
def test_an_impossible_time_of_the_last_trade_names_the_ticker(
    yahoo: LocalServer, last: float
) -> None:
    broken = chart({}, today=date(2024, 6, 7))
    broken["chart"]["result"][0]["meta"]["regularMarketTime"] = last
    serve(yahoo, {"NVDA": chart(WEEK), "AMD": broken})
    with pytest.raises(PartialFetchError, match="AMD: Yahoo says that it last traded at") as error:
        prices("AMD", "NVDA")
    assert tickers(error.value.frame) == ["NVDA"]


@pytest.mark.parametrize("encoding", ["utf-16", "cp037"])
def test_figures_in_an_encoding_that_hides_brackets_are_not_read(
    yahoo: LocalServer, encoding: str
) -> None:
    body = json.dumps(chart(WEEK, symbol="AMD")).encode(encoding)
    headers = {"Content-Type": f"application/json; charset={encoding}"}
    serve(yahoo, {"NVDA": chart(WEEK)})
    yahoo.on(f"{CHART}AMD", Reply(body, headers=headers))
    with pytest.raises(PartialFetchError) as error:
        prices(*ALL)
    assert set(error.value.failures) == {"AMD"}
    assert tickers(error.value.frame) == ["NVDA"]


def test_whatever_goes_wrong_with_the_rows_of_a_ticker_is_its_own_trouble(
    yahoo: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = price_checks.listing_doubts

    def of_one(name: str, *arguments: Any) -> Any:
        if name == "AMD":
            raise OverflowError("math range error")
        return usual(name, *arguments)

    monkeypatch.setattr(price_checks, "listing_doubts", of_one)
    with pytest.raises(PartialFetchError, match="AMD: The response could not be read") as error:
        prices(*ALL)
    assert tickers(error.value.frame) == ["NVDA"]


def test_whatever_goes_wrong_with_an_answer_is_the_trouble_of_its_ticker(
    yahoo: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = yahoo_fetch.price_history

    def of_one(name: str, *arguments: Any) -> Any:
        if name == "AMD":
            raise OverflowError("cannot convert float infinity to integer")
        return usual(name, *arguments)

    monkeypatch.setattr(yahoo_fetch, "price_history", of_one)
    with pytest.raises(PartialFetchError, match="AMD: The response could not be read") as error:
        prices(*ALL)
    assert tickers(error.value.frame) == ["NVDA"]


@pytest.mark.parametrize("missing", ["exchangeTimezoneName", "instrumentType", "currency"])
def test_a_missing_field_names_the_ticker(yahoo: LocalServer, missing: str) -> None:
    body = chart(WEEK)
    whole, broken = body, chart(WEEK)
    del broken["chart"]["result"][0]["meta"][missing]
    serve(yahoo, {"NVDA": whole, "AMD": broken})
    with pytest.raises(
        PartialFetchError, match="AMD: Yahoo's response has changed its shape"
    ) as error:
        prices(*ALL)
    assert tickers(error.value.frame) == ["NVDA"]


def test_null_and_renamed_columns_name_the_ticker(yahoo: LocalServer) -> None:
    renamed = chart(WEEK)
    quote = renamed["chart"]["result"][0]["indicators"]["quote"][0]
    quote["last"] = quote.pop("close")
    nothing = {"chart": {"result": None, "error": None}}
    serve(yahoo, {"NVDA": chart(WEEK), "AMD": renamed, "MU": nothing})
    with pytest.raises(PartialFetchError) as error:
        prices("NVDA", "AMD", "MU")
    assert set(error.value.failures) == {"AMD", "MU"}
    assert "changed its shape" in error.value.failures["AMD"]
    assert "nothing that can be read" in error.value.failures["MU"]


def test_a_cookie_or_crumb_that_cannot_be_had_does_not_stop_the_prices(yahoo: LocalServer) -> None:
    yahoo.on("/v1/test/getcrumb", rate_limited())
    yahoo.on("^/$", reset())
    assert tickers(prices(*ALL)) == ["AMD", "NVDA"]


def test_failures_reach_both_loaders_with_one_question(yahoo: LocalServer) -> None:
    with pytest.raises(PartialFetchError):
        prices("NVDA", "DEAD")
    count = len(yahoo.requests)
    with pytest.raises(PartialFetchError, match="DEAD"):
        YahooActions(QUICK, 1000, clock=lambda: NOW).fetch(
            Request(names=("NVDA", "DEAD"), since=date(2024, 6, 1))
        )
    assert len(yahoo.requests) == count


def test_what_the_other_loader_did_not_get_to_ask_is_no_second_fault(yahoo: LocalServer) -> None:
    names = tuple(f"T{number}" for number in range(40))
    yahoo.on("/", reset())
    with pytest.raises(SourceError):
        YahooActions(QUICK, 1000, workers=1, clock=lambda: NOW).fetch(
            Request(names=names, since=date(2024, 6, 1))
        )
    # Prices ask in two requests; to the second belongs nothing but what was not asked for.
    with pytest.raises(SpentError, match="had answered nothing before") as error:
        prices(*names[-10:])
    missed = {
        "T0": "no response",
        **dict.fromkeys(names[-10:], f"{UNASKED}, as {error.value.reason}"),
    }
    ((shown, why),) = by_reason(missed)
    assert (shown, why.count("answered nothing before")) == ("T0", 1)


def test_a_currency_that_changes_between_two_fetches_is_named_and_nothing_is_taken(
    yahoo: LocalServer,
) -> None:
    catalogue = {"NVDA": "USD", "AMD": "USD"}
    assert tickers(prices(*ALL, currencies=catalogue)) == ["AMD", "NVDA"]
    serve(yahoo, {"NVDA": chart(WEEK, currency="EUR"), "AMD": chart(WEEK, symbol="AMD")})
    with pytest.raises(
        PartialFetchError, match="NVDA: Yahoo quotes it in EUR and the catalogue in USD"
    ) as e:
        prices(*ALL, currencies=catalogue)
    assert tickers(e.value.frame) == ["AMD"]


def test_a_split_between_two_fetches_changes_every_day_of_the_answer(yahoo: LocalServer) -> None:
    before = prices("NVDA")
    tenth = {day: close / 10 for day, close in WEEK.items()}
    serve(yahoo, {"NVDA": chart(tenth, splits={date(2024, 6, 11): (10, 1)})})
    ratio = prices("NVDA")["adj_close"] / before["adj_close"]
    assert ratio.to_list() == pytest.approx([0.1] * 3)
