"""The given parameters, as plain values and checked before a kernel starts.

papermill ignores annotations, only warns about unknown names and turns tuples into strings,
so none of that is left to it: what leaves here is complete (defaults filled in), checked
against the catalogue, and made of JSON values alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.briefings.notebooks import NotebookInfo, ParameterSpec
from analysis.dates import parse_day
from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    from analysis.catalogue import Catalogue

_WINDOW = re.compile(r"\s*([+-]?\d{1,9})\s*(?:,|\s)\s*([+-]?\d{1,9})\s*")
# Sessions from day 0, about a century; and how many windows one page can show.
_FARTHEST, _MOST_WINDOWS = 25_000, 50
_NEED_KNOWN_NAMES = frozenset({"event", "events", "tickers", "ticker", "group"})


@dataclass(frozen=True)
class KnownNames:
    """Names of the catalogue that parameters are checked against."""

    events: tuple[str, ...] = ()  # their ids
    tickers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, catalogue: Catalogue) -> KnownNames:
        """Take the names from a catalogue; groups with the pairs ``role@bloc`` that exist."""
        instruments = catalogue.table("instruments")
        pairs = instruments.select("role", "bloc").drop_nulls().unique(maintain_order=True)
        return cls(
            events=tuple(catalogue.table("events")["id"]),
            tickers=tuple(instruments["ticker"]),
            groups=(*catalogue.group_names(), *(f"{role}@{bloc}" for role, bloc in pairs.rows())),
        )


def needs_known_names(info: NotebookInfo) -> bool:
    """Whether any parameter of the notebook is checked against the catalogue."""
    return any(spec.kind in _NEED_KNOWN_NAMES for spec in info.parameters)


def validate(
    info: NotebookInfo,
    given: Mapping[str, object],
    as_of: object = None,
    known_names: KnownNames | None = None,
) -> dict[str, Any]:
    """Check and convert the parameters of one run.

    Parameters
    ----------
    info : NotebookInfo
        The notebook, with the parameters it declares.
    given : mapping of str to object
        Strings as typed on a command line, or values of the right type.
    as_of : str, datetime.date or None
        The day of the data; the same as the parameter ``as_of``.
    known_names : KnownNames, optional
        Valid events, tickers and groups; needed when `needs_known_names` says so.

    Returns
    -------
    dict of str to JSON value
        Every declared parameter, defaults filled in: windows as ``[start, end]`` (session
        offsets, both ends inclusive), dates as ISO strings, tickers as a list.

    Raises
    ------
    InputError
        An unknown or missing parameter, a value outside its domain, two that exclude each
        other, or two different days as ``as_of``.
    """
    specs = {spec.name: spec for spec in info.parameters}
    wanted = _with_as_of(info, given, as_of)
    for name in wanted:
        if name not in specs:
            raise unknown_name(
                "parameter", name, specs, see=f"faultline briefing list (notebook {info.name})"
            )
    known = known_names or KnownNames()
    values = {name: _value(specs[name], wanted.get(name), known) for name in specs}
    missing = [name for name, spec in specs.items() if spec.required and values[name] is None]
    if missing:
        raise InputError(
            f"Notebook {info.name!r} needs the parameter {' and '.join(map(repr, missing))}: "
            f"give -p {missing[0]} VALUE. {specs[missing[0]].help}".rstrip()
        )
    for name, spec in specs.items():
        for other in spec.excludes:
            if wanted.get(name) is not None and wanted.get(other) is not None:
                raise InputError(f"Give the parameter {name!r} or {other!r}, not both.")
    return values


def _with_as_of(info: NotebookInfo, given: Mapping[str, object], as_of: object) -> dict[str, Any]:
    wanted = {name: value for name, value in given.items() if not _is_unset(value)}
    if as_of is None:
        return wanted
    day = read_date("as_of", as_of)
    if "as_of" in wanted and read_date("as_of", wanted["as_of"]) != day:
        raise InputError(
            f"as_of is given twice and differently: {day} and {wanted['as_of']}. Give one of them."
        )
    if all(spec.name != "as_of" for spec in info.parameters):
        raise InputError(f"Notebook {info.name!r} has no parameter 'as_of', so it cannot be set.")
    return wanted | {"as_of": day}


def _is_unset(value: object) -> bool:
    """Whether a value counts as not given: None, white space, an empty list."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], ())


def _value(spec: ParameterSpec, given: object, known: KnownNames) -> Any:
    raw = spec.default if given is None else given
    return None if _is_unset(raw) else _READERS[spec.kind](spec, raw, known)


def read_date(name: str, raw: object) -> str:
    """Read a day given as a date or an ISO string; returns ``YYYY-MM-DD``.

    Raises
    ------
    InputError
        It is neither.
    """
    return parse_day(raw, f"Parameter {name!r}:").isoformat()


def _read_event(spec: ParameterSpec, raw: object, known: KnownNames) -> str:
    return _require_known("event", _text(spec, raw), known.events, see="faultline events list")


def _read_events(spec: ParameterSpec, raw: object, known: KnownNames) -> list[str]:
    parts = raw.split(",") if isinstance(raw, str) else _items(spec, raw)
    names = dict.fromkeys(str(part).strip() for part in parts)
    return [
        _require_known("event", name, known.events, see="faultline events list")
        for name in names
        if name
    ]


def _read_ticker(spec: ParameterSpec, raw: object, known: KnownNames) -> str:
    return _require_known("ticker", _text(spec, raw), known.tickers)


def _read_tickers(spec: ParameterSpec, raw: object, known: KnownNames) -> list[str]:
    parts = raw.split(",") if isinstance(raw, str) else _items(spec, raw)
    names = dict.fromkeys(str(part).strip() for part in parts)
    tickers = [_require_known("ticker", name, known.tickers) for name in names if name]
    if not tickers:
        raise InputError(f"Parameter {spec.name!r} names no ticker: write TICKER,TICKER.")
    return tickers


def _read_group(spec: ParameterSpec, raw: object, known: KnownNames) -> str:
    return _require_known("group", _text(spec, raw), known.groups)


def _read_choice(spec: ParameterSpec, raw: object, _: KnownNames) -> str:
    return _require_known(spec.name, _text(spec, raw), spec.choices)


def _read_window(spec: ParameterSpec, raw: object, _: KnownNames) -> list[int]:
    if isinstance(raw, str):
        match = _WINDOW.fullmatch(raw)
        ends: list[object] = [int(end) for end in match.groups()] if match else []
    else:
        ends = _items(spec, raw)
    whole = [end for end in ends if isinstance(end, int) and not isinstance(end, bool)]
    if len(whole) != 2 or len(ends) != 2:
        raise InputError(
            f"Parameter {spec.name!r} is {raw!r}, which is not a window: write two whole numbers "
            "of sessions, first and last, like '-1,1'."
        )
    if max(map(abs, whole)) > _FARTHEST:
        raise InputError(
            f"Parameter {spec.name!r} is {_short(raw)}: a window may lie up to {_FARTHEST:,} "
            "sessions from day 0; choose a nearer one."
        )
    if whole[0] > whole[1]:
        raise InputError(
            f"Parameter {spec.name!r} is {raw!r}: the window ends before it starts; "
            f"write '{whole[1]},{whole[0]}'."
        )
    return whole


def _read_windows(spec: ParameterSpec, raw: object, known: KnownNames) -> list[list[int]]:
    parts = raw.split(";") if isinstance(raw, str) else _items(spec, raw)
    kept = [part for part in parts if not _is_unset(part)]
    if len(kept) > _MOST_WINDOWS:
        raise InputError(
            f"Parameter {spec.name!r} holds {len(kept):,} windows: give {_MOST_WINDOWS} at most."
        )
    return [_read_window(spec, part, known) for part in kept]


def _read_date(spec: ParameterSpec, raw: object, _: KnownNames) -> str:
    return read_date(spec.name, raw)


def _read_text(spec: ParameterSpec, raw: object, _: KnownNames) -> str:
    return _text(spec, raw)


def _read_number(spec: ParameterSpec, raw: object, _: KnownNames) -> int | float:
    try:
        number = float(raw) if isinstance(raw, str | int | float) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or isinstance(raw, bool):
        raise InputError(f"Parameter {spec.name!r} is {raw!r}, which is not a number.")
    if spec.whole and not number.is_integer():
        raise InputError(f"Parameter {spec.name!r} is {raw!r}: give a whole number.")
    low, high = spec.minimum, spec.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise InputError(f"Parameter {spec.name!r} is {raw!r}: give a number {_range(low, high)}.")
    return int(number) if number.is_integer() else number


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"of at most {high:,}" if low is None else f"of at least {low:,}"
    return f"from {low:,} to {high:,}"


def _short(raw: object) -> str:
    shown = repr(raw)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def _text(spec: ParameterSpec, raw: object) -> str:
    if not isinstance(raw, str) or "\0" in raw:
        raise InputError(f"Parameter {spec.name!r} is {raw!r}, which is not text.")
    return raw.strip()


def _items(spec: ParameterSpec, raw: object) -> list[object]:
    if not isinstance(raw, list | tuple):
        raise InputError(f"Parameter {spec.name!r} is {raw!r}, which is not a list.")
    return list(raw)


def _require_known(kind: str, name: str, known: tuple[str, ...], *, see: str = "") -> str:
    if name not in known:
        raise unknown_name(kind, name, known, see=see)
    return name


_READERS: dict[str, Callable[[ParameterSpec, Any, KnownNames], Any]] = {
    "event": _read_event,
    "events": _read_events,
    "ticker": _read_ticker,
    "tickers": _read_tickers,
    "group": _read_group,
    "choice": _read_choice,
    "model": _read_choice,
    "window": _read_window,
    "windows": _read_windows,
    "date": _read_date,
    "text": _read_text,
    "number": _read_number,
}
