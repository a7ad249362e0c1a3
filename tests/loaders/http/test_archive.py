"""What sources sent, at rest: torn, damaged, written by several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis.errors import InputError
from analysis.loaders.http.archive import Archive, Cleared, clear_archives


def test_a_torn_last_line_loses_only_itself(tmp_path: Path) -> None:
    archive, now = Archive(tmp_path, "gpr"), datetime.now(UTC)
    first = archive.put("http://a/1", b"one", now, etag='"1"')
    index = tmp_path / "gpr" / "index.jsonl"
    whole = index.read_bytes()
    index.write_bytes(whole + whole[: len(whole) // 2])
    assert archive.latest("http://a/1") == first
    second = archive.put("http://a/2", b"two", now)
    assert archive.entries() == [first, second]
    assert archive.latest("http://a/2") == second
    assert Archive(tmp_path, "gpr").latest("http://a/2") == second


def test_several_writers_lose_no_line(tmp_path: Path) -> None:
    archives = [Archive(tmp_path, "gpr") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(archives[n % 4].put, f"http://a/{n}", b"%d" % (n % 7), datetime.now(UTC))
            for n in range(80)
        ]
        assert len({job.result().url for job in jobs}) == 80
    entries = archives[0].entries()
    assert len(entries) == 80
    assert all(archives[1].content(entry) is not None for entry in entries)


def test_an_archive_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "gpr").write_text("in the way")
    with pytest.raises(InputError, match=r"Cannot keep what http://a/1 sent in .*/gpr"):
        Archive(tmp_path, "gpr").put("http://a/1", b"one", datetime.now(UTC))


@pytest.mark.parametrize("damage", [b"", b"on", b"xxx"])
def test_a_damaged_content_is_mended_by_the_next_answer(tmp_path: Path, damage: bytes) -> None:
    archive = Archive(tmp_path, "gpr")
    entry = archive.put("http://a/1", b"one", datetime.now(UTC))
    (path,) = (path for path in tmp_path.rglob("*") if path.name == entry.sha256)
    path.write_bytes(damage)
    assert archive.content(entry) is None
    archive.put("http://a/1", b"one", datetime.now(UTC))
    assert archive.content(entry) == b"one"


LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
LATELY = datetime(2026, 1, 1, tzinfo=UTC)


def contents(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*") if len(path.parent.name) == 2}


def test_old_answers_are_cleared_and_the_newest_of_each_url_is_kept(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "gpr")
    archive.put("http://a/1", b"first", LONG_AGO)
    archive.put("http://a/1", b"both", LONG_AGO)
    second = archive.put("http://a/2", b"both", LONG_AGO)
    archive.put("http://a/3", b"only one, old", LONG_AGO)
    newest = archive.put("http://a/1", b"newest", LATELY, etag='"3"')
    reader = Archive(tmp_path, "gpr")
    assert reader.latest("http://a/1") == newest
    assert clear_archives(tmp_path, LATELY - timedelta(days=90)) == Cleared(1, len(b"first"))
    assert contents(tmp_path / "gpr") == {b"both", b"only one, old", b"newest"}
    assert [entry.url for entry in archive.entries()] == ["http://a/2", "http://a/3", "http://a/1"]
    # An update that runs meanwhile goes on: what it knows, what it keeps and what it reads.
    assert reader.content(second) == b"both"
    again = archive.put("http://a/1", b"first", LATELY)
    assert reader.latest("http://a/1") == again
    assert reader.content(again) == b"first"
    assert clear_archives(tmp_path, LATELY - timedelta(days=90)) == Cleared()
    assert clear_archives(tmp_path / "none", LATELY) == Cleared()


@pytest.mark.parametrize(
    "url",
    [
        "http://a/v8/finance/chart/NVDA?period1={epoch}&period2={epoch}&interval=1d",
        "http://a/rankings-daily?start_date={day}&end_date={day}",
        "http://a/documents.json?conditions%5Bpublication_date%5D%5Bgte%5D={day}",
        "http://a/fredgraph.csv?id=DEXCHUS&cosd={day}",
        "http://a/api/models?author=Qwen&cursor=eyJ{epoch}&limit=100",
    ],
)
def test_the_same_question_for_other_days_keeps_one_old_answer(tmp_path: Path, url: str) -> None:
    archive = Archive(tmp_path, "any")
    for day in range(5):
        asked = LONG_AGO + timedelta(days=day)
        place = {"epoch": int(asked.timestamp()), "day": asked.date().isoformat()}
        archive.put(url.format(**place), b"%d" % day, asked)
    archive.put("http://a/CIK0001045810.json", b"one company", LONG_AGO)
    archive.put("http://a/CIK0001318605.json", b"another", LONG_AGO)
    assert archive.clear(LATELY).contents == 4
    assert contents(tmp_path / "any") == {b"4", b"one company", b"another"}
    assert len(archive.entries()) == 3


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "gpr")
    entry = archive.put("http://a/1", b"one", LATELY)
    half = tmp_path / "gpr" / entry.sha256[:2] / ".half"
    half.write_bytes(b"half")
    assert archive.clear(LONG_AGO) == Cleared(1, 4)
    assert archive.content(entry) == b"one"


def test_clearing_loses_nothing_that_others_keep_meanwhile(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(Archive(tmp_path, "gpr").put, f"http://a/{n % 5}", b"%d" % n, LONG_AGO)
            if n % 4
            else pool.submit(Archive(tmp_path, "gpr").clear, LATELY)
            for n in range(120)
        ]
        for job in jobs:
            job.result()
    archive = Archive(tmp_path, "gpr")
    archive.clear(LATELY)
    entries = archive.entries()
    assert {entry.url for entry in entries} == {f"http://a/{n}" for n in range(5)}
    assert len(entries) == 5
    assert all(archive.content(entry) is not None for entry in entries)


def test_an_archive_that_another_process_holds_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.loaders.http.archive._LOCK_TIMEOUT", 0.1)
    archive = Archive(tmp_path, "gpr")
    archive.put("http://a/1", b"one", LONG_AGO)
    archive.put("http://a/1", b"two", LATELY)
    with (
        archive._locked(),
        pytest.raises(InputError, match=r"Cannot clear .*gpr: .*repeat when no update runs"),
    ):
        Archive(tmp_path, "gpr").clear(LATELY)
    assert contents(tmp_path / "gpr") == {b"one", b"two"}
