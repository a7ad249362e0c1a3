"""Revenues, capex and other figures from the SEC's EDGAR."""

from analysis.loaders.edgar.loader import Edgar, read_company

__all__ = ["Edgar", "read_company"]
