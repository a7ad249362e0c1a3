"""Revenues, capex, shares and days of results from the SEC's EDGAR."""

from analysis.loaders.edgar.earnings import EdgarEarnings
from analysis.loaders.edgar.loader import Edgar, read_company
from analysis.loaders.edgar.shares import EdgarShares

__all__ = ["Edgar", "EdgarEarnings", "EdgarShares", "read_company"]
