"""Results for reading: a summary in words and tables, and a first chart.

`results` calls it for `summary()`, `plot()` and the notebook's view. Everything that came
from outside (names of events, securities, groups, reasons) is escaped in HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.fitting.skipped import skipped_table
from analysis.eventstudy.inference.battery import car_table, test_table
from analysis.eventstudy.inference.clusters import by_date
from analysis.eventstudy.inference.intervals import caar_path
from analysis.eventstudy.inference.placebo_statistics import TEST as PERMUTATION
from analysis.eventstudy.inference.recommendation import Recommendation, recommend
from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.eventstudy.inputs.frames import Window

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.eventstudy.fitting.fitted_study import FittedStudy

MOST_ROWS = 20

# The first eight colours of Okabe & Ito (2008), told apart by colour-blind readers.
SHARED_PANEL = 3
PANELS_ABREAST = 3
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")

OWN = (
    "These figures follow Faultline's own conventions; tests(), car() and caar() follow those "
    "of the preset."
)
SLOW = "The permutation test is left out of this view; summary() and tests() have it."
KEEPS = "permutation keeps its size here and is not shown in this view: call summary()."


@dataclass(frozen=True, repr=False)
class Summary:
    """What a study found: prints as text, shows as HTML in a notebook.

    Attributes
    ----------
    title : str
    sentences : tuple of str
    tables : tuple of (str, pandas.DataFrame)
        Captions and tables, figures already written out.
    """

    title: str
    sentences: tuple[str, ...]
    tables: tuple[tuple[str, pd.DataFrame], ...]

    def __str__(self) -> str:
        parts = [self.title, "=" * len(self.title), *self.sentences]
        for caption, table in self.tables:
            parts += ["", caption, table.to_string(index=False)]
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<h3>{escape(self.title)}</h3>"]
        parts += [f"<p>{escape(sentence)}</p>" for sentence in self.sentences]
        for caption, table in self.tables:
            body = table.to_html(index=False, escape=True, border=0, justify="right")
            head = f"<caption>{escape(caption)}</caption>"
            parts.append(body.replace("<thead>", f"{head}<thead>", 1))
        return "<div class='faultline-summary'>" + "".join(parts) + "</div>"


def summarise(results: FittedStudy, *, quick: bool = False) -> Summary:
    """Summarise a study.

    Parameters
    ----------
    results : FittedStudy
    quick : bool
        Leave out the permutation test, which refits the study up to 999 times.

    Returns
    -------
    Summary
    """
    own = (OWN,) if results.study.preset else ()
    tables: list[tuple[str, pd.DataFrame]] = []
    unsaid: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    if len(results.fitted):
        names = [name for name in RECOMMENDED if not (quick and name == PERMUTATION)]
        tests = test_table(results, _windows(results), names)
        found = recommend(results, tests, window=_windows(results)[0])
        why = (found.sentence,)
        if quick:
            why += (KEEPS if found.keep and PERMUTATION in found.tests else SLOW,)
        averages, unsaid = _averages(results, tests, found)
        tables.append(("Average over events (CAAR)", averages))
        tables.append(_largest(results))
    skipped = skipped_table(results, [results.study.window])
    if len(skipped):
        tables.append(_left_out(skipped))
    title = f"Event study: {len(results.fitted)} of {len(results.study.events)} events"
    sentences = (_conventions(results), _dates(results), *why, *unsaid, *own)
    return Summary(title, sentences, tuple(tables))


def figure(results: FittedStudy, level: float = 0.95) -> go.Figure:
    """Draw the path of the CAAR of every group with its pointwise band.

    Up to three groups share a panel; more get one each, on one scale.

    Parameters
    ----------
    results : FittedStudy
    level : float
        Of the band.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from plotly.subplots import make_subplots

    groups = results.groups
    # Bands of more than a few groups hide each other: then each has a panel of its own.
    columns = 1 if len(groups) <= SHARED_PANEL else PANELS_ABREAST
    panels = 1 if columns == 1 else len(groups)
    paths = [caar_path(results, group, level) for group in groups]
    names = [
        f"{escape(group)} (N = {path['n'].iloc[0]})"
        for group, path in zip(groups, paths, strict=True)
    ]
    drawn = make_subplots(
        rows=-(-panels // columns),
        cols=columns,
        shared_xaxes=True,
        shared_yaxes="all",
        subplot_titles=names if panels > 1 else None,
        vertical_spacing=0.3 / -(-panels // columns),
    )
    for number, (name, path) in enumerate(zip(names, paths, strict=True)):
        row, column = divmod(number, columns) if panels > 1 else (0, 0)
        colour = COLOURS[number % len(COLOURS) if panels == 1 else 0]
        for trace in _band_and_line(path, colour, name, legend=panels == 1):
            drawn.add_trace(trace, row=row + 1, col=column + 1)
    drawn.add_hline(y=0, line={"color": "#888888", "width": 1})
    drawn.update_xaxes(dtick=1 if panels == 1 else 5)
    drawn.update_yaxes(tickformat=".1%", zeroline=True)
    drawn.update_layout(
        title={
            "text": "How far did the average cumulative abnormal return go?",
            "subtitle": {"text": f"CAAR by session, day 0 = the event; {level:.0%} band"},
        },
        hovermode="x unified",
        height=450 if panels == 1 else 220 * -(-panels // columns) + 120,
    )
    return drawn


def _band_and_line(path: pd.DataFrame, colour: str, name: str, *, legend: bool) -> list[go.Scatter]:
    import plotly.graph_objects as go

    days = path["day"].to_numpy()
    edge = np.concatenate([path["high"].to_numpy(), path["low"].to_numpy()[::-1]])
    band = go.Scatter(
        x=np.concatenate([days, days[::-1]]),
        y=edge,
        fill="toself",
        fillcolor=colour,
        opacity=0.18,
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=name,
        showlegend=False,
    )
    line = go.Scatter(
        x=days,
        y=path["caar"],
        mode="lines+markers",
        line={"color": colour},
        name=name,
        legendgroup=name,
        showlegend=legend,
    )
    return [band, line]


def _windows(results: FittedStudy) -> list[Window]:
    first, last = results.study.window
    usual = [one for one in ((0, 0), (-1, 1)) if first <= one[0] and one[1] <= last]
    return list(dict.fromkeys([*usual, (first, last)]))


def _averages(
    results: FittedStudy, tests: pd.DataFrame, found: Recommendation
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """CAARs with their tests, those to read first in front; a sentence on each without p-value."""
    order = {name: place for place, name in enumerate(found.order)}
    tests = tests.sort_values("test", key=lambda names: names.map(order), kind="stable")
    rows = []
    together = ["group", "window_start", "window_end"]
    defined = tests[tests["p_value"].notna()]["test"].unique()
    unsaid = tuple(
        _without_p(str(name), missing, left_out=name not in defined)
        for name, missing in tests[tests["p_value"].isna()].groupby("test", sort=False)
    )
    tests = tests[tests["test"].isin(defined)] if len(defined) else tests
    for _, outcomes in tests.groupby(together, sort=False):
        group = str(outcomes["group"].iloc[0])
        window = (int(outcomes["window_start"].iloc[0]), int(outcomes["window_end"].iloc[0]))
        sample, _ = results.sample(window, group)
        row = {
            "group": group,
            "window": _window(window),
            "n": str(sample.size),
            "CAAR": _percent(float(sample.car.mean()) if sample.size else float("nan")),
        }
        for name, statistic, p in zip(
            outcomes["test"], outcomes["statistic"], outcomes["p_value"], strict=True
        ):
            # The placebo dates give the permutation test's statistic its meaning.
            row[name] = (
                f"p {p_text(p)}"
                if name == PERMUTATION
                else f"{number_text(statistic)}, p {p_text(p)}"
            )
        rows.append(row)
    return pd.DataFrame(rows), unsaid


def _without_p(test: str, missing: pd.DataFrame, *, left_out: bool) -> str:
    """Say why a test has no p-value, in every row or in some."""
    # Reasons that differ in their figures alone are said once.
    kinds = missing["reason"].str.replace(r"[0-9.]+", "", regex=True)
    first = missing[~kinds.duplicated()]
    if left_out:
        return f"{test} is left out: {'; '.join(first['reason'])}."
    where = [
        f"{group} {_window((int(start), int(end)))}"
        for group, start, end in zip(
            first["group"], first["window_start"], first["window_end"], strict=True
        )
    ]
    said = [f"{place}: {reason}" for place, reason in zip(where, first["reason"], strict=True)]
    rest = len(missing) - len(first)
    more = f" (and in {rest} more row{'' if rest == 1 else 's'})" if rest else ""
    return f"{test} has no p-value for {'; '.join(said)}{more}."


def _largest(results: FittedStudy) -> tuple[str, pd.DataFrame]:
    window = _windows(results)[0]
    car = car_table(results, window)
    shown = car.iloc[np.argsort(-car["t"].abs().to_numpy(), kind="stable")[:MOST_ROWS]]
    table = pd.DataFrame(
        {
            "event": [str(event) for event in shown.index.get_level_values("event_id")],
            "security": [str(one) for one in shown.index.get_level_values("security")],
            f"CAR {_window(window)}": [_percent(value) for value in shown["car"]],
            "t": [number_text(value) for value in shown["t"]],
            "df": [f"{value:.0f}" for value in shown["df"]],
            "p": [p_text(value) for value in shown["p_value"]],
        }
    )
    rest = len(car) - len(shown)
    return "Events by their t" + (f", {rest} more not shown" if rest else ""), table


def _left_out(skipped: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    shown = skipped.head(MOST_ROWS)
    table = pd.DataFrame(
        {
            "event": [str(one) for one in shown["event_id"]],
            "security": [str(one) for one in shown["security"]],
            "window": [
                "all" if pd.isna(start) else _window((int(start), int(end)))
                for start, end in zip(shown["window_start"], shown["window_end"], strict=True)
            ],
            "reason": list(shown["reason"]),
        }
    )
    rest = len(skipped) - len(shown)
    return "Skipped" + (f", {rest} more not shown" if rest else ""), table


def _conventions(results: FittedStudy) -> str:
    study = results.study
    # Not capitalize(), which would write Capm and Garch.
    name = study.model.name[:1].upper() + study.model.name[1:]
    return (
        f"{name}, estimation window {_window(study.estimation)} with at least "
        f"{study.min_observations} observations, event window {_window(study.window)}."
    )


def _dates(results: FittedStudy) -> str:
    events = len(results.numbers)
    count = len(np.unique(by_date(results, np.arange(events))))
    if events < 2 or count == events:
        return "One event." if count == 1 else f"Events on {count} different dates."
    dates = f"date{'' if count == 1 else 's'}"
    if results.fitted.order is not None:
        dates += " of first reaction"
    return f"{events} events share {count} {dates}: they move together."


def _window(window: Window) -> str:
    return f"({_sign(str(window[0]))}, {_sign(str(window[1]))})"


def _percent(value: float) -> str:
    return "" if np.isnan(value) else _sign(f"{100 * value:+.2f} %")


def number_text(value: float) -> str:
    """Write a statistic with two decimals."""
    return "n/a" if np.isnan(value) else _sign(f"{value:.2f}")


def p_text(value: float) -> str:
    """Write a p-value with three decimals."""
    return "n/a" if np.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _sign(text: str) -> str:
    return text.replace("-", "−")
