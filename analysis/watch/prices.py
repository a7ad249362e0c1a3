"""Observations of `model_prices` into what providers and prices did.

Pure. Each pass that found prices is a look at a model: a provider that no earlier look showed is
new, one that a look no longer shows is gone, and a price that differs from the look before has
changed. A look that holds no provider but the market place's own list says nothing of providers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from analysis.watch.alerts import Alert, alert_id

if TYPE_CHECKING:
    import polars as pl

LIST = "list"
_PAGE = "https://openrouter.ai/"


def of_prices(observations: pl.DataFrame) -> Iterator[Alert]:
    """Every change, model by model, oldest first.

    Parameters
    ----------
    observations : polars.DataFrame
        Every observation of the table, revisions included: a price that moved twice within
        a day has been seen twice.
    """
    rows = observations.sort("model", "date", "observed_at", "provider")
    for (model,), own in rows.group_by("model", maintain_order=True):
        yield from _of_model(str(model), own)


def _of_model(model: str, rows: pl.DataFrame) -> Iterator[Alert]:
    """Walk over the observations of one model."""
    held: dict[str, dict[str, Any]] = {}
    shown: set[str] = set()  # providers of the last day that showed any
    ever: set[str] = set()
    for (day,), of_day in rows.group_by("date", maintain_order=True):
        today: dict[str, dict[str, Any]] = {}
        for row in of_day.iter_rows(named=True):
            provider = row["provider"]
            before = held.get(provider)
            if before is not None and _price(before) != _price(row):
                yield _changed(model, before, row)
            held[provider] = today[provider] = row
        providers = set(today) - {LIST}
        if providers:
            # On the first day only what came after the first look is new.
            before_today = shown or _first_look(of_day)
            for provider in sorted(providers - before_today):
                yield _arrived(model, today[provider], again=provider in ever)
            for provider in sorted(shown - providers):
                yield _gone(model, held.pop(provider), day, of_day["observed_at"].max())
            shown = providers
            ever |= providers


def _first_look(of_day: pl.DataFrame) -> set[str]:
    served = of_day.filter(of_day["provider"] != LIST)
    first = served.filter(served["observed_at"] == served["observed_at"].min())
    return set(first["provider"])


def _price(row: Mapping[str, Any]) -> tuple[float, float]:
    return row["prompt"], row["completion"]


def _changed(model: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Alert:
    who = "the market place's list" if after["provider"] == LIST else after["provider"]
    return _alert(
        "price", model, after,
        f"Price on OpenRouter: {model} at {who} went from {_spell(before)} to {_spell(after)} "
        "USD per million tokens (prompt/completion).",
        alert_id("price", model, after["provider"], after["observed_at"], *_price(after)),
        before=_figures(before), after=_figures(after),
    )  # fmt: skip


def _arrived(model: str, row: Mapping[str, Any], *, again: bool) -> Alert:
    return _alert(
        "provider", model, row,
        f"Provider on OpenRouter: {row['provider']} serves {model}{' again' if again else ''} at "
        f"{_spell(row)} USD per million tokens (prompt/completion).",
        alert_id("provider", model, row["provider"], row["date"]), after=_figures(row),
    )  # fmt: skip


def _gone(model: str, last: Mapping[str, Any], day: Any, seen: Any) -> Alert:
    assert isinstance(day, date)
    assert isinstance(seen, datetime)
    return _alert(
        "provider_gone", model, {**last, "observed_at": seen},
        f"Provider on OpenRouter: {last['provider']} no longer serves {model}.",
        alert_id("provider_gone", model, last["provider"], day), before=_figures(last),
    )  # fmt: skip


def _alert(
    kind: str, model: str, row: Mapping[str, Any], text: str, name: str, **details: Any
) -> Alert:
    return Alert(
        id=name,
        subject=f"openrouter {model}",
        kind=kind,
        text=text,
        url=f"{_PAGE}{model}",
        observed_at=row["observed_at"],
        name=model,
        details={"provider": row["provider"], **details},
    )


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("prompt", "completion", "context_length")}


def _spell(row: Mapping[str, Any]) -> str:
    return f"{row['prompt']:g}/{row['completion']:g}"
