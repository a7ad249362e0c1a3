"""Markdown that can only say, never do."""

from __future__ import annotations

import re

import pytest

from analysis.briefings.allow_list import MATH
from analysis.briefings.markdown import formula, plain, to_html


def prose(markdown: str) -> str:
    return to_html(markdown, lambda level, words: (level, f"at-{len(words)}"))


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)> text",
        "<div>\n\nblock\n\n</div>",
        "# <b onclick=x>title</b>",
        "| a |\n|---|\n| <iframe src=x> |",
        "> <svg onload=alert(1)>",
    ],
)
def test_raw_html_shows_as_text(hostile: str) -> None:
    html = prose(hostile)
    for tag in ("<script", "<img", "<div", "<b ", "<iframe", "<svg"):
        assert tag not in html
    assert "&lt;" in html


def test_links_keep_harmless_schemes_alone() -> None:
    assert 'href="https://example.org/a"' in prose("[a](https://example.org/a)")
    for scheme in ("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x"):
        html = prose(f"[a]({scheme}) ![a]({scheme})")
        assert "script:" not in html.lower()
        assert "data:" not in html


def test_an_image_from_a_host_becomes_a_link_and_an_embedded_one_stays() -> None:
    html = prose("![a *chart*](https://example.org/a.png)")
    assert "<img" not in html
    assert '<a href="https://example.org/a.png" rel="noopener noreferrer">' in html
    assert '<img src="data:image/png;base64,AAAA" alt="dot">' in prose(
        "![dot](data:image/png;base64,AAAA)"
    )


def test_formulas_become_mathml() -> None:
    inline = prose(r"with $\hat\beta_i$ and $R_{mt}$.")
    assert inline.count("<math") == 2
    assert 'display="inline"' in inline
    assert 'display="block"' in prose("$$\\sqrt{x}$$")
    assert 'display="block"' in prose("\\begin{equation}x = 1\\end{equation}")
    assert "$" not in inline


@pytest.mark.parametrize(
    "words",
    [
        "A charge of $5.5 billion and $600 million.",
        "From $5 to $10.",
        "US$5 or HK$6",
        r"\$5 and \$6",
        "It cost $5.",
        "`$x$` is code",
    ],
)
def test_amounts_in_dollars_are_no_formulas(words: str) -> None:
    html = prose(words)
    assert "<math" not in html
    assert "$" in html


@pytest.mark.parametrize("broken", [r"\frac{1", r"\left( x", "^", "_", r"\begin{matrix} a & b"])
def test_a_broken_formula_never_stops_a_page(broken: str) -> None:
    assert formula(broken).startswith(("<math", '<code class="formula">'))


def test_a_formula_that_cannot_be_read_shows_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    from latex2mathml.converter import Converter

    def fail(*_: object, **__: object) -> str:
        raise IndexError

    monkeypatch.setattr(Converter, "convert_to_element", fail)
    assert formula(" a < b ") == '<code class="formula">a &lt; b</code>'


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{</mtext></math><script>x</script><math><mtext>}",
        r"\text{<!-- x -->}",
        r"\text{<![CDATA[x]]>}",
        r"\text{<?x?>}",
        r"\text{<mi onclick=x>a</mi>}",
        r"\href{javascript:alert(1)}{x}",
        "\\text{<meta/http-equiv=refresh/content=0;url=http://127.0.0.1/?\u00a0a='b>}",
        r"\text{&lt;script&gt;}",
    ],
)
def test_a_formula_cannot_carry_markup(tex: str) -> None:
    html = formula(tex)
    assert re.findall(r"</?([a-z]+)", html.replace("&lt;", "")) != []
    assert set(re.findall(r"<([a-z]+)", html)) <= {*MATH, "code"}
    for sign in ("<script", "<img", "<!", "<?", "<mi on", "href="):
        assert sign not in html.replace("&lt;", "")


@pytest.mark.parametrize(
    "tex",
    [
        r"AR_{it} = R_{it} - \hat\alpha_i - \hat\beta_i R_{mt}",
        r"s^2\left(1 + x_t'(X'X)^{-1}x_t\right)",
        r"\sqrt{\frac{1-\bar r}{1+(N-1)\bar r}}",
        r"a < b \quad \text{for all } i \neq j",
        r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}",
    ],
)
def test_the_formulas_of_the_field_are_set(tex: str) -> None:
    assert formula(tex).startswith("<math")


def test_code_is_shown_as_written() -> None:
    assert "<code>a &lt; b\n</code>" in prose("```python\na < b\n```")


def test_plain_words_lose_tags_and_entities() -> None:
    assert plain("<em>a</em> &amp;\n b") == "a & b"


def test_markdown_that_code_wrote_shows_formulas_as_written() -> None:
    html = to_html(r"A $x^2$ and \\(y\\).", lambda level, words: (level, "a"), formulas=False)
    assert "<math" not in html
    assert "$x^2$" in html


@pytest.mark.parametrize("address", ["ftp://x/y", "//host/x", "docs/page.md", "file:///etc/passwd"])
def test_a_link_leads_to_a_web_page_or_within_the_page(address: str) -> None:
    assert "href" not in prose(f"[a]({address})")
    assert 'href="#part"' in prose("[a](#part)")
