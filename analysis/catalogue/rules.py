"""Rules between the cells of a catalogue file, and between files.

Pure functions on rows: what other files hold is handed in by `analysis.catalogue.validation`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from analysis.catalogue.cell_values import closest_match, unknown_value_message
from analysis.errors import InputError

Row = dict[str, Any]
Problems = Iterator[tuple[str, str]]
# With the place of the row in the file.
LocatedProblems = Iterator[tuple[int, str, str]]
# Values of a column of another file: table and column.
ColumnValues = Callable[[str, str], list[str]]

_SATURDAY = 5
# Likeness at which an entity that nothing else names is taken for a slip of the pen.
_SIMILARITY_CUTOFF = 0.8
_PRECISION = {
    "day": r"\d{4}-\d{2}-\d{2}",
    "month": r"\d{4}-\d{2}",
    "quarter": r"\d{4}-Q\d",
    "quarter planned": r"\d{4}-Q\d",
    "year": r"\d{4}",
    "not released": r"",
}


def find_problems(
    kind: str, rows: Sequence[Row], beside: ColumnValues, wrong: Container[int] = ()
) -> LocatedProblems:
    """Hold the rows of a file against the rules of its kind.

    Parameters
    ----------
    rows : sequence of dict
        Column to value; the columns of `COLUMNS` are enough.
    beside : callable
        Gives the values of a column of another file, by table and column.
    wrong : container of int
        Places of rows with a cell that is wrong by itself: no rule within a row is asked.

    Yields
    ------
    int
        Place of the row.
    str
        Column.
    str
        What is wrong and how to mend it.
    """
    within = _ROW_RULES.get(kind)
    if within:
        for place, row in enumerate(rows):
            if place not in wrong:
                for column, message in within(row):
                    yield place, column, message
    across = _FILE_RULES.get(kind)
    if across:
        yield from across(rows, beside)
    for column, table, key in _REFERENCES.get(kind, ()):
        yield from _unknown_references(rows, column, table, beside(table, key))


def _event(row: Row) -> Problems:
    yield from _event_time(row)
    if row["direction"] and row["category"] != "export_control":
        yield (
            "direction",
            f"{row['direction']!r} is given with category {row['category']!r}: only an "
            "export_control has a direction, leave the cell blank",
        )
    if row["category"] == "rumour" and row["status"] == "official":
        yield "status", "a rumour is not official: take reported, rumoured, denied or false"
    entities = (row["entities"] or "").split(";")
    if row["entities"] and any(not item or item != item.strip() for item in entities):
        yield (
            "entities",
            (f"{row['entities']!r} is not a list: separate names with ';' only, as in Nvidia;AMD"),
        )
    if len(set(entities)) == len(entities):
        return
    for name in [name for name, times in Counter(entities).items() if name and times > 1]:
        yield "entities", f"{name!r} is named twice: once is enough"


def _event_time(row: Row) -> Problems:
    day, instant, timing = row["date"], row["time_utc"], row["timing"]
    if timing in ("timestamp", "commit") and instant is None:
        yield (
            "time_utc",
            f"is missing, and timing is {timing!r}: give the instant as 2025-01-20T12:19:44Z, "
            "or take the timing date_only",
        )
    if timing == "date_only" and instant is not None:
        yield "timing", "'date_only' is given with an instant: use timestamp, or drop time_utc"
    if timing == "weekend" and day.weekday() < _SATURDAY:
        yield "timing", f"'weekend' is given with {day}, a {day:%A}: correct one of the two"
    if isinstance(instant, datetime):
        local = instant.astimezone(ZoneInfo(row["timezone"])).date()
        if local != day:
            yield (
                "time_utc",
                f"{instant:%Y-%m-%dT%H:%M:%SZ} is {local} in {row['timezone']}, and date says "
                f"{day}: correct one of the three",
            )


def _instrument(row: Row) -> Problems:
    from analysis.tables.curated import NOT_TRADED

    traded = row["role"] not in NOT_TRADED
    if traded and row["entity"] is None:
        yield "entity", "is missing: name the company as the events do"
    if not traded and row["entity"] is not None:
        yield (
            "entity",
            f"{row['entity']!r} is given although the role is {row['role']!r}: leave it blank",
        )
    if traded and row["primary"] is None:
        yield "primary", "is missing: say yes, or no for a second listing of the company"
    if not traded and row["primary"] is not None:
        yield (
            "primary",
            f"{row['primary']!r} is given although the role is {row['role']!r}: leave it blank",
        )
    if row["role"] == "fx" and row["exchange"] is not None:
        yield "exchange", f"{row['exchange']!r} is given for a currency: leave the cell blank"
    if row["role"] != "fx" and row["exchange"] is None:
        yield "exchange", "is missing: give the market identifier code, for instance XNAS"
    if row["exchange"] is not None:
        yield from _exchange_known(str(row["exchange"]))
    if row["exchange"] is not None and row["currency"] is None:
        yield "currency", "is missing: give the currency of the listing, for instance USD"
    if row["benchmark"] == row["ticker"]:
        yield "benchmark", f"{row['benchmark']!r} is the instrument itself: leave the cell blank"


def _exchange_known(exchange: str) -> Problems:
    from analysis.sessions import library_name

    try:
        library_name(exchange)
    except InputError as problem:
        yield "exchange", str(problem)


def _chip(row: Row) -> Problems:
    precision, released = row["date_precision"], row["release_date"] or ""
    if precision and not re.fullmatch(_PRECISION[precision], released):
        shown = f"{released!r}" if released else "a blank"
        yield "release_date", f"{shown} does not match the precision {precision!r}: correct one"
    elif precision == "day" and _no_day(released):
        yield "release_date", f"{released!r} is not a valid date: correct it"
    if released and not precision:
        yield "date_precision", "is missing: say how precise the release date is"
    if (row["tpp"] is None) != (row["tpp_basis"] is None):
        yield "tpp_basis", "tpp and its basis go together: give both or none"


def _no_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return True
    return False


def _group(row: Row) -> Problems:
    from analysis.tables.curated import BLOCS, ROLES

    if row["name"] in (*ROLES, *BLOCS):
        yield "name", f"{row['name']!r} is the name of a role or bloc already: choose another"


def _closure(row: Row) -> Problems:
    if row["date"].weekday() >= _SATURDAY:
        yield (
            "date",
            f"{row['date']} is a {row['date']:%A}, which is not a session: remove the line",
        )


def _hours(row: Row) -> Problems:
    yield from _closure(row)
    opens, closes = row["opens"], row["closes"]
    if opens is None and closes is None:
        yield "opens", "and closes are blank: give the changed hour, or remove the line"
    if opens and closes and opens >= closes:
        yield "closes", f"{closes} is not after the open at {opens}: correct one of the two"


_OF_A_PLATFORM = {
    "huggingface": ("author", "model", "peer"),
    "github": ("author", "repository", "engine", "peer", "family"),
    "openrouter": ("model",),
    "pypi": ("package",),
}
_OWNED = ("model", "peer", "repository", "engine")  # written as owner/name


def _watched(row: Row) -> Problems:
    kinds = _OF_A_PLATFORM[row["platform"]]
    if row["kind"] not in kinds:
        yield (
            "kind",
            f"{row['kind']!r} stands with {row['platform']}: take one of {', '.join(kinds)}",
        )
    owned = row["kind"] in _OWNED
    if owned != bool(re.fullmatch(r"[^/\s]+/[^/\s]+", row["name"])):
        form = "deepseek-ai/DeepSeek-V3" if owned else "a name without '/' and blanks"
        yield "name", f"{row['name']!r} does not match the kind {row['kind']!r}: write it as {form}"


def _events_file(rows: Sequence[Row], beside: ColumnValues) -> LocatedProblems:
    """Entities that look like a slip of the pen for one that is known."""
    named = [(place, name) for place, row in enumerate(rows) for name in _names(row["entities"])]
    times = Counter(name for _, name in named)
    known = {*beside("instruments", "entity"), *(name for name, n in times.items() if n > 1)}
    for place, name in named:
        near = "" if name in known else closest_match(name, known, _SIMILARITY_CUTOFF)
        if near:
            yield place, "entities", f"{name!r}: did you mean {near!r}?"


def _names(entities: object) -> list[str]:
    return [name.strip() for name in str(entities or "").split(";") if name.strip()]


def _instruments_file(rows: Sequence[Row], _beside: ColumnValues) -> LocatedProblems:
    indexes = {str(row["ticker"]): None for row in rows if row["role"] == "index"}
    for place, row in enumerate(rows):
        benchmark = row["benchmark"]
        if benchmark is not None and benchmark not in indexes:
            told = (
                unknown_value_message(str(benchmark), indexes)
                if indexes
                else f"{benchmark!r} is not an index in this file: add its row, with the role index"
            )
            yield place, "benchmark", told
    yield from _one_primary_listing(rows)


def _one_primary_listing(rows: Sequence[Row]) -> LocatedProblems:
    """Every company has exactly one listing that counts for it."""
    listings: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row["entity"] is not None and row["primary"] is not None:
            listings.setdefault(str(row["entity"]), []).append(place)
    for entity, places in listings.items():
        primary = [place for place in places if rows[place]["primary"] == "yes"]
        if not primary:
            yield places[0], "primary", f"no listing of {entity} is primary: choose one"
        for place in primary[1:]:
            first = rows[primary[0]]["ticker"]
            yield place, "primary", f"{entity} has a primary listing already, {first}: say no"


def _unknown_references(
    rows: Sequence[Row], column: str, table: str, known: list[str]
) -> LocatedProblems:
    """Values that another file does not hold; a row that names its table counts for that alone."""
    otherwise = "add an instrument, or correct it" if table == "instruments" else "correct it"
    held = set(known)
    for place, row in enumerate(rows):
        value = str(row[column])
        if held and value not in held and row.get("table", table) == table:
            near = closest_match(value, known)
            mend = f"did you mean {near!r}?" if near else otherwise
            yield place, column, f"{value!r} is not in {table}.csv: {mend}"


# Of a file: its column, and the table and column that must hold the value.
_REFERENCES: dict[str, list[tuple[str, str, str]]] = {
    "groups": [("ticker", "instruments", "ticker")],
    "closures": [("exchange", "instruments", "exchange")],
    "hours": [("exchange", "instruments", "exchange")],
    "doubts": [("key", "events", "id"), ("key", "claims", "claim_id"), ("key", "chips", "chip")],
    "moves": [("event_id", "events", "id"), ("security", "instruments", "ticker")],
}
_ROW_RULES: dict[str, Callable[[Row], Problems]] = {
    "events": _event,
    "instruments": _instrument,
    "chips": _chip,
    "groups": _group,
    "closures": _closure,
    "hours": _hours,
    "watched": _watched,
}
_FILE_RULES: dict[str, Callable[[Sequence[Row], ColumnValues], LocatedProblems]] = {
    "events": _events_file,
    "instruments": _instruments_file,
}
# What the rules read of a row.
COLUMNS: dict[str, list[str]] = {
    "events": [
        "date",
        "time_utc",
        "timezone",
        "timing",
        "category",
        "direction",
        "status",
        "entities",
    ],
    "instruments": ["ticker", "entity", "exchange", "currency", "role", "benchmark", "primary"],
    "chips": ["release_date", "date_precision", "tpp", "tpp_basis"],
    "groups": ["name", "ticker"],
    "closures": ["exchange", "date"],
    "hours": ["exchange", "date", "opens", "closes"],
    "watched": ["platform", "name", "kind"],
    "doubts": ["table", "key"],
    "moves": ["event_id", "security"],
}
