"""Title, badges and figures of a note: what a reader sees before the first chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formatting import listing as shortened
from analysis.reports import wording
from analysis.reports.narrative import short_day

if TYPE_CHECKING:
    from analysis.reports.findings import Findings

_STATUS = {
    "official": ("Official", "note"),
    "reported": ("Press report", "note"),
    "rumoured": ("Rumour", "warning"),
    "denied": ("Denied by the party concerned", "warning"),
    "false": ("A report that proved false", "warning"),
    "scheduled": ("Scheduled; not verified as held", "warning"),
}
_TIMING = {
    "commit": "Commit time: day 0 ± one session",
    "before_us_open": "Before the US open; hour assumed",
    "after_us_close": "After the US close; hour assumed",
    "after_asia_close": "After the close in Asia; hour assumed",
    "asia_hours": "Hour assumed: day 0 ± one session",
    "weekend": "On a weekend; hour assumed",
    "date_only": "Date only: day 0 ± one session",
}
_TITLE = 10  # words
_LOOSE = ("commit", "asia_hours", "date_only")
Badge = dict[str, str]  # ``text``, ``level``
Figure = dict[str, str]  # ``value``, ``label``, ``window``


def title(event: Mapping[str, Any]) -> str:
    """The event in plain words and its date; of a long title the part before its details."""
    return f"{wording.short_title(str(event['title']), _TITLE)}, {wording.day(event['date'])}"


def badges(
    event: Mapping[str, Any],
    findings: Findings,
    closed: Sequence[str],
    limited: Sequence[str] = (),
    *,
    noted: bool = False,
) -> list[Badge]:
    """Say in a few words what a reader must know before the figures.

    Parameters
    ----------
    event : mapping
        Row of the catalogue.
    closed : sequence of str
        Cities whose exchanges were shut.
    limited : sequence of str
        Names of securities near their exchange's daily price limit.
    noted : bool
        Whether the catalogue notes that the event is confounded.

    Returns
    -------
    list of dict
        ``text`` and ``level`` (note or warning).
    """
    text, level = _STATUS.get(event["status"], (str(event["status"]), "note"))
    timing = event["timing"]
    exact = timing == "timestamp" or (event["time_utc"] is not None and timing != "commit")
    loose = timing in _LOOSE and not exact
    found = [
        _badge("Timed to the minute" if exact else _TIMING.get(timing, timing), loose),
        {"text": text, "level": level},
    ]
    busy = [move for move in findings.significant if move.confounded]
    if busy:
        names = shortened([move.name for move in busy], most=2)
        found.append(_badge(f"Own news: {names}", True))
    if limited:
        found.append(_badge(f"Near the daily limit: {shortened(limited, most=2)}", True))
    if noted and not busy:
        found.append(_badge("Confounded: see the notes", True))
    if closed:
        found.append(_badge(f"Closed: {shortened(closed, most=3)}", False))
    return found


def _badge(text: str, warning: bool) -> Badge:
    return {"text": text, "level": "warning" if warning else "note"}


def figures(
    findings: Findings,
    interval: tuple[float, float] | None,
    value: float | None = None,
    market: tuple[str, float] | None = None,
) -> list[Figure]:
    """At most three figures: the lead, how many moved, and market value or the average.

    Parameters
    ----------
    interval : (float, float) or None
        95 % interval of the average abnormal return.
    value : float or None
        Change of the lead's market value in dollars, which takes the place of the average.
    market : (str, float) or None
        Name and return of an index, which comes first where the event names no security.
    """
    lead = findings.lead or findings.second
    found = []
    if market is not None:
        name, change = market
        found.append(
            {
                "value": wording.per_cent(change),
                "label": name,
                "window": "the market of most securities",
            }
        )
    elif lead is not None:
        found.append(
            {
                "value": wording.per_cent(lead.raw),
                "label": f"{lead.name}, {short_day(lead.day)}",
                "window": f"abnormal return {wording.per_cent(lead.abnormal)}",
            }
        )
    if len(findings.moves) > 1:
        found.append(_counted(findings))
    if lead is not None and value is not None:
        found.append(
            {
                "value": wording.dollars(value),
                "label": f"market value of {lead.name}",
                "window": "shares × price change",
            }
        )
    elif findings.average is not None:
        low, high = interval or (float("nan"), float("nan"))
        found.append(
            {
                "value": wording.per_cent(findings.average.average),
                "label": f"average abnormal return of {findings.average.n}",
                "window": f"95\u202f% interval {wording.per_cent(low)} to {wording.per_cent(high)}",
            }
        )
    return found


def _counted(findings: Findings) -> Figure:
    return {
        "value": f"{len(findings.significant)} of {len(findings.moves)}",
        "label": "securities moved significantly",
        "window": "at 5\u202f%, adjusted",
    }
