"""Token usage and model prices from OpenRouter."""

from analysis.loaders.openrouter.prices import OpenrouterPrices
from analysis.loaders.openrouter.usage import Openrouter

__all__ = ["Openrouter", "OpenrouterPrices"]
