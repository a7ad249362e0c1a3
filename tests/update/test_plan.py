"""What a pass asks for: what is missing, what may still be revised, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.errors import InputError
from analysis.loaders import Loader, Request
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables import schema_of
from analysis.update import update
from analysis.update.fetch import UpdateRun
from analysis.update.freshness import freshness, gaps
from analysis.update.plan import (
    FIRST_DAY,
    UpdateContext,
    full_history_requests,
    last_closed,
    requests_for,
)
from analysis.update.rebasing import new_splits, tickers_on_new_base

CATALOGUE = Catalogue(bundled("data/catalogue"))
NO_PRICES = schema_of("prices").create_empty()
MONDAY = date(2026, 8, 24)


def known(at: str = "2026-08-24T22:00:00", **options: object) -> UpdateContext:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return UpdateContext(CATALOGUE, Calendars(), now, **options)  # type: ignore[arg-type]


def closes(ticker: str, days: list[date], level: float = 100.0) -> pl.DataFrame:
    rows = {"ticker": ticker, "date": days, "adj_close": [level + n for n in range(len(days))]}
    return pl.DataFrame(rows)


def weekdays(first: date, count: int) -> list[date]:
    days = (first + timedelta(days=n) for n in range(2 * count))
    return [day for day in days if day.weekday() < 5][:count]


@pytest.mark.parametrize(
    ("at", "exchange", "closed"),
    [
        ("2026-08-24T19:59:00", "XNAS", date(2026, 8, 21)),  # New York still trades
        ("2026-08-24T20:10:00", "XNAS", date(2026, 8, 21)),  # the closing auction settles
        ("2026-08-24T20:31:00", "XNAS", MONDAY),
        ("2026-08-24T08:40:00", "XHKG", MONDAY),
        ("2026-11-27T18:31:00", "XNYS", date(2026, 11, 27)),  # closes early after Thanksgiving
        ("2026-08-24T12:00:00", None, date(2026, 8, 23)),  # currencies: the day must be over
        ("2026-08-23T12:00:00", "XNYS", date(2026, 8, 21)),  # a Sunday
        ("2031-03-03T12:00:00", "XSHG", date(2031, 3, 2)),  # beyond the published calendar
    ],
)
def test_a_session_that_still_runs_has_no_close(
    at: str, exchange: str | None, closed: date
) -> None:
    assert last_closed(exchange, known(at)) == closed


def test_an_empty_table_is_asked_for_from_the_first_day_and_every_ticker_once() -> None:
    requests = requests_for("yahoo", "prices", NO_PRICES, known())
    names = [name for request in requests for name in request.names]
    (noon_rate,) = requests_for("fred_prices", "prices", NO_PRICES, known())
    assert sorted([*names, *noon_rate.names]) == sorted(CATALOGUE.table("instruments")["ticker"])
    assert noon_rate.names == ("USDCNY",)
    assert {request.since for request in requests} == {FIRST_DAY}
    currencies = {name: item for request in requests for name, item in request.currencies.items()}
    assert currencies["0981.HK"] == "HKD"
    assert "DX-Y.NYB" not in currencies  # the catalogue gives none


def test_the_last_ten_prices_are_asked_for_again_and_a_dead_ticker_holds_nobody_back() -> None:
    days = weekdays(date(2026, 7, 1), 30)
    dead = weekdays(date(2022, 1, 3), 12)
    held = pl.concat([closes("NVDA", days), closes("AMD", days), closes("PLTR", dead)])
    requests = requests_for("yahoo", "prices", held, known())
    since = {name: request.since for request in requests for name in request.names}
    assert since["NVDA"] == since["AMD"] == days[-10]
    assert since["PLTR"] == dead[2]
    assert since["TSM"] == FIRST_DAY
    assert requests[0].since == days[-10]  # what is nearly complete comes first


def test_a_wish_for_more_history_is_followed() -> None:
    held = closes("NVDA", weekdays(date(2026, 7, 1), 30))
    requests = requests_for("yahoo", "prices", held, known(since=date(2015, 1, 1)))
    assert {request.since for request in requests} == {date(2015, 1, 1)}


@pytest.mark.parametrize(
    ("source", "table", "column", "since"),
    [
        ("federal_register", "policy_documents", "publication_date", date(2026, 7, 22)),
        ("gpr", "risk_indexes", "date", FIRST_DAY),
        ("openrouter", "downloads", "date", date(2026, 8, 14)),
    ],
)
def test_a_source_is_asked_for_what_it_may_revise(
    source: str, table: str, column: str, since: date
) -> None:
    days = [date(2026, 8, 20), date(2026, 8, 21), date(2026, 8, 22)]
    held = pl.DataFrame({column: days, "source": [source, source, "somebody else"]})
    (request,) = requests_for(source, table, held, known(archive=Path("raw")))
    assert request.since == since
    assert request.archive == Path("raw")


def test_actions_are_asked_for_again_and_from_the_first_day_where_there_is_none() -> None:
    at = datetime(2026, 8, 1, tzinfo=UTC)
    held = pl.DataFrame(
        {
            "ticker": ["NVDA", "TSM", "AMD"],
            "source": ["yahoo_actions", "yahoo_actions", "another"],
            "observed_at": [at, at - timedelta(days=300), at],
        }
    )
    requests = requests_for("yahoo_actions", "actions", held, known())
    since = {name: request.since for request in requests for name in request.names}
    assert since["NVDA"] == MONDAY - timedelta(days=140)
    assert since["TSM"] == (at - timedelta(days=330)).date()
    assert since["AMD"] == since["ARM"] == FIRST_DAY


def test_what_is_watched_is_asked_for() -> None:
    held = schema_of("downloads").create_empty()
    (request,) = requests_for("pypistats", "downloads", held, known())
    assert "vllm-ascend" in request.names


def test_a_source_that_never_answered_is_asked_from_the_first_day() -> None:
    held = pl.DataFrame({"date": [date(2026, 8, 20)], "source": ["the bundled collector"]})
    (request,) = requests_for("federal_register", "risk_indexes", held, known())
    assert request.since == FIRST_DAY


def test_closes_on_a_new_base_are_asked_for_from_the_beginning() -> None:
    days = weekdays(date(2026, 7, 1), 30)
    held = pl.concat([closes(name, days) for name in ("NVDA", "AMD", "TSM", "MU")])
    later = weekdays(date(2026, 7, 1), 35)[20:]
    fetched = pl.concat(
        [
            closes("NVDA", later, 120.0).with_columns(pl.col("adj_close") / 10),  # split 10:1
            closes("AMD", later, 120.0).with_columns(pl.col("adj_close") * (1 + 1e-7)),  # noise
            closes("TSM", later, 120.0).with_columns(pl.col("adj_close") * 0.9995),  # dividend
            closes("MU", weekdays(date(2026, 8, 20), 3)),  # no common day
            closes("ARM", later, 50.0),  # nothing held
        ]
    )
    assert tickers_on_new_base(held, fetched) == {"NVDA": days[0], "TSM": days[0], "MU": days[0]}
    (request,) = full_history_requests(tickers_on_new_base(held, fetched), known())
    assert request.names == ("MU", "NVDA", "TSM")
    assert request.since == days[0]


def test_a_revised_last_close_alone_moves_no_base() -> None:
    days = weekdays(date(2026, 7, 1), 30)
    held = closes("NVDA", days)
    fetched = held.tail(10).with_columns(
        pl.when(pl.col("date") == days[-1]).then(1.0).otherwise("adj_close").alias("adj_close")
    )
    assert tickers_on_new_base(held, fetched) == {}


def test_gaps_are_sessions_of_the_tickers_own_exchange_between_and_after_its_prices() -> None:
    days = weekdays(date(2026, 8, 3), 12)  # to 18 August: no holiday in New York
    held = pl.concat(
        [
            closes("NVDA", [day for day in days if day != date(2026, 8, 6)]),
            closes("0981.HK", days),
            closes("KRW=X", days[:2]),  # a currency has no exchange
        ]
    )
    at = known("2026-08-20T23:00:00")
    found = {gap.ticker: gap for gap in gaps([held], at)}
    assert set(found) == {"NVDA", "0981.HK"}
    assert found["NVDA"].missing == (date(2026, 8, 6),)
    assert (found["NVDA"].behind, found["0981.HK"].behind) == (2, 2)
    assert found["0981.HK"].missing == ()


def test_a_closure_of_the_catalogue_is_no_gap() -> None:
    days = [date(2023, 8, 31), date(2023, 9, 4)]
    at = datetime(2023, 9, 4, 12, tzinfo=UTC)
    open_ = UpdateContext(CATALOGUE, Calendars(), at)
    shut = UpdateContext(CATALOGUE, Calendars({"XHKG": {date(2023, 9, 1)}}), at)
    assert gaps([closes("0700.HK", days)], open_)[0].missing == (date(2023, 9, 1),)
    assert gaps([closes("0700.HK", days)], shut) == []


def test_a_new_split_has_all_dividends_of_its_ticker_fetched_anew() -> None:
    kinds = ["ticker", "date", "action", "value"]
    old = [
        ("NVDA", date(2023, 3, 7), "dividend", 0.04),
        ("NVDA", date(2024, 5, 1), "dividend", 0.1),
        ("AMD", date(2023, 3, 7), "dividend", 0.5),
    ]
    split = ("NVDA", date(2024, 6, 10), "split", 10.0)
    held = pl.DataFrame(old, schema=kinds, orient="row")
    recent = pl.DataFrame(
        [("NVDA", old[1][1], "dividend", 0.01), split], schema=kinds, orient="row"
    )
    assert new_splits(held, recent) == {"NVDA": date(2023, 3, 7)}
    whole = pl.DataFrame(
        [("NVDA", old[0][1], "dividend", 0.004), *recent.iter_rows()], schema=kinds, orient="row"
    )
    assert new_splits(held, whole) == {}  # nothing older is left to be rescaled
    known = pl.DataFrame([*old, split], schema=kinds, orient="row")
    assert new_splits(known, recent) == {}


def test_a_pass_for_days_to_come_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with pytest.raises(InputError, match="--since 2026-08-25 is in the future"):
        update(store, CATALOGUE, Calendars(), since=date(2026, 8, 25), now=known().now)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("since", "faults"), [(None, 1), (MONDAY, 0)])
def test_no_row_is_a_fault_unless_the_user_named_the_days(
    tmp_path: Path, since: date | None, faults: int
) -> None:
    class Silent(Loader):
        name, table = "french", "factors"

        def fetch(self, request: Request) -> pl.DataFrame:
            return schema_of(self.table).create_empty()

    one_pass = UpdateRun(Store(tmp_path, seed=None), known(since=since), lambda *_: None)
    assert len(one_pass.fetch_source(Silent).failures) == faults


def test_a_row_that_names_no_source_stands_under_a_dash(tmp_path: Path) -> None:
    store = Store(tmp_path, seed=None)
    rows = schema_of("prices").create_empty().clear(2).with_columns(
        date=pl.Series([MONDAY, MONDAY]),
        ticker=pl.Series(["NVDA", "AMD"]),
        adj_close=pl.Series([1.0, 1.0]),
        source=pl.Series([None, "yahoo"], dtype=pl.String),
        observed_at=pl.lit(known().now),
        backfilled=pl.lit(value=False),
    )  # fmt: skip
    assert store.append("prices", rows).rejected == 1
    found = {item.source: item for item in freshness(store, known()) if item.table == "prices"}
    assert {name: item.quarantined for name, item in found.items()} == {"–": 1, "yahoo": 0}


def test_series_of_one_table_that_end_apart_are_told_one_by_one(tmp_path: Path) -> None:
    store = Store(tmp_path, seed=None)

    def factors(source: str, ends: dict[str, date]) -> pl.DataFrame:
        rows = [
            {"date": day, "factor": factor, "value": 0.01, "source": source}
            for factor, last in ends.items()
            for day in (date(2026, 5, 1), last)
        ]
        return pl.DataFrame(rows).with_columns(
            observed_at=pl.lit(known().now),
            backfilled=pl.lit(value=False),
            flag=pl.lit(None, pl.String),
        )

    may, july = date(2026, 5, 29), date(2026, 7, 31)
    store.append("factors", factors("french", {"mkt_rf": july, "mom": may}))
    store.append("factors", factors("another", {"smb": july, "hml": july}))
    found = {item.source: item for item in freshness(store, known()) if item.table == "factors"}
    assert found["french"].last == july
    assert found["french"].series == {"mkt_rf": july, "mom": may}
    assert found["another"].series == {}


def test_a_figure_of_a_day_to_come_ends_no_series(tmp_path: Path) -> None:
    class Held:
        is_live = False

        def names(self) -> list[str]:
            return ["factors"]

        def read(self, name: str) -> pl.DataFrame:
            rows = [
                {"date": day, "factor": factor, "value": 0.01, "source": "french"}
                for factor, last in (("mom", date(2999, 1, 1)), ("rf", date(2026, 5, 28)))
                for day in (date(2026, 5, 28), last)
            ]
            return pl.DataFrame(rows, schema=schema_of(name).create_empty().schema)

        def pieces(self, name: str, columns: list[str]) -> list[pl.DataFrame]:
            return [self.read(name).select(columns)]

    (found,) = freshness(Held(), known())  # type: ignore[arg-type]
    assert found.last == date(2026, 5, 28)
    assert found.series == {}


def test_prices_are_told_by_exchange(tmp_path: Path) -> None:
    store = Store(tmp_path, seed=None)
    friday = MONDAY - timedelta(days=3)
    ends = {"NVDA": MONDAY, "MSFT": friday, "8035.T": friday, "USDCNY": friday}
    rows = pl.DataFrame({"ticker": list(ends), "date": list(ends.values())}).with_columns(
        close=pl.lit(None, pl.Float64),
        adj_close=pl.lit(1.0),
        volume=pl.lit(None, pl.Int64),
        source=pl.lit("yahoo"),
        observed_at=pl.lit(known().now),
        backfilled=pl.lit(value=False),
        flag=pl.lit(None, pl.String),
    )
    store.append("prices", rows)
    (found,) = [item for item in freshness(store, known()) if item.table == "prices"]
    assert found.series == {"XNAS": MONDAY, "XTKS": friday, "no exchange": friday}
