"""A frame against the schema of its table: passed on, or refused in one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from analysis.errors import DataError, unknown_name
from analysis.tables.columns import choices_of, example_of
from analysis.tables.curated import CATALOGUE
from analysis.tables.observed import TABLES

if TYPE_CHECKING:
    from dataframely import FailureInfo

_SHOWN = 500  # characters of a value


def validate(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Hold a frame against the schema of a table of `TABLES` or `CATALOGUE`.

    Returns
    -------
    polars.DataFrame
        The schema's columns in its order, rows as they were.

    Raises
    ------
    DataError
        For a missing or a further column; else naming the first bad row by its key, the column, the
        rule that it breaks, how many rows break it, and what to do.
    """
    schema = schema_of(name)
    _check_columns(name, schema, frame)
    good, failure = schema.filter(frame)
    if len(failure):
        raise DataError(_first_failure(name, schema, failure))
    return good


def failures(
    name: str, frame: pl.DataFrame
) -> tuple[pl.DataFrame, list[tuple[dict[str, Any], str]]]:
    """Part the rows that keep the schema of a table from those that break it.

    Parameters
    ----------
    frame : polars.DataFrame
        Exactly the schema's columns and types, in any order; else a `DataError`.

    Returns
    -------
    tuple
        The good rows, and each bad one with the rules that it breaks, in words.
    """
    schema = schema_of(name)
    _check_columns(name, schema, frame)
    good, failure = schema.filter(frame.select(schema.column_names()))
    if not len(failure):
        return good, []
    rules = list(failure.counts())
    bad = []
    for row in failure.details().iter_rows(named=True):
        described = (
            _describe_broken_rule(schema, row, rule) for rule in rules if row[rule] == "invalid"
        )
        broken = "; ".join(dict.fromkeys(described))
        bad.append(({column: _shorten(row[column]) for column in schema.column_names()}, broken))
    return good, bad


def schema_of(name: str) -> type[dy.Schema]:
    """Schema of a table, or an `InputError` with the nearest names."""
    known = {**TABLES, **CATALOGUE}
    if name not in known:
        raise unknown_name("table", name, known)
    return known[name]


def keys_of(name: str) -> list[str]:
    """Key columns of a table without ``observed_at``: what a figure is about."""
    return [column for column in schema_of(name).primary_key() if column != "observed_at"]


def _check_columns(name: str, schema: type[dy.Schema], frame: pl.DataFrame) -> None:
    wanted = schema.columns()
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise DataError(
            f"Table {name!r} lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}: add what is missing, or write the table anew."
        )
    further = [column for column in frame.columns if column not in wanted]
    if further:
        raise DataError(
            f"Table {name!r} has the further column{'s' if len(further) > 1 else ''} "
            f"{', '.join(further)}: its columns are {', '.join(wanted)}."
        )
    for column, held in wanted.items():
        if not held.validate_dtype(frame.schema[column]):
            raise DataError(
                f"Table {name!r}, column {column}: holds {frame.schema[column]}, and its schema "
                f"wants {held.dtype}: convert the column."
            )


def _first_failure(name: str, schema: type[dy.Schema], failure: FailureInfo) -> str:
    rule, rows = next(iter(failure.counts().items()))
    row = failure.details().filter(pl.col(rule) == "invalid").row(0, named=True)
    key = ", ".join(f"{column}={_shown(row[column])}" for column in schema.primary_key())
    more = f" ({rows:,} rows break this rule)" if rows > 1 else ""
    return f"Table {name!r}, row {key}, {_describe_broken_rule(schema, row, rule)}{more}."


def _describe_broken_rule(schema: type[dy.Schema], row: dict[str, Any], rule: str) -> str:
    """Say which rule a row breaks, and what to do."""
    column, _, check = rule.rpartition("|")
    if column:
        check = _non_finite_rule(row[column]) or check
        wrong = _what_is_wrong(schema.columns()[column], check)
        return f"column {column}: {_shown(row[column])} {wrong}"
    if rule == "primary_key":
        return "the key occurs more than once: keep one row"
    return f"the row breaks the rule \u2018{rule.replace('_', ' ')}\u2019: correct it"


def _non_finite_rule(value: object) -> str:
    """Name what a value breaks whatever its bounds are: it is beyond each of them too."""
    if not isinstance(value, float) or math.isfinite(value):
        return ""
    return "nan" if math.isnan(value) else "inf"


def _what_is_wrong(column: dy.Column, check: str) -> str:
    """Say what is wrong with a value, and what would be right."""
    bound = getattr(column, check, None)
    dated = isinstance(column, dy.Date | dy.Datetime)
    words = {
        "nullability": "is missing: fill it in",
        "min_exclusive": f"is not greater than {bound}: correct it",
        "min": f"is {'earlier' if dated else 'less'} than {bound}: correct it",
        "max": f"is {'later' if dated else 'more'} than {bound}: correct it",
        "inf": "is infinite: correct it or leave it out",
        "nan": "is not a number: leave it blank or take the row out",
        "max_length": f"is longer than {bound} bytes: shorten it",
        "min_length": "is empty: write null for what is missing",
        "regex": f"does not have the form of {example_of(column)}: correct it",
        "check__choices": f"is none of {', '.join(choices_of(column))}: take one of them",
    }
    return words.get(check, f"breaks the rule {check!r}: correct it")


def _shown(value: object) -> str:
    value = _shorten(value)
    return repr(value) if isinstance(value, str) else "a blank" if value is None else str(value)


def _shorten(value: object) -> object:
    """Shorten a text that no message and no quarantine should repeat whole."""
    if not isinstance(value, str) or len(value) <= _SHOWN:
        return value
    return f"{value[:_SHOWN]}\u2026 ({len(value):,} characters)"
