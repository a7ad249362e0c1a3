"""What sources sent, at rest: torn, damaged, written by several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.errors import InputError
from analysis.loaders.archive import Archive


def test_a_torn_last_line_loses_only_itself(tmp_path: Path) -> None:
    archive, now = Archive(tmp_path, "gpr"), datetime.now(UTC)
    first = archive.keep("http://a/1", b"one", now, etag='"1"')
    index = tmp_path / "gpr" / "index.jsonl"
    whole = index.read_bytes()
    index.write_bytes(whole + whole[: len(whole) // 2])
    assert archive.latest("http://a/1") == first
    second = archive.keep("http://a/2", b"two", now)
    assert archive.entries() == [first, second]
    assert archive.latest("http://a/2") == second
    assert Archive(tmp_path, "gpr").latest("http://a/2") == second


def test_several_writers_lose_no_line(tmp_path: Path) -> None:
    archives = [Archive(tmp_path, "gpr") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(archives[n % 4].keep, f"http://a/{n}", b"%d" % (n % 7), datetime.now(UTC))
            for n in range(80)
        ]
        assert len({job.result().url for job in jobs}) == 80
    entries = archives[0].entries()
    assert len(entries) == 80
    assert all(archives[1].content(entry) is not None for entry in entries)


def test_an_archive_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "gpr").write_text("in the way")
    with pytest.raises(InputError, match=r"Cannot keep what http://a/1 sent in .*/gpr"):
        Archive(tmp_path, "gpr").keep("http://a/1", b"one", datetime.now(UTC))


@pytest.mark.parametrize("damage", [b"", b"on", b"xxx"])
def test_a_damaged_content_is_mended_by_the_next_answer(tmp_path: Path, damage: bytes) -> None:
    archive = Archive(tmp_path, "gpr")
    entry = archive.keep("http://a/1", b"one", datetime.now(UTC))
    (path,) = (path for path in tmp_path.rglob("*") if path.name == entry.sha256)
    path.write_bytes(damage)
    assert archive.content(entry) is None
    archive.keep("http://a/1", b"one", datetime.now(UTC))
    assert archive.content(entry) == b"one"
