"""How sure a reader can be: one caveat per thing that could mislead, each with its figures.

Pure: the report hands in frames; the page shows a box of `Caveat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.catalogue.selection import NEW_YORK
from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.reports import wording
from analysis.reports.frames import LEVEL
from analysis.reports.terms import KOLARI, TEST_NAMES, recommended_p_values
from analysis.studies.models import model_spec

if TYPE_CHECKING:
    import pandas as pd


_INCOMPLETE = (
    "The catalogue is a selection: AI models, chip rules, few macroeconomic dates and some results "
    "of companies. Other news of these days may be missing."
)

_INDEPENDENT = {
    "cross_sectional_t": "cross-sectional t",
    "patell_z": "Patell z",
    "bmp_t": "BMP t",
}

# The presets of the engine, in words.
_PACKAGES = {
    "eventstudy2": "eventstudy2 (Stata)",
    "estudy": "estudy (Stata)",
    "estudy2": "estudy2 (R)",
    "lemaire": "eventstudy (Python)",
    "eventstudy_r": "EventStudy (R)",
}


@dataclass(frozen=True)
class Caveat:
    """One thing that could mislead: a title, the text, and how much it matters."""

    title: str
    text: str
    level: str = "note"  # or "warning"


def clustering(
    securities: pd.DataFrame, tests: pd.DataFrame, recommended: Sequence[str] = RECOMMENDED
) -> Caveat | None:
    """Say how many dates the securities share, and what naive tests would have reported."""
    measured = securities[securities["abnormal"].notna()]
    dates = measured["day0"].nunique()
    if dates >= len(measured):
        return None
    pooled = tests[
        (tests["group"] == "all") & (tests["window_start"] == 0) & (tests["window_end"] == 0)
    ].set_index("test")["p_value"]
    naive = [
        f"{words} {wording.p_value(float(pooled[name]))}"
        for name, words in _INDEPENDENT.items()
        if name in pooled.index and pooled[name] == pooled[name]
    ]
    robust = [
        f"{TEST_NAMES[name]} {wording.p_value(value)}"
        for name, value in recommended_p_values(tests, recommended=recommended).items()
    ]
    text = (
        f"{wording.count(len(measured), 'security', 'securities')} share "
        f"{wording.count(dates, 'reaction day')}, so they are not independent observations. "
    )
    if naive and robust:
        text += (
            f"Tests that assume independence would report {wording.listing(naive)}; those that "
            f"allow for it report {wording.listing(robust)}. Read the latter."
        )
    return Caveat("Securities that react on one day are not independent", text, "warning")


def conventions(compared: pd.DataFrame) -> Caveat | None:
    """Say where other packages' conventions would have concluded something else.

    Parameters
    ----------
    compared : pandas.DataFrame
        From `EventStudyResults.compare_presets`; a package's test with a known error that
        makes it another test is not counted.
    """
    parts = [
        _otherwise(rows) for _, rows in compared.groupby(["window_start", "window_end"], sort=False)
    ]
    parts = [part for part in parts if part]
    if not parts:
        return None
    return Caveat(
        "Other packages would have concluded differently",
        "From the same abnormal returns, averaged over all securities and judged at 5\u202f%. "
        + " ".join(parts)
        + " They differ in variances, ranks and reference distributions, and most treat the "
        "securities as independent.",
    )


def _otherwise(rows: pd.DataFrame) -> str:
    """Count, per package, the tests of one window that disagree with our leading test."""
    own = rows[(rows["preset"] == "faultline") & (rows["test"] == KOLARI)].iloc[0]
    decided = rows["significant"].notna() & ~rows["note"].str.startswith("no ")
    theirs = rows[decided & (rows["preset"] != "faultline")]
    if own["p_value"] != own["p_value"] or theirs.empty:
        return ""
    against = theirs[theirs["significant"] != own["significant"]]["preset"].value_counts()
    counts = [
        f"{_share(int(against[name]), int((theirs['preset'] == name).sum()))} of {words}"
        for name, words in _PACKAGES.items()
        if name in against.index
    ]
    if not counts:
        return ""
    ours, other = ("an effect", "none") if own["significant"] else ("no effect", "one")
    window = wording.window_words(own["window_start"], own["window_end"])
    return (
        f"Over {window} {TEST_NAMES[KOLARI]} finds {ours} "
        f"({wording.p_value(float(own['p_value']))}); {wording.listing(counts)} would have found "
        f"{other}."
    )


def _share(some: int, tests: int) -> str:
    """In words: "one of the three tests", "both tests", "the only test"."""
    if some == tests:
        return {1: "the only test", 2: "both tests"}.get(
            tests, f"all {wording.spelled(tests)} tests"
        )
    return f"{wording.spelled(some)} of the {wording.spelled(tests)} tests"


def peers(model: str) -> Caveat | None:
    """Say what a mean of the other securities takes out of a reaction that they share."""
    if model != "equal_weight":
        return None
    return Caveat(
        "The benchmark is made of securities that the event may have moved",
        "Subtracting the mean of the other securities also removes the part of the reaction that "
        "they share; only the security's own part remains. The model unshocked compares with "
        "securities outside the study.",
        "warning",
    )


def us_factors(model: str, exchanges: set[str]) -> Caveat | None:
    """Warn that US factors of a date come after Asia's close of that date."""
    elsewhere = exchanges - NEW_YORK
    if model_spec(model).reads != "factors" or not elsewhere:
        return None
    return Caveat(
        "US factors on other exchanges",
        "The factors are US returns of the same date; exchanges in Asia close before New York "
        "opens and are open on US holidays, which leave gaps. Read the model for US listings.",
        "warning",
    )


def confounders(others: pd.DataFrame, notes: str) -> Caveat:
    """List what else the catalogue has within the event window, day 0 first.

    Parameters
    ----------
    others : pandas.DataFrame
        See `context.other_events`.
    notes : str
        What the catalogue notes about the event itself.
    """
    noted = f" The catalogue notes: {notes.rstrip('.')}." if notes else ""
    if others.empty:
        return Caveat(
            "Other news",
            f"The catalogue has no other event within the event window. {_INCOMPLETE}{noted}",
        )
    same, near = others[others["same_day"]], others[~others["same_day"]]
    parts = []
    if len(same):
        parts.append(f"On day 0 of at least one exchange: {_events(same)}.")
    if len(near):
        parts.append(f"Longer windows also hold {_events(near)}.")
    parts.append(_INCOMPLETE)
    return Caveat("Other news in the window", " ".join(parts) + noted, "warning")


def _events(rows: pd.DataFrame) -> str:
    return wording.listing(
        [f"{row['title']} ({wording.day(row['date'])})" for row in rows.to_dict("records")]
    )


def uncertain_day(placements: pd.DataFrame) -> Caveat | None:
    """Say that day 0 could be the session before or after."""
    doubtful = placements[placements["uncertain"]]
    if doubtful.empty:
        return None
    return Caveat(
        "Day 0 is uncertain by one session",
        f"{doubtful.iloc[0]['note']} Compare the neighbouring days in the heat map.",
        "warning",
    )


def doubtful_record(placements: pd.DataFrame) -> Caveat | None:
    """Say what is doubtful about the event's row in the catalogue."""
    flags = [str(flag) for flag in placements["flag"].unique() if flag]
    if not flags:
        return None
    return Caveat("The record of the event is doubtful", " ".join(flags), "warning")


def late_markets(securities: pd.DataFrame, cities: dict[str, str]) -> Caveat | None:
    """Name the exchanges whose first session came later than the first one's."""
    first = securities["day0"].min()
    late = securities[securities["day0"] > first]
    if late.empty:
        return None
    days = late.groupby("exchange")["day0"].first()
    listed = wording.listing(
        [f"{cities.get(str(mic), str(mic))} on {wording.day(day)}" for mic, day in days.items()]
    )
    return Caveat(
        "Markets reacted on different days",
        f"The first session after the event was {wording.weekday(first)}; {listed} reacted later, "
        "with the news of the days between.",
    )


def gaps(skipped: pd.DataFrame, flagged: pd.DataFrame, last_price: str) -> Caveat | None:
    """Count the skipped securities and list the doubtful prices."""
    from analysis.tables.price_checks import BREAK

    parts = []
    broken = False
    if len(skipped):
        parts.append(
            f"{wording.count(skipped['security'].nunique(), 'security', 'securities')} could not "
            "be measured in every window; the table of skipped securities gives the reasons."
        )
    if len(flagged):
        listed = wording.listing(
            [
                f"{ticker} {_days(days['date'])} ({flag})"
                for (ticker, flag), days in flagged.groupby(["ticker", "flag"], sort=False)
            ]
        )
        parts.append(f"Doubtful prices within the windows: {listed}.")
        broken = bool(flagged["flag"].str.contains(BREAK, regex=False).any())
        if broken:
            parts.append("The return into a day with a price break is left out.")
    parts.append(f"Prices end on {last_price}; nothing was filled or smoothed.")
    return Caveat("Missing and doubtful data", " ".join(parts), "warning" if broken else "note")


def _days(days: pd.Series[pd.Timestamp]) -> str:
    """One day, or the first and the last of several."""
    first, last = wording.day(days.min()), wording.day(days.max())
    return f"on {first}" if len(days) == 1 else f"on {len(days)} days from {first} to {last}"


def price_limits(limited: list[str]) -> Caveat | None:
    """Name the securities that came near their exchange's daily limit."""
    if not limited:
        return None
    return Caveat(
        "Price limits",
        f"{wording.listing(limited)} came close to the exchange's daily price limit, so day 0 may "
        "show only part of the reaction.",
        "warning",
    )


def multiplicity(single: int, tests: pd.DataFrame) -> Caveat | None:
    """Say how many tests were run and how many would reject by chance alone.

    Parameters
    ----------
    single : int
        Tests of single securities, over all windows shown.
    tests : pandas.DataFrame
        The battery on groups.
    """
    battery = int(tests["p_value"].notna().sum())
    if not single + battery:
        return None
    return Caveat(
        "How many tests were run",
        f"{single} on single securities and {battery} on groups. Even without any effect at least "
        f"one in twenty, here about {LEVEL * (single + battery):.0f}, would come out below "
        "5\u202f%, and more of those that treat the securities as independent. The adjusted "
        "p-values (Holm; Benjamini and Hochberg) allow for the number, not for the dependence; "
        "those of single CARs are not adjusted.",
    )
