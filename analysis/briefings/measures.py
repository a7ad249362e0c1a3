"""The tables behind a briefing: results of the engine in, labelled frames out.

Pure: the report hands in what it read. Returns are decimal throughout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from analysis.eventstudy import EventStudyResults

# A group's own daily variation, which carries the correlation of its members with it.
GROUP_TEST = "time_series_t"
_Z95 = 1.959963984540054


def securities_frame(
    results: EventStudyResults,
    placements: pd.DataFrame,
    returns: pd.DataFrame,
    benchmark_returns: pd.DataFrame,
    benchmarks: Mapping[str, str],
    instruments: pd.DataFrame,
) -> pd.DataFrame:
    """Day 0 of every security: raw, market-adjusted and abnormal return.

    Parameters
    ----------
    results : EventStudyResults
        The study under the briefing's model.
    placements : pandas.DataFrame
        As `analysis.placing.place` returns it.
    returns, benchmark_returns : pandas.DataFrame
        Dates × securities and dates × benchmarks, decimal.
    benchmarks : mapping of str to str
        Security to benchmark; one without is missing here.
    instruments : pandas.DataFrame
        Indexed by ticker, with name, role, bloc and exchange.

    Returns
    -------
    pandas.DataFrame
        One row per event and security that has a return on its day 0 or an abnormal one:
        event_id, security, name, role, bloc, exchange, day0, benchmark, raw,
        market_adjusted, abnormal, se, t, df, p_value, p_bh. ``p_bh`` is Benjamini and
        Hochberg's (1995) over the rows.
    """
    import numpy as np
    import pandas as pd

    from analysis.eventstudy.battery import adjust

    frame = placements.loc[placements["day0"].notna(), ["event_id", "security", "day0"]].copy()
    described = instruments.reindex(frame["security"])
    for column in ("name", "role", "bloc", "exchange"):
        frame[column] = described[column].fillna("").to_numpy()
    frame["benchmark"] = [benchmarks.get(item, "") for item in frame["security"]]
    frame["raw"] = _look_up(returns, frame["day0"], frame["security"])
    market = _look_up(benchmark_returns, frame["day0"], frame["benchmark"])
    frame["market_adjusted"] = frame["raw"] - market
    zero = results.car((0, 0)).reindex(pd.MultiIndex.from_frame(frame[["event_id", "security"]]))
    frame["abnormal"] = zero["car"].to_numpy()
    for column in ("se", "t", "df", "p_value"):
        frame[column] = zero[column].to_numpy()
    frame["p_bh"] = adjust(frame["p_value"].to_numpy(dtype=np.float64))[1]
    known = frame["raw"].notna() | frame["abnormal"].notna()
    return frame.loc[known].reset_index(drop=True)


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


def groups_frame(results: EventStudyResults, windows: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """CAAR of every group and window with its interval and test.

    All securities together (``all``): the recommended test (Kolari & Pynnönen 2010) and the
    interval that goes with it, see `analysis.eventstudy.intervals.caar_interval`. Families:
    the interval is CAAR ± 1.96·|CAAR/z| with z the time-series test of Brown & Warner
    (1985), that is the standard deviation of the family's own average abnormal return over
    the estimation window, which holds whatever correlation its few members have.

    Returns
    -------
    pandas.DataFrame
        group, window_start, window_end, n, caar, low, high, test, statistic, p_value, p_holm
        (Holm over the named groups within one window).
    """
    import numpy as np
    import pandas as pd

    from analysis.eventstudy.battery import adjust

    table = results.tests(list(windows), tests=[GROUP_TEST])
    table["caar"] = [
        _caar(results, row["group"], (row["window_start"], row["window_end"]))
        for row in table.to_dict("records")
    ]
    se = (table["caar"] / table["statistic"]).abs()
    table["low"] = table["caar"] - _Z95 * se
    table["high"] = table["caar"] + _Z95 * se
    for first, last in windows:
        pooled = (
            (table["group"] == "all")
            & (table["window_start"] == first)
            & (table["window_end"] == last)
        )
        for name, value in _pooled(results, (first, last)).items():
            table.loc[pooled, name] = value
    table["p_holm"] = np.nan
    for _, block in table[table["group"] != "all"].groupby(["window_start", "window_end"]):
        table.loc[block.index, "p_holm"] = adjust(block["p_value"].to_numpy(np.float64))[0]
    columns = ["group", "window_start", "window_end", "n", "caar", "low", "high", "test",
               "statistic", "p_value", "p_holm"]  # fmt: skip
    return pd.DataFrame(table[columns])


def _pooled(results: EventStudyResults, window: tuple[int, int]) -> dict[str, float | str]:
    """The recommended test and its interval; nothing where it is not defined (N = 1)."""
    from analysis.eventstudy.dependence import rbar
    from analysis.eventstudy.intervals import caar_interval

    tested = results.caar(window)
    if not math.isfinite(tested["p_value"]):
        return {}
    sample, _ = results.sample(window)
    _, low, high = caar_interval(sample, rbar(sample, results.study.rbar), 0.95)
    return {
        "low": low,
        "high": high,
        "test": str(tested["test"]),
        "statistic": float(tested["statistic"]),
        "p_value": float(tested["p_value"]),
    }


def _caar(results: EventStudyResults, group: str, window: tuple[int, int]) -> float:
    import pandas as pd

    car = results.car(window)["car"]
    if group != "all":
        members = results.events.loc[results.events["group"] == group]
        keys = pd.MultiIndex.from_frame(members[["event_id", "security"]])
        car = car[car.index.isin(keys)]
    return float(car.mean())


def paths_frame(results: EventStudyResults, window: tuple[int, int]) -> pd.DataFrame:
    """CAAR from the window's first day to each of its days, per group, with its interval.

    Returns
    -------
    pandas.DataFrame
        group, day, caar, low, high, n; see `groups_frame` for the interval.
    """
    first, last = window
    spans = [(first, day) for day in range(first, last + 1)]
    table = groups_frame(results, spans)
    table = table.rename(columns={"window_end": "day"})
    return table[["group", "day", "caar", "low", "high", "n"]]
