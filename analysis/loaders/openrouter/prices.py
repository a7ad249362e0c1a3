"""Prices of models on OpenRouter: the list price, and each provider's for watched models.

No key is needed. The service quotes USD per token as text; the table holds USD per million
tokens, computed without rounding. A price is of the day on which it was asked for: there is no
history to be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from analysis.errors import SourceError
from analysis.loaders import fields
from analysis.loaders.base import PartialFetchError, Request, Unreadable
from analysis.loaders.batch import fetch_each, readable_rows
from analysis.loaders.frames import table_frame

if TYPE_CHECKING:
    import polars as pl

LIST = "list"
_MILLION = Decimal(1_000_000)
_MOST_ENDPOINTS = 1_000  # of one model; the most served has some thirty
_MODELS = "/api/v1/models"


class OpenrouterPrices:
    """Prices of the day; `Request.names` are models as OpenRouter writes them.

    With names, their list prices and those of all their providers; without, the list prices
    of all models.
    """

    name = "openrouter_prices"
    table = "model_prices"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the list, then for the providers, see `analysis.loaders.base.Loader`."""
        from analysis.loaders.http.client import Client

        with Client("openrouter", archive=request.archive) as client:
            response = client.get(_MODELS)
            listed, unreadable = readable_rows(parse_models(response.json(), response.fetched_at))
            known = {row["model"] for row in listed}

            def fetch_one(model: str) -> Iterator[dict[str, Any] | Unreadable]:
                found = client.get(f"{_MODELS}/{quote(model)}/endpoints")
                return parse_endpoints(found.json(), model, found.fetched_at)

            wanted = [row for row in listed if not request.names or row["model"] in request.names]
            try:
                frame = fetch_each(
                    self.name,
                    request.names,
                    fetch_one,
                    lambda rows: table_frame(self.table, self.name, [*wanted, *rows]),
                )
            except PartialFetchError as partial:
                for told in (partial.failures, partial.news):
                    for model in told.keys() - known:
                        told[model] += " It is not on OpenRouter's list of models either."
                unreadable += partial.unreadable
                raise PartialFetchError(
                    self.name, partial.frame, partial.failures, unreadable, partial.news,
                    partial.incomplete,
                ) from None  # fmt: skip
        if unreadable:
            raise PartialFetchError(self.name, frame, {}, unreadable)
        return frame


def parse_models(document: Any, observed_at: datetime) -> Iterator[dict[str, Any] | Unreadable]:
    """Read the list of models: a row of ``model_prices`` each, provider ``"list"``.

    Nothing comes for a router or a model that has no price of its own.
    """
    where = "openrouter's list of models"

    def read(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        model = fields.require_text(item, "id", where)
        return _priced(item, model, LIST, f"{where}, {model}", observed_at)

    data = fields.require_field(fields.require_object(document, where), "data", where)
    return fields.read_records(data, where, read)


def parse_endpoints(
    document: Any, model: str, observed_at: datetime
) -> Iterator[dict[str, Any] | Unreadable]:
    """Read the providers of a model; as `parse_models`.

    The provider is the endpoint's tag (``deepinfra/fp8``): a provider may serve one model in
    several precisions at several prices. Endpoints that share a tag are told apart by their
    precision (``deepinfra#fp8``), and where that is the same by a number in the order of their
    prices, so that none pushes the other out; those that are equal are one.
    """
    where = f"openrouter's providers of {model}"
    offers: dict[str, list[dict[str, Any]]] = {}

    def read(item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        tag = str(item.get("tag") or fields.require_text(item, "provider_name", where))
        for row in _priced(item, model, tag, f"{where}, {tag}", observed_at):
            yield tag, {**row, "precision": _precision(item)}

    data = fields.require_object(
        fields.require_field(fields.require_object(document, where), "data", where), where
    )
    endpoints = fields.require_list(fields.require_field(data, "endpoints", where), where)
    if len(endpoints) > _MOST_ENDPOINTS:
        raise SourceError(
            f"{where} are more than {_MOST_ENDPOINTS:,}: the shape of the response has changed."
        )
    seen: set[tuple[object, ...]] = set()
    for found in fields.read_records(endpoints, where, read):
        if isinstance(found, Unreadable):
            yield found
            continue
        tag, offer = found
        if (key := (tag, *offer.values())) not in seen:
            seen.add(key)
            offers.setdefault(tag, []).append(offer)
    for tag, own in offers.items():
        yield from _apart(tag, own)


def per_million(price: Any, name: str, where: str) -> float | None:
    """Turn USD per token (text or number) into USD per million tokens; None for what is no price.

    Routers, which have no price of their own, say -1.
    """
    try:
        if price is None or isinstance(price, bool):
            raise InvalidOperation
        exact = Decimal(str(price)) * _MILLION
        if not exact.is_finite():
            raise InvalidOperation
    except ArithmeticError:
        shown = fields.describe_value(price)
        raise SourceError(
            f"{where}: the field {name!r} holds {shown} where a price was expected."
        ) from None
    return None if exact < 0 else float(exact)


def _priced(
    item: Mapping[str, Any], model: str, provider: str, where: str, observed_at: datetime
) -> Iterator[dict[str, Any]]:
    pricing = fields.require_object(fields.require_field(item, "pricing", where), where)
    prompt, completion = (
        per_million(fields.require_field(pricing, name, where), name, where)
        for name in ("prompt", "completion")
    )
    if prompt is None or completion is None:
        return
    yield {
        "date": observed_at.date(),
        "model": model,
        "provider": provider,
        "prompt": prompt,
        "completion": completion,
        "context_length": fields.parse_whole_count(item, "context_length", where),
        "observed_at": observed_at,
    }


def _precision(item: Mapping[str, Any]) -> str:
    precision = item.get("quantization")
    return "" if precision in (None, "unknown") else str(precision)


def _apart(tag: str, offers: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of one tag, each under a provider of its own, whatever order they came in."""
    taken: dict[str, int] = {}
    for offer in sorted(offers, key=_order):
        precision = offer.pop("precision")
        name = f"{tag}#{precision}" if precision and len(offers) > 1 else tag
        taken[name] = taken.get(name, 0) + 1
        yield {**offer, "provider": name if taken[name] == 1 else f"{name}#{taken[name]}"}


def _order(offer: Mapping[str, Any]) -> tuple[Any, ...]:
    return offer["precision"], offer["prompt"], offer["completion"], offer["context_length"] or 0
