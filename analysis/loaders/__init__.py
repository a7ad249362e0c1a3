"""The outside world in: one module per source, all with one face.

A loader asks one kind of source and answers with rows of one table. It knows neither where
tables rest nor what people decided about them: `analysis.update` tells it what to ask for and
puts the response into the store. Everything that goes over the wire goes through
`analysis.loaders.http.client`, but for what yfinance and huggingface_hub send themselves.
"""

from __future__ import annotations

from importlib import import_module

from analysis.loaders.base import Loader, PartialFetchError, Request

__all__ = ["Loader", "PartialFetchError", "Request", "loaders"]

# Source -> module and class, in the order in which they are shown.
_LOADERS: dict[str, tuple[str, str]] = {
    "yahoo": ("yahoo", "Yahoo"),
    "yahoo_actions": ("yahoo", "YahooActions"),
    "fred_prices": ("fred_prices", "FredPrices"),
    "edgar": ("edgar", "Edgar"),
    "edgar_shares": ("edgar", "EdgarShares"),
    "edgar_earnings": ("edgar", "EdgarEarnings"),
    "yahoo_revenues": ("yahoo", "YahooRevenues"),
    "french": ("french", "French"),
    "gpr": ("risk_indexes", "Gpr"),
    "fred": ("risk_indexes", "Fred"),
    "federal_register": ("federal_register", "FederalRegister"),
    "openrouter_prices": ("openrouter", "OpenrouterPrices"),
    "huggingface": ("huggingface", "Huggingface"),
    "github": ("github", "Github"),
    "pypistats": ("pypistats", "Pypistats"),
    "openrouter": ("openrouter", "Openrouter"),
    "huggingface_artefacts": ("huggingface", "HuggingfaceArtefacts"),
    "github_artefacts": ("github", "GithubArtefacts"),
    "github_support": ("github", "GithubReleaseMentions"),
}


def loaders() -> dict[str, type[Loader]]:
    """Every loader by the name of its source, in the order in which they are shown."""
    found = {}
    for name, (module, kind) in _LOADERS.items():
        loader: type[Loader] = getattr(import_module(f"{__name__}.{module}"), kind)
        found[name] = loader
    return found
