"""``faultline data``: what is said of one figure, of several, and of what cannot be had."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.catalogue import Catalogue
from analysis.cli import main
from analysis.errors import InputError
from analysis.loaders.http.archive import Archive
from analysis.settings import base_url
from analysis.store import Store
from tests.stores.rows import Seen, at, prices

MONDAY = Seen(date(2025, 1, 27), "NVDA", at(27), 100.0)
TUESDAY = Seen(date(2025, 1, 28), "NVDA", at(28), 150.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = Store(tmp_path / "home", seed=None)
    store.append("prices", prices([MONDAY, TUESDAY]))
    store.append("prices", prices([MONDAY._replace(at=at(30), value=110.0)]))
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_change_is_told_within_one_figure_and_never_between_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "history", "prices", "NVDA", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["key"] == {"ticker": "NVDA"}
    told = [(row["date"], row["changed"]) for row in document["observations"]]
    assert told == [
        ("2025-01-27", None),
        ("2025-01-27", {"adj_close": {"from": 100.0, "to": 110.0}}),
        ("2025-01-28", None),
    ]


def test_several_figures_are_told_apart_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "history", "prices", "NVDA"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[2].split()[0] == "date"
    assert out.count("first observation") == 2


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ((), 2, "Which figure of prices? Give ticker, date, in that order"),
        (("NVDAA",), 2, "Unknown ticker of prices 'NVDAA'. Did you mean 'NVDA'?"),
        (
            ("NVDA", "2025-01-26"),
            1,
            "prices holds no figure for NVDA 2025-01-26; those of NVDA reach from 2025-01-27 to "
            "2025-01-28.",
        ),
    ],
)
def test_what_cannot_be_found_is_said(
    capsys: pytest.CaptureFixture[str], keys: tuple[str, ...], code: int, words: str
) -> None:
    assert main(["data", "history", "prices", *keys]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err


def test_an_address_without_a_scheme_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAULTLINE_GPR_URL", "localhost:8000")
    with pytest.raises(InputError, match="FAULTLINE_GPR_URL is not a web address: begin it"):
        base_url("gpr")


def test_no_others_are_done_where_the_only_source_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_FRENCH_URL", "nowhere")
    assert main(["data", "update", "factors"]) == 1
    assert capsys.readouterr().err.endswith("faultline: failed: french.\n")


def test_compacting_clears_old_answers_and_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, now = Archive(home / "raw", "gpr"), datetime.now(UTC)
    for days, content in ((200, b"oldest"), (100, b"old"), (50, b"new"), (0, b"newest")):
        archive.put("http://a/1", content, now - timedelta(days=days))
    assert main(["data", "compact", "prices"]) == 0
    assert len(archive.entries()) == 4
    capsys.readouterr()
    assert main(["data", "compact"]) == 0
    said = capsys.readouterr().err
    assert "Deleted 2 files (0.0 MB) from raw/: responses older than 90 days." in said
    assert [archive.content(entry) for entry in archive.entries()] == [b"new", b"newest"]
    monkeypatch.setenv("FAULTLINE_RAW_DAYS", "10")
    assert main(["data", "compact"]) == 0
    assert (
        "Deleted 1 file (0.0 MB) from raw/: responses older than 10 days."
        in capsys.readouterr().err
    )
    assert [archive.content(entry) for entry in archive.entries()] == [b"newest"]


def test_an_update_deletes_old_answers_too_and_never_fails_for_them(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.update.update", lambda *_, **__: [])
    archive, now = Archive(home / "raw", "gpr"), datetime.now(UTC)
    for days in (100, 0):
        archive.put("http://a/1", b"%d" % days, now - timedelta(days=days))
    with archive._locked():
        assert main(["data", "update", "factors"]) == 0
        assert "faultline: old responses stay in raw/: Cannot clear" in capsys.readouterr().err
    monkeypatch.setenv("FAULTLINE_RAW_DAYS", "many")
    assert main(["data", "update", "factors"]) == 0
    assert "old responses stay in raw/: FAULTLINE_RAW_DAYS is 'many'" in capsys.readouterr().err
    monkeypatch.delenv("FAULTLINE_RAW_DAYS")
    assert len(archive.entries()) == 2
    assert main(["data", "update", "factors"]) == 0
    told = "Deleted 1 file (0.0 MB) from raw/: responses older than 90 days."
    assert told in capsys.readouterr().err
    assert [archive.content(entry) for entry in archive.entries()] == [b"0"]


@pytest.mark.parametrize(
    "words", [["data", "history", "prices", "NVDA", "2025-01-27"], ["briefing", "list"]]
)
def test_a_command_that_needs_no_event_reads_none_however_many_there_are(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[str] = set()

    def noted(catalogue: Catalogue, kind: str) -> pl.DataFrame:
        read.add(kind)
        return from_file(catalogue, kind)

    from_file = Catalogue.table
    monkeypatch.setattr(Catalogue, "table", noted)
    assert main(words) == 0
    assert read == set()
