"""Prices, dividends, splits and statements from Yahoo Finance."""

from analysis.loaders.yahoo.prices import Yahoo, YahooActions
from analysis.loaders.yahoo.statements import YahooRevenues

__all__ = ["Yahoo", "YahooActions", "YahooRevenues"]
