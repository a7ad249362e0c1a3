"""``faultline data verify``: hold every file of the store against what was stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from analysis.cli import console
from analysis.cli.console import Column
from analysis.plain_text import count

EXAMPLES = """Examples

faultline data verify
    read every file of the store and compare it with its checksum

faultline data verify --json
    the same for a program; exit code 1 when a file is damaged
"""


def verify(*, json: Annotated[bool, Parameter(show_default=False)] = False) -> int:
    """Check every file of the store against its checksum.

    Files without a checksum are counted. Exit code 1 when a file is damaged or gone, and
    when there is no table to check.

    Parameters
    ----------
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.errors import InputError
    from analysis.settings import store_home
    from analysis.store import Store
    from analysis.store.repair import damage, recorded, tables_begun, unrecorded

    store = Store(store_home())
    if not store.is_live or not isinstance(store.home, Path):
        raise InputError(
            f"{store.location} keeps no checksums: set FAULTLINE_HOME to the folder of a store."
        )
    found = [{"table": table, "file": one.path, "problem": one.what}
             for table, one in damage(store.home)]  # fmt: skip
    unchecked = sum(unrecorded(store.home).values())
    empty = not found and not tables_begun(store.home)
    if json:
        document = {"home": store.location, "damaged": found, "unchecked": unchecked}
        console.print_json(document)
    elif found:
        columns = [Column(name, fold=True) for name in found[0]]
        console.print_table(columns, [list(row.values()) for row in found])
    if empty:
        console.print_err(f"faultline: {store.location} holds no table, so nothing was checked.")
    elif not json:
        checked = count(recorded(store.home), "file")
        console.print_err(f"{checked} checked in {store.location}, {len(found) or 'none'} damaged.")
    if unchecked:
        console.print_err(
            f"faultline: {count(unchecked, 'file')} without a checksum could not be checked;"
            " faultline doctor --repair records one for each file as it is now."
        )
    return 1 if found or empty else 0
