"""A finished page held against what a briefing may hold, before it is published.

Every render ends here. The page is parsed once as browsers parse it, and its tree is compared
with the allow-list: our own head, scripts and style sheet to the letter, and in the body no
element, attribute or address beyond the list. What made the page is not trusted to have
escaped its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.briefings.allow_list import ELEMENTS, EVERYWHERE, MATH, RESERVED_IDS, is_harmless
from analysis.errors import RenderError

Attributes = Mapping[str, str]

_FRAME = "body figcaption figure footer head header html main nav summary title"
_PAGE: dict[str, frozenset[str]] = {
    **ELEMENTS,
    **dict.fromkeys(_FRAME.split(), frozenset()),
    "details": frozenset({"open"}),
    "time": frozenset({"datetime"}),
}
_EVERYWHERE = EVERYWHERE | {"aria-label", "aria-labelledby", "data-alt", "role", "tabindex"}
_DATA_SCRIPTS = ("application/json", "application/x-gzip-base85")
_SHOWN = 60


@dataclass(frozen=True)
class Template:
    """What the page's template itself puts into a page."""

    policy: str  # content of the Content-Security-Policy
    version: str  # of Faultline, as the page names its generator
    script: str  # the one script that runs
    style: str  # the one style sheet

    @property
    def head(self) -> list[tuple[str, Attributes]]:
        """The elements ``meta`` and ``link`` that a page has, each once and in this order."""
        return [
            ("meta", {"charset": "utf-8"}),
            ("meta", {"http-equiv": "Content-Security-Policy", "content": self.policy}),
            ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            ("meta", {"name": "color-scheme", "content": "light dark"}),
            ("meta", {"name": "referrer", "content": "no-referrer"}),
            ("meta", {"name": "generator", "content": f"Faultline {self.version}"}),
            ("link", {"rel": "icon", "href": "data:,"}),
        ]

    @property
    def bodies(self) -> list[tuple[str, str]]:
        """The style sheet and the script that runs, each once and in this order."""
        return [("style", self.style), ("script", self.script)]


def inspect_page(html: str, template: Template, pieces: Sequence[tuple[str, str]] = ()) -> None:
    """Refuse a page that holds anything but what a briefing may hold.

    Parameters
    ----------
    html : str
        The whole document.
    template : Template
        What its head, script and style sheet must be.
    pieces : sequence of (str, str)
        Where each piece of the body came from, and the piece, to name the origin of a fault.

    Raises
    ------
    RenderError
        Names the element and where it came from.
    """
    fault = next(_faults(html, template), "")
    if not fault:
        return
    origin = next((place for place, piece in pieces if _fault_of(piece)), "")
    where = f"It comes from {origin}." if origin else "It comes from outside the cells' outputs."
    raise RenderError(
        f"The page holds {fault}, which no briefing may hold, so it was not published. {where}"
    )


def _faults(html: str, template: Template) -> Iterator[str]:
    head, bodies, ids = [], [], []
    for tag, attributes, text in _nodes(html):
        ids.append(attributes.get("id", ""))
        if tag in ("meta", "link"):
            head.append((tag, attributes))
            if (tag, attributes) not in template.head:
                yield _spelled(tag, attributes)
        elif tag in ("script", "style") and not attributes:
            bodies.append((tag, text))
            if (tag, text) not in template.bodies:
                yield f"a {tag} of its own"
        else:
            yield from _fault(tag, attributes)
    yield from (f"the id {name!r} twice" for name in sorted(RESERVED_IDS) if ids.count(name) > 1)
    if head != template.head or bodies != template.bodies:
        yield "another head than its template's"


def _fault_of(piece: str) -> str:
    """What a piece of the body holds that it may not; blank when there is nothing."""
    return next((fault for tag, own, _ in _nodes(piece) for fault in _fault(tag, own)), "")


def _fault(tag: str, attributes: Attributes) -> Iterator[str]:
    if tag == "script":
        known = set(attributes) <= {"type", "id", "class"}
        if attributes.get("type") not in _DATA_SCRIPTS or not known:
            yield _spelled(tag, attributes)
        return
    if tag not in _PAGE:
        yield _spelled(tag, attributes)
        return
    own = _PAGE[tag] if tag in MATH else _PAGE[tag] | _EVERYWHERE
    for name, value in attributes.items():
        if name not in own | EVERYWHERE or not is_harmless(name, value):
            yield _spelled(tag, {name: value})


def _nodes(html: str) -> Iterator[tuple[str, Attributes, str]]:
    """Every element and comment of a document: name, attributes, and a script's or style's text."""
    from selectolax.lexbor import LexborHTMLParser

    parsed = LexborHTMLParser(html.encode("utf-8", "backslashreplace"))
    # What a template element holds is beside the tree; the element itself is refused.
    for node in parsed.root.traverse(include_text=False) if parsed.root else ():
        if not node.is_element_node and not node.is_comment_node:
            continue
        attributes = {name: value or "" for name, value in node.attributes.items()}
        text = node.text(deep=True) or "" if node.tag in ("script", "style") else ""
        yield str(node.tag), attributes, text


def _spelled(tag: str, attributes: Attributes) -> str:
    """An element as a reader finds it in the page's source, cut short."""
    if tag.startswith("-"):
        return "a comment"
    written = "".join(f' {name}="{value[:_SHOWN]}"' for name, value in attributes.items())
    return f"the element <{tag}{written}>"
