"""Prices, dividends, splits and statements from Yahoo Finance."""
