"""The bundled catalogue: look-ups, groups, and names that are nearly right."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.errors import DataError, InputError
from analysis.settings import bundled
from analysis.tables.curated import BLOCS, NOT_TRADED, ROLES

FOLDER = bundled("data/catalogue")
CATALOGUE = Catalogue(FOLDER)
ADDED = Path(__file__).parents[2] / "scripts" / "build"


def test_an_event_has_its_columns_with_blanks_as_none() -> None:
    event = CATALOGUE.event("ds-r1")
    assert event["date"] == date(2025, 1, 20)
    assert event["time_utc"] == datetime(2025, 1, 20, 12, 19, 44, tzinfo=UTC)
    assert (event["timing"], event["status"]) == ("timestamp", "official")
    assert event["direction"] is None


def added(name: str) -> int:
    """How many rows of our own the build adds to what was collected."""
    with (ADDED / f"added_{name}.csv").open(encoding="utf-8", newline="") as file:
        return len(list(csv.DictReader(file)))


def test_every_collected_event_claim_and_chip_is_there() -> None:
    # 146 events collected first, 114 later; 79 claims. The others are our own.
    assert CATALOGUE.table("events").height == 146 + 114 + added("events")
    assert CATALOGUE.table("claims").height == 79 + added("claims")
    assert CATALOGUE.table("chips").height == 30
    assert CATALOGUE.table("instruments").height == 111


def test_events_are_in_order_of_their_dates() -> None:
    assert CATALOGUE.table("events")["date"].is_sorted()


def test_what_is_not_known_of_a_chip_stays_blank() -> None:
    chips = CATALOGUE.table("chips")
    row = chips.filter(chips["chip"] == "Siyuan 690").row(0, named=True)
    assert row["tpp"] is None
    assert row["memory_gb"] is None


def test_an_unknown_event_gets_the_nearest_ids_and_the_place_that_lists_them() -> None:
    with pytest.raises(InputError) as caught:
        CATALOGUE.event("ds-r11")
    assert str(caught.value).startswith("Unknown event 'ds-r11'. Did you mean 'ds-r1'")
    assert str(caught.value).endswith("See: faultline events list")


def test_an_unknown_ticker_gets_the_nearest_ones() -> None:
    with pytest.raises(InputError, match=r"Unknown ticker 'NVDIA'\. Did you mean 'NVDA'"):
        CATALOGUE.instrument("NVDIA")


def test_a_role_a_bloc_both_and_a_name_are_groups() -> None:
    assert CATALOGUE.members("servers@us") == ["DELL", "HPE", "SMCI"]
    assert CATALOGUE.members("korea") == ["000660.KS", "005930.KS"]
    assert CATALOGUE.members("gpu@china") == [
        "688041.SS", "688256.SS", "688795.SS", "688802.SS",
    ]  # fmt: skip
    assert CATALOGUE.members("power_names") == ["CEG", "GEV", "VRT", "VST"]


def test_a_bloc_leaves_out_what_is_no_company() -> None:
    roles = {CATALOGUE.instrument(ticker)["role"] for ticker in CATALOGUE.members("china")}
    assert not roles & set(NOT_TRADED)
    assert "KWEB" in CATALOGUE.members("etf@china")


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("powr_names", "Unknown group 'powr_names'. Did you mean 'power_names'"),
        ("gpu@chna", "Unknown bloc 'chna'. Did you mean 'china'"),
        ("gpus@china", "Unknown role 'gpus'. Did you mean 'gpu'"),
        ("servers@japan", "Group 'servers@japan' has no member: take a wider one"),
    ],
)
def test_a_group_that_does_not_exist_is_refused_with_the_nearest(group: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        CATALOGUE.members(group)
    assert str(caught.value).startswith(told)


def test_every_group_that_is_offered_has_members_or_says_why_not() -> None:
    names = CATALOGUE.group_names()
    assert set(names) == {*ROLES, *BLOCS, *CATALOGUE.table("groups")["name"]}
    assert all(CATALOGUE.members(name) for name in names)


def test_companies_become_tickers_in_their_order_and_others_add_none() -> None:
    found = CATALOGUE.entities_to_tickers(["DeepSeek", "TSMC", "Nvidia", "TSMC"])
    assert found == ["2330.TW", "TSM", "NVDA"]
    assert CATALOGUE.entities_to_tickers([]) == []


def test_every_exchange_is_one_that_the_calendars_know() -> None:
    exchanges = CATALOGUE.table("instruments")["exchange"].drop_nulls().unique()
    for exchange in exchanges:
        assert len(Calendars().sessions(exchange, date(2025, 1, 2), date(2025, 1, 10))) > 0


def test_home_benchmarks_follow_the_place_of_listing() -> None:
    home = {"XHKG": "^HSI", "XSHG": "000300.SS", "XSHE": "000300.SS", "XKRX": "^KS11"}
    home |= {"XTAI": "^TWII", "XTKS": "^N225"}
    for row in CATALOGUE.table("instruments").iter_rows(named=True):
        if row["role"] not in NOT_TRADED:
            assert row["benchmark"] == home.get(row["exchange"], "^GSPC"), row["ticker"]


def test_price_limits_follow_the_rules_of_the_exchange() -> None:
    for row in CATALOGUE.table("instruments").iter_rows(named=True):
        limit = {"XKRX": 0.3, "XTAI": 0.1, "XSHG": 0.1, "XSHE": 0.1}.get(row["exchange"])
        if row["ticker"].startswith(("688", "30")):  # the STAR Market and ChiNext
            limit = 0.2
        assert row["price_limit"] == (None if row["role"] in NOT_TRADED else limit), row["ticker"]


def test_a_company_counts_by_its_primary_listing() -> None:
    listed = CATALOGUE.table("instruments").drop_nulls("entity")
    primary = dict(listed.filter(listed["primary"] == "yes").select("entity", "ticker").iter_rows())
    assert set(primary) == set(listed["entity"])
    second = set(listed.filter(listed["primary"] == "no")["ticker"])
    assert second == {"9988.HK", "9888.HK", "688981.SS", "688347.SS", "TSM"}
    assert primary["Alibaba"] == "BABA"
    assert primary["SMIC"] == "0981.HK"
    assert primary["TSMC"] == "2330.TW"


def test_the_monday_group_holds_companies_of_every_family_that_was_hit() -> None:
    members = CATALOGUE.members("deepseek_monday")
    roles = {CATALOGUE.instrument(ticker)["role"] for ticker in members}
    assert roles == set(ROLES) - set(NOT_TRADED)
    assert {"NVDA", "AVGO", "TSM", "MU", "VRT", "MSFT", "0981.HK", "688256.SS"} <= set(members)
    assert "CRWV" not in members  # listed in March 2025


def test_a_file_is_read_once() -> None:
    assert CATALOGUE.table("events") is CATALOGUE.table("events")
    assert repr(CATALOGUE) == f"Catalogue({str(FOLDER)!r})"


def test_a_missing_file_is_named_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"events.csv does not exist: restore it"):
        Catalogue(tmp_path).table("events")


def test_a_file_that_does_not_pass_the_check_is_not_used(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "catalogue")
    path = tmp_path / "catalogue" / "events.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",official,", ",oficial,"))
    with pytest.raises(DataError) as caught:
        Catalogue(path.parent).table("events")
    lines = str(caught.value).split("; ")
    assert lines[0] == f"{path}:2:status: 'oficial' is not known: did you mean 'official'?"
    wrong = path.read_text(encoding="utf-8").count(",oficial,")
    assert lines[-1] == f"and {wrong - len(lines) + 1} more: faultline events check {path}"


def test_reading_the_catalogue_does_not_import_the_calendars() -> None:
    program = (
        "import sys; from pathlib import Path; from analysis.catalogue import Catalogue; "
        "Catalogue(Path(sys.argv[1])).table('instruments'); "
        "print([m for m in ('pandas', 'exchange_calendars') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, FOLDER], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
