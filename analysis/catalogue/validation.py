"""A catalogue file held against its schema and rules, line by line.

``faultline events check`` prints what `check_file` finds. `Catalogue` reads through `read_good`,
so that a file either passes here or is not used; the lines are counted only where something is
wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.catalogue.cell_values import Value, closest_match, read_value
from analysis.catalogue.csv_reader import Cell, SyntaxProblem, read_cells, read_text
from analysis.catalogue.frames import read_frame
from analysis.catalogue.rules import COLUMNS, ColumnValues, find_problems
from analysis.errors import DataError, InputError, unknown_name
from analysis.settings import bundled

if TYPE_CHECKING:
    import dataframely as dy
    import polars as pl


_SHOWN = 3


@dataclass(frozen=True, order=True)
class Problem:
    """Something in a catalogue file that must be mended."""

    file: str
    line: int  # first line of the cell, the file's first being 1
    column: str  # name of the column; blank when the whole line is meant
    message: str  # what is wrong and how to mend it

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:"
        return f"{place}{self.column}: {self.message}" if self.column else f"{place} {self.message}"


@dataclass(frozen=True)
class CheckedRow:
    """One row of a file."""

    values: dict[str, Value]  # none where a cell is blank or wrong
    lines: dict[str, int]  # where each cell starts
    wrong: frozenset[str]  # columns whose cell is wrong by itself


@dataclass
class ValidationReport:
    """What a file holds and what is wrong with it."""

    file: str
    kind: str  # table that the file was held against
    # rows with as many cells as the first line
    rows: list[CheckedRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, line: int, column: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, line, column, message))

    def frame(self) -> pl.DataFrame:
        """Rows as a frame of the kind's schema; only for a file without problems."""
        import polars as pl

        from analysis.tables import schema_of, validate

        types = {name: held.dtype for name, held in schema_of(self.kind).columns().items()}
        columns = {name: [row.values[name] for row in self.rows] for name in types}
        return validate(self.kind, pl.DataFrame(columns, schema=types))


def check_file(path: str | Path, kind: str | None = None) -> list[Problem]:
    """Find everything that is wrong with a catalogue file.

    Parameters
    ----------
    kind : str, optional
        One of `analysis.tables.CATALOGUE`, such as ``events``; else the file's name decides, and
        when it is none of them, its columns.

    Returns
    -------
    list of Problem
        In order of lines; empty when the file is good.

    Raises
    ------
    InputError
        When the file cannot be opened, or the kind does not exist.
    """
    return validate_file(Path(path), kind).problems


def read_good(path: Path, kind: str) -> pl.DataFrame:
    """Read a catalogue file that must be right.

    Raises
    ------
    DataError
        Names the first things that are wrong, by line and column.
    InputError
        When the file cannot be opened.
    """
    frame = read_frame(path, kind)
    if frame is not None:
        rows = frame.select(COLUMNS.get(kind, [])).to_dicts()
        if next(find_problems(kind, rows, _beside(path)), None) is None:
            return frame
    report = validate_file(path, kind)
    if report.problems:
        shown = "; ".join(str(problem) for problem in report.problems[:_SHOWN])
        more = len(report.problems) - _SHOWN
        rest = f"; and {more} more: faultline events check {path}" if more > 0 else ""
        raise DataError(f"{shown}{rest}")
    return report.frame()


def validate_file(path: Path, kind: str | None = None) -> ValidationReport:
    """Read a catalogue file as far as it can be read, with everything that is wrong with it."""
    rows, malformed = _read_rows_of_cells(path)
    report = ValidationReport(str(path), _kind(path, kind, rows[0] if rows else []))
    if not rows and not malformed:
        report.add_problem(1, "", "is empty: write a first line with the names of the columns")
    if rows and _header_is_good(report, rows[0]):
        _read_rows(report, [cell.text for cell in rows[0]], rows[1:])
        _find_duplicates(report)
        _apply_rules(report, path)
    if malformed:
        report.add_problem(malformed.line, "", malformed.message)
    report.problems.sort()
    return report


def _apply_rules(report: ValidationReport, path: Path) -> None:
    wrong = {place for place, row in enumerate(report.rows) if row.wrong}
    rows = [row.values for row in report.rows]
    for place, column, message in find_problems(report.kind, rows, _beside(path), wrong):
        report.add_problem(report.rows[place].lines[column], column, message)


def _beside(path: Path) -> ColumnValues:
    """Values of a column of another file beside this one, else of the bundled one."""

    def values(table: str, column: str) -> list[str]:
        beside = path.with_name(f"{table}.csv")
        chosen = beside if beside.is_file() else bundled(f"data/catalogue/{table}.csv")
        if not chosen.is_file():
            return []
        frame = read_frame(chosen, table)
        if frame is not None:
            held: list[str] = frame[column].drop_nulls().unique(maintain_order=True).to_list()
            return held
        rows = validate_file(chosen, table).rows
        return list(dict.fromkeys(str(row.values[column]) for row in rows if row.values[column]))

    return values


def _read_rows_of_cells(path: Path) -> tuple[list[list[Cell]], SyntaxProblem | None]:
    try:
        text = read_text(path)
    except OSError as problem:
        reason = (problem.strerror or "it cannot be opened").lower()
        raise InputError(f"Cannot read {path}: {reason}. Name a catalogue file.") from None
    if isinstance(text, SyntaxProblem):
        return [], text
    return read_cells(text)


def _kind(path: Path, kind: str | None, header: list[Cell]) -> str:
    """Table that a file is held against: as asked for, by its name, or by its columns."""
    from analysis.tables import CATALOGUE

    if kind is not None:
        if kind not in CATALOGUE:
            raise unknown_name("kind of catalogue file", kind, CATALOGUE)
        return kind
    if path.stem in CATALOGUE:
        return path.stem
    given = {cell.text for cell in header}
    shared = {
        name: len(given & set(schema.columns())) / len(schema.columns())
        for name, schema in CATALOGUE.items()
    }
    best = max(shared, key=lambda name: shared[name])
    return best if shared[best] > 0 else "events"


def _schema(report: ValidationReport) -> type[dy.Schema]:
    from analysis.tables import schema_of

    return schema_of(report.kind)


def _header_is_good(report: ValidationReport, header: list[Cell]) -> bool:
    """Complain about columns that are missing, unknown or twice there; order does not matter."""
    wanted = list(_schema(report).columns())
    before = len(report.problems)
    seen: set[str] = set()
    given = [cell.text for cell in header]
    for cell in header:
        if cell.text in seen:
            twice = "occurs twice in the first line: keep one column"
            report.add_problem(cell.line, cell.text, twice)
        elif cell.text not in wanted:
            near = closest_match(cell.text, [name for name in wanted if name not in given])
            hint = f"rename it to {near!r}" if near else f"the columns are {', '.join(wanted)}"
            report.add_problem(
                cell.line, "", f"{cell.text!r} is not a column of {report.kind}: {hint}"
            )
        seen.add(cell.text)
    for name in wanted:
        if name not in given:
            report.add_problem(
                header[0].line, name, "is missing from the first line: add the column"
            )
    return len(report.problems) == before


def _read_rows(report: ValidationReport, names: list[str], rows: list[list[Cell]]) -> None:
    columns = _schema(report).columns()
    for cells in rows:
        if len(cells) != len(names):
            fix = "a blank cell needs its comma too"
            if len(cells) > len(names):
                fix = "put a cell that holds a comma in double quotes"
            counts = f"has {len(cells)} cells where the first line has {len(names)}"
            report.add_problem(cells[0].line, "", f"{counts}: {fix}")
            continue
        values, wrong = {}, set()
        for name, cell in zip(names, cells, strict=True):
            values[name], problem = read_value(cell.text, columns[name])
            if problem:
                wrong.add(name)
                report.add_problem(cell.line, name, problem)
        lines = {name: cell.line for name, cell in zip(names, cells, strict=True)}
        report.rows.append(CheckedRow(values, lines, frozenset(wrong)))


def _find_duplicates(report: ValidationReport) -> None:
    keys = _schema(report).primary_key()
    first: dict[tuple[Value, ...], int] = {}
    for row in report.rows:
        if row.wrong & set(keys):
            continue
        key = tuple(row.values[name] for name in keys)
        line = row.lines[keys[0]]
        if key in first:
            shown = ", ".join(repr(str(value)) for value in key)
            report.add_problem(
                line, keys[0], f"{shown} stands on line {first[key]} already: keep one of the two"
            )
        first.setdefault(key, line)
