"""What a notebook shows besides charts and tables, each under a MIME type of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

# {"headline", "lead"}: text, never Markdown
OPENING = "application/vnd.faultline.opening+json"
# [{"value", "label", "window"}]
FIGURES = "application/vnd.faultline.figures+json"
# [{"title", "text", "level"}]
CAVEATS = "application/vnd.faultline.caveats+json"
# numbers for machines; those of several cells are merged
RESULTS = "application/vnd.faultline.results+json"
# where the numbers come from; merged into the page's manifest
MANIFEST = "application/vnd.faultline.manifest+json"


@dataclass(frozen=True)
class Display:
    """One thing to show: a MIME type, its payload, and text or HTML for other front ends."""

    mime: str
    payload: Any
    text: str
    html: str = ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown = {self.mime: self.payload, "text/plain": self.text}
        return shown | ({"text/html": self.html} if self.html else {})


def opening(headline: str, lead: str) -> Display:
    """The first heading of a page and the paragraph under it; text, never Markdown."""
    return Display(
        OPENING,
        {"headline": headline, "lead": lead},
        f"{headline}\n\n{lead}",
        f"<h1>{escape(headline)}</h1><p>{escape(lead)}</p>",
    )


def key_figures(cards: Sequence[Mapping[str, str]]) -> Display:
    """Figures under the headline, each with ``value``, ``label`` and ``window``."""
    text = "; ".join(f"{card['value']} {card['label']}" for card in cards)
    return Display(FIGURES, list(cards), text)


def results(document: Mapping[str, Any]) -> Display:
    """Every number of a page's headline tables, for machines."""
    return Display(RESULTS, document, "faultline-results")


def manifest(document: Mapping[str, Any]) -> Display:
    """Where a page's numbers come from, for machines."""
    return Display(MANIFEST, document, "faultline-manifest")
