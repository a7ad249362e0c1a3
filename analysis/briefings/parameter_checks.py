"""Parameters that must suit each other, checked before a kernel starts.

`parameters` reads each by itself; a study of the engine would refuse a bad combination only
once the notebook runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError

if TYPE_CHECKING:
    from analysis.catalogue import Catalogue

_LEAST_OBSERVATIONS = 100  # the engine's default


def check_combination(values: Mapping[str, Any], catalogue: Catalogue | None) -> None:
    """Check windows against each other and the event against the calendar.

    Parameters
    ----------
    values : mapping
        Validated parameters; only ``estimation``, ``window``, ``cars`` and ``event`` are read,
        where the notebook has them.
    catalogue : Catalogue or None
        Holds the event; without it the event is not looked at.

    Raises
    ------
    InputError
        The windows overlap or leave each other, the estimation window is too short, or the
        event has no day 0.
    """
    estimation, window = values.get("estimation"), values.get("window")
    if estimation and window:
        _check_windows(tuple(estimation), tuple(window), values.get("cars") or ())
    event = values.get("event")
    if catalogue is not None and isinstance(event, str) and event:
        from analysis.studies.placement import event_instant_or_reason

        _, reason = event_instant_or_reason(catalogue.event(event))
        if reason:
            raise InputError(reason)


def _check_windows(estimation: tuple[int, ...], window: tuple[int, ...], cars: Any) -> None:
    from analysis.eventstudy import MarketModel
    from analysis.eventstudy.inputs.frames import check_options

    _, during = check_options(estimation, window, _LEAST_OBSERVATIONS, MarketModel())
    if not during[0] <= 0 <= during[1]:
        raise InputError(f"The window {during[0]} {during[1]} leaves out day 0; widen it.")
    for first, last in cars:
        if not during[0] <= first <= last <= during[1]:
            raise InputError(
                f"The window {first} {last} in cars does not lie within the event window "
                f"{during[0]} {during[1]}: widen the parameter window, or shorten it."
            )
