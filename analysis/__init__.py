"""Faultline: what AI-model releases and the US-China chip conflict do to markets.

``from analysis import Desk`` is the way in; importing the package itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.desk import Desk

__version__ = "0.2.0"
__all__ = ["Desk", "__version__"]


def __getattr__(name: str) -> Any:
    """Import `Desk` when it is first asked for (PEP 562)."""
    if name == "Desk":
        from analysis.desk import Desk

        return Desk
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
