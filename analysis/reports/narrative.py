"""The sentences of a briefing, which follow the result: no claim where there is none.

Pure: frames of `frames` in, text out. Texts from the catalogue pass through unescaped;
the page escapes everything that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.normal_returns import model_spec
from analysis.reports import wording

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
KOLARI = "kolari_pynnonen_t"

ROLES = {
    "gpu": "chips and processors",
    "foundry": "foundries",
    "memory": "memory",
    "equipment": "chip equipment",
    "networking": "networking",
    "servers": "servers",
    "cloud": "cloud",
    "software": "software",
    "consumer": "consumer and internet",
    "power": "power",
    "model_maker": "model makers",
}

TEST_NAMES = {
    KOLARI: "Kolari\u2013Pynnönen",
    "permutation": "permutation of dates",
    "grank_overlap": "overlap-weighted rank",
}


@dataclass(frozen=True)
class ModelPhrases:
    """How sentences refer to a model's normal return.

    "lost 17 % ... more than {explains}", "... not clearly different from what {expected}", "Did
    Nvidia move more than {by} can explain?", "{usual} does not explain".
    """

    explains: str
    expected: str
    by: str
    usual: str


_BETA = "its market beta explains"
_FACTORS = "its factor exposures explain"
_PEERS = "its beta to the other securities explains"

_ON_MARKET = ModelPhrases(
    _BETA, _BETA, "the market", "the security's usual response to its benchmark"
)
_ON_PEERS = ModelPhrases(
    _PEERS, _PEERS, "the mean of the others", "the security's usual response to the others"
)
_ON_FACTORS = ModelPhrases(
    _FACTORS, _FACTORS, "the US factors", "the security's usual response to the US factors"
)
_PHRASES = {
    "factors": _ON_FACTORS,
    "peers": _ON_PEERS,
    "benchmark": _ON_MARKET,
    "nothing": ModelPhrases(
        "its own average day",
        "it does on an average day",
        "its average day",
        "the security's own average return",
    ),
}
_LESS_THE_MARKET = ModelPhrases(
    "its benchmark",
    "its benchmark did",
    "the market",
    "the benchmark's return on the same day",
)


def _phrases(model: str) -> ModelPhrases:
    if model == "market_adjusted":
        return _LESS_THE_MARKET
    return _PHRASES[model_spec(model).reads]


class Opening(NamedTuple):
    """The headline and the paragraph under it."""

    headline: str
    lead: str


@dataclass(frozen=True)
class HeadlineSecurity:
    """The security that the headline is about.

    Attributes
    ----------
    row : pandas.Series
        Of `frames.securities_frame`.
    named : bool
        Whether the event itself names it; else it was chosen because it moved most, and
        only its p-value adjusted for that choice counts.
    """

    row: pd.Series
    named: bool

    @property
    def p_value(self) -> float:
        """The p-value that a claim may rest on."""
        return float(self.row["p_value"] if self.named else self.row["p_bh"])

    @property
    def moved(self) -> bool:
        """Whether it moved beyond its ordinary variation."""
        return self.p_value < LEVEL


def role_name(role: str) -> str:
    """A role in words: ``gpu`` is "chips and processors"."""
    return ROLES.get(role, role.replace("_", " "))


def explained_by(model: str) -> str:
    """What explains a return under a model: "the market", "its average day"."""
    return _phrases(model).by


def headline_security(securities: pd.DataFrame, preferred: list[str]) -> HeadlineSecurity | None:
    """Choose the first of ``preferred`` (the event's entities) that was measured.

    Where none was, the security with the largest abnormal return; None when no security
    has one.
    """
    measured = securities[securities["abnormal"].notna()]
    if measured.empty:
        return None
    for ticker in preferred:
        own = measured[measured["security"] == ticker]
        if len(own):
            return HeadlineSecurity(own.iloc[0], named=True)
    return HeadlineSecurity(largest_move(measured), named=False)


def largest_move(measured: pd.DataFrame) -> pd.Series:
    """Row with the largest abnormal return, by size."""
    return measured.iloc[int(measured["abnormal"].abs().to_numpy().argmax())]


def headline_and_lead(
    securities: pd.DataFrame,
    groups: pd.DataFrame,
    tests: pd.DataFrame,
    preferred: list[str],
    model: str,
    recommended: Sequence[str] = RECOMMENDED,
) -> Opening:
    """Write the headline and the paragraph under it.

    Parameters
    ----------
    securities : pandas.DataFrame
        See `frames.securities_frame`.
    groups : pandas.DataFrame
        See `frames.groups_frame`; the rows of window (0, 0) are read.
    tests : pandas.DataFrame
        `EventStudyResults.tests`; the pooled rows of window (0, 0) are read.
    preferred : list of str
        Tickers of the event's entities.
    model : str
        One of `analysis.normal_returns.MODELS`.
    recommended : sequence of str
        The tests that keep their size under the study's conditions, the first one leads.
    """
    focus = headline_security(securities, preferred)
    if focus is None:
        return Opening(
            "No security had enough data for an abnormal return.",
            "The table of skipped securities gives the reasons.",
        )
    zero = groups[(groups["window_start"] == 0) & (groups["window_end"] == 0)]
    text = _headline(focus, zero, recommended_p_values(tests, recommended=recommended), model)
    return Opening(f"{text}.", lead(securities, zero, tests, model, recommended))


def _headline(
    focus: HeadlineSecurity, zero: pd.DataFrame, robust: dict[str, float], model: str
) -> str:
    first = _focus_sentence(focus, model)
    families = _families_clause(focus, zero[zero["group"] != "all"])
    if focus.moved:
        return f"{first}; {families}" if families else first
    certain = bool((zero["p_holm"] < LEVEL).any())
    pooled = zero[zero["group"] == "all"]
    leading = next(iter(robust.values()), 1.0)
    if len(pooled) and leading < LEVEL:
        average = (
            f"The average abnormal return of {int(pooled['n'].iloc[0])} securities was "
            f"{wording.per_cent(float(pooled['caar'].iloc[0]))} "
            f"({wording.p_value(leading)})"
        )
        return f"{average}; {first}"
    if certain:
        return f"{first}; {families}"
    return f"No clear abnormal move: {first}"


def _focus_sentence(focus: HeadlineSecurity, model: str) -> str:
    row = focus.row
    name, raw, abnormal = str(row["name"]), float(row["raw"]), float(row["abnormal"])
    if not focus.named:
        name = f"{name}, the largest mover,"
    when = wording.day(row["day0"])
    p = wording.p_value(focus.p_value) + ("" if focus.named else " adjusted for the choice")
    evidence = f"t {wording.number(float(row['t']), 1)}, {p}"
    moved = f"{'lost' if raw < 0 else 'gained'} {wording.per_cent(abs(raw), sign=False)} on {when}"
    if not focus.moved:
        return (
            f"{name} {moved}, not clearly different from what {_phrases(model).expected} "
            f"(abnormal return {wording.per_cent(abnormal)}, {evidence})"
        )
    if raw * abnormal > 0 and abs(abnormal) <= abs(raw):
        more = f"{wording.points(abnormal)} more than {_phrases(model).explains}"
        return f"{name} {moved}, {more} ({evidence})"
    return f"{name} {moved}; its abnormal return was {wording.per_cent(abnormal)} ({evidence})"


def _families_clause(focus: HeadlineSecurity, named: pd.DataFrame) -> str:
    """Which groups moved, which the other way, and how many showed no clear move."""
    others = named[named["p_holm"].notna()]
    if focus.moved:
        others = others[others["group"] != focus.row["role"]]
    certain = others[others["p_holm"] < LEVEL]
    if certain.empty:
        return "no other group moved clearly" if len(others) and focus.moved else ""
    falling = _names(certain[certain["caar"] < 0])
    rising = _names(certain[certain["caar"] > 0])
    down = float(focus.row["abnormal"]) < 0
    first, second = ((falling, "fell"), (rising, "rose")) if down else (
        (rising, "rose"), (falling, "fell"))  # fmt: skip
    beside = " with it" if focus.moved else ""
    parts = []
    if first[0]:
        parts.append(f"{wording.listing(first[0])} {first[1]}{beside}")
    if second[0]:
        parts.append(f"{wording.listing(second[0])} {second[1]}")
    still = others[~(others["p_holm"] < LEVEL)]["group"]
    if len(still):
        one = role_name(str(still.iloc[0]))
        who = one if len(still) == 1 else f"{wording.spelled(len(still))} other groups"
        parts.append(f"{who} showed no clear move")
    return ", ".join(parts)


def _names(groups: pd.DataFrame, most: int = 3) -> list[str]:
    """Names of groups, the largest first; those beyond ``most`` are counted."""
    ordered = groups.reindex(groups["caar"].abs().sort_values(ascending=False).index)
    names = [role_name(str(item)) for item in ordered["group"]]
    if len(names) <= most:
        return names
    return [*names[: most - 1], f"{len(names) - most + 1} more groups"]


def lead(
    securities: pd.DataFrame,
    zero: pd.DataFrame,
    tests: pd.DataFrame,
    model: str,
    recommended: Sequence[str] = RECOMMENDED,
) -> str:
    """The paragraph under the headline: the group, its certainty, what abnormal means."""
    measured = securities[securities["abnormal"].notna()]
    sentences = [
        f"An abnormal return is the part of a return that {_phrases(model).usual} does not explain."
    ]
    pooled = zero[zero["group"] == "all"]
    if len(measured) > 1:
        beyond = int((measured["p_bh"] < LEVEL).sum())
        sentences.append(
            f"{beyond} of {len(measured)} securities moved beyond their ordinary variation on "
            "day 0 at the 5\u202f% level, after Benjamini and Hochberg's correction for their "
            "number."
        )
    if len(measured) > 1 and len(pooled):
        row = pooled.iloc[0]
        sentences.append(
            f"The average abnormal return of all {len(measured)} (CAAR) on day 0 was "
            f"{wording.per_cent(float(row['caar']))}, 95\u202f% interval "
            f"{wording.per_cent(float(row['low']))} to {wording.per_cent(float(row['high']))}."
        )
        sentences.append(_robust_sentence(tests, recommended))
        sentences.append(_disagreement(row))
    return " ".join(item for item in sentences if item)


def _disagreement(pooled: pd.Series) -> str:
    """Say why interval and p-value differ, where they do."""
    if pooled["test"] != KOLARI:
        return ""
    outside = not float(pooled["low"]) <= 0 <= float(pooled["high"])
    if outside == (float(pooled["p_value"]) < LEVEL):
        return ""
    return (
        "The interval is for the plain average, the Kolari\u2013Pynnönen test for the average of "
        "abnormal returns in units of each security's own variation; here the two disagree."
    )


def recommended_p_values(
    tests: pd.DataFrame,
    window: tuple[int, int] = (0, 0),
    recommended: Sequence[str] = RECOMMENDED,
) -> dict[str, float]:
    """P-values of the pooled recommended tests that are defined, by test name, in their order."""
    rows = tests[
        (tests["group"] == "all")
        & (tests["window_start"] == window[0])
        & (tests["window_end"] == window[1])
        & tests["p_value"].notna()
    ]
    found = dict(zip(rows["test"], rows["p_value"], strict=True))
    return {name: float(found[name]) for name in recommended if name in found}


def _robust_sentence(tests: pd.DataFrame, recommended: Sequence[str]) -> str:
    values = recommended_p_values(tests, recommended=recommended)
    if not values:
        return "No test that allows for same-day dependence is defined here."
    beyond = sum(value < LEVEL for value in values.values())
    listed = wording.listing(
        [f"{wording.p_value(value)} ({TEST_NAMES[name]})" for name, value in values.items()]
    )
    count = len(values)
    if count == 1:
        said = f"The recommended test {'distinguishes' if beyond else 'does not distinguish'}"
    elif beyond == count:
        both = "Both" if count == 2 else f"All {wording.spelled(count)}"
        said = f"{both} recommended tests distinguish"
    elif beyond == 0 and count == 2:
        said = "Neither recommended test distinguishes"
    else:
        some = wording.spelled(beyond).capitalize() if beyond else "None"
        verb = "distinguish" if beyond > 1 else "distinguishes"
        said = f"{some} of the {wording.spelled(count)} recommended tests {verb}"
    return f"{said} it from ordinary days: {listed}."
