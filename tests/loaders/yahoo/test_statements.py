"""Quarterly figures from Yahoo: their currency, their sign, and the day they count as filed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.http.archive import Archive
from analysis.loaders.http.client import RetryPolicy
from analysis.loaders.yahoo.statements import COMPANIES, YahooRevenues, filed_by
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables import TABLES
from tests.servers.local import LocalServer, Reply, failing, html, rate_limited
from tests.servers.yahoo import FIGURES, quarters, serve

QUICK = RetryPolicy(connect=1, read=1, total=5, attempts=3, first_wait=0.01, longest_wait=1)
NOW = datetime(2024, 5, 10, 12, 0, tzinfo=UTC)
MARCH, DECEMBER = date(2024, 3, 31), date(2023, 12, 31)
CAMBRICON = quarters(
    {
        "quarterlyTotalRevenue": {DECEMBER: 563_000_000.0, MARCH: 25_657_893.42},
        "quarterlyCapitalExpenditure": {MARCH: -180_000_000.0},
    }
)


@pytest.fixture
def yahoo(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_YAHOO_URL", server.url)
    return server


def fetch(*names: str, at: datetime = NOW, **asked: Any) -> pl.DataFrame:
    return YahooRevenues(QUICK, 1000, clock=lambda: at).fetch(Request(names=names, **asked))


def test_quarters_are_in_millions_of_their_own_currency(yahoo: LocalServer) -> None:
    smic = quarters({"quarterlyTotalRevenue": {MARCH: 1_750_000_000.0}}, "USD", "0981.HK")
    serve(yahoo, {}, {"688256.SS": CAMBRICON, "0981.HK": smic})
    frame = fetch("Cambricon", "SMIC")
    columns = ["company", "period_end", "metric", "currency", "value", "filed"]
    assert frame.select(columns).sort(columns).rows() == [
        ("Cambricon", DECEMBER, "revenue", "CNY", 563.0, date(2024, 2, 29)),
        ("Cambricon", MARCH, "capex", "CNY", 180.0, date(2024, 4, 30)),
        ("Cambricon", MARCH, "revenue", "CNY", 25.657893, date(2024, 4, 30)),
        ("SMIC", MARCH, "revenue", "USD", 1750.0, date(2024, 4, 30)),
    ]
    assert frame["assumed"].all()
    assert frame["source"].unique().to_list() == ["yahoo_revenues"]
    assert TABLES["revenues"].is_valid(frame)


def test_payments_given_as_positive_numbers_stay_positive_and_odd_figures_are_flagged(
    yahoo: LocalServer,
) -> None:
    ends = [date(2023, 3, 31), date(2023, 6, 30), date(2023, 9, 30), DECEMBER, MARCH]
    revenue = dict(zip(ends, [5e8, 5.1e8, 5.2e8, 5.3e5, -5.4e8], strict=True))
    figures = {"quarterlyTotalRevenue": revenue, "quarterlyCapitalExpenditure": {MARCH: 1.8e8}}
    serve(yahoo, {}, {"688256.SS": quarters(figures)})
    frame = fetch("Cambricon")
    (spent,) = frame.filter(metric="capex").iter_rows(named=True)
    assert spent["value"] == 180.0
    assert spent["note"].endswith(", given as a positive number")
    flags = frame.filter(metric="revenue").sort("period_end")["flag"].to_list()
    assert flags == [None, None, None, "the periods beside it are near 515", "a negative figure"]


def test_filing_is_assumed_after_sixty_days_or_earlier_if_it_was_out() -> None:
    assert filed_by(DECEMBER, date(2024, 5, 10)) == date(2024, 2, 29)
    assert filed_by(MARCH, date(2024, 5, 30)) == date(2024, 5, 30)
    assert filed_by(MARCH, date(2024, 5, 29)) == date(2024, 5, 15)
    assert filed_by(MARCH, date(2024, 4, 1)) == date(2024, 4, 1)


@pytest.mark.parametrize("day", range(1, 100))
def test_filing_is_never_assumed_after_the_day_of_asking(day: int) -> None:
    asked = date.fromordinal(MARCH.toordinal() + day)
    assert MARCH < filed_by(MARCH, asked) <= asked


def test_the_first_assumption_of_a_filing_day_stands_when_the_figure_is_fetched_again(
    yahoo: LocalServer, tmp_path: Path
) -> None:
    serve(yahoo, {}, {"688256.SS": quarters({"quarterlyTotalRevenue": {MARCH: 2e6}})})
    store = Store(tmp_path / "live", seed=None)
    asked = [MARCH + timedelta(days=days) for days in (20, 33, 48, 70)]
    for day in asked:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        done = store.append("revenues", fetch("Cambricon", at=noon))
        assert (done.new, done.revised) == ((1, 0) if day == asked[0] else (0, 0))
    (row,) = store.history("revenues", "Cambricon").iter_rows(named=True)
    assert (row["filed"], row["assumed"]) == (MARCH + timedelta(days=15), True)
    assert row["filed"] <= row["observed_at"].date() == asked[0]


def test_another_value_is_a_revision_with_a_day_of_its_own(
    yahoo: LocalServer, tmp_path: Path
) -> None:
    store = Store(tmp_path / "live", seed=None)
    for day, value in ((20, 2e6), (20, 2e6), (70, 3e6)):
        serve(yahoo, {}, {"688256.SS": quarters({"quarterlyTotalRevenue": {MARCH: value}})})
        at = datetime(2024, 3, 31, 12, tzinfo=UTC) + timedelta(days=day)
        store.append("revenues", fetch("Cambricon", at=at))
    told = store.history("revenues", "Cambricon").select("value", "filed").rows()
    assert told == [(2.0, date(2024, 4, 15)), (3.0, date(2024, 5, 30))]


def test_a_known_filing_day_takes_the_place_of_an_assumed_one(
    yahoo: LocalServer, tmp_path: Path
) -> None:
    serve(yahoo, {}, {"688256.SS": quarters({"quarterlyTotalRevenue": {MARCH: 2e6}})})
    store = Store(tmp_path / "live", seed=None)
    frame = fetch("Cambricon")
    store.append("revenues", frame)
    given = frame.with_columns(
        filed=pl.lit(date(2024, 4, 26)), assumed=False, observed_at=NOW + timedelta(days=1)
    )
    assert store.append("revenues", given).revised == 1


def test_rows_continue_the_keys_of_the_bundled_table() -> None:
    companies = set(pl.read_parquet(bundled("data/snapshot/revenues.parquet"))["company"])
    assert set(COMPANIES) <= companies


def test_a_currency_that_one_figure_does_not_name_is_that_of_the_statement(
    yahoo: LocalServer,
) -> None:
    body = quarters({"quarterlyTotalRevenue": {DECEMBER: 1e6, MARCH: 2e6}})
    del body["timeseries"]["result"][0]["quarterlyTotalRevenue"][0]["currencyCode"]
    serve(yahoo, {}, {"688256.SS": body})
    assert fetch("Cambricon")["currency"].to_list() == ["CNY", "CNY"]


def test_without_any_currency_a_company_is_named_and_left_out(yahoo: LocalServer) -> None:
    body = quarters({"quarterlyTotalRevenue": {MARCH: 2e6}})
    del body["timeseries"]["result"][0]["quarterlyTotalRevenue"][0]["currencyCode"]
    serve(yahoo, {}, {"688256.SS": body, "688041.SS": CAMBRICON})
    with pytest.raises(
        PartialFetchError, match="Cambricon: Yahoo does not say in which currency"
    ) as error:
        fetch("Cambricon", "Hygon")
    assert set(error.value.frame["company"]) == {"Hygon"}


def test_a_figure_is_not_taken_before_its_quarter_has_ended(yahoo: LocalServer) -> None:
    june = date(2024, 6, 30)
    serve(yahoo, {}, {"688256.SS": quarters({"quarterlyTotalRevenue": {MARCH: 2e6, june: 3e6}})})
    assert fetch("Cambricon")["period_end"].to_list() == [MARCH]
    assert fetch("Cambricon", until=DECEMBER).height == 0


def test_what_yahoo_sent_is_kept(yahoo: LocalServer, tmp_path: Path) -> None:
    serve(yahoo, {}, {"688256.SS": CAMBRICON})
    fetch("Cambricon", archive=tmp_path)
    assert all(FIGURES in entry.url for entry in Archive(tmp_path, "yahoo").entries())
    assert len(list(Archive(tmp_path, "yahoo").entries())) == 2


def test_an_unknown_company_and_offline_mode_are_refused_before_anything_is_asked(
    yahoo: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="Unknown company 'Huawei'"):
        fetch("Huawei")
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    with pytest.raises(InputError, match="FAULTLINE_OFFLINE"):
        fetch()
    assert not yahoo.requests


@pytest.mark.parametrize(
    "wrong", [rate_limited(), failing(503), html()], ids=["429", "503", "html"]
)
def test_a_fault_that_passes_costs_only_time(yahoo: LocalServer, wrong: Reply) -> None:
    serve(yahoo, {}, {"688256.SS": CAMBRICON})
    yahoo.on(FIGURES, wrong, times=3)
    assert fetch("Cambricon").height == 3


def test_a_company_without_figures_is_named_and_the_others_come(yahoo: LocalServer) -> None:
    nothing: dict[str, Any] = {"timeseries": {"result": [], "error": None}}
    serve(yahoo, {}, {"688256.SS": CAMBRICON, "688041.SS": nothing})
    with pytest.raises(PartialFetchError, match="Hygon: Yahoo sent no quarterly figures") as error:
        fetch("Cambricon", "Hygon")
    assert error.value.frame.height == 3


def test_a_yahoo_that_refuses_is_told_once(yahoo: LocalServer) -> None:
    serve(yahoo, {})
    yahoo.on(FIGURES, rate_limited())
    with pytest.raises(SourceError, match="429") as error:
        fetch("Cambricon", "Hygon")
    assert not isinstance(error.value, PartialFetchError)
