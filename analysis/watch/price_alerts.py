"""Observations of `model_prices` into what providers and prices did.

Pure. Each pass that found prices is a look at a model: a provider that no earlier look showed is
new, one that a look no longer shows is gone, and a price that differs from the look before has
changed. A look that holds no provider but the market place's own list says nothing of providers.

The store leaves out what repeats a price of the same day. So of a day only the first look is
known whole: a provider that it does not show is gone, one that comes later that day is there
again, and one that leaves during a day is missing on the next.
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


def price_alerts(observations: pl.DataFrame) -> Iterator[Alert]:
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
    shown: set[str] = set()  # providers at the end of the last day that showed any
    ever: set[str] = set()
    for (day,), of_day in rows.group_by("date", maintain_order=True):
        look = _first_look(of_day)
        at_first = set(look["provider"])
        gone = shown - at_first if at_first else set()
        for provider in sorted(gone):
            yield _provider_removed(model, held.pop(provider), day, look["observed_at"].min())
        today: dict[str, dict[str, Any]] = {}
        for row in of_day.iter_rows(named=True):
            provider = row["provider"]
            before = held.get(provider)
            if before is not None and _price(before) != _price(row):
                yield _changed(model, before, row)
            held[provider] = row
            today.setdefault(provider, row)
        providers = set(today) - {LIST}
        # On the first day only what came after the first look is new.
        for provider in sorted(providers - (shown - gone if shown else at_first)):
            yield _provider_added(model, today[provider], again=provider in ever)
        shown = providers or shown
        ever |= providers


def _first_look(of_day: pl.DataFrame) -> pl.DataFrame:
    """Rows of the day's first answer about providers."""
    import polars as pl

    served = of_day.filter(pl.col("provider") != LIST)
    return served.filter(pl.col("observed_at") == pl.col("observed_at").min())


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


def _provider_added(model: str, row: Mapping[str, Any], *, again: bool) -> Alert:
    return _alert(
        "provider", model, row,
        f"Provider on OpenRouter: {row['provider']} serves {model}{' again' if again else ''} at "
        f"{_spell(row)} USD per million tokens (prompt/completion).",
        alert_id("provider", model, row["provider"], row["date"]), after=_figures(row),
    )  # fmt: skip


def _provider_removed(model: str, last: Mapping[str, Any], day: Any, seen: Any) -> Alert:
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
