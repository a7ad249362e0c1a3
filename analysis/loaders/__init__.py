"""The outside world in: one module per source, all with one face.

A loader asks one kind of source and answers with rows of one table. It knows neither where
tables rest nor what people decided about them: `analysis.update` tells it what to ask for and
puts the answer into the store. Everything that goes over the wire goes through
`analysis.loaders.http`, but for what yfinance and huggingface_hub send themselves.
"""

from __future__ import annotations

from analysis.loaders.face import Loader, Request

__all__ = ["Loader", "Request"]
