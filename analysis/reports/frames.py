"""The tables behind a briefing: results of the engine in, labelled frames out.

Pure: the report hands in what it read. Returns are decimal throughout.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from analysis.eventstudy import EventStudyResults
    from analysis.eventstudy.core.fitted import WindowSample

LEVEL = 0.05
_Z95 = 1.959963984540054


def securities_frame(
    results: EventStudyResults,
    placements: pd.DataFrame,
    returns: pd.DataFrame,
    benchmark_returns: pd.DataFrame,
    benchmarks: Mapping[str, str],
    instruments: pd.DataFrame,
    counted: Collection[str],
    own: Collection[str] = (),
    offset: int = 0,
    sessions: int = 1,
) -> pd.DataFrame:
    """One session of every security: raw, market-adjusted and abnormal return.

    Parameters
    ----------
    results : EventStudyResults
        The study under the briefing's model.
    placements : pandas.DataFrame
        As `analysis.studies.placement.assign_day0` returns it.
    returns, benchmark_returns : pandas.DataFrame
        Dates × securities and dates × benchmarks, decimal.
    benchmarks : mapping of str to str
        Security to benchmark; one without is missing here.
    instruments : pandas.DataFrame
        Indexed by ticker, with name, role, bloc and exchange.
    counted : collection of str
        Tickers over which p-values are adjusted: one listing of each company.
    own : collection of str
        Tickers that the event names.
    offset : int
        The session, relative to day 0; the column ``day0`` holds its date.
    sessions : int
        Sessions in which a move of the event's own securities is looked for.

    Returns
    -------
    pandas.DataFrame
        One row per event and security that has a return in that session or an abnormal one:
        event_id, security, name, role, bloc, exchange, day0, benchmark, raw, market_adjusted,
        abnormal, se, t, df, p_value, p_bh, counted, named, p_adjusted, significant. ``p_bh`` is
        Benjamini and Hochberg's (1995) over the counted rows, missing for the others.
        ``p_adjusted`` is the p-value that a claim rests on: of the event's own (``named``) Holm's
        (1979) over them, times ``sessions``; of the others, which are found by looking at all,
        ``p_bh``. ``significant`` is p_adjusted < 0.05.
    """
    import numpy as np
    import pandas as pd

    from analysis.eventstudy.inference.registry import adjust_p_values

    frame = placements.loc[placements["day0"].notna(), ["event_id", "security", "day0"]].copy()
    described = instruments.reindex(frame["security"])
    for column in ("name", "role", "bloc", "exchange"):
        frame[column] = described[column].fillna("").to_numpy()
    frame["benchmark"] = [benchmarks.get(item, "") for item in frame["security"]]
    if offset:
        calendars = results.study.calendars or {}
        frame["day0"] = [
            _shifted(calendars.get(security), day, offset)
            for security, day in zip(frame["security"], frame["day0"], strict=True)
        ]
        frame = frame[frame["day0"].notna()]
    frame["raw"] = _look_up(returns, frame["day0"], frame["security"])
    market = _look_up(benchmark_returns, frame["day0"], frame["benchmark"])
    frame["market_adjusted"] = frame["raw"] - market
    zero = results.car((offset, offset)).reindex(
        pd.MultiIndex.from_frame(frame[["event_id", "security"]])
    )
    frame["abnormal"] = zero["car"].to_numpy()
    for column in ("se", "t", "df", "p_value"):
        frame[column] = zero[column].to_numpy()
    p_values = frame["p_value"].to_numpy(dtype=np.float64)
    kept = frame["security"].isin(counted).to_numpy()
    named = frame["security"].isin(own).to_numpy() & kept
    frame["counted"] = kept
    frame["p_bh"] = adjust_p_values(np.where(kept, p_values, np.nan))[1]
    holm = np.minimum(1.0, sessions * adjust_p_values(np.where(named, p_values, np.nan))[0])
    frame["named"] = named
    frame["p_adjusted"] = np.where(named, holm, frame["p_bh"])
    frame["significant"] = frame["p_adjusted"] < LEVEL
    known = frame["raw"].notna() | frame["abnormal"].notna()
    return frame.loc[known].reset_index(drop=True)


def _shifted(
    sessions: pd.DatetimeIndex | None, day: pd.Timestamp, offset: int
) -> pd.Timestamp | None:
    """Session of a security that lies so far from another; None beyond its calendar."""
    if sessions is None:
        return None
    position = int(sessions.searchsorted(day)) + offset
    return sessions[position] if 0 <= position < len(sessions) else None


def _look_up(table: pd.DataFrame, days: pd.Series, columns: pd.Series) -> list[float]:
    """Values at (day, column), NaN where either is not in the table."""
    import pandas as pd

    rows = table.index.get_indexer(pd.Index(days))
    places = table.columns.get_indexer(pd.Index(columns))
    values = table.to_numpy()
    return [
        float(values[row, place]) if row >= 0 and place >= 0 else float("nan")
        for row, place in zip(rows, places, strict=True)
    ]


def battery(
    results: EventStudyResults, windows: list[tuple[int, int]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the battery, and choose the test of every family from it.

    Returns
    -------
    tests : pandas.DataFrame
        As ``results.tests(windows)``.
    family_tests : pandas.DataFrame
        For every named group and window the row of the test that keeps its size with so many
        events under their conditions, see `EventStudyResults.recommended`.
    """
    tests = results.tests(windows)
    leads = {
        (group, *window): results.recommended(window, group, tests).lead or "permutation"
        for group in results.groups[1:]
        for window in windows
    }
    key = zip(tests["group"], tests["window_start"], tests["window_end"], strict=True)
    chosen = [leads.get(one) == test for one, test in zip(key, tests["test"], strict=True)]
    return tests, tests[chosen]


def groups_frame(
    results: EventStudyResults, tests: pd.DataFrame, family_tests: pd.DataFrame, leading: str
) -> pd.DataFrame:
    """CAAR of every group and window with its interval and test.

    All securities together (``all``): the leading test (`EventStudyResults.recommended`) and
    the interval of `analysis.eventstudy.inference.intervals.caar_interval`, which allows for
    the same dependence; they can differ a little, since the interval is of the plain average
    and the test of the standardised one. Families, which have few members: the test that is
    recommended for the family alone, and as interval CAAR ± 1.96·√L·sd with sd
    the standard deviation of the family's own average abnormal return over the estimation
    window (Brown & Warner 1985). It holds the correlation of the members, but takes the event's
    variance for that of any day and the tails for normal, so the family's p-value and not the
    interval carries a claim.

    Parameters
    ----------
    results : EventStudyResults
    tests, family_tests : pandas.DataFrame
        From `battery`; their windows are taken.
    leading : str
        The test of all securities.

    Returns
    -------
    pandas.DataFrame
        group, window_start, window_end, n, caar, low, high, test, statistic, p_value, p_holm
        (Holm over the named groups within one window).
    """
    import numpy as np
    import pandas as pd

    from analysis.eventstudy.inference.registry import adjust_p_values

    pooled = tests[(tests["group"] == "all") & (tests["test"] == leading)]
    chosen = pd.concat([pooled, family_tests])
    rows = []
    for row in chosen.to_dict("records"):
        window = (int(row["window_start"]), int(row["window_end"]))
        caar, low, high = _interval(results, str(row["group"]), window)
        rows.append({**row, "caar": caar, "low": low, "high": high, "p_holm": np.nan})
    columns = ["group", "window_start", "window_end", "n", "caar", "low", "high", "test",
               "statistic", "p_value", "p_holm"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    for _, block in table[table["group"] != "all"].groupby(["window_start", "window_end"]):
        table.loc[block.index, "p_holm"] = adjust_p_values(block["p_value"].to_numpy(np.float64))[0]
    return table


def _interval(
    results: EventStudyResults, group: str, window: tuple[int, int]
) -> tuple[float, float, float]:
    """CAAR and its 95 % interval: under dependence for all, of the portfolio for a family."""
    from analysis.eventstudy.dependence.mean_correlation import rbar
    from analysis.eventstudy.inference.intervals import caar_interval

    sample, _ = results.sample(window, group)
    if not sample.size:
        return math.nan, math.nan, math.nan
    caar = float(sample.car.mean())
    if group == "all" and sample.size > 1:
        _, low, high = caar_interval(sample, rbar(sample, results.study.rbar), 0.95)
        return caar, low, high
    reach = _Z95 * math.sqrt(sample.length) * _daily_deviation(sample)
    return caar, caar - reach, caar + reach


def _daily_deviation(sample: WindowSample) -> float:
    """Standard deviation of the average abnormal return over the estimation window."""
    import numpy as np

    residuals = sample.fitted.residuals
    days = np.isfinite(residuals).any(axis=0)
    return float(np.nanmean(residuals[:, days], axis=0).std(ddof=1))


def paths_frame(results: EventStudyResults, window: tuple[int, int]) -> pd.DataFrame:
    """CAAR from the window's first day to each of its days, per group, with its interval.

    Only events that are whole in the entire window enter, the same on every day: no step of
    a path is a change of its members.

    Returns
    -------
    pandas.DataFrame
        group, day, caar, low, high, n; see `groups_frame` for the interval.
    """
    import numpy as np
    import pandas as pd

    first, last = window
    days = np.arange(first, last + 1)
    blocks = []
    for group in results.groups:
        sample, _ = results.sample(window, group)
        if not sample.size:
            continue
        if group == "all" and sample.size > 1:
            path = results.caar_path()[["day", "caar", "low", "high", "n"]]
        else:
            caar = sample.fitted.ar[:, sample.columns].mean(axis=0).cumsum()
            reach = _Z95 * np.sqrt(days - first + 1) * _daily_deviation(sample)
            path = pd.DataFrame(
                {"day": days, "caar": caar, "low": caar - reach, "high": caar + reach,
                 "n": sample.size}
            )  # fmt: skip
        blocks.append(path.assign(group=group))
    columns = ["group", "day", "caar", "low", "high", "n"]
    if not blocks:
        return pd.DataFrame(columns=columns).astype({"caar": float, "low": float, "high": float})
    return pd.concat(blocks, ignore_index=True)[columns]
