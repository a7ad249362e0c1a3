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
from typing import Any

# level and inner HTML of a heading in; its final level and id out
Heading = Callable[[int, str], tuple[int, str]]

_INLINE_MATH = r"(?<![\\$])\$(?=[^\s$])(?P<math_inline_tex>(?:[^$\\]|\\.)+?)(?<=[^\s\\])\$(?![\d$])"


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
    return _parser(heading).render(markdown)


def formula(tex: str, *, block: bool = False) -> str:
    """TeX as MathML; a formula that cannot be read is shown as its source."""
    from latex2mathml.converter import convert

    try:
        return str(convert(tex.strip(), display="block" if block else "inline"))
    except Exception:  # the converter raises whatever its tokens run into
        return f'<code class="formula">{escape(tex.strip())}</code>'


def plain(html: str) -> str:
    """The words of a piece of HTML, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def _parser(heading: Heading) -> Any:
    from nbconvert.filters.markdown_mistune import (
        IPythonRenderer,
        MarkdownWithMath,
        MathInlineParser,
    )

    class Inline(MathInlineParser):
        SPECIFICATION = {**MathInlineParser.SPECIFICATION, "inline_math_tex": _INLINE_MATH}  # noqa: RUF012

    class Renderer(IPythonRenderer):
        def heading(self, text: str, level: int, **attrs: Any) -> str:
            final, anchor = heading(level, text)
            return f'<h{final} id="{anchor}">{text}</h{final}>\n'

        def inline_math(self, body: str) -> str:
            return formula(body)

        def block_math(self, body: str) -> str:
            return formula(body, block=True)

        def latex_environment(self, name: str, body: str) -> str:
            return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

        def block_code(self, code: str, info: str | None = None) -> str:
            return f"<pre><code>{escape(code)}</code></pre>\n"

        def image(self, text: str, url: str, title: str | None = None) -> str:
            if url.startswith("data:image/"):
                return f'<img src="{escape(url)}" alt="{escape(plain(text))}">'
            return f'<a href="{self.safe_url(url)}">{text or escape(url)}</a>'

    renderer = Renderer(escape=True, allow_harmful_protocols=False)
    return MarkdownWithMath(renderer=renderer, inline=Inline(hard_wrap=False))
