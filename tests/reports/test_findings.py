"""Which security leads a note, from frames made up for each case."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from scipy import stats

from analysis.reports.findings import Findings, company, find

DAY = pd.Timestamp("2025-01-27")


def row(ticker: str, abnormal: float, p: float = 0.5, **other: Any) -> dict[str, Any]:
    return {
        "security": ticker, "name": f"{ticker} (place)", "role": "gpu", "day0": DAY,
        "raw": abnormal - 0.01, "abnormal": abnormal, "se": 0.02, "df": 200.0, "p_value": p,
        "p_adjusted": p, "significant": p < 0.05, "named": False, "counted": True,
    } | other  # fmt: skip


def own(ticker: str, abnormal: float, p: float = 0.5, **other: Any) -> dict[str, Any]:
    return row(ticker, abnormal, p, named=True, **other)


def groups(**caars: tuple[int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"group": name, "window_start": 0, "window_end": 0, "n": n, "caar": caar, "p_holm": p}
            for name, (n, caar, p) in caars.items()
        ],
        columns=["group", "window_start", "window_end", "n", "caar", "p_holm"],
    )


def found(
    *rows: dict[str, Any],
    busy: tuple[str, ...] = (),
    later: tuple[dict[str, Any], ...] = (),
    roles: pd.DataFrame | None = None,
    average_p: float = 0.5,
) -> Findings:
    frame = pd.DataFrame(list(rows))
    neighbours = {1: pd.DataFrame(list(later))} if later else {}
    news = {(ticker, 0): "results" for ticker in busy}
    return find(frame, groups() if roles is None else roles, average_p, news, neighbours)


def lead(result: Findings) -> str:
    assert result.lead is not None
    return result.lead.ticker


def test_the_first_that_the_event_names_leads_unless_another_moved_twice_as_much() -> None:
    first, second = own("NVDA", -0.13, 0.001), own("MRVL", -0.15, 0.001)
    assert lead(found(first, second, row("CRDO", -0.27, 0.001))) == "NVDA"
    assert lead(found(first, own("SMCI", -0.3, 0.001))) == "SMCI"


def test_a_security_with_its_own_news_does_not_lead() -> None:
    result = found(own("INTC", 0.22, 0.001), own("AMD", 0.12, 0.001), busy=("INTC",))
    assert (result.kind, lead(result)) == ("moved", "AMD")
    result = found(own("INTC", 0.22, 0.001), busy=("INTC",))
    assert (result.kind, lead(result)) == ("confounded", "INTC")
    assert result.lead is not None
    assert result.lead.confounded == "results"


def test_where_the_timing_is_loose_the_neighbouring_session_is_looked_at() -> None:
    later = own("SMCI", -0.3, 0.001)
    result = found(own("SMCI", 0.01), row("CRDO", -0.2, 0.001), later=(later,))
    assert (result.kind, lead(result)) == ("neighbour", "SMCI")
    assert result.lead is not None
    assert result.lead.offset == 1
    result = found(own("SMCI", -0.05, 0.01), later=(later,))
    assert result.kind == "moved"
    assert result.second is not None
    assert result.second.abnormal == -0.3
    smaller = own("SMCI", -0.03, 0.01)
    assert found(own("SMCI", -0.05, 0.01), later=(smaller,)).second is None
    others = found(own("SMCI", 0.01), later=(row("CRDO", -0.3, 0.001),))
    assert others.kind == "none"


def test_the_move_of_another_is_told_apart() -> None:
    result = found(own("NVDA", 0.01), row("AAPL", -0.04, 0.01), row("ORCL", 0.03, 0.01))
    assert (result.kind, lead(result)) == ("other", "NVDA")
    assert result.second is not None
    assert result.second.ticker == "AAPL"
    nobody = found(row("AAPL", -0.04, 0.01), row("ORCL", 0.03, 0.4))
    assert (nobody.kind, nobody.lead) == ("other", None)
    # A study of one security is about it, whoever the event names.
    assert lead(found(row("AAPL", -0.04, 0.01))) == "AAPL"


def test_averages_lead_where_no_security_moved() -> None:
    rows = (own("NVDA", 0.01), row("AMD", 0.02))
    roles = groups(all=(2, 0.015, float("nan")), gpu=(2, 0.015, 0.01))
    result = found(*rows, roles=roles)
    assert result.kind == "group"
    assert result.average is not None
    assert not result.average.significant
    assert result.groups[0].raw == pytest.approx(0.005)
    assert found(*rows, roles=roles.head(1), average_p=0.01).kind == "group"
    assert found(*rows, roles=roles.head(1), average_p=0.2).kind == "none"
    single = groups(gpu=(1, 0.01, 0.001))
    assert found(own("NVDA", 0.01), roles=single).kind == "none"


def test_without_any_abnormal_return_nothing_is_claimed() -> None:
    assert found(own("NVDA", float("nan"))).kind == "unmeasured"


def test_the_detectable_move_has_four_in_five_chances() -> None:
    result = found(own("NVDA", 0.01))
    assert result.lead is not None
    wanted = (stats.t.ppf(0.975, 200) + stats.t.ppf(0.8, 200)) * 0.02
    assert result.lead.detectable == pytest.approx(wanted)
    # The power of a t test against that shift, from the non-central distribution.
    power = stats.nct.sf(stats.t.ppf(0.975, 200), 200, wanted / 0.02)
    assert power == pytest.approx(0.8, abs=0.005)


def test_a_company_is_named_without_the_place_of_its_listing() -> None:
    assert company("SMIC (Hong Kong)", "0981.HK") == "SMIC"
    assert company("", "X") == "X"
