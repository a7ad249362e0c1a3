"""The desk answers from the bundled snapshot, as of a day, and refuses what it does not know."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from analysis import Desk
from analysis.errors import EventDateWarning, InputError
from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
from analysis.store import Store


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


def test_the_day_of_deepseek_monday_comes_out_of_the_prices(desk: Desk) -> None:
    day = desk.returns(["NVDA", "AVGO", "TSM", "^GSPC"], "2025-01-27", "2025-01-27")
    assert list(day.columns) == ["NVDA", "AVGO", "TSM", "^GSPC"]
    np.testing.assert_allclose(day.iloc[0], [-0.1697, -0.1740, -0.1333, -0.0146], atol=5e-5)


def test_abnormal_returns_of_deepseek_monday(desk: Desk) -> None:
    results = desk.study(
        "ds-appstore-1",
        ["NVDA", "TSM", "AMD", "SOXX"],
        benchmark="^GSPC",
        estimation=(-250, -31),
        window=(-1, 1),
    )
    zero = results.abnormal[0].droplevel("event_id")
    assert zero["NVDA"] == pytest.approx(-0.130, abs=5e-4)
    assert zero["TSM"] == pytest.approx(-0.107, abs=5e-4)
    assert zero["AMD"] == pytest.approx(-0.027, abs=5e-4)
    # -4.45 to two decimals; the published figure of -4.4 is cut, not rounded.
    assert zero["SOXX"] == pytest.approx(-0.044, abs=1e-3)


@pytest.mark.parametrize(
    ("event", "security", "day0"),
    [
        ("ds-r1", "NVDA", "2025-01-21"),
        ("ds-r1", "688981.SS", "2025-01-21"),
        ("ds-r1", "0981.HK", "2025-01-21"),
        ("ds-v4-preview", "NVDA", "2026-04-24"),
        ("ds-v4-preview", "688981.SS", "2026-04-24"),
        ("ds-v4-preview", "2330.TW", "2026-04-24"),
        ("us-h20-8k", "NVDA", "2025-04-16"),
        ("ds-appstore-1", "000660.KS", "2025-01-31"),
    ],
)
def test_day_0_follows_each_exchange(desk: Desk, event: str, security: str, day0: str) -> None:
    placed = desk.placements(event, [security])
    assert placed["day0"].iloc[0] == pd.Timestamp(day0)


def test_a_currency_is_placed_on_new_york_and_trades_on_its_own_days(desk: Desk) -> None:
    placed = desk.placements("ds-appstore-1", ["USDCNY"])
    assert placed["day0"].iloc[0] == pd.Timestamp("2025-01-27")
    assert desk.returns("USDCNY").iloc[1:]["USDCNY"].notna().all()


def test_a_suspended_security_has_no_return_over_the_hole(desk: Desk) -> None:
    hygon = desk.returns("688041.SS", "2025-05-20", "2025-06-13")["688041.SS"]
    suspended = hygon["2025-05-26":"2025-06-09"]  # type: ignore[misc]
    assert suspended.isna().all()
    assert len(suspended) > 5
    assert np.isnan(hygon.loc["2025-06-10"])
    assert np.isfinite(hygon.loc["2025-06-11"])


def test_prices_after_the_as_of_day_are_unknown() -> None:
    early = Desk(as_of="2025-01-24")
    assert early.returns("NVDA").index[-1] == pd.Timestamp("2025-01-24")
    results = early.study("ds-appstore-1", ["NVDA"])
    assert results.abnormal.empty
    assert "2025-01-2" in results.skipped["reason"].iloc[0]


def test_a_day_before_all_prices_leaves_nothing_to_compute() -> None:
    results = Desk(as_of="1999-12-31").study("ds-r1", ["NVDA"])
    assert results.abnormal.empty
    assert results.skipped["security"].to_list() == ["NVDA"]


def test_a_model_of_the_engine_is_taken_as_it_is(desk: Desk) -> None:
    own = desk.study("ds-appstore-1", ["NVDA"], model=MarketModel("SOXX"))
    named = desk.study("ds-appstore-1", ["NVDA"], benchmark="SOXX")
    pd.testing.assert_frame_equal(own.abnormal, named.abnormal)
    factors = desk.study("ds-appstore-1", ["NVDA"], model=FactorModel(["mkt_rf"], rf="rf"))
    assert factors.parameters["beta"].iloc[0] > 1
    assert len(desk.study("ds-appstore-1", ["NVDA"], model=MeanAdjusted()).abnormal) == 1
    adjusted = desk.study("ds-appstore-1", ["NVDA"], model=MarketAdjusted("^GSPC"))
    assert adjusted.parameters["beta"].iloc[0] == 1
    with pytest.raises(InputError, match="neither a name"):
        desk.study("ds-appstore-1", ["NVDA"], model=3)  # type: ignore[arg-type]


def test_events_of_a_later_day_are_not_listed_as_of_an_earlier_one() -> None:
    listed = Desk(as_of=date(2025, 1, 22)).events(entity="DeepSeek")["id"].to_list()
    assert "ds-r1" in listed
    assert "ds-appstore-1" not in listed


def test_events_are_filtered_by_every_criterion_together(desk: Desk) -> None:
    frame = desk.events(
        category="release", entity="DeepSeek", status="official", since="2025-01-01",
        until="2025-12-31",
    )  # fmt: skip
    assert "ds-r1" in frame["id"].to_list()
    assert set(frame["category"]) == {"release"}
    assert frame["date"].is_sorted()
    assert frame["date"].min() >= date(2025, 1, 1)
    assert frame["date"].max() <= date(2025, 12, 31)


def test_without_tickers_a_study_takes_the_entities_and_everything_that_trades(desk: Desk) -> None:
    chosen = desk.securities("ds-appstore-1")
    assert chosen[0] == "NVDA"
    assert {"688256.SS", "VST", "MSFT"} <= set(chosen)
    assert not {"^GSPC", "SOXX", "USDCNY", "^VIX"} & set(chosen)
    assert len(chosen) == len(set(chosen))


def test_a_security_without_home_benchmark_is_skipped_with_that_reason(desk: Desk) -> None:
    results = desk.study("ds-appstore-1", ["^TWII", "NVDA"])
    row = results.skipped.set_index("security").loc["^TWII"]
    assert "no home benchmark" in row["reason"]
    assert desk.study("ds-appstore-1", ["^TWII"], model="mean_adjusted").skipped.empty


@pytest.mark.parametrize(
    ("ticker", "index", "day"),
    [("2330.TW", "^TWII", "2025-02-03"), ("8035.T", "^N225", "2025-01-27")],
)
def test_taipei_and_tokyo_are_measured_on_their_own_indexes(
    desk: Desk, ticker: str, index: str, day: str
) -> None:
    returns = desk.returns([ticker, index]).dropna(how="all")
    day0 = returns.index.get_loc(pd.Timestamp(day))  # Taipei opened a week later
    rows = returns.iloc[day0 - 250 : day0 - 30].dropna()
    beta, alpha = np.polyfit(rows[index], rows[ticker], 1)
    expected = returns[ticker].iloc[day0] - alpha - beta * returns[index].iloc[day0]
    results = desk.study("ds-appstore-1", [ticker])
    assert results.abnormal.loc[("ds-appstore-1", ticker), 0] == pytest.approx(expected, abs=1e-9)


def test_the_return_after_the_gap_of_the_nikkei_is_missing(desk: Desk) -> None:
    """The index has no level from 2025-04-30 to 2025-06-25: a return after it spans two months."""
    returns = desk.returns("^N225", "2025-04-28", "2025-06-27")["^N225"]
    assert returns.iloc[1:-1].isna().all()
    assert returns.index[-2] == pd.Timestamp("2025-06-26")
    assert returns.iloc[[0, -1]].notna().all()


def test_an_event_that_markets_could_not_see_is_refused_with_its_reason(desk: Desk) -> None:
    private = desk.events().filter(desk.events()["timing"] == "private")["id"][0]
    results = desk.study([private, "ds-appstore-1"], ["NVDA"])
    assert list(results.abnormal.index) == [("ds-appstore-1", "NVDA")]
    assert private in results.skipped["event_id"].to_list()


@pytest.mark.parametrize(
    ("model", "factors"),
    [
        ("ff3", ["mkt_rf", "smb_ff3", "hml"]),
        ("ff5", ["mkt_rf", "smb", "hml", "rmw", "cma"]),
        ("carhart", ["mkt_rf", "smb_ff3", "hml", "mom"]),
    ],
)
def test_factor_models_are_excess_returns_on_their_factors(
    desk: Desk, model: str, factors: list[str]
) -> None:
    figures = desk.factors([*factors, "rf"])
    returns = desk.returns("NVDA")["NVDA"]
    excess = (returns - figures["rf"]).dropna()
    day0 = excess.index.get_loc(pd.Timestamp("2025-01-27"))
    rows = excess.index[day0 - 250 : day0 - 30]
    design = np.column_stack([np.ones(len(rows)), figures.loc[rows, factors]])
    beta = np.linalg.lstsq(design, excess.loc[rows], rcond=None)[0]
    expected = excess.iloc[day0] - beta @ [1.0, *figures.loc["2025-01-27", factors]]
    found = desk.study("ds-appstore-1", ["NVDA"], model=model).car((0, 0))["car"].iloc[0]
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_adjusted_models_subtract_the_benchmark_or_the_mean(desk: Desk) -> None:
    returns = desk.returns(["NVDA", "^GSPC"])
    day = returns.loc["2025-01-27"]
    market = desk.study("ds-appstore-1", ["NVDA"], model="market_adjusted").car((0, 0))
    assert market["car"].iloc[0] == pytest.approx(day["NVDA"] - day["^GSPC"])
    day0 = returns.index.get_loc(pd.Timestamp("2025-01-27"))
    mean = returns["NVDA"].iloc[day0 - 250 : day0 - 30].mean()
    adjusted = desk.study("ds-appstore-1", ["NVDA"], model="mean_adjusted").car((0, 0))
    assert adjusted["car"].iloc[0] == pytest.approx(day["NVDA"] - mean)


def test_a_study_in_which_nothing_can_be_placed_gives_every_reason(desk: Desk) -> None:
    results = desk.study("ds-appstore-1", ["^TWII", "^N225"])
    assert results.abnormal.empty
    assert results.skipped["security"].to_list() == ["^TWII", "^N225"]
    assert results.skipped["reason"].str.contains("no home benchmark").all()


def test_an_event_of_uncertain_placing_has_a_session_to_either_side(desk: Desk) -> None:
    days = desk.candidates(["ds-v3", "ds-r1"], ["NVDA", "0981.HK"])
    counts = days.groupby(["event_id", "security"], sort=False).size()
    assert counts["ds-v3"].tolist() == [3, 3]
    assert counts["ds-r1"].tolist() == [1, 1]
    fixed = days[days["fixed"]].set_index(["event_id", "security"])["date"]
    placed = desk.placements(["ds-v3", "ds-r1"], ["NVDA", "0981.HK"])
    assert fixed.tolist() == placed["day0"].tolist()
    # New York and Hong Kong were closed on Christmas Day, Hong Kong on the day after as well.
    asked = days[(days["event_id"] == "ds-v3") & (days["candidate"] == -1)]
    assert asked["date"].tolist() == list(pd.to_datetime(["2024-12-24", "2024-12-24"]))


def test_the_shock_of_deepseek_r1_came_four_sessions_after_its_day_0(desk: Desk) -> None:
    days = desk.candidates("ds-r1", "NVDA", sessions=(0, 4))
    results = desk.uncertain_study(days, benchmark="^GSPC", window=(-1, 1))
    with pytest.warns(EventDateWarning, match="disagree about significance at 5 %"):
        table = results.tests((0, 0)).set_index(["group", "test"])
    assert table.loc[("all", "max_permutation"), "p_value"] < 0.02
    fixed = results.fixed.tests((0, 0), ["permutation"])
    assert fixed["p_value"].iloc[0] > 0.8
    chosen = results.posterior((0, 0)).query("chosen").iloc[0]
    assert (chosen["candidate"], chosen["fixed"]) == (4, False)
    assert chosen["posterior"] > 0.99
    assert results.effect((0, 0)).loc["all", "effect"] == pytest.approx(-0.130, abs=1e-3)


def test_candidates_of_an_event_that_markets_could_not_see_are_refused(desk: Desk) -> None:
    with pytest.raises(InputError, match="no market could know of it"):
        desk.candidates("us-h20-notice", "NVDA")


def test_groups_of_a_study_are_roles(desk: Desk) -> None:
    results = desk.study("ds-appstore-1", ["NVDA", "VST"])
    assert set(results.groups) == {"all", "gpu", "power"}


def test_versions_name_the_content_of_every_table(desk: Desk) -> None:
    versions = desk.versions()
    assert {"prices", "factors"} <= set(versions)
    assert all(len(version["sha256"]) == 64 for version in versions.values())


def test_tables_are_read_as_polars_frames(desk: Desk) -> None:
    assert {"date", "ticker", "adj_close", "source", "observed_at"} <= set(
        desk.table("prices").columns
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda desk: desk.event("ds-r11"), "Did you mean 'ds-r1'"),
        (lambda desk: desk.returns("NVDIA"), "Unknown ticker 'NVDIA'. Did you mean 'NVDA'"),
        (lambda desk: desk.study("ds-r1", ["NVDA"], model="markt"), "Did you mean 'market'"),
        (lambda desk: desk.study("ds-r1", ["NVDA"], benchmark="^GSP"), "Did you mean '^GSPC'"),
        (lambda desk: desk.study("ds-r1", group="foundri"), "Did you mean 'foundry'"),
        (lambda desk: desk.study("ds-r1", ["NVDA"], group="gpu"), "not both"),
        (lambda desk: desk.study("ds-r1", []), "list of tickers is empty"),
        (lambda desk: desk.study("ds-r1", ["NVDA"], min_obs=3), "'min_observations'"),
        (lambda desk: desk.events(category="releases"), "Did you mean 'release'"),
        (lambda desk: desk.events(entity="Nvida"), "Did you mean 'Nvidia'"),
        (lambda desk: desk.events(status="oficial"), "Did you mean 'official'"),
        (lambda desk: desk.table("price"), "Did you mean 'prices'"),
        (lambda _: Desk(as_of="27.1.2025"), "is not a date"),
    ],
)
def test_what_is_unknown_is_refused_with_the_nearest_names(
    desk: Desk, call: object, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        call(desk)  # type: ignore[operator]
    assert words in str(caught.value)


def test_importing_the_package_offers_the_desk_and_nothing_else() -> None:
    import analysis

    assert analysis.Desk is Desk
    with pytest.raises(AttributeError, match="no attribute 'Desc'"):
        _ = analysis.Desc


def test_doubtful_prices_are_those_of_the_event_windows_and_of_their_benchmarks(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    bundled = store.read("prices")

    def with_a_flag(ticker: str, day: str, flag: str) -> None:
        row = bundled.filter(ticker=ticker, date=date.fromisoformat(day))
        at = row["observed_at"] + timedelta(days=1)
        store.append("prices", row.with_columns(observed_at=at, flag=pl.lit(flag)))

    with_a_flag("NVDA", "2025-01-28", "price break: a split")
    with_a_flag("NVDA", "2025-02-28", "out of the window")
    with_a_flag("^GSPC", "2025-01-24", "of the benchmark")
    desk = Desk(home=tmp_path)
    placements = desk.placements("ds-appstore-1", ["NVDA", "TSM"])
    found = desk.doubtful(placements, (-1, 1))
    assert found[["security", "ticker", "flag"]].to_numpy().tolist() == [
        ["NVDA", "^GSPC", "of the benchmark"],
        ["NVDA", "NVDA", "price break: a split"],
        ["TSM", "^GSPC", "of the benchmark"],
    ]
    assert found["date"].dt.date.tolist()[1] == date(2025, 1, 28)
    assert desk.doubtful(placements, (0, 0)).empty
    assert pd.isna(desk.returns("NVDA").loc["2025-01-28", "NVDA"])
