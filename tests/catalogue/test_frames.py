"""A catalogue file read in one go: the same rows as line by line, and only where all are right."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.catalogue import Catalogue
from analysis.catalogue.frames import read_frame
from analysis.catalogue.validation import read_good, validate_file
from analysis.errors import DataError
from analysis.settings import bundled
from analysis.tables import CATALOGUE

HEADER = CATALOGUE["events"].column_names()
GOOD = [
    "a-1", "2025-01-20", "2025-01-20T12:19:44Z", "UTC", "timestamp", "release", "", "official",
    "high", "A model", "DeepSeek;Nvidia", "A page", "https://example.org/page", "",
]  # fmt: skip


def written(path: Path, *rows: list[str]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    path.write_text(text.getvalue())
    return path


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_bundled_file_reads_as_it_does_line_by_line(kind: str) -> None:
    path = bundled(f"data/catalogue/{kind}.csv")
    frame = read_frame(path, kind)
    assert frame is not None
    assert frame.equals(validate_file(path, kind).frame())
    assert frame.schema == validate_file(path, kind).frame().schema


_CELLS = st.one_of(
    st.sampled_from(
        [
            "", " ", "x", '"', '""', ",", "\n", "\r", "\r\n", "a,b", 'a"b', "a\nb", " a", "a\u00a0",
            "2025-01-20", "2025-02-30", "0000-01-01", "٢٠٢٥-01-20", "2025-1-2",
            "2025-01-20T12:19:44Z", "2025-01-20T12:19Z", "2025-01-20T12:19:44.5Z",
            "2025-01-20T12:19:60Z", "2025-01-20T24:00:00Z", "2025-01-20T12:19:44+00:00",
            "UTC", "Asia/Shanghai", "Mars/Base", "release", "tightened", "official",
            "https://example.org/page", "https://example", "null", "NaN", "\x00", "\u202e", "é",
        ]
    ),
    st.text(max_size=4),
)  # fmt: skip


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 13), _CELLS), max_size=3),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    raw=st.lists(st.tuples(st.integers(0, 400), st.sampled_from(['"', ",", "\n", "a", " "]))),
    mark=st.booleans(),
)
def test_it_reads_nothing_that_is_wrong_line_by_line_and_never_other_values(
    tmp_path: Path,
    changes: list[tuple[int, int, str]],
    end: str,
    raw: list[tuple[int, str]],
    mark: bool,
) -> None:
    rows = [GOOD, ["a-2", *GOOD[1:]]]
    for row, column, cell in changes:
        rows[row] = [*rows[row][:column], cell, *rows[row][column + 1 :]]
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows([HEADER, *rows])
    content = text.getvalue()
    for place, character in raw[:2]:
        content = content[:place] + character + content[place:]
    path = tmp_path / "events.csv"
    path.write_bytes(content.encode("utf-8-sig" if mark else "utf-8", "surrogatepass"))
    frame = read_frame(path, "events")
    slow = validate_file(path, "events")
    cells_are_right = not any(row.wrong for row in slow.rows)
    if frame is not None:
        assert cells_are_right
        assert [row.values for row in slow.rows] == frame.to_dicts()
    if slow.problems:
        with pytest.raises(DataError) as caught:
            read_good(path, "events")
        assert str(slow.problems[0]) in str(caught.value)
    else:
        assert read_good(path, "events").to_dicts() == [row.values for row in slow.rows]


@pytest.mark.parametrize(
    "cell",
    ["1", "1.", ".5", "+0.5", "1e-3", "0.1", "0.30000000000000004", "5e-324", "1e999", "nan", "1_0",
     "-1", "2", "٣", "0x1", ""],
)  # fmt: skip
def test_a_number_is_read_to_the_last_digit_or_left_to_the_other_reader(
    tmp_path: Path, cell: str
) -> None:
    bundle = bundled("data/catalogue/instruments.csv").read_text().splitlines()
    path = tmp_path / "instruments.csv"
    at = bundle[0].split(",").index("price_limit")
    row = bundle[1].split(",")
    row[at] = cell
    path.write_text("\n".join([bundle[0], ",".join(row)]))
    frame = read_frame(path, "instruments")
    slow = validate_file(path, "instruments").rows[0]
    if frame is None:
        assert slow.wrong
    else:
        assert frame["price_limit"][0] == slow.values["price_limit"]


def test_a_mistake_in_a_large_file_is_named_by_its_line(tmp_path: Path) -> None:
    rows = [[f"a-{number}", *GOOD[1:]] for number in range(3000)]
    rows[2000][7] = "oficial"
    path = written(tmp_path / "events.csv", *rows)
    with pytest.raises(DataError, match=r"events\.csv:2002:status: 'oficial' is not known"):
        Catalogue(tmp_path).table("events")
    rows[2000][7] = "rumoured"
    rows[2500][5] = "rumour"
    path = written(tmp_path / "events.csv", *rows)
    with pytest.raises(DataError, match=r"events\.csv:2502:status: a rumour is not official"):
        Catalogue(tmp_path).table("events")
    assert path.exists()


@pytest.mark.parametrize("kind", CATALOGUE)
def test_lines_are_not_counted_while_nothing_is_wrong(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("analysis.catalogue.validation.validate_file")
    assert read_good(bundled(f"data/catalogue/{kind}.csv"), kind).height > 0
