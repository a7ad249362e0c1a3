"""The docs page on size and power, written from the stored results."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis.eventstudy.battery import RECOMMENDED, TEST_NAMES
from analysis.eventstudy.simulate import cases

LEVEL = 0.05
LOW, HIGH = 0.04, 0.065
DATES = {1: "one date", 3: "3 sessions", 10: "10 sessions"}

_HEAD = """# Size and power of the tests

Written by `scripts/size_and_power.py` from `data/simulated/*.csv`; do not edit by hand.
Sections: [size](#size), [other designs](#other-designs), [real returns](#real-returns),
[power](#power), [how it is done](#how-it-is-done).

A test of level 5 % should reject a true null in 5 % of studies. Here is how often each does, when
nothing happened and events share dates, or nearly: the usual case when one piece of news
hits many securities. Figures are per cent of simulated studies in which the test is defined, with
the standard error of simulation; **bold** ones lie outside 4 to 6.5 % by more than two of them.
An asterisk marks tests that were not defined in every study.
"""

_HOW = """## How it is done

`analysis.eventstudy.simulate.size_and_power` simulates a study, runs it through `EventStudy` and
`tests()` like any other, and counts. Usual design: 30 securities with one event each, market
model, estimation window (−250, −31), event window (−5, 5). R_it = β_i·M_t + σ_i·e_it with a
market of 1 % daily volatility, β_i from 0.5 to 1.5, σ_i from 1 to 3 %, and
e_it = √ρ·c_t + √(1−ρ)·u_it, normal, ρ = 0.2. Day 0 of each event is uniform on 1, 3 or 10
consecutive sessions. The permutation test has 999 placebo dates drawn from about a thousand
sessions before the events (about 330 in the other designs and for power). Columns share
their random numbers, so that they differ by less than their standard errors say. Sources: Brown
& Warner (1980, 1985); Kolari & Pynnönen (2010, 2011).

```sh
python scripts/size_and_power.py size                 # simulate the first table anew
python scripts/size_and_power.py --tests sign bmp_t   # only some tests, in every table
python scripts/size_and_power.py --page               # this page alone
faultline briefing size_and_power                     # as a page with charts
```
"""


def page(frames: dict[str, pd.DataFrame]) -> str:
    """Write the page.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
        The stored sets; one that is not there has no section.
    """
    held = {name: frame[(frame["level"] - LEVEL).abs() < 1e-9] for name, frame in frames.items()}
    parts = [_HEAD]
    for name, write in _SECTIONS.items():
        if name in held:
            parts.append(write(held[name]))
    parts.append(_HOW)
    return "\n".join(parts)


def _size(sizes: pd.DataFrame) -> str:
    inside = sizes["share"].between(LOW, HIGH).groupby(sizes["test"], sort=False).all()
    kept = [f"`{name}`" for name in inside.index[inside]]
    lost = [f"`{name}`" for name in inside.index[~inside]]
    return (
        f"## Size\n\n{_effort(sizes)}\n\n{_grid(sizes, _windows(sizes))}\n\n"
        f"Within 4 to 6.5 % in all nine designs: {', '.join(kept) or 'none'}. Outside in at least "
        f"one: {', '.join(lost) or 'none'}.\n\n{_READING}\n"
    )


_READING = """How to read it:

- Tests that take events for independent (`cross_sectional_t`, `skewness_adjusted_t`, `patell_z`,
  `bmp_t`, `grank_z`, the sign tests, `wilcoxon`) reject up to half of all true nulls. They are
  shown because readers know them, never as the lead of a summary.
- `time_series_t`, Corrado's rank tests and `grank_t` learn the dependence from the history of the
  average in event time. On one date that is the right history. With dates spread over days it
  is not: the windows overlap in calendar time, their days in event time do not, and the test
  rejects more the longer the window is.
- `grank_t` standardises SCAR by its spread across events, which a common shock narrows by
  √(1−ρ): the event then ranks as more extreme than its history, a point or two of size even on
  one date. `grank_overlap` takes the √(1−r̄) back.
- `kolari_pynnonen_t`, `grank_overlap` and `permutation` count only the share of the window that
  two events have in common, and keep their size throughout. So does `adjusted_patell_z`, as long
  as the variance does not rise at the event.
- `calendar_time_t` needs k + 10 portfolio days, which most of these designs do not have: it is then
  not defined. Where it is, with as many lags as the window has days but one on 12 to 20 days, its
  errors are far too small. It is a test for events spread over many months.
"""

_VARIED = """Columns share their draws, so read each against the first, which differs from the
table above by chance alone. What stands out:

- Where the variance doubles at the event, `permutation`, `adjusted_patell_z` and `time_series_t`
  take the wider CARs for an effect. `kolari_pynnonen_t` and `grank_overlap` standardise by the
  spread of the event window itself and do not.
- Where a fifth of the days passes without a trade, no test of common dates is quite right: betas
  are too low, and what one security shows today another shows tomorrow, which no correlation of
  one day with itself can see. Betas that allow for it (Scholes and Williams, Dimson) are the mend.
- Without correlation (ρ = 0) every test is right, and the corrected ones lose nothing.
"""


def _robustness(sizes: pd.DataFrame) -> str:
    named = sizes.assign(case=cases(sizes))
    sections = []
    for spread, part in named.groupby("spread", sort=False):
        grid = _grid(part, part["case"])
        sections.append(f"Day 0 on {DATES[int(spread)]}, window −1 to +1:\n\n{grid}\n")
    text = "\n".join(sections)
    return f"## Other designs\n\n{_effort(sizes)}\n\n{text}\n{_VARIED}"


def _panel(sizes: pd.DataFrame) -> str:
    return (
        "## Real returns\n\n20 of the 31 securities of the bundled snapshot that are listed in New "
        "York, drawn anew each time, on random dates since June 2021; the S&P 500 is the market. "
        "Residuals correlate as they do among firms of one industry, their volatility comes in "
        "clusters and their tails are heavy, and some of the dates saw real news. "
        f"{_effort(sizes)}\n\n{_grid(sizes, _windows(sizes))}\n"
    )


def _power(powers: pd.DataFrame) -> str:
    columns = [
        f"{DATES[int(spread)]}, effect {100 * effect:g} %"
        for spread, effect in zip(powers["spread"], powers["effect"], strict=True)
    ]
    return (
        "## Power\n\nShare of studies in which a constant abnormal return, added on day 0 of "
        f"every event, is found in the window −1 to +1. {_effort(powers)} Only tests that keep "
        "their size can be compared.\n\n"
        f"{_grid(powers, pd.Series(columns, index=powers.index), bold=False)}\n"
    )


def _effort(results: pd.DataFrame) -> str:
    counts = results.groupby("test")["repetitions"].first()
    fewer = ", ".join(
        f"{count:,} for `{test}`" for test, count in counts.items() if count < counts.max()
    )
    versions = ", ".join(sorted(set(results["version"].astype(str))))
    return (
        f"{counts.max():,} studies per column{f' ({fewer})' if fewer else ''}, seed "
        f"{results['seed'].iloc[0]}, version {versions}."
    )


def _windows(results: pd.DataFrame) -> pd.Series:
    days = results["window_end"] - results["window_start"] + 1
    return pd.Series(
        [
            f"{DATES[int(spread)]}, {length} day{'' if length == 1 else 's'}"
            for spread, length in zip(results["spread"], days, strict=True)
        ],
        index=results.index,
    )


def _grid(results: pd.DataFrame, columns: pd.Series, *, bold: bool = True) -> str:
    """Write a Markdown table: the recommended tests first."""
    heads = list(dict.fromkeys(columns))
    held = set(results["test"])
    order = [*RECOMMENDED, *(name for name in TEST_NAMES if name not in RECOMMENDED)]
    lines = [f"| test | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    keyed = results.assign(_column=columns).set_index(["test", "_column"])
    for test in order:
        if test in held:
            cells = [_cell(keyed.loc[(test, head)], bold=bold) for head in heads]
            lines.append(f"| `{test}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: pd.Series, *, bold: bool) -> str:
    if pd.isna(row["share"]):
        return "not defined"
    figure = f"{100 * row['share']:.1f}"
    away = max(LOW - row["share"], row["share"] - HIGH)
    outside = bold and away > 2 * row["standard_error"]
    mark = "" if row["defined"] > 0.999 else "*"
    return (f"**{figure}**" if outside else figure) + f" ± {100 * row['standard_error']:.1f}{mark}"


_SECTIONS: dict[str, Callable[[pd.DataFrame], str]] = {
    "size": _size,
    "robustness": _robustness,
    "panel": _panel,
    "power": _power,
}
