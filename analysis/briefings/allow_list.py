"""What a briefing's page may hold, and foreign markup reduced to it.

The lists are read twice: `sanitized` reduces Markdown, formulas and the HTML outputs of a
notebook to them, through nh3, and `page_inspection` holds the finished page against them. Both
use parsers of the WHATWG specification, since a filter of our own sees other markup than a
browser does.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# Ids that the page's own script and its links look for: nothing else may carry them.
RESERVED_IDS = frozenset(
    {"briefing", "contents", "chart-theme", "plotly-packed", "faultline-results"}
    | {"faultline-manifest"}
)

_MATH_ATTRIBUTES = (
    "accent accentunder columnalign columnlines columnspacing depth display displaystyle fence "
    "form frame height largeop linethickness lspace mathbackground mathcolor mathsize "
    "mathvariant maxsize minsize movablelimits notation rowalign rowlines rowspacing rspace "
    "scriptlevel separator stretchy symmetric voffset width"
)
_MATH_ELEMENTS = (
    "math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub "
    "msubsup msup mtable mtd mtext mtr munder munderover"
)
_TEXT_ELEMENTS = (
    "b blockquote br caption code dd del details div dl dt em "
    "h1 h2 h3 h4 h5 h6 hr i kbd li p pre s small "
    "span strong sub summary sup table tbody tfoot thead tr u ul var"
)
_CELL = frozenset({"colspan", "rowspan", "headers", "scope"})
MATH = dict.fromkeys(_MATH_ELEMENTS.split(), frozenset(_MATH_ATTRIBUTES.split()))
# Attributes that every element may have; `is_harmless` looks at the values.
EVERYWHERE = frozenset({"class", "dir", "id", "lang", "style"})
ELEMENTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_TEXT_ELEMENTS.split(), frozenset()),
    **MATH,
    "a": frozenset({"href", "rel", "title"}),
    "col": frozenset({"span"}),
    "colgroup": frozenset({"span"}),
    "img": frozenset({"src", "alt"}),
    "ol": frozenset({"start"}),
    "td": _CELL,
    "th": _CELL,
}
"""Elements that prose, tables and formulas may use, each with its own attributes."""

_LINK = re.compile(r"https?://[^\s\\]+", re.IGNORECASE)
_PLACE = re.compile(r"#[^\s]*")
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=]*")
# Colours and widths; without a function that fetches, a comment or an escape that spells one.
_STYLE = re.compile(r"(?:[^()\\@/]|(?:rgb|rgba|hsl|hsla)\([^()\\@/]*\))*", re.IGNORECASE)
_STYLE_PROPERTIES = frozenset(
    ["background-color", "color", "font-style", "font-weight", "height", "text-align", "width"]
)


def is_harmless(attribute: str, value: str) -> bool:
    """Whether an allowed attribute's value asks no host for anything and runs nothing."""
    if attribute == "href":
        return bool(_LINK.fullmatch(value) or _PLACE.fullmatch(value))
    if attribute == "src":
        return bool(_PICTURE.fullmatch(value))
    if attribute == "style":
        return bool(_STYLE.fullmatch(value))
    return True


def sanitized(html: str) -> str:
    """Reduce a piece of HTML to the allowed elements, attributes and addresses.

    Parameters
    ----------
    html : str
        From anywhere.

    Returns
    -------
    str
        Well-formed HTML. Elements that are not allowed leave their text behind, scripts and
        style sheets leave nothing.
    """
    return str(_cleaner().clean(html))


@cache
def _cleaner() -> Any:
    import nh3

    def kept(_: str, attribute: str, value: str) -> str | None:
        if attribute == "id" and value in RESERVED_IDS:
            return None
        return value if is_harmless(attribute, value) else None

    return nh3.Cleaner(
        tags=set(ELEMENTS),
        attributes={"*": set(EVERYWHERE)}
        | {tag: set(own) - {"rel"} for tag, own in ELEMENTS.items() if own},
        attribute_filter=kept,
        clean_content_tags={"script", "style"},
        filter_style_properties=set(_STYLE_PROPERTIES),
        url_schemes={"http", "https", "data"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
