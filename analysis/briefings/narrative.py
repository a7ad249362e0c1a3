"""The sentences of a briefing, which follow the result: no claim where there is none.

Pure: frames of `measures` in, text out. Texts from the catalogue pass through unescaped;
the page escapes everything that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.briefings import wording

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05

ROLES = {
    "gpu": "GPU makers",
    "foundry": "foundries",
    "memory": "memory",
    "equipment": "chip equipment",
    "networking": "networking",
    "servers": "servers",
    "cloud": "cloud",
    "software": "software",
    "consumer": "consumer electronics",
    "power": "power",
    "model_maker": "model makers",
}

_EXPLAINS = {
    "market": "its market beta explains",
    "market_adjusted": "its benchmark",
    "mean_adjusted": "its own average day",
    "ff3": "its factor exposures explain",
    "ff5": "its factor exposures explain",
    "carhart": "its factor exposures explain",
}


@dataclass(frozen=True)
class Opening:
    """The headline and the paragraph under it."""

    headline: str
    lead: str


def explained_by(model: str) -> str:
    """What explains a return under a model: "the market", "its average day"."""
    return {
        "market": "the market",
        "market_adjusted": "the market",
        "mean_adjusted": "its average day",
    }.get(model, "the US factors")


def role_name(role: str) -> str:
    """A role in words: ``gpu`` is "GPU makers"."""
    return ROLES.get(role, role.replace("_", " "))


def focus_row(securities: pd.DataFrame, preferred: list[str]) -> pd.Series | None:
    """The security that the headline is about.

    The first of ``preferred`` (the event's own entities) with an abnormal return, else the
    one with the largest; None when no security has one.
    """
    measured = securities[securities["abnormal"].notna()]
    if measured.empty:
        return None
    for ticker in preferred:
        own = measured[measured["security"] == ticker]
        if len(own):
            return own.iloc[0]
    return largest(measured)


def largest(measured: pd.DataFrame) -> pd.Series:
    """Row with the largest abnormal return, by size."""
    return measured.iloc[int(measured["abnormal"].abs().to_numpy().argmax())]


def opening(
    securities: pd.DataFrame,
    groups: pd.DataFrame,
    tests: pd.DataFrame,
    preferred: list[str],
    model: str,
) -> Opening:
    """Write the headline and the lead.

    Parameters
    ----------
    securities : pandas.DataFrame
        See `measures.securities_frame`.
    groups : pandas.DataFrame
        See `measures.groups_frame`; the rows of window (0, 0) are read.
    tests : pandas.DataFrame
        `EventStudyResults.tests`; the pooled rows of window (0, 0) are read.
    preferred : list of str
        Tickers of the event's entities.
    model : str
        One of `analysis.normal_returns.MODELS`.
    """
    row = focus_row(securities, preferred)
    if row is None:
        return Opening(
            "No security had enough data for an abnormal return.",
            "The raw returns and the reasons stand below.",
        )
    zero = groups[(groups["window_start"] == 0) & (groups["window_end"] == 0)]
    named = zero[zero["group"] != "all"]
    first = _focus_sentence(row, model)
    second = _groups_clause(row, named)
    quiet = not (securities["p_bh"] < LEVEL).any() and not (named["p_holm"] < LEVEL).any()
    if quiet and not row["p_value"] < LEVEL:
        headline = f"Nothing stood out from ordinary days: {first[0].lower() + first[1:]}"
        if str(row["name"])[:1] == first[:1]:
            headline = f"Nothing stood out from ordinary days: {first}"
        return Opening(headline + ".", lead(securities, zero, tests, model))
    return Opening(f"{first}{second}.", lead(securities, zero, tests, model))


def _focus_sentence(row: pd.Series, model: str) -> str:
    name, raw, abnormal = str(row["name"]), float(row["raw"]), float(row["abnormal"])
    when = wording.day(row["day0"])
    evidence = f"t {wording.number(float(row['t']), 1)}, {wording.p_value(float(row['p_value']))}"
    moved = "lost" if raw < 0 else "gained"
    size = wording.per_cent(abs(raw), sign=False)
    if not float(row["p_value"]) < LEVEL:
        return (
            f"{name} {moved} {size} on {when}, within its ordinary variation "
            f"(abnormal return {wording.per_cent(abnormal)}, {evidence})"
        )
    if raw * abnormal > 0:
        more = "more" if abs(abnormal) <= abs(raw) else "further"
        explained = _EXPLAINS[model]
        if more == "more":
            return (
                f"{name} {moved} {size} on {when}, {wording.points(abnormal)} more than "
                f"{explained} ({evidence})"
            )
    return (
        f"{name} {moved} {size} on {when}; its abnormal return was "
        f"{wording.per_cent(abnormal)} ({evidence})"
    )


def _groups_clause(row: pd.Series, named: pd.DataFrame) -> str:
    """Which families moved with the focus, which against it, and which did not move."""
    others = named[named["group"] != row["role"]]
    if others.empty:
        return ""
    certain = others[others["p_holm"] < LEVEL]
    falling = _names(certain[certain["caar"] < 0])
    rising = _names(certain[certain["caar"] > 0])
    still = _names(others[~(others["p_holm"] < LEVEL)], most=1)
    down = float(row["abnormal"]) < 0
    along, against = (falling, rising) if down else (rising, falling)
    verb, opposite = ("fell", "rose") if down else ("rose", "fell")
    parts = []
    if along:
        parts.append(f"{wording.listing(along)} {verb} with it")
    if against:
        parts.append(f"{wording.listing(against)} {opposite}")
    if still and (along or against):
        parts.append(f"{still[0]} stayed within ordinary days")
    if not parts:
        return "; no other family moved beyond its ordinary days"
    return "; " + ", ".join(parts)


def _names(groups: pd.DataFrame, most: int = 3) -> list[str]:
    """Names of families, the largest first; those beyond ``most`` are counted."""
    ordered = groups.reindex(groups["caar"].abs().sort_values(ascending=False).index)
    names = [role_name(str(item)) for item in ordered["group"]]
    if len(names) <= most:
        return names
    if most == 1:
        return [f"the other {len(names)} families"]
    return [*names[: most - 1], f"{len(names) - most + 1} more families"]


def lead(securities: pd.DataFrame, zero: pd.DataFrame, tests: pd.DataFrame, model: str) -> str:
    """The paragraph under the headline: the group, its certainty, what abnormal means."""
    measured = securities[securities["abnormal"].notna()]
    beyond = int((measured["p_bh"] < LEVEL).sum())
    pooled = zero[zero["group"] == "all"]
    sentences = [
        f"An abnormal return is what is left of a return once {_taken_out(model)} is taken out.",
        f"{beyond} of {wording.count(len(measured), 'security', 'securities')} moved beyond "
        f"{'its' if len(measured) == 1 else 'their'} ordinary variation on day 0 at the 5\u202f% "
        "level, after Benjamini and Hochberg's correction for their number.",
    ]
    if len(pooled) and len(measured) > 1:
        row = pooled.iloc[0]
        sentences.append(
            f"The average abnormal return of all {len(measured)} (CAAR) on day 0 was "
            f"{wording.per_cent(float(row['caar']))}, 95\u202f% interval "
            f"{wording.per_cent(float(row['low']))} to {wording.per_cent(float(row['high']))}."
        )
        sentences.append(_robust_sentence(tests))
    return " ".join(sentences)


def _taken_out(model: str) -> str:
    return {
        "market": "what the security usually does when its benchmark moves",
        "market_adjusted": "the benchmark's return of the same day",
        "mean_adjusted": "its own average return",
    }.get(model, "what its exposure to the US factors explains")


def robust_p(tests: pd.DataFrame, window: tuple[int, int] = (0, 0)) -> dict[str, float]:
    """P-values of the pooled recommended tests that are defined, by test name."""
    rows = tests[
        (tests["group"] == "all")
        & (tests["window_start"] == window[0])
        & (tests["window_end"] == window[1])
        & tests["p_value"].notna()
    ]
    found = dict(zip(rows["test"], rows["p_value"], strict=True))
    order = ("kolari_pynnonen_t", "permutation", "grank_overlap")
    return {name: float(found[name]) for name in order if name in found}


TEST_NAMES = {
    "kolari_pynnonen_t": "Kolari\u2013Pynnönen",
    "permutation": "permutation of dates",
    "grank_overlap": "overlap-weighted rank",
}


def _robust_sentence(tests: pd.DataFrame) -> str:
    values = robust_p(tests)
    if not values:
        return "No test that allows for same-day dependence is defined here."
    verdicts = {value < LEVEL for value in values.values()}
    listed = wording.listing(
        [f"{wording.p_value(value)} ({TEST_NAMES[name]})" for name, value in values.items()]
    )
    if verdicts == {True}:
        verdict = "sets that average apart from ordinary days"
    elif verdicts == {False}:
        verdict = "does not set that average apart from ordinary days"
    else:
        verdict = "leaves open whether that average differs from ordinary days: the tests disagree"
    return f"Allowing for securities that move together, the evidence {verdict}: {listed}."
