"""``faultline study`` on a made world: what is printed, written and returned.

The desk is replaced; the engine is the real one, on seeded returns. `test_cli_real.py`
goes through the real desk.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from analysis.cli import main
from analysis.cli.study import _check_cars
from analysis.errors import InputError, unknown_name
from analysis.eventstudy import EventStudy, MarketModel

SECURITIES = ["AAA", "BBB", "CCC", "GAP"]
EVENTS = {"shock": "2024-06-03", "calm": "2024-09-02", "early": "2023-01-10"}
SESSIONS = pd.bdate_range("2023-01-02", "2024-12-31")
DOUBTFUL = pd.DataFrame(
    {
        "event_id": ["shock", "shock"],
        "security": ["AAA", "AAA"],
        "ticker": ["AAA", "AAA"],
        "date": pd.to_datetime(["2024-06-03", "2024-06-04"]),
        "flag": "dividend check: the adjusted closes ignore a dividend of 1 USD",
    }
)
NOTE = "Only the date is known: placed at noon in Asia/Shanghai, so day 0 may be one session off."


def made_returns() -> pd.DataFrame:
    """Market and four securities; AAA falls 10 points on day 0 of the shock; GAP has a hole."""
    rng = np.random.default_rng(20250127)
    market = rng.normal(0, 0.01, len(SESSIONS))
    table = {
        name: beta * market + rng.normal(0, 0.01, len(SESSIONS))
        for name, beta in zip(SECURITIES, (1.5, 1.0, 0.5, 1.0), strict=True)
    }
    frame = pd.DataFrame({"market": market, **table}, index=SESSIONS)
    frame.loc["2024-06-03", "AAA"] -= 0.10
    frame.loc["2024-06-04", "GAP"] = np.nan
    return frame


class MadeDesk:
    """The part of the desk that the command calls, on made returns."""

    asked: dict[str, Any]

    def __init__(self, as_of: str | None = None) -> None:
        self.as_of = date.fromisoformat(as_of) if as_of else None

    def securities(
        self, events: tuple[str, ...], tickers: str | None, group: str | None
    ) -> list[str]:
        for event in events:
            if event not in {*EVENTS, "secret"}:
                raise unknown_name("event", event, EVENTS, see="faultline events list")
        if group is not None:
            raise unknown_name("group", group, ["gpu", "memory"])
        return tickers.split(",") if tickers else SECURITIES

    def one_listing_each(self, tickers: tuple[str, ...]) -> list[str]:
        return list(tickers)

    def doubtful(
        self, placements: pd.DataFrame, window: tuple[int, int], benchmark: str | None
    ) -> pd.DataFrame:
        asked = placements.merge(DOUBTFUL, on=["event_id", "security"])
        return asked[list(DOUBTFUL.columns)]

    def placements(self, events: tuple[str, ...], tickers: list[str]) -> pd.DataFrame:
        rows = [
            {
                "event_id": event,
                "security": name,
                "day0": pd.Timestamp(EVENTS.get(event, "NaT")),
                "uncertain": event == "calm",
                "note": NOTE if event == "calm" else "",
                "reason": "" if event in EVENTS else "Event 'secret' was private.",
            }
            for event in events
            for name in tickers
        ]
        return pd.DataFrame(rows)

    def study(self, events: tuple[str, ...], tickers: list[str], **options: Any) -> Any:
        type(self).asked = dict(options)
        options.pop("exclude_confounded", None)
        returns = made_returns()
        pairs = [(event, name) for event in events if event in EVENTS for name in tickers]
        frame = pd.DataFrame(pairs, columns=["event_id", "security"])
        frame["date"] = pd.to_datetime([EVENTS[event] for event in frame["event_id"]])
        frame["group"] = "made"
        refused = pd.DataFrame(
            [(event, name, "it was private") for event in events for name in tickers],
            columns=["event_id", "security", "reason"],
        ).query("event_id == 'secret'")
        frame = (
            frame
            if len(frame)
            else pd.DataFrame(
                {"event_id": ["secret"] * len(tickers), "security": tickers, "date": pd.NaT}
            )
        )
        study = EventStudy(
            returns[SECURITIES],
            frame,
            model=MarketModel("market"),
            factors=returns[["market"]],
            estimation=options["estimation"],
            window=options["window"],
        )
        return study.fit().with_skipped(refused)

    def benchmarks(self, securities: list[str], benchmark: str | None) -> dict[str, str]:
        return {name: benchmark or "market" for name in securities if name != "CCC" or benchmark}

    def instruments(self) -> pl.DataFrame:
        names = {"ticker": SECURITIES, "name": [f"{name} Corp" for name in SECURITIES]}
        return pl.DataFrame(names | {"role": "made", "bloc": "x", "exchange": "XNYS"})

    def returns(self, tickers: list[str]) -> pd.DataFrame:
        return made_returns()[list(tickers)]

    def sessions(self, securities: list[str]) -> dict[str, pd.DatetimeIndex]:
        return dict.fromkeys(securities, SESSIONS)

    def table(self, name: str) -> pl.DataFrame:
        assert name == "prices"
        sources = {"AAA": "made by a seed", "BBB": "made by a seed", "ZZZ": "elsewhere"}
        return pl.DataFrame(
            {
                "ticker": list(sources),
                "source": list(sources.values()),
                "observed_at": datetime(2024, 12, 31, 21, tzinfo=UTC),
            }
        )

    def versions(self) -> dict[str, dict[str, Any]]:
        return {"prices": {"hash": "abc", "rows": 2088, "observed_to": "2024-12-31T21:00:00Z"}}


@pytest.fixture(autouse=True)
def _made_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "analysis.desk", SimpleNamespace(Desk=MadeDesk))


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_is_one_document_of_the_pinned_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "shock", "--json", "--as-of", "2024-12-31"]) == 0
    printed = capsys.readouterr()
    document = strict(printed.out)
    assert printed.err == ""
    assert document["as_of"] == "2024-12-31"
    assert document["model"] == "market"
    assert document["estimation"] == [-250, -31]
    first = document["events"][0]
    assert (first["event_id"], first["security"], first["day0"]) == ("shock", "AAA", "2024-06-03")
    assert list(first["abnormal"]) == [str(day) for day in range(-5, 6)]
    assert list(first["car"]) == ["0,0", "-1,1"]
    assert list(first["car"]["-1,1"]) == ["car", "se", "t", "df", "p_value"]
    assert set(first["parameters"]) >= {"alpha", "beta", "sigma", "n"}
    assert {"group", "test", "statistic", "p_value", "p_holm", "p_bh", "reason"} <= set(
        document["tests"][0]
    )


def test_json_holds_what_the_engine_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "shock", "--tickers", "AAA,BBB", "--json"]) == 0
    document = strict(capsys.readouterr().out)
    # The engine is checked elsewhere against other programs; here the fall of ten points
    # that was put in must come out of the document, to within three of its errors.
    car = document["events"][0]["car"]["0,0"]
    assert abs(car["car"] + 0.10) < 3 * car["se"]
    assert car["t"] == pytest.approx(car["car"] / car["se"])
    assert document["events"][0]["abnormal"]["0"] == pytest.approx(car["car"])


def test_a_hole_is_null_and_in_the_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "shock", "--json"]) == 0
    document = strict(capsys.readouterr().out)
    gap = next(row for row in document["events"] if row["security"] == "GAP")
    assert gap["abnormal"]["1"] is None
    assert "0,0" in gap["car"]
    assert "-1,1" not in gap["car"]
    ledger = [row for row in document["skipped"] if row["security"] == "GAP"]
    assert {row["window"] for row in ledger} == {"-5,5", "-1,1"}
    assert all(row["reason"] for row in ledger)


def test_the_readable_form_leads_with_the_securities(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "shock", "--tickers", "AAA,BBB,GAP"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    aaa = next(line for line in lines if line.strip().startswith("AAA Corp"))
    assert aaa.split()[2:4] == ["AAA", "2024-06-03"]
    raw = 100 * made_returns().loc["2024-06-03", "AAA"]
    assert f"{raw:.2f}".replace("-", "−") in aaa
    assert "<0.001***" in aaa
    assert out.index("AAA Corp") < out.index("all securities")
    groups = next(line for line in lines if line.strip().startswith("all securities"))
    assert groups.split()[2] == "3"
    assert "patell_z" not in out
    skipped = out[out.index("Skipped") :]
    assert "GAP" in skipped
    assert "As of 2024-12-31. Sources of the prices: made by a seed." in out
    assert "* p < 0.10" in out


def test_the_whole_battery_is_printed_on_request_the_recommended_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "shock", "--tickers", "AAA,BBB,GAP", "--tests"]) == 0
    out = capsys.readouterr().out
    battery = out[out.index("Tests of the mean CAR") :]
    assert battery.index("kolari_pynnonen_t") < battery.index("permutation ")
    assert battery.index("permutation ") < battery.index("patell_z")


def test_every_table_is_written_to_a_workbook(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "study.xlsx"
    assert main(["study", "shock", "--tickers", "AAA,BBB", "--xlsx", str(target)]) == 0
    assert str(target) in capsys.readouterr().err
    sheets = pl.read_excel(target, sheet_id=0, raise_if_empty=False)
    assert {"securities", "tests", "sources"} <= set(sheets)
    assert sheets["securities"]["car"].dtype == pl.Float64
    assert main(["study", "shock", "--xlsx", "/proc/no/x.xlsx"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["study", "shock", "--json", "--xlsx", "x.xlsx"]) == 2


def test_confounded_securities_are_left_out_on_request() -> None:
    main(["study", "shock", "--tickers", "AAA,BBB", "--exclude-confounded", "--json"])
    assert MadeDesk.asked["exclude_confounded"] is True
    main(["study", "shock", "--tickers", "AAA,BBB", "--json"])
    assert "exclude_confounded" not in MadeDesk.asked


def test_doubtful_prices_of_the_event_windows_are_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "shock", "calm", "--tickers", "AAA,BBB"]) == 0
    out = capsys.readouterr().out
    doubtful = out.partition("Doubtful prices within the event windows")[2]
    (row,) = [line for line in doubtful.splitlines() if line.split()[:1] == ["AAA"]]
    assert row.split()[1:4] == ["2", "2024-06-03", "2024-06-04"]
    assert "ignore a dividend of 1 USD" in row
    assert main(["study", "shock", "--json"]) == 0
    rows = strict(capsys.readouterr().out)["doubtful"]
    assert [row["date"] for row in rows] == ["2024-06-03", "2024-06-04"]
    assert rows[0]["ticker"] == rows[0]["security"] == "AAA"


def test_without_a_doubt_nothing_is_said_of_doubts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "calm", "--tickers", "AAA,BBB"]) == 0
    assert "Doubtful" not in capsys.readouterr().out


def test_an_uncertain_day_0_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "calm"])
    assert f"Day 0 is uncertain. {NOTE}" in capsys.readouterr().out


def test_nothing_skipped_is_said_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "calm", "--tickers", "AAA,BBB"]) == 0
    assert "Skipped: nothing." in capsys.readouterr().out


def test_an_event_without_any_figure_is_listed_and_exits_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "shock", "early", "--json"]) == 1
    printed = capsys.readouterr()
    document = strict(printed.out)
    assert {row["event_id"] for row in document["events"]} == {"shock"}
    assert "nothing was computed for event 'early'" in printed.err
    assert "early" in {row["event_id"] for row in document["skipped"]}


def test_where_nothing_is_measured_no_empty_battery_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "early"]) == 1
    printed = capsys.readouterr()
    assert "No event could be measured, so there is nothing to test." in printed.out
    assert printed.out.count("\n") == 1


def test_a_refused_event_exits_1_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "secret", "shock", "--tickers", "AAA,BBB"]) == 1
    printed = capsys.readouterr()
    assert "faultline: nothing was computed for event 'secret': it was private" in printed.err
    assert "AAA" in printed.out


def test_nothing_left_at_all_is_one_document_and_exits_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "secret", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["events"] == []
    assert {row["reason"] for row in document["skipped"]} == {"it was private"}


def test_negative_windows_are_read_in_either_writing() -> None:
    for words in (["--car", "-1", "1", "--car", "0", "0"], ["--car", "-1,1", "--car=0,0"]):
        estimation = ["--estimation", "-200", "-31", "--window=-3,3"]
        assert main(["study", "shock", "--json", *words, *estimation]) == 0
        assert MadeDesk.asked["estimation"] == (-200, -31)
        assert MadeDesk.asked["window"] == (-3, 3)


def test_the_windows_asked_for_are_answered_in_their_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["study", "shock", "--json", "--car", "-3", "-1", "--car", "0,2", "--car", "0", "2"])
    document = strict(capsys.readouterr().out)
    assert list(document["events"][0]["car"]) == ["-3,-1", "0,2"]


def test_the_table_per_security_is_written_as_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "shock.csv"
    assert main(["study", "shock", "--csv", str(target)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} rows written to {target}" in printed.err
    assert list(rows[0])[:10] == [
        *("event_id", "security", "day0", "window_start", "window_end"),
        *("car", "se", "t", "df", "p_value"),
    ]
    # Four securities on day 0; in (-1, 1) the one with a hole is left out.
    assert len(rows) == 7
    assert all(math.isfinite(float(row["car"])) for row in rows)
    assert {row["day0"] for row in rows} == {"2024-06-03"}
    flags = {row["security"]: row["flag"] for row in rows}
    assert flags["AAA"].startswith("price of AAA, 2024-06-03 to 2024-06-04: ")
    assert flags["BBB"] == ""
    assert {row["uncertain"] for row in rows} == {"no"}


def test_text_like_a_formula_is_text_in_the_csv_and_numbers_stay_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from analysis.cli.study import _write_csv

    rows = [{"security": "=HYPERLINK(1)", "car": -0.25, "t": "-4.9", "reason": "@x", "p": math.nan}]
    _write_csv(rows, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "security": "'=HYPERLINK(1)", "car": "-0.25", "t": "-4.9", "reason": "'@x", "p": "",
    }  # fmt: skip


def test_a_folder_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "shock", "--csv", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["shok"], "Unknown event 'shok'. Did you mean 'shock'? See: faultline events list"),
        (["shock", "--group", "gpus"], "Unknown group 'gpus'. Did you mean 'gpu'?"),
        (["shock", "--json", "--csv", "x.csv"], "Give one of --json, --csv FILE and --xlsx FILE"),
        (["shock", "--car", "1", "-1"], "--car 1 -1 ends before it starts: write -1 1."),
        (["shock", "--car", "0", "9"], "widen it with --window -5 9"),
        (["shock", "--estimation", "-31", "-250"], "estimation"),
        (["shock", "--window", "5", "-5"], "window"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("faultline: ")
    assert sentence in printed.err
    assert "Traceback" not in printed.err


def test_a_file_that_cannot_be_made_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the study was started")

    monkeypatch.setattr("analysis.reports.study_report.StudyReport.of", never)
    (tmp_path / "taken").write_text("a file, no folder")
    assert main(["study", "shock", "--csv", str(tmp_path / "taken" / "x.csv")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_failed_study_leaves_no_empty_file_behind(tmp_path: Path) -> None:
    target, kept = tmp_path / "new.csv", tmp_path / "kept.csv"
    kept.write_text("earlier\n")
    assert main(["study", "shok", "--csv", str(target)]) == 2
    assert main(["study", "shok", "--csv", str(kept)]) == 2
    assert not target.exists()
    assert kept.read_text() == "earlier\n"


def test_the_default_windows_are_those_that_fit() -> None:
    assert _check_cars(None, (-5, 5)) == ((0, 0), (-1, 1))
    assert _check_cars([], (0, 5)) == ((0, 0),)
    assert _check_cars(None, (1, 5)) == ((1, 5),)


def test_a_window_that_leaves_the_event_window_says_how_to_widen_it() -> None:
    with pytest.raises(InputError, match=r"widen it with --window -7 5"):
        _check_cars([(-7, 1)], (-5, 5))
