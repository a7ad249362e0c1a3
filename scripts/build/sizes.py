"""The docs page on size and power, written from the stored results."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from analysis.eventstudy.inference.registry import RECOMMENDED, TEST_NAMES
from analysis.eventstudy.inference.size_verdict import HIGH, LOW, MOST_ERROR
from analysis.eventstudy.simulate import cases
from build.measured import LEVEL
from build.readings import kept, names, span, verdict_of, verdicts

KOLARI = "kolari_pynnonen_t"
DATES = {1: "one date", 3: "3 sessions", 10: "10 sessions"}
RISES = {"own": "own variance", "all": "all variance", "common": "common shock's variance"}
CLOSURES = {
    "together": "from that day on",
    "behind": "from that day on, else a session later",
    "late": "from the next day on, else a session later",
}
USUAL = "market model"
MODELS = {
    USUAL: "the market model",
    "Dimson market model": "Dimson",
    "Scholes–Williams market model": "Scholes–Williams",
}

_HEAD = """# Size and power of the tests

Written by `scripts/size_and_power.py` from `data/simulated/*.csv`; do not edit by hand.
Sections: {sections}.

A test of level 5 % should reject a true null in 5 % of studies. Here is how often each does when
nothing happened and events share dates, or nearly: the usual case when one piece of news
hits many securities. Figures are per cent of simulated studies in which the test is defined, with
the standard error of simulation; **bold** ones lie outside 4 to 6.5 %.
A test keeps its size where none of its figures is bold and none has a standard error above
{most:.2f}. An asterisk marks tests that were not defined in every study. Summaries, the command
and briefings measure the conditions of a study and lead with the tests that keep their size here
under each of them alone (`analysis.eventstudy.inference.recommendation`).
"""

_HOW = """## How it is done

`analysis.eventstudy.simulate.size_and_power` simulates a study, runs it through `EventStudy` and
`tests()` like any other, and counts. Usual design: 30 securities with one event each, market
model, estimation window (−250, −31), event window (−5, 5). R_it = β_i·M_t + σ_i·e_it with a
market of 1 % daily volatility, β_i from 0.5 to 1.5, σ_i from 1 to 3 %, and
e_it = √ρ·c_t + √(1−ρ)·u_it, normal, ρ = 0.2. Day 0 of each event is uniform on 1, 3 or 10
consecutive sessions. On two exchanges half of the firms react on day d and half on d + 1, where
c arrives a session later, and each exchange has a market of its own. Where Asia was closed, the
returns of its firms and its market on the next session are those of all days since. Thin trading: a
day without a trade, drawn independently with probability 0.2, returns zero and the next trade the
whole change. The permutation test has 999 placebo dates drawn from about a thousand sessions before
the events in the first table, about 400 elsewhere. Columns share their random numbers, so that
they differ by less than their standard errors say. Sources: Brown & Warner (1980, 1985); Kolari
& Pynnönen (2010, 2011).

```sh
python scripts/size_and_power.py                      # simulate everything anew
python scripts/size_and_power.py size                 # only the first table
python scripts/size_and_power.py --tests sign bmp_t   # only some tests, in every table
python scripts/size_and_power.py --page               # this page and the engine's table alone
faultline briefing size_and_power                     # as a page with charts
```
"""

_READING = """How to read it:

- Tests that take events for independent (`cross_sectional_t`, `skewness_adjusted_t`, `patell_z`,
  `bmp_t`, `grank_z`, the sign tests, `wilcoxon`) are shown because readers know them, never as
  the lead of a summary.
- `time_series_t`, Corrado's rank tests and `grank_t` learn the dependence from the history of the
  average in event time. On one date that is the right history. With dates spread over days it
  is not: the windows overlap in calendar time, their days in event time do not.
- `grank_t` standardises SCAR by its spread across events, which a common shock narrows by
  √(1−ρ): the event then ranks as more extreme than its history. `grank_overlap` takes the
  √(1−r̄) back.
- `kolari_pynnonen_t` and `grank_overlap` count only the share of the window that two events have
  in common; `permutation` moves the events with all that they share.
- `calendar_time_t` needs k + 10 portfolio days, which most of these designs do not have. It is a
  test for events spread over many months.
"""


def page(frames: dict[str, pd.DataFrame]) -> str:
    """Write the page.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
        The stored sets; one that is not there has no section.
    """
    held = {name: frame[(frame["level"] - LEVEL).abs() < 1e-9] for name, frame in frames.items()}
    if "thin_betas" in held:
        held["thin_betas"] = pd.concat([held["thin"], held["thin_betas"]], ignore_index=True)
    written = [_SECTIONS[name](held[name]) for name in _SECTIONS if name in held]
    titles = [text.partition("\n")[0].removeprefix("## ") for text in [*written, _HOW]]
    sections = ", ".join(f"[{title.lower()}](#{_anchor(title)})" for title in titles)
    return "\n".join([_HEAD.format(sections=sections, most=100 * MOST_ERROR), *written, _HOW])


def _anchor(title: str) -> str:
    return "".join(
        mark for mark in title.lower().replace(" ", "-") if mark.isalnum() or mark == "-"
    )


def _size(sizes: pd.DataFrame) -> str:
    found = verdicts(sizes)
    outside = [test for name in ("more", "less") for test in found.get(name, [])]
    return (
        f"## Size\n\n{_effort(sizes)}\n\n{_grid(sizes, _windows(sizes))}\n\n"
        f"Keep their size in all {_designs(sizes)} designs: {names(found.get('keep', []))}. "
        f"Outside in at least one: {names(outside)}.\n\n{_READING}"
    )


def _exchanges(sizes: pd.DataFrame) -> str:
    return (
        "## Several exchanges\n\nHalf of the firms trade in New York, with day 0 on the day of the "
        "news, half in Asia, with day 0 a session later; what the residuals share reaches Asia a "
        f"session later, every day. {_effort(sizes)}\n\n"
        f"{_grid(sizes, _counts(sizes))}\n\n{kept(sizes)}\n"
    )


def _exchanges_raised(sizes: pd.DataFrame) -> str:
    own, alike = (sizes[sizes["raised"] == part] for part in ("own", "all"))
    return (
        "## Several exchanges and raised variance\n\nAs before with 30 firms, and the event "
        f"doubles a variance on the days of the window. {_effort(sizes)}\n\n"
        f"{_grid(sizes, _rises(sizes))}\n\nWhere all of it rises, {kept(alike)} Where the firms' "
        f"own parts rise alone, {kept(own)}\n"
    )


def _closure(sizes: pd.DataFrame) -> str:
    columns = [
        f"closed {days} day{'' if days == 1 else 's'} {CLOSURES[order]}, {column}"
        for days, order, column in zip(
            sizes["closed_days"], sizes["closure"], _counts(sizes), strict=True
        )
    ]
    return (
        "## A closed exchange\n\nHalf of the firms trade in New York, with day 0 on the day of the "
        "news. Asia was closed for one or several days, from that day on or from the next, and the "
        "return of its next session, day 0, holds all of them. What the residuals share reaches "
        "Asia on New York's date or, where it says so, a session later, every day. "
        f"{_effort(sizes)}\n\n{_grid(sizes, pd.Series(columns, index=sizes.index))}\n\n"
        f"{kept(sizes)} The variance of a session that holds m days is m times that of one, and "
        "a placebo date of `permutation` has m sessions together for it.\n"
    )


def _separate(sizes: pd.DataFrame) -> str:
    columns = [
        _days(first, last)
        for first, last in zip(sizes["window_start"], sizes["window_end"], strict=True)
    ]
    return (
        f"## Separate dates\n\n{sizes['apart'].iloc[0]} sessions from each day 0 to the next, so "
        f"that no two windows share a day. {_effort(sizes)}\n\n"
        f"{_grid(sizes, pd.Series(columns, index=sizes.index))}\n\n{kept(sizes)}\n"
    )


def _variance(sizes: pd.DataFrame) -> str:
    alike = sizes[sizes["raised"] == "all"]
    common = sizes[sizes["raised"] == "common"]
    own = sizes[sizes["raised"] == "own"]
    return (
        "## Raised variance\n\nThe event raises the variance of abnormal returns on the days of "
        "the window: that of each firm's own part, of all of it, or of the common shock alone. "
        f"{_effort(sizes)}\n\n{_grid(sizes, _rises(sizes))}\n\n"
        f"Where all of it rises, {kept(alike)} Where the firms' own parts rise alone, the tests "
        "that divide by the spread of the event window take the common shock to have grown with "
        f"them: {span(own, RECOMMENDED)}.\n\n"
        "Where the common shock itself is larger on the day, no test of one date can tell it from "
        f"an effect on all events: {span(common, RECOMMENDED)}. It takes events on several dates.\n"
    )


def _few(sizes: pd.DataFrame) -> str:
    return (
        f"## Few events\n\nOne date. {_effort(sizes)}\n\n{_grid(sizes, _counts(sizes))}\n\n"
        f"{kept(sizes)} With so few events `permutation` has little power: the spread that it "
        "divides by has one to nine degrees of freedom. `permutation_mean`, by name, has more "
        "power but assumes that the event leaves the variance unchanged. With one event "
        "`permutation` compares the standardised CAR itself.\n"
    )


def _thin(sizes: pd.DataFrame) -> str:
    return (
        "## Thin trading\n\nA fifth of the days passes without a trade; one date, market model. "
        f"{_effort(sizes)}\n\n{_grid(sizes, _windows(sizes))}\n\n"
        "What one security shows today another shows tomorrow, which no correlation of one day "
        f"with itself can see. {kept(sizes)}\n"
    )


def _betas(sizes: pd.DataFrame) -> str:
    """Whether betas that allow for thin trading help; with the rows of the market model."""
    betas = sizes[sizes["model"] != USUAL]
    columns = [
        f"{MODELS[model]}, {_days(first, last)}"
        for model, first, last in zip(
            betas["model"], betas["window_start"], betas["window_end"], strict=True
        )
    ]
    length = sizes["window_end"] - sizes["window_start"]
    longest = sizes[(length == length.max()) & (sizes["test"] == KOLARI)]
    helps = verdict_of(betas, KOLARI) == "keep"
    *others, last = (
        f"{100 * share:.1f} % with {MODELS[model]}"
        for model, share in zip(longest["model"], longest["share"], strict=True)
    )
    return (
        f"## Betas for thin trading\n\nAs before. {_effort(betas)}\n\n"
        f"{_grid(betas, pd.Series(columns, index=betas.index))}\n\nBetas that allow for thin "
        f"trading {'keep the size' if helps else 'are not the remedy'}: over "
        f"{length.max() + 1} days `{KOLARI}` rejects {', '.join(others)} and {last}. "
        f"{kept(betas)}\n"
    )


def _robustness(sizes: pd.DataFrame) -> str:
    named = sizes.assign(case=cases(sizes))
    sections = []
    for spread, part in named.groupby("spread", sort=False):
        grid = _grid(part, part["case"])
        sections.append(f"Day 0 on {DATES[int(spread)]}, window −1 to +1:\n\n{grid}\n")
    text = "\n".join(sections)
    return (
        f"## Other designs\n\n{_effort(sizes)}\n\n{text}\nColumns share their draws, so read each "
        f"against the first, which differs from the first table by chance alone. {kept(sizes)}\n"
    )


def _panel(sizes: pd.DataFrame) -> str:
    return (
        "## Real returns\n\n20 of the 49 securities of the bundled snapshot that are listed in New "
        "York, drawn anew each time, on random dates since January 2016; the S&P 500 is the "
        "market. Residuals correlate as they do among firms of one industry, their volatility "
        "comes in clusters and their tails are heavy, and some of the dates saw real news. "
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


def _counts(sizes: pd.DataFrame) -> pd.Series:
    columns = [
        f"N = {events}, {_days(first, last)}"
        for events, first, last in zip(
            sizes["events"], sizes["window_start"], sizes["window_end"], strict=True
        )
    ]
    return pd.Series(columns, index=sizes.index)


def _rises(sizes: pd.DataFrame) -> pd.Series:
    columns = [
        f"{RISES[part]} × {1 + theta:g}, {_days(first, last)}"
        for part, theta, first, last in zip(
            sizes["raised"],
            sizes["variance_increase"],
            sizes["window_start"],
            sizes["window_end"],
            strict=True,
        )
    ]
    return pd.Series(columns, index=sizes.index)


def _effort(results: pd.DataFrame) -> str:
    counts = results.groupby("test")["repetitions"].first()
    usual = int(counts.mode().iloc[0])
    apart = ", ".join(
        f"{count:,} for {names(list(tests))}"
        for count, tests in counts.index.groupby(counts).items()
        if count != usual
    )
    versions = ", ".join(sorted(set(results["version"].astype(str))))
    return (
        f"{usual:,} studies per column{f' ({apart})' if apart else ''}, seed "
        f"{results['seed'].iloc[0]}, version {versions}."
    )


def _designs(results: pd.DataFrame) -> int:
    return int(results.groupby("test").size().max())


def _days(first: int, last: int) -> str:
    length = last - first + 1
    return f"{length} day{'' if length == 1 else 's'}"


def _windows(results: pd.DataFrame) -> pd.Series:
    return pd.Series(
        [
            f"{DATES[int(spread)]}, {_days(first, last)}"
            for spread, first, last in zip(
                results["spread"], results["window_start"], results["window_end"], strict=True
            )
        ],
        index=results.index,
    )


def _grid(results: pd.DataFrame, columns: Iterable[str], *, bold: bool = True) -> str:
    """Write a Markdown table: the recommended tests first."""
    heads = list(dict.fromkeys(columns))
    held = set(results["test"])
    order = [*RECOMMENDED, *(name for name in TEST_NAMES if name not in RECOMMENDED)]
    lines = [f"| test | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    keyed = results.assign(_column=columns).set_index(["test", "_column"])
    for test in order:
        if test in held:
            cells = [_cell(keyed, (test, head), bold=bold) for head in heads]
            lines.append(f"| `{test}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(keyed: pd.DataFrame, key: tuple[str, str], *, bold: bool) -> str:
    row = keyed.loc[key]
    if pd.isna(row["share"]):
        return "not defined"
    figure = f"{100 * row['share']:.1f}"
    away = max(LOW - row["share"], row["share"] - HIGH)
    outside = bold and away > 0
    mark = "" if row["defined"] > 0.999 else "*"
    return (f"**{figure}**" if outside else figure) + f" ± {100 * row['standard_error']:.1f}{mark}"


_SECTIONS: dict[str, Callable[[pd.DataFrame], str]] = {
    "size": _size,
    "exchanges": _exchanges,
    "exchanges_raised": _exchanges_raised,
    "closure": _closure,
    "separate": _separate,
    "variance": _variance,
    "few": _few,
    "thin": _thin,
    "thin_betas": _betas,
    "robustness": _robustness,
    "panel": _panel,
    "power": _power,
}
