"""One pass of an update over a store, and all that the store then holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.store import Store
from analysis.update import SourceResult, update


def one_pass(home: Path, catalogue: Catalogue, *names: str, **options: Any) -> list[SourceResult]:
    return update(Store(home), catalogue, Calendars(), sources=names, **options)


def observations(home: Path, table: str) -> pl.DataFrame:
    return Store(home).history(table)
