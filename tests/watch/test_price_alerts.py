"""What the watch makes of observed prices: providers that come and go, prices that change."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl

from analysis.tables import schema_of
from analysis.watch.price_alerts import price_alerts


def prices(*rows: tuple[str, str, float, int]) -> pl.DataFrame:
    """Day of November, provider, price, hour."""
    types = {name: held.dtype for name, held in schema_of("model_prices").columns().items()}
    made = [
        {
            "date": date(2026, 11, int(day)), "model": "m/x", "provider": provider,
            "prompt": price, "completion": 1.0, "context_length": None,
            "source": "openrouter_prices", "backfilled": False, "flag": None,
            "observed_at": datetime(2026, 11, int(day), hour, tzinfo=UTC),
        }
        for day, provider, price, hour in rows
    ]  # fmt: skip
    return pl.DataFrame(made, schema=types)


def told(frame: pl.DataFrame) -> list[tuple[str, str]]:
    return [(alert.kind, alert.details["provider"]) for alert in price_alerts(frame)]


def test_prices_are_compared_with_the_look_before() -> None:
    frame = prices(("1", "a", 1.0, 9), ("2", "a", 1.0, 9), ("3", "a", 2.0, 9), ("3", "a", 1.0, 15))
    assert told(frame) == [("price", "a"), ("price", "a")]
    first, second = price_alerts(frame)
    assert (first.details["before"]["prompt"], first.details["after"]["prompt"]) == (1.0, 2.0)
    assert first.id != second.id


def test_providers_come_and_go_and_come_again() -> None:
    frame = prices(
        ("1", "a", 1.0, 9), ("1", "b", 1.0, 9), ("1", "c", 1.0, 15),
        ("2", "a", 1.0, 9), ("2", "list", 1.0, 9),
        ("3", "a", 1.0, 9), ("3", "b", 1.0, 9),
        ("4", "list", 1.0, 9),
        ("5", "a", 1.0, 9), ("5", "b", 1.0, 9),
    )  # fmt: skip
    assert told(frame) == [
        ("provider", "c"), ("provider_gone", "b"), ("provider_gone", "c"), ("provider", "b"),
    ]  # fmt: skip


def test_a_provider_that_a_morning_missed_and_an_evening_shows_is_there_again() -> None:
    morning = [("1", "a", 1.0, 9), ("1", "b", 1.0, 9), ("2", "a", 1.0, 9)]
    assert told(prices(*morning)) == [("provider_gone", "b")]
    whole = prices(*morning, ("2", "b", 2.0, 18))
    assert told(whole) == [("provider_gone", "b"), ("provider", "b")]
    gone, back = price_alerts(whole)
    # What was told in the morning keeps its id, so that it is not told again.
    assert gone.id == next(iter(price_alerts(prices(*morning)))).id
    assert "again" in back.text
    assert told(prices(*morning, ("2", "b", 1.0, 18), ("3", "a", 1.0, 9), ("3", "b", 1.0, 9))) == [
        ("provider_gone", "b"), ("provider", "b"),
    ]  # fmt: skip


def test_all_providers_of_a_model_may_change_at_once() -> None:
    assert told(prices(("1", "a", 1.0, 9), ("2", "b", 1.0, 9))) == [
        ("provider_gone", "a"), ("provider", "b"),
    ]  # fmt: skip
