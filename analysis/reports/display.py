"""What a notebook shows besides charts and tables, each under a MIME type of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

# {"headline", "lead"}: text, never Markdown
OPENING = "application/vnd.faultline.opening+json"
# {"title", "headline", "badges": [{"text", "level"}], "figures", "bullets"}: text, never Markdown
NOTE = "application/vnd.faultline.note+json"
# [{"term", "text"}]
LINES = "application/vnd.faultline.lines+json"
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


def note(
    title: str,
    headline: str,
    badges: Sequence[Mapping[str, str]],
    figures: Sequence[Mapping[str, str]],
    bullets: Sequence[str],
) -> Display:
    """The first screen of a briefing; text, never Markdown."""
    payload = {
        "title": title,
        "headline": headline,
        "badges": list(badges),
        "figures": list(figures),
        "bullets": list(bullets),
    }
    marks = " | ".join(badge["text"] for badge in badges)
    cards = "; ".join(f"{card['value']} {card['label']}" for card in figures)
    listed = "\n".join(f"- {bullet}" for bullet in bullets)
    return Display(
        NOTE,
        payload,
        f"{title}\n\n{headline}\n\n{marks}\n\n{cards}\n\n{listed}",
        _note_html(payload),
    )


def _note_html(payload: Mapping[str, Any]) -> str:
    badges = " · ".join(escape(badge["text"]) for badge in payload["badges"])
    cards = "".join(
        f"<li><b>{escape(card['value'])}</b> {escape(card['label'])}"
        f"{', ' + escape(card['window']) if card.get('window') else ''}</li>"
        for card in payload["figures"]
    )
    bullets = "".join(f"<li>{escape(bullet)}</li>" for bullet in payload["bullets"])
    return (
        f"<h1>{escape(payload['title'])}</h1><p><b>{escape(payload['headline'])}</b></p>"
        f"<p><small>{badges}</small></p><ul>{cards}</ul><ul>{bullets}</ul>"
    )


def lines(terms: Mapping[str, str]) -> Display:
    """Short remarks, each under a term; text, never Markdown."""
    payload = [{"term": term, "text": text} for term, text in terms.items()]
    text = "\n".join(f"{term}: {words}" for term, words in terms.items())
    html = "".join(f"<p><b>{escape(a)}:</b> {escape(b)}</p>" for a, b in terms.items())
    return Display(LINES, payload, text, html)


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
