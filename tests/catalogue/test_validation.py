"""What is wrong with a catalogue file, by file, line, column and mend."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.catalogue import Problem, check_file
from analysis.catalogue.csv_reader import read_cells
from analysis.errors import InputError
from analysis.settings import bundled
from analysis.tables import CATALOGUE

HEADER = ",".join(CATALOGUE["events"].column_names())
GOOD = {
    "id": "a-1",
    "date": "2025-01-20",
    "time_utc": "2025-01-20T12:19:44Z",
    "timezone": "UTC",
    "timing": "timestamp",
    "category": "release",
    "direction": "",
    "status": "official",
    "confidence": "high",
    "title": "A model",
    "entities": "DeepSeek;Nvidia",
    "source_title": "A page",
    "source_url": "https://example.org/page",
    "notes": "",
}
DATED = {"time_utc": "", "timing": "date_only"}


def line(**changed: str) -> str:
    """One event as a line of CSV, with some cells changed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow((GOOD | changed).values())
    return text.getvalue().removesuffix("\n")


def told(path: Path, *lines: str, end: str = "\n", kind: str | None = None) -> list[str]:
    """Problems of a file made of these lines, without its name."""
    path.write_bytes("".join(item + end for item in lines).encode())
    return [short(problem) for problem in check_file(path, kind)]


def short(problem: Problem) -> str:
    """Line, column and message of a problem."""
    place = f"{problem.line}:{problem.column}" if problem.column else str(problem.line)
    return f"{place} {problem.message}"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events.csv"


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_bundled_catalogue_passes(name: str) -> None:
    assert check_file(bundled(f"data/catalogue/{name}.csv")) == []


def test_a_good_event_passes_with_and_without_an_instant(events: Path) -> None:
    assert told(events, HEADER, line(), line(id="a-2", **DATED)) == []


def test_a_problem_knows_its_file_line_column_and_message(events: Path) -> None:
    events.write_text(f"{HEADER}\n{line(status='oficial')}\n")
    message = "'oficial' is not known: did you mean 'official'?"
    assert check_file(events) == [Problem(str(events), 2, "status", message)]
    assert str(check_file(events)[0]) == f"{events}:2:status: {message}"
    assert str(Problem("a.csv", 2, "", "is short")) == "a.csv:2: is short"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"date": "2025-02-30"}, "2:date '2025-02-30' is not a valid date: correct it"),
        ({"date": "20 Jan 2025"}, "2:date '20 Jan 2025' is not a day: write it as 2025-01-27"),
        ({"date": ""}, "2:date is missing: fill it in"),
        (
            {"time_utc": "2025-01-20T12:19:44"},
            "2:time_utc '2025-01-20T12:19:44' is not an instant in UTC: "
            "write it as 2025-01-20T12:19:44Z",
        ),
        (
            {"time_utc": "2025-01-20T20:19:44+08:00"},
            "2:time_utc '2025-01-20T20:19:44+08:00' is not an instant in UTC: "
            "write it as 2025-01-20T12:19:44Z",
        ),
        (
            {"time_utc": "2025-01-20T25:19:44Z"},
            "2:time_utc '2025-01-20T25:19:44Z' is not a valid time: correct it",
        ),
        (
            {"time_utc": "2025-01-20T22:00:00Z", "timezone": "Asia/Shanghai"},
            "2:time_utc 2025-01-20T22:00:00Z is 2025-01-21 in Asia/Shanghai, and date says "
            "2025-01-20: correct one of the three",
        ),
        (
            {"time_utc": ""},
            "2:time_utc is missing, and timing is 'timestamp': give the instant as "
            "2025-01-20T12:19:44Z, or take the timing date_only",
        ),
        (
            {"timing": "date_only"},
            "2:timing 'date_only' is given with an instant: use timestamp, or drop time_utc",
        ),
        (
            {"time_utc": "", "timing": "weekend"},
            "2:timing 'weekend' is given with 2025-01-20, a Monday: correct one of the two",
        ),
        (
            {"timezone": "America/New_Yrok"},
            "2:timezone 'America/New_Yrok' is not a time zone: did you mean 'America/New_York'?",
        ),
        (
            {"timezone": "../../etc/passwd"},
            "2:timezone '../../etc/passwd' is not a time zone: write it as America/New_York",
        ),
        ({"category": "relase"}, "2:category 'relase' is not known: did you mean 'release'?"),
        (
            {"status": "xyz"},
            "2:status 'xyz' is not known: take one of official, reported, rumoured, denied, "
            "false, scheduled",
        ),
        ({"confidence": ""}, "2:confidence is missing: take one of high, medium, low"),
        (
            {"direction": "relaxed"},
            "2:direction 'relaxed' is given with category 'release': only an export_control has a "
            "direction, leave the cell blank",
        ),
        (
            {"category": "rumour"},
            "2:status a rumour is not official: take reported, rumoured, denied or false",
        ),
        ({"title": ""}, "2:title is missing: fill it in"),
        ({"title": " A model"}, "2:title ' A model' has spaces around it: remove them"),
        ({"notes": "a\x07b"}, "2:notes holds the control character '\\x07': remove it"),
        (
            {"source_url": "example.org"},
            "2:source_url 'example.org' does not have the form of https://www.sec.gov/news: "
            "correct it",
        ),
        (
            {"source_url": "javascript:alert(1)"},
            "2:source_url 'javascript:alert(1)' does not have the form of "
            "https://www.sec.gov/news: "
            "correct it",
        ),
        ({"source_title": ""}, "2:source_title is missing: fill it in"),
        ({"id": "DS R1"}, "2:id 'DS R1' does not have the form of ds-r1: correct it"),
        ({"id": ""}, "2:id is missing: write it as ds-r1"),
        (
            {"entities": "DeepSeek; Nvidia"},
            "2:entities 'DeepSeek; Nvidia' is not a list: separate names with ';' only, as in "
            "Nvidia;AMD",
        ),
        ({"entities": "AMD;AMD"}, "2:entities 'AMD' is named twice: once is enough"),
        ({"entities": "Nvidea"}, "2:entities 'Nvidea': did you mean 'Nvidia'?"),
    ],
)
def test_each_slip_in_an_event_is_told_with_its_mend(
    events: Path, changed: dict[str, str], problem: str
) -> None:
    assert told(events, HEADER, line(**changed)) == [problem]


def test_a_company_without_a_security_is_no_problem(events: Path) -> None:
    assert told(events, HEADER, line(entities="Moonshot;Zhipu"), line(id="b", entities="")) == []


def test_several_slips_in_one_line_are_told_at_once(events: Path) -> None:
    problems = told(events, HEADER, line(date="2025-13-01", status="?", timezone="Mars"))
    assert [problem.split()[0] for problem in problems] == ["2:date", "2:status", "2:timezone"]


def test_a_key_that_occurs_twice_names_both_lines(events: Path) -> None:
    problems = told(events, HEADER, line(), line(id="b"), line(title=""))
    assert problems == [
        "4:id 'a-1' stands on line 2 already: keep one of the two",
        "4:title is missing: fill it in",
    ]


def test_lines_are_counted_through_line_breaks_inside_cells(events: Path) -> None:
    first = line(notes='said "so",\nand\nmore')
    problems = told(events, HEADER, first, line(id="b", title="two\nlines", status="?"))
    assert [problem.split()[0] for problem in problems] == ["5:status"]


def test_a_cell_after_a_line_break_is_told_on_its_own_line(events: Path) -> None:
    problems = told(events, HEADER, line(title="two\nlines", source_url="nowhere"))
    assert [problem.split()[0] for problem in problems] == ["3:source_url"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_ending_and_a_byte_order_mark_are_read(events: Path, end: str) -> None:
    problems = told(events, "\ufeff" + HEADER, line(), "", line(id="b", status="?"), end=end)
    assert [problem.split()[0] for problem in problems] == ["4:status"]


def test_a_file_in_another_encoding_is_told_by_the_line_of_its_first_strange_byte(
    events: Path,
) -> None:
    events.write_bytes(f"{HEADER}\n{line()}\n{line(id='b', title='café')}\n".encode("latin-1"))
    (problem,) = check_file(events)
    assert (problem.line, problem.message) == (
        3,
        "is not UTF-8 (byte 0xe9): save the file as UTF-8",
    )
    events.write_text(HEADER, encoding="utf-16")
    (problem,) = check_file(events)
    assert problem.line == 1
    assert problem.message == "is UTF-16: save the file as UTF-8"


def test_a_line_with_too_many_or_too_few_cells_is_told(events: Path) -> None:
    assert told(events, HEADER, line() + ",x", "only one") == [
        "2 has 15 cells where the first line has 14: "
        "put a cell that holds a comma in double quotes",
        "3 has 1 cells where the first line has 14: a blank cell needs its comma too",
    ]


def test_columns_that_are_missing_misspelt_or_twice_there_are_told(events: Path) -> None:
    header = HEADER.replace("status", "state").replace("notes", "title")
    assert told(events, header, line()) == [
        "1 'state' is not a column of events: rename it to 'status'",
        "1:notes is missing from the first line: add the column",
        "1:status is missing from the first line: add the column",
        "1:title occurs twice in the first line: keep one column",
    ]


def test_the_order_of_the_columns_does_not_matter(events: Path) -> None:
    names = list(reversed(GOOD))
    assert told(events, ",".join(names), ",".join(GOOD[name] for name in names)) == []


def test_a_quote_that_is_never_closed_is_told_where_it_opens(events: Path) -> None:
    problems = told(events, HEADER, line(), 'b,"never', "closed")
    assert problems == ["3 opens a quote that is never closed: close it"]


def test_quotes_inside_a_bare_cell_and_text_after_a_quote_are_told(events: Path) -> None:
    (inside,) = told(events, HEADER, 'b,5" pipe')
    assert inside.startswith("""2 has a quote inside the cell '5" pipe': put the whole cell""")
    (after,) = told(events, HEADER, 'b,"said" so')
    assert after == "2 goes on with ' ' after a closing quote: double the quotes in the cell"


def test_an_empty_file_is_told(events: Path) -> None:
    message = "1 is empty: write a first line with the names of the columns"
    assert told(events) == [message]
    assert told(events, HEADER) == []


def test_a_file_that_cannot_be_opened_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read .*gone.csv: no such file or directory"):
        check_file(tmp_path / "gone.csv")
    with pytest.raises(InputError, match="is a directory"):
        check_file(tmp_path)


def test_the_kind_comes_from_the_caller_the_name_or_the_columns(tmp_path: Path) -> None:
    groups = ("name,ticker", "mine,NVDA", "mine,NVDIA")
    expected = ["3:ticker 'NVDIA' is not in instruments.csv: did you mean 'NVDA'?"]
    assert told(tmp_path / "groups.csv", *groups) == expected
    assert told(tmp_path / "mine.csv", *groups) == expected
    assert told(tmp_path / "other.csv", *groups, kind="groups") == expected
    with pytest.raises(InputError, match="Unknown kind of catalogue file 'group'"):
        check_file(tmp_path / "mine.csv", "group")


INSTRUMENTS = "ticker,name,entity,exchange,currency,role,bloc,benchmark,price_limit,primary"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("X,X,,XNAS,USD,gpu,us,,,yes", "3:entity is missing: name the company as the events do"),
        (
            "X,X,E,XNAS,USD,etf,us,,,",
            "3:entity 'E' is given although the role is 'etf': leave it blank",
        ),
        ("X,X,,XNAS,USD,fx,,,,", "3:exchange 'XNAS' is given for a currency: leave the cell blank"),
        (
            "X,X,E,,USD,gpu,us,,,yes",
            "3:exchange is missing: give the market identifier code, for instance XNAS",
        ),
        (
            "X,X,E,nasdaq,USD,gpu,us,,,yes",
            "3:exchange 'nasdaq' does not have the form of XNAS: correct it",
        ),
        (
            "X,X,E,XNAS,,gpu,us,,,yes",
            "3:currency is missing: give the currency of the listing, for instance USD",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,^GSPD,,yes",
            "3:benchmark '^GSPD' is not known: did you mean '^GSPC'?",
        ),
        (
            "^X,X,,XNYS,USD,index,us,^X,,",
            "3:benchmark '^X' is the instrument itself: leave the cell blank",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,,20,yes",
            "3:price_limit 20 is more than 1: correct it (a fraction, not per cent)",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,,-0.1,yes",
            "3:price_limit -0.1 is not greater than 0: correct it or leave the cell blank",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,,20%,yes",
            "3:price_limit '20%' is not a number: write it as 0.2 or leave the cell blank",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,,nan,yes",
            "3:price_limit 'nan' is not a number: write it as 0.2 or leave the cell blank",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,,,",
            "3:primary is missing: say yes, or no for a second listing of the company",
        ),
        (
            "X,X,,XNAS,USD,etf,us,,,yes",
            "3:primary 'yes' is given although the role is 'etf': leave it blank",
        ),
        (
            "X,X,E,XNAS,USD,gpu,us,,,no",
            "3:primary no listing of E is primary: choose one",
        ),
        ("X,X,E,XNAS,USD,gpus,us,,,yes", "3:role 'gpus' is not known: did you mean 'gpu'?"),
    ],
)
def test_each_slip_in_an_instrument_is_told(tmp_path: Path, row: str, problem: str) -> None:
    index = "^GSPC,S&P 500,,XNYS,USD,index,us,,,"
    assert told(tmp_path / "instruments.csv", INSTRUMENTS, index, row) == [problem]


def test_a_company_has_one_primary_listing(tmp_path: Path) -> None:
    first, second = "X,X,E,XNAS,USD,gpu,us,,,yes", "X.L,X,E,XLON,GBP,gpu,us,,,yes"
    assert told(tmp_path / "instruments.csv", INSTRUMENTS, first, second) == [
        "3:primary E has a primary listing already, X: say no"
    ]


def test_groups_and_closures_refer_to_the_instruments_beside_them(tmp_path: Path) -> None:
    told(tmp_path / "instruments.csv", INSTRUMENTS, "ACME,Acme,Acme,XLON,GBP,gpu,europe,,,yes")
    assert told(tmp_path / "groups.csv", "name,ticker", "mine,ACME", "gpu,ACME", "us,NVDA") == [
        "3:name 'gpu' is the name of a role or bloc already: choose another",
        "4:name 'us' is the name of a role or bloc already: choose another",
        "4:ticker 'NVDA' is not in instruments.csv: add an instrument, or correct it",
    ]
    closures = ("exchange,date,reason,source", "XLON,2025-01-27,a,b", "XLOM,2025-01-25,a,b")
    assert told(tmp_path / "closures.csv", *closures) == [
        "3:date 2025-01-25 is a Saturday, which is not a session: remove the line",
        "3:exchange 'XLOM' is not in instruments.csv: did you mean 'XLON'?",
    ]
    hours = (
        "exchange,date,opens,closes,reason,source",
        "XLON,2025-01-27,10:00,,a,b",
        "XLOM,2025-01-28,,14:00,a,b",
        "XLON,2025-01-29,,,a,b",
        "XLON,2025-01-30,16:00,10:00,a,b",
        "XLON,2025-01-31,9:00,,a,b",
        "XLON,2025-02-01,09:00,,a,b",
    )
    assert told(tmp_path / "hours.csv", *hours) == [
        "3:exchange 'XLOM' is not in instruments.csv: did you mean 'XLON'?",
        "4:opens and closes are blank: give the changed hour, or remove the line",
        "5:closes 10:00 is not after the open at 16:00: correct one of the two",
        "6:opens '9:00' does not have the form of 10:00: correct it",
        "7:date 2025-02-01 is a Saturday, which is not a session: remove the line",
    ]


def test_without_any_instruments_nothing_is_held_against_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr("analysis.catalogue.validation.bundled", lambda name: gone / name)
    assert told(tmp_path / "groups.csv", "name,ticker", "mine,ACME") == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (
            "2020-11-16,day",
            "2020-11,day",
            "'2020-11' does not match the precision 'day': correct one",
        ),
        ("2020-11-16,day", ",day", "a blank does not match the precision 'day': correct one"),
        ("2020-11-16,day", "2020-11-31,day", "'2020-11-31' is not a valid date"),
        ("2020-11-16,day", "2020-11-16,", "is missing: say how precise the release date is"),
        ("4992,source", "4992,", "tpp and its basis go together: give both or none"),
    ],
)
def test_each_slip_in_a_chip_is_told(tmp_path: Path, before: str, after: str, problem: str) -> None:
    path = tmp_path / "chips.csv"
    shutil.copy(bundled("data/catalogue/chips.csv"), path)
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    (found,) = check_file(path)
    assert found.line == 2
    assert problem in found.message


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\x1c\x1d\x1e\x85\u2028\u2029"))


@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5))
def test_what_a_csv_writer_wrote_is_read_back_cell_by_cell(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    read, malformed = read_cells(text.getvalue())
    assert malformed is None
    assert [[cell.text for cell in row] for row in read] == [row for row in rows if row != [""]]


@given(text=st.text(alphabet='a,"\n\r', max_size=40))
def test_any_text_is_read_or_told_without_losing_a_line(text: str) -> None:
    rows, malformed = read_cells(text)
    last = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    lines = [cell.line for row in rows for cell in row] + ([malformed.line] if malformed else [])
    assert lines == sorted(lines)
    assert all(1 <= line <= last for line in lines)
