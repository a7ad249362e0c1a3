"""The bundled figures: the numbers that must come out of them, and how they are built.

The daily returns of 27 January 2025 are the ones that were reported in the press that day.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.settings import bundled
from analysis.store import Store

pytestmark = pytest.mark.slow

STORE = Store(bundled("data/snapshot"))
CATALOGUE = Catalogue(bundled("data/catalogue"))
SCRIPT = Path(__file__).parents[2] / "scripts" / "build_data.py"
MONDAY = {
    "NVDA": -16.97, "AVGO": -17.40, "TSM": -13.33, "MU": -11.71, "MRVL": -19.10, "VRT": -29.88,
    "VST": -28.27, "CEG": -20.85, "MSFT": -2.14, "META": 1.91, "^GSPC": -1.46, "^IXIC": -3.07,
}  # fmt: skip


# Tables that have figures from before there was a loader.
BUNDLED = (
    "china_revenue_share", "downloads", "earnings", "factors", "prices", "revenues",
    "risk_indexes", "shares",
)  # fmt: skip


@cache
def table(name: str) -> pl.DataFrame:
    return STORE.read(name)


@cache
def calendars() -> Calendars:
    return Calendars.amended(CATALOGUE.table("closures"), CATALOGUE.table("hours"))


def flags(name: str, **key: object) -> str:
    """Flag of one row; blank when nothing is known against it."""
    (row,) = table(name).filter(**key).iter_rows(named=True)
    return row["flag"] or ""


@pytest.mark.parametrize("ticker", MONDAY)
def test_the_returns_of_deepseek_monday_come_out(ticker: str) -> None:
    own = table("prices").filter(ticker=ticker).sort("date")
    returns = own.with_columns(pl.col("adj_close").pct_change().alias("return"))
    (monday,) = returns.filter(date=date(2025, 1, 27))["return"]
    assert round(100 * monday, 2) == MONDAY[ticker]


def test_every_table_is_there_and_all_of_it_is_small() -> None:
    assert STORE.names() == sorted(BUNDLED)
    files = [path for path in STORE.home.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000


def test_every_price_has_an_instrument_and_every_benchmark_has_prices() -> None:
    tickers = set(table("prices")["ticker"])
    assert tickers == set(CATALOGUE.table("instruments")["ticker"])
    assert set(CATALOGUE.table("instruments")["benchmark"].drop_nulls()) <= tickers


def test_every_row_is_marked_as_backfilled() -> None:
    assert all(table(name)["backfilled"].all() for name in BUNDLED)


def test_every_price_of_an_exchange_is_known_from_the_close_of_its_session_on() -> None:
    hours = [("NVDA", "2025-01-27T21:00"), ("0700.HK", "2025-01-27T08:00"),
             ("688256.SS", "2025-01-27T07:00"), ("005930.KS", "2025-01-24T06:30"),
             ("NVDA", "2024-11-29T18:00"), ("^VIX", "2024-11-29T18:15")]  # fmt: skip
    for ticker, stamp in hours:
        at = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
        (known,) = table("prices").filter(ticker=ticker, date=at.date())["observed_at"]
        assert known == at, ticker


def test_noon_rates_are_known_on_the_tuesday_after_their_week() -> None:
    rates = table("prices").filter(ticker="USDCNY")
    assert set(rates["observed_at"].dt.convert_time_zone("America/New_York").dt.weekday()) == {2}
    lag = (rates["observed_at"].dt.date() - rates["date"]).dt.total_days()
    assert (lag.min(), lag.max()) == (4, 8)


def test_reading_as_of_a_day_shows_no_later_close() -> None:
    known = STORE.read("prices", date(2025, 1, 26))
    assert known["date"].max() == date(2025, 1, 24)
    assert STORE.read("prices", date(2016, 1, 3)).height == 0


def test_factors_are_known_two_months_after_their_month_and_the_bill_at_the_close() -> None:
    january = table("factors").filter(date=date(2025, 1, 27))
    known = dict(january.select("factor", pl.col("observed_at").dt.date()).iter_rows())
    assert known.pop("irx_annual") == date(2025, 1, 27)
    assert set(known.values()) == {date(2025, 3, 31)}
    assert len(known) == 8


def test_the_bills_yield_is_a_decimal() -> None:
    (value,) = table("factors").filter(date=date(2026, 7, 31), factor="irx_annual")["value"]
    assert value == 0.03682


def test_revenues_are_assumed_to_be_filed_after_sixty_days_unless_the_source_says_when() -> None:
    assumed = table("revenues").filter("assumed")
    assert ((assumed["filed"] - assumed["period_end"]).dt.total_days() == 60).all()
    given = table("revenues").filter(~pl.col("assumed"))
    assert given.select("company", "filed").unique().rows() == [("Nvidia", date(2026, 8, 26))]


def test_a_quarter_that_stands_in_two_currencies_keeps_both() -> None:
    rows = table("revenues").filter(
        company="SMIC", period_end=date(2025, 3, 31), frequency="Q", metric="revenue"
    )
    assert dict(rows.select("currency", "value").iter_rows()) == {"CNY": 16301.085, "USD": 2247.2}


def test_capital_expenditure_stands_beside_revenue() -> None:
    assert set(table("revenues")["metric"]) == {"revenue", "capex"}
    assert "as above" not in table("revenues")["source"]


def test_risk_indexes_are_known_only_after_their_publication() -> None:
    lag = table("risk_indexes").select(
        "series", (pl.col("observed_at").dt.date() - pl.col("date")).dt.total_days().alias("days")
    )
    daily = lag.filter(pl.col("series").str.starts_with("GPRD"))["days"]
    assert (daily.min(), daily.max()) == (2, 8)
    assert set(lag.filter(series="USEPUINDXD")["days"]) == {2}
    monthly = lag.filter(~pl.col("series").str.starts_with("GPRD") & (pl.col("days") > 2))
    assert monthly["days"].min() == 37  # a February and the ten days after it


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("prices", {"ticker": "005930.KS", "date": date(2026, 7, 31)}, "one vendor alone"),
        ("prices", {"ticker": "9988.HK", "date": date(2024, 6, 12)}, "adjusted here"),
        ("prices", {"ticker": "9988.HK", "date": date(2026, 6, 10)}, "taken for Hong Kong dollars"),
        ("prices", {"ticker": "9618.HK", "date": date(2026, 4, 8)}, "the return is about 3 % low"),
        ("prices", {"ticker": "9618.HK", "date": date(2026, 4, 8)}, "15 common sessions only"),
        ("prices", {"ticker": "^IXIC", "date": date(2026, 8, 24)}, "6 common sessions only"),
        ("prices", {"ticker": "2330.TW", "date": date(2026, 6, 11)}, "probably not adjusted"),
        ("prices", {"ticker": "2317.TW", "date": date(2026, 5, 4)}, "closes as traded"),
        ("prices", {"ticker": "2330.TW", "date": date(2026, 7, 10)}, "seems not to have traded"),
        ("prices", {"ticker": "688041.SS", "date": date(2022, 10, 10)}, "subtracted, not scaled"),
        ("prices", {"ticker": "688795.SS", "date": date(2026, 9, 7)}, "the daily limit"),
        ("prices", {"ticker": "300308.SZ", "date": date(2026, 7, 1)}, "may be missing"),
        ("prices", {"ticker": "MSFT", "date": date(2026, 8, 20)}, "not adjusted for dividends"),
        ("prices", {"ticker": "AMD", "date": date(2026, 9, 1)}, "no ex-date is known"),
        ("prices", {"ticker": "9888.HK", "date": date(2026, 3, 12)}, "before the close"),
        ("prices", {"ticker": "VRT", "date": date(2019, 6, 3)}, "blank-cheque company"),
        ("prices", {"ticker": "0700.HK", "date": date(2024, 12, 24)}, "two vendors differ"),
        ("prices", {"ticker": "0700.HK", "date": date(2026, 9, 1)}, "position in a list"),
        ("prices", {"ticker": "603019.SS", "date": date(2023, 6, 1)}, "adjustment is doubtful"),
        ("prices", {"ticker": "SNDK", "date": date(2026, 7, 30)}, "not checked against news"),
        ("factors", {"factor": "smb", "date": date(2025, 1, 27)}, "restated"),
        ("risk_indexes", {"series": "GPRD", "date": date(2025, 6, 2)}, "one day in six"),
        ("shares", {"ticker": "CRWV", "as_of": date(2025, 3, 20)}, "an upper bound"),
        ("shares", {"ticker": "NVDA", "as_of": date(2025, 2, 21)}, ""),
        ("prices", {"ticker": "005930.KS", "date": date(2023, 2, 1)}, "thousands of shares"),
        ("risk_indexes", {"series": "USEPUINDXD", "date": date(2025, 11, 3)}, "looks faulty"),
        ("factors", {"factor": "hml", "date": date(2025, 1, 27)}, "restated"),
        (
            "downloads",
            {
                "entity": "deepseek/deepseek-v3.2-20251201",
                "metric": "tokens_1d",
                "date": date(2026, 7, 20),
            },
            "reads like seven days' total",
        ),
        ("prices", {"ticker": "NVDA", "date": date(2025, 1, 27)}, ""),
        ("factors", {"factor": "mkt_rf", "date": date(2025, 1, 27)}, ""),
    ],
)
def test_doubtful_figures_are_flagged_and_others_are_not(
    name: str, key: dict[str, object], words: str
) -> None:
    flag = flags(name, **key)
    assert words in flag
    assert bool(flag) == bool(words)


def test_trailing_counts_and_lower_bounds_are_always_flagged() -> None:
    downloads, revenues = table("downloads"), table("revenues")
    assert downloads.filter(metric="downloads_30d")["flag"].null_count() == 0
    assert set(revenues.filter(basis="lower_bound")["company"]) == {"SMIC", "Huawei"}
    assert revenues.filter(basis="lower_bound")["flag"].null_count() == 0


def test_on_a_closure_no_security_of_the_exchange_has_a_price() -> None:
    listed = CATALOGUE.table("instruments").select("ticker", "exchange")
    placed = table("prices").join(listed, on="ticker")
    closures = CATALOGUE.table("closures")
    assert placed.join(closures, on=["exchange", "date"]).height == 0
    library = Calendars()
    for exchange, day in closures.select("exchange", "date").iter_rows():
        assert len(library.sessions(exchange, day, day)) == 1, "the library knows it by now"


def test_prices_and_calendars_agree_but_for_the_holes_that_are_documented() -> None:
    """2330.TW closed at NT$1,140 on 2025-08-01 (CNA), so that day is a hole and no closure."""
    listed = CATALOGUE.table("instruments").select("ticker", "exchange")
    placed = table("prices").join(listed, on="ticker")
    holes = set()
    for (exchange,), rows in placed.drop_nulls("exchange").group_by("exchange"):
        held = set(rows["date"])
        sessions = calendars().sessions(str(exchange), min(held), max(held))
        days = {stamp.date() for stamp in sessions}
        assert held <= days
        holes |= {(exchange, day) for day in days - held}
    assert holes == {
        ("XKRX", date(2022, 1, 3)),
        ("XKRX", date(2022, 5, 9)),
        ("XKRX", date(2017, 9, 22)),
        ("XKRX", date(2017, 12, 20)),
        ("XTAI", date(2019, 9, 9)),
        ("XTAI", date(2021, 4, 6)),
    }


CORRECTED = {
    # A close captured mid-session, and two of the volatility index.
    ("0700.HK", date(2026, 3, 12)): -0.00996,
    ("9988.HK", date(2026, 3, 12)): -0.01201,
    ("0981.HK", date(2026, 3, 12)): -0.01020,
    ("^VIX", date(2021, 8, 11)): 16.06 / 16.79 - 1,
    ("^VIX", date(2021, 10, 4)): 22.96 / 21.15 - 1,
    # Dividends: US$0.125 and 0.2075 of Alibaba, NT$5 and 6 of TSMC.
    ("9988.HK", date(2023, 12, 20)): 72.55 / (71.65 - 0.98) - 1,
    ("9988.HK", date(2024, 6, 12)): 74.15 / (76.45 - 1.62) - 1,
    ("2330.TW", date(2025, 12, 11)): 1470 / (1505 - 5) - 1,
    ("2330.TW", date(2026, 3, 17)): 1870 / (1845 - 6) - 1,
    # Closes that were not final, and to which later ones were chained.
    ("9988.HK", date(2025, 5, 22)): 119.1 / 123.1 - 1,
    ("0981.HK", date(2025, 5, 22)): 41.8 / 42.65 - 1,
}


@pytest.mark.parametrize(("ticker", "day"), CORRECTED)
def test_a_corrected_price_gives_the_return_of_its_source(ticker: str, day: date) -> None:
    own = table("prices").filter(ticker=ticker).sort("date")
    returns = own.with_columns(pl.col("adj_close").pct_change().alias("return"))
    (row,) = returns.filter(date=day).iter_rows(named=True)
    assert row["return"] == pytest.approx(CORRECTED[ticker, day], abs=2e-5)


def test_later_closes_move_with_the_one_they_were_chained_to() -> None:
    """Those of SMIC in Hong Kong are multiples of the tick of HK$0.05 again, but for one."""
    own = table("prices").filter(
        pl.col("ticker") == "0981.HK",
        pl.col("date").is_between(date(2025, 5, 22), date(2026, 3, 11)),
    )
    ticks = pl.col("adj_close") / 0.05
    off = own.filter((ticks - ticks.round()).abs() > 0.005)
    assert off["date"].to_list() == [date(2025, 8, 8)]
    assert "no multiple of the tick" in off["flag"].item()


@pytest.mark.parametrize(
    ("key", "value", "basis"),
    [
        (("AMD", date(2025, 6, 28), "Data Center", "revenue"), 3240, "rounded"),
        (("AMD", date(2023, 4, 1), "Data Center", "revenue"), 1295, "rounded"),
        (("AMD", date(2023, 7, 1), "Data Center", "revenue"), 1321, "reported"),
        (("Dell", date(2025, 1, 31), "total", "revenue"), 23931, "reported"),
        (("Dell", date(2023, 5, 5), "total", "revenue"), 20922, "reported"),
        (("Broadcom", date(2024, 2, 4), "Semiconductor solutions", "revenue"), 7390, "rounded"),
        (("Intel", date(2022, 4, 2), "total", "revenue"), 18353, "reported"),
        (("Intel", date(2022, 7, 2), "total", "capex"), 7242, "derived"),
        (("Nvidia", date(2025, 1, 26), "Data Center", "revenue"), 35580, "reported"),
        (("SMIC", date(2024, 12, 31), "total", "revenue"), 2207.3, "reported"),
    ],
)
def test_a_corrected_quarter_has_its_value_and_period(
    key: tuple[str, date, str, str], value: float, basis: str
) -> None:
    names = dict(zip(("company", "period_end", "segment", "metric"), key, strict=True))
    rows = table("revenues").filter(frequency="Q", currency="USD", **names)
    assert rows.select("value", "basis").rows() == [(value, basis)]


def test_the_segments_of_amd_sum_to_its_revenue() -> None:
    quarters = table("revenues").filter(company="AMD", frequency="Q", metric="revenue")
    total = pl.col("segment") == "total"
    sums = quarters.group_by("period_end").agg(
        pl.col("value").filter(total).sum().alias("total"),
        pl.col("value").filter(~total).sum().alias("parts"),
        (~total).sum().alias("segments"),
    )
    apart = sums.filter(pl.col("segments") == 4).select((pl.col("total") - pl.col("parts")).abs())
    assert apart.height > 8
    assert apart.max().item() <= 5


def test_a_price_is_said_by_the_collector_of_its_stretch() -> None:
    own = table("prices").filter(ticker="NVDA")
    first = own.filter(date=date(2016, 1, 4))["source"].item()
    last = own.filter(date=date(2026, 10, 2))["source"].item()
    assert "dsturdy/Factor_Attribution" in first
    assert "frank-invest" in last
    assert not table("prices")["source"].str.contains("text index").any()
    assert "FEZ" not in table("prices")["ticker"]


def test_earnings_have_the_timing_of_events_and_are_known_a_day_later() -> None:
    rows = table("earnings").filter(ticker="NVDA", fiscal_period="Q4 FY2025", kind="results")
    (row,) = rows.iter_rows(named=True)
    assert (row["date"], row["timing"]) == (date(2025, 2, 26), "after_us_close")
    assert row["observed_at"].date() == date(2025, 2, 27)
    deliveries = table("earnings").filter(kind="deliveries")
    assert deliveries["fiscal_period"].to_list()[:1] == ["Q1 2022"]
    planned = table("earnings").filter(pl.col("kind").is_in(["scheduled", "periodic_report"]))
    assert planned["flag"].null_count() == 0


def test_two_bases_of_one_company_are_two_series() -> None:
    shares = table("china_revenue_share").filter(company="Nvidia", period_end=date(2025, 1, 26))
    assert dict(shares.select("basis", "share").iter_rows()) == {
        "billing": pytest.approx(17108 / 130497, abs=1e-6),
        "headquarters": pytest.approx(25048 / 130497, abs=1e-6),
    }


def test_what_was_filed_on_an_unknown_day_is_assumed_late() -> None:
    shares = table("shares").filter("assumed")
    assert ((shares["filed"] - shares["as_of"]).dt.total_days() == 60).all()
    china = table("china_revenue_share").filter("assumed")
    days = china.select("frequency", (pl.col("filed") - pl.col("period_end")).dt.total_days())
    assert set(days.iter_rows()) == {("Q", 60), ("FY", 120)}


def collected(folder: Path) -> Path:
    """A small folder of figures in the form in which they are collected."""
    folder.mkdir()
    days = [date(2025, 1, 24), date(2025, 1, 27)]
    pl.DataFrame(
        {
            "date": days * 2,
            "ticker": ["NVDA"] * 2 + ["USDCNY"] * 2,
            "adj_close": [142.62, 118.42, 7.24, 7.25],
            "volume": [234_657_600, None, None, None],
        }
    ).write_parquet(folder / "prices.parquet")
    pl.DataFrame(
        {
            "date": [date(2016, 1, 4), date(2016, 1, 5), date(2026, 8, 21), date(2026, 8, 24)],
            "ticker": ["NVDA"] * 4,
            "adj_close": [0.8, 0.81, 180.0, 181.0],
            "volume": [None, None, 5, 6],
        }
    ).write_parquet(folder / "prices_more.parquet")
    pl.DataFrame(
        {
            "date": [days[0] + timedelta(days=n) for n in range(3)],
            "platform": "openrouter",
            "entity": "a/model",
            "metric": "tokens_1d",
            "value": [100.0, 5.0, 120.0],
            "note": None,
            "source": "a/collector",
        },
        schema_overrides={"note": pl.String},
    ).write_parquet(folder / "downloads.parquet")
    texts = {
        "prices_sources": "ticker,collected_from,days,first,last\n"
        "NVDA,a/repo; b/repo,2,,\nUSDCNY,c/repo (FRED DEXCHUS),2,,\n",
        "prices_more_sources": "ticker,collected_from,days,first,last\n"
        "NVDA,early/repo,2,2016-01-04,2016-01-05\n"
        'NVDA,"late/repo (text index, read later)",2,2026-08-21,2026-08-24\n',
        "prices_corrections": "ticker,date,existing_adj_close,suggested_adj_close,reason\n"
        'NVDA,2016-01-05,0.81,0.82,"mid-session; close from d/repo, on the same scale"\n',
        "corrections": "file,row key,column,wrong,right,source,confidence\n"
        "catalogue/events.csv,ds-r1,date,a,b,c,high\n"
        "snapshot/revenues.parquet,Nvidia|2025-01-26|Q|Data Center|revenue,value,1,2,c,high\n",
        "factors_more": "date,mkt_rf,smb,hml,rmw,cma,rf\n2026-06-01,0.0026,-0.0015,0,0,0,0.0001\n",
        "shares_outstanding": "ticker,as_of,shares,adr_ratio,basis,filed,source_title,source_url,"
        "note\nBABA,2025-03-31,19000000000,1 ADS = 8 ordinary shares,cover page,2025-06-26,20-F,"
        "https://a.example/20f,\nNVDA,2025-02-21,24400000000,,vendor page figure,,page,,\n",
        "earnings_dates": "ticker,fiscal_period,release_date,time_class,timezone,kind,source_title,"
        "source_url,verified_by,note\nTSLA,,2025-01-02,unknown,America/New_York,deliveries,8-K,"
        "https://a.example/8k,single,\n",
        "china_revenue_share": "company,ticker,period_end,period_type,region,currency,revenue_m,"
        "total_m,revenue_usd_bn,total_usd_bn,share,share_from,evidence,filed,source_title,"
        'source_url,note\nNVIDIA,NVDA,2025-01-26,year,"China (including Hong Kong), by billing '
        'location",USD,17108,130497,,,0.1311,revenue / total,table copy,2025-02-26,10-K,,\n',
        "factors": "date,mkt_rf,smb,hml,rmw,cma,mom,rf,smb_ff3,irx_pct\n"
        "2025-01-24,-0.003,0.001,0.001,0,0,0,0.0002,0,4.179999828338623\n"
        "2025-01-27,,,,,,,,,4.182\n",
        "geopolitical_risk": "date,freq,series,value,source\n"
        "2025-01-27,D,GPRD,100.5,authors\n2025-01-01,M,GPR,99.5,authors\n",
        "fundamentals": "company,ticker,period_end,freq,metric,segment,value,currency,unit,basis,"
        "verified_by,flag,source,note\n"
        "NVIDIA,NVDA,2025-01-26,Q,revenue,total,39331,USD,million,reported,a filing,,page,\n"
        "NVIDIA,NVDA,2025-01-26,Q,segment_revenue,Gaming,2544,USD,million,reported,,,as above,\n"
        "NVIDIA,NVDA,2025-01-26,Q,segment_revenue,Data Center,35486,USD,million,derived,,,as above,"
        "\n",
        "capex": "company,ticker,period_end,freq,capex,currency,unit,basis,verified_by,flag,source,"
        "definition,note\n"
        "NVIDIA,NVDA,2025-01-26,Q,1077,USD,million,lower_bound,,,page,cash,\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    for name in ("events", "claims", "chips"):
        frame = pl.read_csv(CATALOGUE.folder / f"{name}.csv", infer_schema=False)
        frame.reverse().write_csv(folder / f"{name}.csv")
    later = (CATALOGUE.folder / "events.csv").read_text(encoding="utf-8").partition("\n")[0]
    (folder / "events_more.csv").write_text(f"{later}\n", encoding="utf-8")
    return folder


def run(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build into a folder that holds the hand-kept files."""
    kept = out / "catalogue"
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("instruments", "groups", "closures", "hours", "moves", "watched"):
        (kept / f"{name}.csv").write_bytes((CATALOGUE.folder / f"{name}.csv").read_bytes())
    command = [sys.executable, str(SCRIPT), str(folder), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def digests(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """The small folder, what the script made of it, and what it said."""
    root = tmp_path_factory.mktemp("build")
    done = run(collected(root / "figures"), root / "data")
    assert done.returncode == 0, done.stderr
    return root / "figures", root / "data", done.stdout


def test_the_same_figures_give_the_same_bytes(built: tuple[Path, Path, str]) -> None:
    folder, out, _ = built
    again = out.parent / "again"
    assert run(folder, again).returncode == 0
    assert digests(again) == digests(out)
    assert len(digests(out)) == len(BUNDLED) + 10


def test_the_build_keeps_the_files_that_are_kept_by_hand(built: tuple[Path, Path, str]) -> None:
    catalogue = built[1] / "catalogue"
    for name in ("instruments", "groups", "closures", "hours", "moves", "watched"):
        held = (CATALOGUE.folder / f"{name}.csv").read_bytes()
        assert (catalogue / f"{name}.csv").read_bytes() == held
    # The others come out sorted and blank where the figures were blank.
    assert (catalogue / "events.csv").read_bytes() == (CATALOGUE.folder / "events.csv").read_bytes()


def test_the_build_says_what_it_did(built: tuple[Path, Path, str]) -> None:
    said = built[2]
    # The leap from 2016 to 2025 is one of them: no close moves so far within a session.
    assert "snapshot/prices.parquet: 8 rows, 2 flagged" in said
    assert "snapshot/downloads.parquet: 3 rows, 1 flagged" in said
    assert "snapshot/revenues.parquet: 4 rows, 1 flagged" in said


def test_the_build_types_and_names_what_it_read(built: tuple[Path, Path, str]) -> None:
    store = Store(built[1] / "snapshot")
    prices = store.read("prices")
    assert prices.filter(date=date(2025, 1, 24))["volume"].to_list() == [234_657_600, None]
    assert set(prices["source"]) == {
        "mostly Yahoo Finance, by way of a/repo; b/repo",
        "mostly Yahoo Finance, by way of early/repo",
        "mostly Yahoo Finance, by way of early/repo; corrected: d/repo",
        "mostly Yahoo Finance, by way of late/repo",
        "FRED DEXCHUS, by way of c/repo",
    }
    assert prices.filter(date=date(2016, 1, 5))["adj_close"].to_list() == [0.82]
    assert store.read("factors").height == 8 + 2 + 6
    assert store.read("shares")["adr_ratio"].to_list() == [8, None]
    assert store.read("earnings")["fiscal_period"].to_list() == ["Q4 2024"]
    assert store.read("china_revenue_share")["basis"].to_list() == ["billing"]
    assert store.read("factors").filter(factor="irx_annual")["value"].to_list() == [0.0418, 0.04182]
    revenues = store.read("revenues")
    assert set(revenues["company"]) == {"Nvidia"}
    assert set(revenues["source"]) == {"page"}
    assert revenues.filter(segment="Data Center")["value"].to_list() == [35580]
    assert store.read("downloads")["flag"].to_list() == [
        None,
        "less than a tenth of both neighbours: an incomplete collection",
        None,
    ]


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("prices_sources.csv", "NVDA", "NVDIA", "No source in prices_sources.csv for NVDA"),
        ("geopolitical_risk.csv", "GPRD", "VIX", "no publication rule for VIX: add one."),
        ("fundamentals.csv", "million", "billion", "is in billion: convert it to millions."),
        ("events.csv", ",official,", ",oficial,", "did you mean 'official'?"),
        ("factors.csv", "2025-01-24", "2025-01-25", "2025-01-25 is no session of New York"),
        ("prices_corrections.csv", "0.81,", "0.83,", "NVDA 2016-01-05 is 0.81 and not 0.83"),
        ("corrections.csv", "Data Center", "Data Centre", "no rule for revenues"),
        ("fundamentals.csv", "Data Center", "Data Centre", "have no such row"),
        ("prices_more_sources.csv", "2026-08-24", "2026-08-21", "No stretch in prices_more_so"),
        ("shares_outstanding.csv", "cover page", "cover", "no word for basis 'cover'"),
        ("earnings_dates.csv", "unknown", "midnight", "no word for time_class 'midnight'"),
        ("china_revenue_share.csv", "table copy", "rumour", "no word for evidence 'rumour'"),
    ],
)
def test_figures_that_cannot_be_used_are_refused_in_one_sentence(
    tmp_path: Path, name: str, before: str, after: str, told: str
) -> None:
    folder = collected(tmp_path / "figures")
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace(before, after, 1), encoding="utf-8")
    done = run(folder, tmp_path / "data")
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_price_on_a_day_that_is_no_session_is_refused(tmp_path: Path) -> None:
    folder = collected(tmp_path / "figures")
    prices = pl.read_parquet(folder / "prices.parquet")
    moved = prices.with_columns(pl.col("date") + pl.duration(days=1))
    moved.filter(pl.col("ticker") == "NVDA").write_parquet(folder / "prices.parquet")
    done = run(folder, tmp_path / "data")
    assert done.returncode == 2
    assert "NVDA has a price on 2025-01-25, which is no session of XNAS" in done.stderr


def test_a_missing_file_is_named_before_anything_is_written(tmp_path: Path) -> None:
    folder = collected(tmp_path / "figures")
    (folder / "capex.csv").unlink()
    done = run(folder, tmp_path / "data")
    assert done.returncode == 2
    assert "capex.csv: put these files there first." in done.stderr
    assert not (tmp_path / "data" / "snapshot").exists()
