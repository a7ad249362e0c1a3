"""One wrong date, value or clock must neither silence a source nor take other records along."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.errors import DataError
from analysis.store import Store
from analysis.update.plan import FIRST_DAY, UpdateContext, requests_for
from tests.servers import figures
from tests.servers.sources import Sources
from tests.stores.rows import Seen, prices
from tests.stores.updates import one_pass


def serve_documents(sources: Sources, *wrong: dict[str, str | None]) -> None:
    listed = [figures.published("2026-00789", publication_date="2026-01-15")]
    listed += [figures.published(f"2026-0100{n}", **more) for n, more in enumerate(wrong)]
    sources.server.on("/api/v1/documents.json", figures.page(listed))
    for item in listed:
        number = item["document_number"]
        sources.server.on(
            f"/api/v1/public-inspection-documents/{number}.json", figures.inspected(number)
        )
    sources.server.on(
        r"^/api/v1/public-inspection-documents/[^/]*,",
        figures.page([figures.inspected(item["document_number"]) for item in listed]),
    )


def asked_since(sources: Sources) -> list[str]:
    name = "conditions[publication_date][gte]"
    return [seen.query[name][0] for seen in sources.server.requests if name in seen.query]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"publication_date": "2999-01-15"}, "published or planned soon"),
        ({"publication_date": "0001-01-01"}, "is earlier than 1936-01-01"),
        ({"effective_on": "2999-01-15"}, "effective within ten years"),
        ({"publication_date": "2026-13-45"}, "where a day was expected"),
    ],
)
def test_a_wrong_date_goes_to_quarantine_and_moves_nothing(
    wrong: dict[str, str | None],
    reason: str,
    sources: Sources,
    home: Path,
    few: Catalogue,
) -> None:
    serve_documents(sources, wrong)
    for _ in range(2):
        (outcome,) = one_pass(home, few, "federal_register")
        assert (outcome.ok, outcome.rejected) == (True, 1)
    store = Store(home)
    assert store.read("policy_documents")["document_number"].to_list() == ["2026-00789"]
    (kept,) = store.quarantined("policy_documents").iter_rows(named=True)
    assert reason in kept["reason"]
    assert "2026-01000" in kept["row"]
    assert asked_since(sources) == [FIRST_DAY.isoformat(), "2025-12-16"]


def test_dates_that_are_stored_already_move_nothing(few: Catalogue) -> None:
    now = datetime(2026, 10, 1, 12, tzinfo=UTC)
    known = UpdateContext(few, Calendars(), now)
    held = pl.DataFrame(
        {
            "source": ["federal_register"] * 3,
            "publication_date": [date(2026, 9, 1), date(2999, 1, 1), date(1, 1, 1)],
        }
    )
    (asked,) = requests_for("federal_register", "policy_documents", held, known)
    assert asked.since == date(2026, 8, 2)
    (asked,) = requests_for("federal_register", "policy_documents", held[2:], known)
    assert asked.since == FIRST_DAY - timedelta(days=30)
    stored = prices(
        [Seen(date(2026, 9, day), "NVDA", now, 1.0) for day in range(1, 30)]
        + [Seen(date(2999, 1, day), "NVDA", now, 1.0) for day in range(1, 30)]
    )
    asked = next(
        one for one in requests_for("yahoo", "prices", stored, known) if "NVDA" in one.names
    )
    assert asked.since == date(2026, 9, 20)


@pytest.mark.parametrize("price", ["1e999", "1e308", "1e999999999", "NaN", "x" * 5000])
def test_an_absurd_price_is_kept_apart_and_the_other_models_come(
    price: str, sources: Sources, home: Path, few: Catalogue
) -> None:
    good = figures.openrouter_model("moonshotai/kimi-k3")
    bad = figures.openrouter_model("a/b", pricing={"prompt": price, "completion": "0.1"})
    endless = figures.openrouter_model("c/d", context_length=10**30)
    sources.server.on("/api/v1/models", {"data": [good, bad, endless]})
    sources.server.on("^/api/v1/models/.+", {"data": {"id": "m", "endpoints": []}})
    (outcome,) = one_pass(home, few, "openrouter_prices")
    store = Store(home)
    taken = store.read("model_prices")["model"].to_list()
    assert set(taken) == {"moonshotai/kimi-k3"}
    assert "Unexpected" not in " ".join(outcome.failures)
    reasons = store.quarantined("model_prices")
    assert outcome.rejected == reasons.height
    assert reasons["reason"].str.len_chars().max() < 1000  # type: ignore[operator]


def test_nothing_is_stored_by_a_clock_that_is_behind_what_was_observed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 10, 1, 12, tzinfo=UTC)
    row = [Seen(date(2026, 9, 1), "NVDA", now, 1.0)]
    monkeypatch.setattr("analysis.store.writer.utc_now", lambda: now)
    Store(home, seed=None).append("prices", prices(row))
    earlier = now - timedelta(days=30)
    monkeypatch.setattr("analysis.store.writer.utc_now", lambda: earlier)
    again = [Seen(date(2026, 8, 31), "NVDA", earlier, 2.0)]
    with pytest.raises(DataError, match="holds an observation of 2026-10-01 12:00 UTC") as caught:
        Store(home, seed=None).append("prices", prices(again))
    assert "clock says 2026-09-01 12:00 UTC: nothing was stored" in str(caught.value)
    assert Store(home, seed=None).read("prices").height == 1
    monkeypatch.setattr("analysis.store.writer.utc_now", lambda: now - timedelta(hours=20))
    near = [Seen(date(2026, 8, 31), "NVDA", now - timedelta(hours=20), 2.0)]
    assert Store(home, seed=None).append("prices", prices(near)).new == 1


def test_an_update_with_a_wrong_clock_stores_nothing_and_says_why(
    sources: Sources, home: Path, few: Catalogue
) -> None:
    theirs = {"Date": "Mon, 14 Sep 2020 10:00:00 GMT"}
    sources.server.on("/", "whatever it is", headers=theirs)
    for outcome in one_pass(home, few, "fred", "yahoo", "huggingface"):
        assert not outcome.ok
        assert (outcome.new, outcome.revised) == (0, 0)
        assert "differ by more than a day, so nothing was stored" in outcome.failures[0]
