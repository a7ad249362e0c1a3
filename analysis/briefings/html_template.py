"""Our templates in nbconvert's exporter; whatever they do not mark as safe is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parent / "template"


@cache
def exporter() -> Any:
    """Nbconvert with the template of a page, nothing of the user's."""
    from nbconvert.exporters.templateexporter import TemplateExporter

    exporter = TemplateExporter(
        template_paths=[str(TEMPLATE)], template_file="index.html.j2", file_extension=".html"
    )
    environment = exporter.environment
    environment.autoescape = True
    environment.trim_blocks = environment.lstrip_blocks = True
    return exporter


@cache
def macros() -> Any:
    """The macros of ``outputs.html.j2``, by name."""
    return exporter().environment.get_template("outputs.html.j2").module
