"""Revenues, capex and other figures from the SEC's EDGAR."""
