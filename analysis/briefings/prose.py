"""Markdown of a notebook as HTML that can only say, never do.

Titles, notes and quotations come from outside, so raw HTML in Markdown is shown as text,
links keep harmless schemes, and images other than embedded ones become links: a briefing
asks no host for anything. Formulas become MathML here, because a script that sets them would
have to be fetched. A dollar sign before an amount ("$5.5 billion and $600") is no formula:
an opening sign touches what follows, a closing one what precedes it and no digit follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any, ClassVar

# level and inner HTML of a heading in; its final level and id out
Heading = Callable[[int, str], tuple[int, str]]

_INLINE_MATH = r"(?<![\\$])\$(?=[^\s$])(?P<math_inline_tex>(?:[^$\\]|\\.)+?)(?<=[^\s\\])\$(?![\d$])"

_MATH_TAGS = (
    "math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub "
    "msubsup msup mtable mtd mtext mtr munder munderover"
)
_MATH_ATTRIBUTES = (
    "accent accentunder columnalign columnlines columnspacing depth display displaystyle fence "
    "form frame height largeop linethickness lspace mathbackground mathcolor mathsize "
    "mathvariant maxsize minsize movablelimits notation rowalign rowlines rowspacing rspace "
    "scriptlevel separator stretchy symmetric voffset width xmlns"
)


def to_html(markdown: str, heading: Heading) -> str:
    """Render Markdown with formulas.

    Parameters
    ----------
    markdown : str
        Source; raw HTML in it is escaped.
    heading : callable
        Decides the level and the id of each heading, so that a page made of many pieces has
        one outline.

    Returns
    -------
    str
        HTML.
    """
    return str(_parser(heading).render(markdown))


def formula(tex: str, *, block: bool = False) -> str:
    """TeX as MathML; a formula that cannot be read is shown as its source."""
    from latex2mathml.converter import convert

    try:
        mathml = str(convert(tex.strip(), display="block" if block else "inline"))
    except Exception:  # the converter raises whatever its tokens run into
        mathml = ""
    check = _OnlyMath()
    check.feed(mathml)
    check.close()
    return (
        mathml
        if check.found and not check.foreign
        else f'<code class="formula">{escape(tex.strip())}</code>'
    )


def plain(html: str) -> str:
    """The words of a piece of HTML, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


class _OnlyMath(HTMLParser):
    """Whether markup is MathML and nothing else: the converter copies text as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self.foreign = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found = self.found or tag == "math"
        allowed = _MATH_ATTRIBUTES.split()
        if tag not in _MATH_TAGS.split() or any(name not in allowed for name, _ in attrs):
            self.foreign = True

    def handle_comment(self, _: str) -> None:
        self.foreign = True

    def handle_decl(self, _: str) -> None:
        self.foreign = True

    def handle_pi(self, _: str) -> None:
        self.foreign = True

    def unknown_decl(self, _: str) -> None:
        self.foreign = True


def _parser(heading: Heading) -> Any:
    from nbconvert.filters.markdown_mistune import (
        IPythonRenderer,
        MarkdownWithMath,
        MathInlineParser,
    )

    class Inline(MathInlineParser):
        SPECIFICATION: ClassVar[dict[str, str]] = {
            **MathInlineParser.SPECIFICATION,
            "inline_math_tex": _INLINE_MATH,
        }

    class Renderer(IPythonRenderer):
        def heading(self, text: str, level: int, **_: Any) -> str:
            final, anchor = heading(level, text)
            return f'<h{final} id="{anchor}">{text}</h{final}>\n'

        def inline_math(self, body: str) -> str:
            return formula(body)

        def block_math(self, body: str) -> str:
            return formula(body, block=True)

        def latex_environment(self, name: str, body: str) -> str:
            return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

        # Named as mistune hands them over, needed or not.
        def block_code(self, code: str, info: str | None = None) -> str:  # noqa: ARG002
            return f"<pre><code>{escape(code)}</code></pre>\n"

        def image(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002
            if url.startswith("data:image/"):
                return f'<img src="{escape(url)}" alt="{escape(plain(text))}">'
            return f'<a href="{self.safe_url(url)}">{text or escape(url)}</a>'

    renderer = Renderer(escape=True, allow_harmful_protocols=False)
    return MarkdownWithMath(renderer=renderer, inline=Inline(hard_wrap=False))
