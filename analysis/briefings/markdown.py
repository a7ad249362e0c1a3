"""Markdown of a notebook as inert HTML.

Raw HTML in Markdown is shown as text, links keep ``http`` and ``https``, and images other than
embedded ones become links: a briefing asks no host for anything. Formulas become MathML here,
because a script that sets them would have to be fetched, and only those in a notebook's own
prose: Markdown that code wrote may quote titles and names from outside. A dollar sign before an
amount ("$5.5 billion and $600") is no formula: an opening sign touches what follows, a closing
one what precedes it and no digit follows. All that leaves this module went through nh3.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape, unescape
from typing import Any, ClassVar

from analysis.briefings.allow_list import sanitized

# level and inner HTML of a heading in; its final level and id out
Heading = Callable[[int, str], tuple[int, str]]

_INLINE_MATH = r"(?<![\\$])\$(?=[^\s$])(?P<math_inline_tex>(?:[^$\\]|\\.)+?)(?<=[^\s\\])\$(?![\d$])"


def to_html(markdown: str, heading: Heading, *, formulas: bool = True) -> str:
    """Render Markdown.

    Parameters
    ----------
    markdown : str
        Source; raw HTML in it is escaped.
    heading : callable
        Decides the level and the id of each heading, so that a page made of many pieces has
        one outline.
    formulas : bool
        Whether TeX between dollar signs is set; else it is shown as written.

    Returns
    -------
    str
        HTML of the allowed elements.
    """
    return sanitized(str(_parser(heading, formulas=formulas).render(markdown)))


def formula(tex: str, *, block: bool = False) -> str:
    """TeX as MathML; a formula that cannot be read is shown as its source."""
    from xml.etree.ElementTree import tostring

    from latex2mathml.converter import Converter

    try:
        tree = Converter(display="block" if block else "inline").convert_to_element(tex.strip())
    except Exception:  # the converter raises whatever its tokens run into
        return f'<code class="formula">{escape(tex.strip())}</code>'
    for element in tree.iter():
        # The converter spells its symbols as entities; as characters they are escaped like text.
        element.text = unescape(element.text or "")
    return sanitized(tostring(tree, encoding="unicode"))


def plain(html: str) -> str:
    """The words of a piece of HTML, without its tags."""
    from selectolax.lexbor import LexborHTMLParser

    parsed = LexborHTMLParser(html, is_fragment=True)
    return " ".join(parsed.text().split())


def _parser(heading: Heading, *, formulas: bool) -> Any:
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
            return formula(body) if formulas else escape(f"${body}$")

        def block_math(self, body: str) -> str:
            return formula(body, block=True) if formulas else escape(f"$${body}$$")

        def latex_environment(self, name: str, body: str) -> str:
            source = f"\\begin{{{name}}}{body}\\end{{{name}}}"
            return formula(source, block=True) if formulas else escape(source)

        # Named as mistune hands them over, needed or not.
        def block_code(self, code: str, info: str | None = None) -> str:  # noqa: ARG002
            return f"<pre><code>{escape(code)}</code></pre>\n"

        def image(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002
            if url.startswith("data:image/"):
                return f'<img src="{escape(url)}" alt="{escape(plain(text))}">'
            return f'<a href="{self.safe_url(url)}">{text or escape(url)}</a>'

    # Which addresses a link may have is decided once, by the allow-list.
    renderer = Renderer(escape=True, allow_harmful_protocols=True)
    return MarkdownWithMath(renderer=renderer, inline=Inline(hard_wrap=False))
