"""Every statistic names its source and its equation, and every source is on the page."""

from __future__ import annotations

import ast
import calendar
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.eventstudy.inference import parametric, ranks, signs
from analysis.eventstudy.inference import registry as battery
from analysis.eventstudy.inference.calendar_time import CalendarTimePortfolio
from analysis.eventstudy.inference.permutation import Placebos

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "references.md"
ENGINE = ROOT / "analysis" / "eventstudy"

NAME = r"[A-ZÀ-Ž][\w.’'/-]*\w"
AUTHORS = rf"{NAME}(?:(?:, & |, | & ){NAME})*(?: et al\.)?"
YEAR = r"(?:18|19|20)\d\d[a-z]?"
# "Holm (1979, p. 65)" and "Huber (1973; 1981)"; within brackets also "Kato 2009; ...".
OUTSIDE = re.compile(rf"({AUTHORS}) \(({YEAR}[^)]*)\)")
INSIDE = re.compile(rf"({AUTHORS}) ({YEAR})(?=[,;)])")
LATER = re.compile(rf"(?:^|[,;] )({YEAR})(?=$|[,;])")
MONTHS = set(calendar.month_name)
ENTRY = re.compile(rf"^- \*\*({AUTHORS}) \(({YEAR})\)\.\*\* (.+)$", re.MULTILINE)
EQUATION = re.compile(r"\S+ = [^=\n]*?\n?[^=\n]*?[/√ΣΠ⁻]")

FUNCTIONS: dict[str, Callable[..., object]] = {
    "calendar_time_t": CalendarTimePortfolio.test,
    "permutation": Placebos.test,
}


def function(name: str) -> Callable[..., object]:
    """The function behind a pinned name of the battery."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    found = [
        getattr(module, name) for module in (parametric, ranks, signs) if hasattr(module, name)
    ]
    assert len(found) == 1, name
    return found[0]


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def cited(text: str) -> set[tuple[str, str]]:
    """Authors and years in a docstring."""
    text, found = flat(text), set()
    for authors, inner in OUTSIDE.findall(text):
        found |= {(authors, year) for year in LATER.findall(inner)}
    found |= set(INSIDE.findall(text))
    return {
        (re.sub(r"['’]s$", "", authors), year)
        for authors, year in found
        if authors.split()[-1] not in MONTHS
    }


def lacks(docstring: str) -> list[str]:
    """What the docstring of a statistic does without."""
    _, colon, source = flat(docstring).partition("Source: ")
    wanting = [] if colon and cited(source) else ["a source with author and year"]
    return wanting + ([] if EQUATION.search(docstring) else ["an equation"])


def entries(page: str) -> dict[tuple[str, str], str]:
    return {(authors, year): rest for authors, year, rest in ENTRY.findall(page)}


def listed(one: tuple[str, str], page: dict[tuple[str, str], str]) -> bool:
    authors, year = one
    if authors.endswith(" et al."):
        first = authors.removesuffix(" et al.")
        return any(key[0].startswith(f"{first}, ") and key[1] == year for key in page)
    return one in page


def docstrings() -> Iterator[tuple[str, str]]:
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                where = f"{path.relative_to(ENGINE)}:{getattr(node, 'name', '')}"
                yield where, ast.get_docstring(node) or ""


@pytest.mark.parametrize("name", battery.TEST_NAMES)
def test_every_statistic_names_its_source_and_writes_its_equation(name):
    assert lacks(inspect.getdoc(function(name)) or "") == []


def test_the_adjustments_and_the_correlation_do_so_too():
    from analysis.eventstudy.dependence.mean_correlation import rbar

    assert lacks(inspect.getdoc(battery.adjust_p_values) or "") == []
    assert lacks(inspect.getdoc(rbar) or "") == []


def test_every_source_that_is_named_is_on_the_page():
    page = entries(PAGE.read_text(encoding="utf-8"))
    missing = [(where, one) for where, text in docstrings() for one in cited(text)]
    assert len(missing) > 150
    assert [(where, one) for where, one in missing if not listed(one, page)] == []


def test_every_entry_of_the_page_is_named_somewhere_and_says_what_uses_it():
    text = PAGE.read_text(encoding="utf-8")
    page = entries(text)
    assert len(page) == text.count("\n- **")
    named = {one for _, docstring in docstrings() for one in cited(docstring)}
    assert set(page) - named == set()
    assert [key for key, rest in page.items() if "Used by: `" not in rest] == []


def test_the_modules_and_functions_of_the_page_are_there():
    import analysis.eventstudy as engine

    there = {
        module.name.removeprefix("analysis.eventstudy.")
        for module in pkgutil.walk_packages(engine.__path__, "analysis.eventstudy.")
    }
    for key, rest in entries(PAGE.read_text(encoding="utf-8")).items():
        for path in re.findall(r"`([\w.]+)`", rest.partition("Used by: ")[2]):
            module = max((one for one in there if f"{path}.".startswith(f"{one}.")), key=len)
            thing: object = importlib.import_module(f"analysis.eventstudy.{module}")
            for part in path.removeprefix(module).split("."):
                thing = getattr(thing, part) if part else thing
            assert thing is not None, key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Source: Holm (1979, pp. 65–70); see there.", {("Holm", "1979")}),
        ("Huber (1973; 1981, section 7.6)", {("Huber", "1973"), ("Huber", "1981")}),
        ("Brown &\n    Warner (1980, 1985) do", {("Brown & Warner", y) for y in ("1980", "1985")}),
        ("a face (Kato 2009; Tibshirani & Taylor 2012)", {("Kato", "2009")}),
        ("Wolfe's (1976) active set", {("Wolfe", "1976")}),
        ("Arkhangelsky et al. (2021, eq. 5)", {("Arkhangelsky et al.", "2021")}),
        ("Hall (1992a, pp. 221–228)", {("Hall", "1992a")}),
        ("for Apple in January 2007, see", set()),
    ],
)
def test_citations_are_found(text, found):
    assert cited(text) >= found
    assert bool(cited(text)) == bool(found)


def test_a_docstring_without_source_or_equation_fails():
    assert lacks("z = Σ x / √n.\n\nSource: Holm (1979).") == []
    assert lacks("z = Σ x / √n.\n\nSource: the usual one.") == ["a source with author and year"]
    assert lacks("z = Σ x / √n, Holm (1979).") == ["a source with author and year"]
    assert lacks("The sum of all.\n\nSource: Holm (1979).") == ["an equation"]


def test_a_source_that_is_not_on_the_page_fails():
    page = entries("- **Holm (1979).** A test. Used by: `battery`.\n")
    assert listed(("Holm", "1979"), page)
    assert not listed(("Holm", "1980"), page)
    assert not listed(("Nobody & Others", "1979"), page)
    assert not listed(("Holm et al.", "1979"), page)
