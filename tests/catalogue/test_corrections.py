"""Corrections of the collected catalogue: what fits is applied, what does not stops the build."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from analysis import Desk
from analysis.catalogue import Catalogue
from analysis.errors import DataError
from analysis.settings import bundled

SCRIPTS = Path(__file__).parents[2] / "scripts"
HEADER = "file,key,column,was,is,source,confidence,applied,remark"
CATALOGUE = Catalogue(bundled("data/catalogue"))
ROWS = pl.DataFrame({"id": ["a", "b"], "date": ["2026-03-19", "2026-03-20"], "notes": [None, "x"]})


@pytest.fixture
def corrections(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from build import catalogue_corrections

    yield catalogue_corrections
    for name in [name for name in sys.modules if name.partition(".")[0] == "build"]:
        del sys.modules[name]


def with_lines(corrections: ModuleType, path: Path, *lines: str) -> None:
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    corrections.TABLE = path


def test_a_correction_replaces_one_cell(corrections: ModuleType, tmp_path: Path) -> None:
    line = "events,a,date,2026-03-19,2026-03-20,a page,high,yes,"
    with_lines(corrections, tmp_path / "c.csv", line)
    frame, count = corrections.corrected("events", ROWS, "id")
    assert frame["date"].to_list() == ["2026-03-20", "2026-03-20"]
    assert count == 1
    # Once the collected figures hold the right cell, nothing is left to do.
    assert corrections.corrected("events", frame, "id")[1] == 0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("events,a,date,2026-03-18,2026-03-20,a,high,yes,", "is '2026-03-19', not '2026-03-18'"),
        ("events,a,notes,y,z,a,high,no,", "is None, not 'y'"),
        ("events,c,date,2026-03-19,2026-03-20,a,high,yes,", "events has no cell c, date"),
        ("events,a,day,2026-03-19,2026-03-20,a,high,yes,", "events has no cell a, day"),
    ],
)
def test_a_correction_that_does_not_fit_stops_the_build(
    corrections: ModuleType, tmp_path: Path, line: str, sentence: str
) -> None:
    with_lines(corrections, tmp_path / "c.csv", line)
    with pytest.raises(DataError, match=r"c\.csv: ") as caught:
        corrections.corrected("events", ROWS, "id")
    assert sentence in str(caught.value)


def test_what_is_not_applied_stays_and_its_doubt_is_kept(
    corrections: ModuleType, tmp_path: Path
) -> None:
    with_lines(
        corrections,
        tmp_path / "c.csv",
        "events,a,date,2026-03-19,2026-03-20,a page,low,no,no hour found",
        "events,a,flag,,The hour is not known.,a page,low,yes,",
    )
    assert corrections.corrected("events", ROWS, "id")[0].equals(ROWS)
    kept = corrections.doubts({})
    assert kept.rows() == [("events", "a", "The hour is not known.", "a page")]


def test_an_id_that_stands_twice_with_other_cells_is_refused(corrections: ModuleType) -> None:
    twice = pl.concat([ROWS, ROWS.with_columns(date=pl.lit("2026-01-01")).head(1)])
    with pytest.raises(DataError, match="'a' stands twice with different cells"):
        corrections.with_added("nothing", twice, "id")
    assert corrections.with_added("nothing", pl.concat([ROWS, ROWS]), "id").equals(ROWS)


def test_every_correction_stands_in_the_bundled_catalogue(corrections: ModuleType) -> None:
    for name, key in (("events", "id"), ("claims", "claim_id"), ("chips", "chip")):
        frame = corrections.read_text_cells(CATALOGUE.folder / f"{name}.csv")
        assert corrections.corrected(name, frame, key)[1] == 0


@pytest.mark.parametrize(
    ("event", "exchange", "day"),
    # The session that the source of the correction names.
    [
        ("us-supermicro", "XNAS", "2026-03-20"),
        ("us-corr-2024", "XNYS", "2024-04-01"),
        ("cn-samr-open", "XSHG", "2024-12-10"),
        ("cn-samr-open", "XNYS", "2024-12-09"),
        ("cn-samr-viol", "XHKG", "2025-09-16"),
        ("cn-samr-viol", "XNYS", "2025-09-15"),
        ("ds-v31", "XSHG", "2025-08-22"),
        ("us-match", "XNAS", "2026-04-02"),
        ("smic-fy25", "XHKG", "2026-02-11"),
        ("peer-qwen25max", "XNYS", "2025-01-28"),
        ("peer-qwen3max", "XHKG", "2025-09-24"),
        ("stargate", "XNYS", "2025-01-22"),
        ("us-h200-scoop", "XNAS", "2025-12-08"),
        ("us-diffusion-plan", "XNAS", "2025-05-07"),
        ("nvda-q4fy26", "XNAS", "2026-02-26"),
        # Published figures hang on these two.
        ("ds-appstore-1", "XNAS", "2025-01-27"),
        ("us-h20-8k", "XNAS", "2025-04-16"),
    ],
)
def test_a_corrected_event_has_its_session(event: str, exchange: str, day: str) -> None:
    desk = Desk()
    instant, _ = desk.instant(event)
    assert instant is not None
    assert desk.calendars.day0(instant, exchange).isoformat() == day


def test_rate_decisions_are_macro_and_those_not_verified_say_so() -> None:
    events = CATALOGUE.table("events")
    decisions = events.filter(pl.col("id").str.starts_with("fomc-"))
    assert set(decisions["category"]) == {"macro"}
    scheduled = decisions.filter(pl.col("status") == "scheduled")["id"].to_list()
    assert scheduled == ["fomc-2026-07-29", "fomc-2026-09-16", "fomc-2026-10-28"]
    assert all("not confirmed" in str(CATALOGUE.doubt("events", item)) for item in scheduled)
    assert CATALOGUE.event("us-122-expiry")["status"] == "scheduled"


def test_what_did_not_happen_is_false() -> None:
    assert CATALOGUE.event("ds-v4-pro-rerouted")["status"] == "false"
    assert CATALOGUE.event("ds-v4-pro-kept")["status"] == "official"


def test_throughput_is_the_highest_over_the_precisions() -> None:
    chips = {row["chip"]: row for row in CATALOGUE.table("chips").iter_rows(named=True)}
    # 425 x 16 against 804 x 8 = 6,432 and 1,561 x 4 = 6,244; 15,000 x 4.
    assert chips["Ascend 950PR / Atlas 350 (shipping)"]["tpp"] == 6800
    assert chips["GB300 (per GPU)"]["tpp"] == 60000
    assert "20,800 of Epoch outside" in str(CATALOGUE.doubt("chips", "MI325X"))
    assert CATALOGUE.doubt("chips", "H100 SXM") is None


def test_a_catalogue_without_doubts_doubts_nothing(tmp_path: Path) -> None:
    assert Catalogue(tmp_path).doubt("events", "ds-r1") is None
