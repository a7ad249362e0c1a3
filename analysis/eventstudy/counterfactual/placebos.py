"""Placebos: the same counterfactual where nothing happened.

In space, every donor takes the place of the shocked security in turn; in time, the event is
moved to earlier sessions. Either way the statistic is the ratio of the root mean squared
abnormal return in the window to that of the estimation window, and the p-value its rank.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.counterfactual.event_rows import Reader, Rows
from analysis.eventstudy.inputs.frames import check_inside
from analysis.eventstudy.inputs.options import check_count

if TYPE_CHECKING:
    from analysis.eventstudy.counterfactual.base import CounterfactualModel
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

COLUMNS = ["event_id", "security", "statistic", "p_value", "n", "reason"]
# Most placebos of one event; fewest with which 5 % is within reach.
MOST, FEWEST = 999, 19
MOST_IN_TIME = 99
HOLE = "a day of the window has no return"


def placebo_in_space(
    results: FittedStudy, window: tuple[int, int], *, most: int = MOST, seed: int = 0
) -> pd.DataFrame:
    """Put every donor in the place of the shocked security: Abadie, Diamond & Hainmueller (2010).

    The statistic is the ratio of root mean squared prediction errors, in the window over
    before; p = (1 + #{donors with a ratio at least as large})/(1 + B). A
    donor's counterfactual is made of the other donors, never of the shocked security.

    Parameters
    ----------
    results : FittedStudy
        Of a study with a model of this package.
    window : (int, int)
        Relative days, both ends included, inside the event window.
    most : int
        Donors used, seeded draws where there are more.
    seed : int

    Returns
    -------
    pandas.DataFrame
        event_id, security, statistic, p_value, n (placebos B), reason. Fewer than 19
        placebos give no p-value and a reason: 5 % would be out of reach.

    Raises
    ------
    InputError
        The study has another model, or the window reaches outside the event window.
    """
    asked = check_inside(window, results.study.window)
    check_count(most, "most", FEWEST, "placebos")
    check_count(seed, "seed", 0)
    reader = Reader(results)
    found = []
    for event_id, security, _, rows in reader.events():
        count = rows.donors_before.shape[1]
        donors = np.arange(count)
        if count > most:
            donors = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
        placebos = (_without(reader.model, rows, int(donor), asked) for donor in donors)
        found.append((event_id, security, *_ranked(reader.model, rows, asked, placebos)))
    return pd.DataFrame(found, columns=COLUMNS)


def placebo_in_time(
    results: FittedStudy,
    window: tuple[int, int],
    *,
    step: int | None = None,
    most: int = MOST_IN_TIME,
) -> pd.DataFrame:
    """Move the event to earlier sessions: Abadie, Diamond & Hainmueller (2015).

    The whole event moves, estimation window included, by multiples of `step` sessions; a
    placebo counts where its event window ends before that of the real event begins and
    meets none of the security's other events, and where it has `min_observations` and a
    whole window. The statistic is that of `placebo_in_space`; p = (1 + #{placebos with a
    ratio at least as large})/(1 + B), good as far as the returns are stationary.

    Parameters
    ----------
    results : FittedStudy
        Of a study with a model of this package.
    window : (int, int)
        Relative days, both ends included, inside the event window.
    step : int, optional
        Sessions from one placebo to the next; the length of the window by default, so that
        no two placebo windows share a day.
    most : int
        Placebos used, the latest first.

    Returns
    -------
    pandas.DataFrame
        As of `placebo_in_space`.

    Raises
    ------
    InputError
        The study has another model, the window reaches outside the event window, or a step
        below one.
    """
    asked = check_inside(window, results.study.window)
    check_count(most, "most", FEWEST, "placebos")
    width = asked[1] - asked[0] + 1 if step is None else check_count(step, "step", 1, "session")
    reader = Reader(results)
    found = []
    for event_id, security, day0, rows in reader.events():
        placebos = _earlier(reader, security, day0, asked, width, most)
        found.append((event_id, security, *_ranked(reader.model, rows, asked, placebos)))
    return pd.DataFrame(found, columns=COLUMNS)


def _ranked(
    model: CounterfactualModel, rows: Rows, window: tuple[int, int], placebos: Iterable[float]
) -> tuple[float, float, int, str]:
    """Statistic, p-value, number of placebos, reason."""
    own = _ratio(model, rows, window)
    if own is None:
        return np.nan, np.nan, 0, HOLE
    others = np.array([one for one in placebos if np.isfinite(one)])
    if len(others) < FEWEST:
        return own, np.nan, len(others), f"{len(others)} placebos, at least {FEWEST} are needed"
    return own, float((1 + (others >= own).sum()) / (1 + len(others))), len(others), ""


def _ratio(model: CounterfactualModel, rows: Rows, window: tuple[int, int]) -> float | None:
    """The statistic of one event; None where a day of the window is missing."""
    inside = rows.inside(window)
    if inside is None or rows.donors_before.shape[1] < model.least:
        return None
    match = rows.match(model)
    errors = rows.after - match.after
    before = float(np.mean((rows.y - match.before) ** 2))
    return float(np.sqrt(np.mean(errors[inside] ** 2) / before)) if before > 0 else np.nan


def _without(model: CounterfactualModel, rows: Rows, donor: int, window: tuple[int, int]) -> float:
    """The statistic of a donor against the others."""
    changed = replace(
        rows,
        y=rows.donors_before[:, donor],
        after=rows.donors_after[:, donor],
        donors_before=np.delete(rows.donors_before, donor, axis=1),
        donors_after=np.delete(rows.donors_after, donor, axis=1),
    )
    found = _ratio(model, changed, window)
    return np.nan if found is None else found


def _earlier(
    reader: Reader, security: Hashable, day0: int, window: tuple[int, int], step: int, most: int
) -> Iterator[float]:
    """The statistics of a security's backdated events, the latest first."""
    study = reader.study
    first, last = study.window
    own = reader.own_events(security)
    count = 0
    # The first shift whose event window ends before the real one begins.
    shift = last - first + 1
    while count < most and day0 - shift + study.estimation[1] + 1 >= study.min_observations:
        placed = day0 - shift
        shift += step
        if any(abs(placed - session) <= last - first for session in own):
            continue
        rows = reader.rows(security, placed, own)
        if len(rows.y) < study.min_observations:
            continue
        found = _ratio(reader.model, rows, window)
        if found is not None:
            count += 1
            yield found
