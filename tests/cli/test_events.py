"""``faultline events`` on a made catalogue: list, show and check."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from analysis.calendars import Calendars, Instant
from analysis.cli import main
from analysis.errors import unknown_name
from analysis.studies.placement import assign_day0, event_instant_or_reason

R1 = {
    "id": "ds-r1",
    "date": date(2025, 1, 20),
    "time_utc": datetime(2025, 1, 20, 12, 19, 44, tzinfo=UTC),
    "timezone": "UTC",
    "timing": "timestamp",
    "category": "release",
    "direction": "",
    "status": "official",
    "confidence": "high",
    "title": "DeepSeek-R1 [bold]released[/bold]",
    "entities": "DeepSeek;Nvidia",
    "source_title": "Hugging Face",
    "source_url": "https://huggingface.co/deepseek-ai/DeepSeek-R1",
    "notes": "US holiday.",
}
NOTICE = {
    **R1,
    "id": "us-h20-notice",
    "date": date(2025, 4, 9),
    "time_utc": None,
    "timezone": "America/New_York",
    "timing": "private",
    "category": "export_control",
    "title": "H20 notice",
    "entities": None,
}
DATED = {**NOTICE, "id": "us-el-2025-03", "timing": "date_only", "date": date(2025, 3, 25)}


class MadeDesk:
    """The part of the desk that the commands call."""

    asked: tuple[Any, ...]

    def __init__(self, as_of: str | None = None) -> None:
        self.as_of = as_of

    def events(self, *asked: Any) -> pl.DataFrame:
        type(self).asked = (*asked, self.as_of)
        return pl.DataFrame([R1, NOTICE], schema_overrides={"time_utc": pl.Datetime("us", "UTC")})

    def event(self, event_id: str) -> dict[str, Any]:
        known = {row["id"]: row for row in (R1, NOTICE, DATED)}
        if event_id not in known:
            raise unknown_name("event", event_id, known, see="faultline events list")
        return known[event_id]

    def instant(self, event_id: str) -> tuple[Instant | None, str]:
        return event_instant_or_reason(self.event(event_id))

    def instruments(self) -> pl.DataFrame:
        rows = [("NVDA", "XNAS"), ("TSM", "XNYS"), ("AMD", "XNAS"), ("0981.HK", "XHKG")]
        return pl.DataFrame([*rows, ("CNY=X", "")], schema=["ticker", "exchange"], orient="row")

    def placements(self, events: list[str], tickers: list[str]) -> Any:
        exchanges = dict(self.instruments().iter_rows())
        chosen = {ticker: exchanges[ticker] for ticker in tickers}
        return assign_day0([self.event(event) for event in events], chosen, Calendars())


@pytest.fixture(autouse=True)
def _made_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "analysis.desk", SimpleNamespace(Desk=MadeDesk))


def test_the_list_shows_each_event_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "list"]) == 0
    printed = capsys.readouterr()
    row = next(line for line in printed.out.splitlines() if "ds-r1" in line)
    for text in ("2025-01-20", "release", "official", "DeepSeek, Nvidia"):
        assert text in row
    assert "DeepSeek-R1 [bold]released[/bold]" in row
    assert printed.err == "2 events.\n"


def test_the_list_passes_its_filters_on() -> None:
    words = ["--category", "release", "--entity", "Nvidia", "--status", "official"]
    days = ["--since", "2025-01-01", "--until", "2025-12-31", "--as-of", "2025-06-30"]
    assert main(["events", "list", *words, *days]) == 0
    assert MadeDesk.asked == (
        *("release", "Nvidia", "official", "2025-01-01", "2025-12-31", "2025-06-30"),
    )


def test_the_list_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "list", "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert [row["id"] for row in document["events"]] == ["ds-r1", "us-h20-notice"]
    assert document["events"][0]["date"] == "2025-01-20"
    assert document["events"][0]["time_utc"] == "2025-01-20T12:19:44+00:00"
    assert document["events"][1]["time_utc"] is None
    assert printed.err == ""


def test_an_event_shows_its_clocks_and_its_day_0_on_each_exchange(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["events", "show", "ds-r1"]) == 0
    out = capsys.readouterr().out
    for text in (
        "Monday 20 January 2025, 12:19",
        "Monday 20 January 2025, 07:19",
        "Monday 20 January 2025, 20:19",
        "recorded instant",
        "DeepSeek-R1 [bold]released[/bold]",
        "https://huggingface.co/deepseek-ai/DeepSeek-R1",
        "US holiday.",
    ):
        assert text in out
    for exchange in ("XNAS", "XNYS", "XHKG"):
        row = next(line for line in out.splitlines() if f"day 0 {exchange}" in line)
        assert row.split()[-1] == "2025-01-21"


def test_an_event_as_json_holds_instant_clocks_and_days(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["events", "show", "ds-r1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["instant"] == "2025-01-20T12:19:44+00:00"
    assert document["clocks"]["New York"] == "2025-01-20T07:19:44-05:00"
    assert document["clocks"]["Shanghai"] == "2025-01-20T20:19:44+08:00"
    assert document["day0"] == {"XHKG": "2025-01-21", "XNAS": "2025-01-21", "XNYS": "2025-01-21"}
    assert document["uncertain"] is False


def test_a_private_event_is_shown_with_the_reason_why_it_has_no_day_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["events", "show", "us-h20-notice", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["instant"] is None
    assert document["clocks"] == {}
    assert document["day0"] == {"XHKG": None, "XNAS": None, "XNYS": None}
    assert "no day 0" in document["placement"]
    assert main(["events", "show", "us-h20-notice"]) == 0
    assert "none" in capsys.readouterr().out


def test_an_event_known_by_its_date_alone_is_shown_as_uncertain(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["events", "show", "us-el-2025-03"]) == 0
    assert "placed at noon in America/New_York" in capsys.readouterr().out


def test_an_unknown_event_is_a_sentence_with_the_nearest_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["events", "show", "ds-r2"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("faultline: Unknown event 'ds-r2'. Did you mean 'ds-r1'?")
    assert "See: faultline events list" in printed.err


def test_the_bundled_catalogue_has_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "check"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "checked, no problem." in printed.err


def test_a_malformed_row_is_named_by_file_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from analysis.settings import bundled

    good = (bundled("data/catalogue") / "events.csv").read_text(encoding="utf-8").splitlines()
    bad = tmp_path / "events.csv"
    fields = good[1].split(",")
    fields[1] = "2022-02-31"
    bad.write_text("\n".join([good[0], ",".join(fields)]) + "\n", encoding="utf-8")
    assert main(["events", "check", str(bad)]) == 2
    printed = capsys.readouterr()
    first = printed.out.splitlines()[0]
    assert first.startswith(f"{bad}:2:")
    assert "2022-02-31" in first
    assert "in the catalogue" in printed.err


def test_a_file_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "check", "nowhere/events.csv"]) == 2
    assert "'nowhere/events.csv' does not exist" in capsys.readouterr().err
