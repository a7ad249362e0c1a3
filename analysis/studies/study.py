"""Gather what a study needs (day 0, returns, benchmarks, calendars) and fit it.

Called by `analysis.desk.Desk`, whose methods document the arguments.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from analysis.catalogue.selection import select_peers
from analysis.errors import InputError, unknown_name
from analysis.studies.confounders import NewsData, find_confounders
from analysis.studies.models import ModelChoice, choose_model

if TYPE_CHECKING:
    import pandas as pd

    from analysis.catalogue import Catalogue
    from analysis.eventstudy import EventStudyResults, UncertainResults
    from analysis.eventstudy.models.linear import Model

_ANY_DAY = ["2000-01-03"]
_NO_BENCHMARK = "no home benchmark in the tables: name one, or take the model mean_adjusted"
_OPTIONS = ("estimation", "window", "min_observations", "exclude_own_events", "rbar", "preset",
            "seed")  # fmt: skip


class _Data(NewsData, Protocol):
    """The tables that a study reads; `analysis.desk.Desk` has them."""

    def returns(self, tickers: Sequence[str]) -> pd.DataFrame: ...
    def sessions(self, tickers: Sequence[str]) -> dict[Hashable, pd.DatetimeIndex]: ...
    def placements(self, events: str | Sequence[str], tickers: Sequence[str]) -> pd.DataFrame: ...
    def factors(self, names: Sequence[str]) -> pd.DataFrame: ...


def fit_study(
    data: _Data,
    events: str | Sequence[str],
    securities: Sequence[str],
    model: str | Model,
    benchmark: str | None,
    **options: Any,
) -> EventStudyResults:
    """Fit a study of events with known days; see `analysis.desk.Desk.study`."""
    from analysis.eventstudy import EventStudy

    homes = home_benchmarks(data.catalogue, securities, benchmark)
    chosen = choose_model(model, homes, select_peers(data.catalogue, securities))
    placed = day0_table(data, events, securities)
    if options.pop("exclude_confounded", False):
        placed = _without_confounded(data, placed)
    if chosen.needs_benchmark and not chosen.markets:
        lacking = ~placed["security"].isin(list(homes))
        placed.loc[lacking & (placed["reason"] == ""), "reason"] = _NO_BENCHMARK
    study = EventStudy(events=placed, **_inputs(data, chosen, placed, securities, homes, options))
    refused = placed[placed["reason"] != ""]
    return study.fit().with_skipped(refused[["event_id", "security", "reason"]])


def fit_uncertain_study(
    data: _Data, candidates: pd.DataFrame, model: str | Model, benchmark: str | None, **options: Any
) -> UncertainResults:
    """Fit a study of events whose day is one of several; see `Desk.uncertain_study`."""
    from analysis.eventstudy import UncertainStudy
    from analysis.eventstudy.uncertain_dates.candidates import check_candidates

    table = check_candidates(candidates).table
    securities = list(table["security"].unique())
    if options.pop("preset", None) is not None:
        raise InputError("A study of uncertain dates has our conventions; leave preset out.")
    homes = home_benchmarks(data.catalogue, securities, benchmark)
    chosen = choose_model(model, homes, select_peers(data.catalogue, securities))
    inputs = _inputs(data, chosen, table, securities, homes, options)
    return UncertainStudy(candidates=table, **inputs).fit()


def candidate_days(
    data: _Data,
    events: str | Sequence[str],
    securities: Sequence[str],
    sessions: int | tuple[int, int] | None,
) -> pd.DataFrame:
    """List the days on which events may have become known; see `Desk.candidates`."""
    import pandas as pd

    from analysis.eventstudy import candidates_around

    placed = day0_table(data, events, securities)
    calendars = data.sessions(list(placed["security"].unique()))
    parts = []
    for _, rows in placed.groupby("event_id", sort=False):
        if rows["date"].isna().all():
            raise InputError(rows["reason"].iloc[0])
        reach = int(rows["uncertain"].any()) if sessions is None else sessions
        parts.append(candidates_around(rows, calendars, reach))
    return pd.concat(parts, ignore_index=True)


def home_benchmarks(
    catalogue: Catalogue, securities: Sequence[str], benchmark: str | None
) -> dict[str, str]:
    """Benchmark of each security, or the same one for all; one that has none is left out."""
    if benchmark is not None:
        catalogue.instrument(benchmark)
        return dict.fromkeys(securities, benchmark)
    homes = {item: catalogue.instrument(item)["benchmark"] for item in securities}
    return {security: home for security, home in homes.items() if home}


def _without_confounded(data: _Data, placed: pd.DataFrame) -> pd.DataFrame:
    """Give pairs with news of their own on day 0 a reason to be left out."""
    found = find_confounders(data, placed.rename(columns={"date": "day0"}))
    own = found[found["kind"] == "own"].groupby(["event_id", "security"])["what"].agg("; ".join)
    keys = zip(placed["event_id"], placed["security"], strict=True)
    news = [own.get(key, "") for key in keys]
    reasons = [
        reason or (f"left out: own news on day 0 ({what})" if what else "")
        for reason, what in zip(placed["reason"], news, strict=True)
    ]
    if not any(reason == "" for reason in reasons) and any(news):
        raise InputError(
            "Every security has news of its own on day 0; include them, or name other securities."
        )
    placed = placed.assign(reason=reasons)
    return placed.assign(date=placed["date"].where(placed["reason"] == ""))


def day0_table(data: _Data, events: str | Sequence[str], securities: Sequence[str]) -> pd.DataFrame:
    """Pairs for the engine, which skips those without a day 0; groups are roles."""
    frame = data.placements(events, securities).rename(columns={"day0": "date"})
    roles = dict(data.instruments().select("ticker", "role").iter_rows())
    frame["group"] = [roles.get(item) or "other" for item in frame["security"]]
    return frame


def _inputs(
    data: _Data,
    chosen: ModelChoice,
    pairs: pd.DataFrame,
    securities: Sequence[str],
    homes: dict[str, str],
    options: dict[str, Any],
) -> dict[str, Any]:
    """Arguments of the engine's study; ``options`` are checked against those that it may take."""
    for name in options:
        if name not in _OPTIONS:
            raise unknown_name("option of a study", name, _OPTIONS)
    returns = data.returns([*securities, *chosen.peers])
    return {
        "returns": _with_nonempty_index(returns, pairs),
        "model": chosen.model,
        "factors": _factors(data, chosen, homes, pairs),
        "calendars": data.sessions(securities),
        **options,
    }


def _factors(
    data: _Data, chosen: ModelChoice, homes: dict[str, str], pairs: pd.DataFrame
) -> pd.DataFrame | None:
    """Columns that the model reads: benchmarks, and figures of the table of factors."""
    table = data.factors(chosen.factors) if chosen.factors else None
    if chosen.needs_benchmark:
        # Where no security has a benchmark all are skipped; the engine still wants a column.
        some_home = data.instruments()["benchmark"].drop_nulls()[:1]
        markets = data.returns(list(dict.fromkeys(chosen.markets or homes.values() or some_home)))
        table = markets if table is None else markets.join(table, how="outer")
    return None if table is None else _with_nonempty_index(table, pairs)


def _with_nonempty_index(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The table; where the desk's day knows no figure, the events' days, all missing."""
    if len(table):
        return table
    import pandas as pd

    days = pairs["date"].dropna().unique()
    return table.reindex(pd.DatetimeIndex(days).sort_values() if len(days) else _ANY_DAY)
