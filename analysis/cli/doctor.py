"""``faultline doctor``: find out whether everything that Faultline needs is there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from analysis import __version__
from analysis.cli import console
from analysis.cli.console import Column
from analysis.dates import format_day
from analysis.errors import FaultlineError
from analysis.formatting import listing
from analysis.plain_text import count
from analysis.settings import KEYS, bundled, contact, offline, store_home, token

if TYPE_CHECKING:
    from analysis.store.repair import Step

State = Literal["ok", "note", "failed"]

_EXAMPLES = """Examples

faultline doctor

faultline doctor --repair
    after a power cut or a wrong clock: take out of the store what was half written or is
    dated ahead

faultline doctor --json
    the same for a program; exit code 1 when a check failed
"""
_PACKAGES = (
    "numpy", "pandas", "polars", "scipy", "pyarrow", "dataframely", "exchange-calendars", "plotly",
    "papermill", "nbconvert", "ipykernel", "great-tables", "cyclopts", "rich",
)  # fmt: skip
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CALENDAR_WARNING = timedelta(days=60)
_MIN_FREE_SPACE = 200_000_000  # bytes: some fifty briefings with their notebooks


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; a ``note`` is worth knowing and no failure."""

    name: str
    state: State
    detail: str


def register(app: App) -> None:
    """Add the command."""
    app.command(doctor, name="doctor", help_epilogue=_EXAMPLES)


def doctor(
    *,
    out: Annotated[str, Parameter(metavar="DIR")] = "reports",
    repair: Annotated[bool, Parameter(show_default=False)] = False,
    json: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Check this installation: packages, data, calendars, room.

    Exit code 1 when a check failed.

    Parameters
    ----------
    out
        Folder in which briefings are to be written.
    repair
        First take out of the store what a power cut left half written, and rows that a wrong
        clock dated ahead.
    json
        One JSON document on standard output, nothing else.
    """
    steps = _repair() if repair else []
    left = [step.sentence for step in steps if not step.done]
    checks = list(run_checks(Path(out)))
    failed = [check for check in checks if check.state == "failed"]
    if json:
        console.print_json(
            {
                "faultline": __version__,
                "ok": not failed and not left,
                "repaired": [step.sentence for step in steps if step.done],
                "not_repaired": left,
                "checks": [asdict(check) for check in checks],
            }
        )
    else:
        columns = [Column("check"), Column(""), Column("", fold=True)]
        console.print_table(columns, [(check.name, check.state, check.detail) for check in checks])
    if failed:
        console.print_err(f"faultline: failed: {', '.join(check.name for check in failed)}.")
    return 1 if failed or left else 0


def _repair() -> list[Step]:
    """Repair what can be, and say each step as it happens."""
    from analysis.errors import InputError
    from analysis.store import Store
    from analysis.store.repair import repair_store

    store = Store(store_home())
    if not store.is_live or not isinstance(store.home, Path):
        raise InputError(
            f"{store.location} is not repaired here: set FAULTLINE_HOME to the folder of a store."
        )
    steps = []
    for step in repair_store(store.home):
        steps.append(step)
        console.print_err(
            f"{'repaired' if step.done else 'faultline: not repaired'}: {step.sentence}"
        )
    return steps


def run_checks(out: Path, today: date | None = None) -> Iterator[Check]:
    """Run every check; one that raises has failed and does not stop the others.

    Parameters
    ----------
    out : pathlib.Path
        Folder for the briefings.
    today : date, optional
        For the age of the calendars.
    """
    yield _python()
    yield _packages()
    checks: list[tuple[str, Callable[[], tuple[State, str]]]] = [
        ("tables", _tables),
        ("catalogue", _catalogue),
        ("notebooks", _notebooks),
        ("store", _store),
        ("sources", _sources),
        ("calendars", lambda: _calendars(today or date.today())),
        ("reports", lambda: _reports(out)),
        ("JupyterLab", _jupyterlab),
        ("browser", _browser),
    ]
    for name, look in checks:
        try:
            state, detail = look()
        except (FaultlineError, OSError, ImportError) as error:
            state, detail = "failed", str(error)
        yield Check(name, state, detail)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", "ok", f"{version} at {sys.executable}")


def _packages() -> Check:
    from importlib import metadata

    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", "failed", f"Missing: {', '.join(missing)}. Reinstall faultline.")
    return Check("packages", "ok", f"faultline {__version__}, {', '.join(found)}")


def _tables() -> tuple[State, str]:
    """Read every table through its schema."""
    from analysis.desk import Desk
    from analysis.store import Store

    desk = Desk()
    said, problems = [], []
    for name in Store(desk.home).names():
        try:
            said.append(f"{name} {len(desk.table(name)):,} rows")
        except FaultlineError as error:
            problems.append(str(error))
    if problems:
        return "failed", " ".join(problems)
    if not said:
        return "failed", f"no table in {desk.location}: check FAULTLINE_HOME"
    return "ok", ", ".join(said)


def _catalogue() -> tuple[State, str]:
    from analysis.catalogue.validation import check_file

    files = sorted(bundled("data/catalogue").glob("*.csv"))
    problems = [problem for path in files for problem in check_file(path)]
    if not files:
        return (
            "failed",
            f"There is no catalogue in {bundled('data/catalogue')}: reinstall faultline",
        )
    if problems:
        return "failed", f"{count(len(problems), 'problem')}; see faultline events check"
    return "ok", f"{len(files)} files without a problem"


def _notebooks() -> tuple[State, str]:
    from analysis.briefings.notebooks import list_notebooks

    names = [item.name for item in list_notebooks()]
    if not names:
        return "failed", f"no notebook in {bundled('notebooks')}: reinstall faultline"
    return "ok", ", ".join(names)


def _store() -> tuple[State, str]:
    """Tell which tables are read, and whether a store of one's own can be written."""
    from analysis.store import Store
    from analysis.store.repair import describe_ahead, rows_ahead

    home = store_home()
    network = "; requests are switched off by FAULTLINE_OFFLINE" if offline() else ""
    store = Store(home)
    if not store.is_live:
        return "ok", f"the bundled snapshot at {home}, only read{network}"
    if isinstance(home, str):
        return "ok", f"the object store {store.location}, live{network}"
    if not _writable(home):
        return "failed", f"{home} cannot be written: set FAULTLINE_HOME to another folder{network}"
    ahead = rows_ahead(home) if home.is_dir() else {}
    if ahead:
        told = "; ".join(f"{name}: {describe_ahead(*what)}" for name, what in ahead.items())
        return (
            "failed",
            f"{told}. A clock was wrong, and newer figures are hidden until then: run faultline "
            "doctor --repair",
        )
    return "ok", f"{home}, live, {len(store.names())} tables{network}"


def _sources() -> tuple[State, str]:
    """Tell what the sources will be told of us; a secret is named, never shown."""
    given = {
        "FAULTLINE_CONTACT": contact() is not None,
        **{name: token(name) is not None for name in KEYS},
    }
    said = ", ".join(f"{name} {'set' if there else 'not set'}" for name, there in given.items())
    if not given["FAULTLINE_CONTACT"]:
        return (
            "note",
            f"{said}. EDGAR requires an e-mail address: export FAULTLINE_CONTACT=you@example.org",
        )
    return "ok", said


def _calendars(today: date) -> tuple[State, str]:
    """Tell how far the published calendars reach; near their end a newer package is due."""
    from analysis.desk import Desk

    desk = Desk()
    exchanges = sorted({item for item in desk.instruments()["exchange"] if item})
    ends = {item: desk.calendars.published_to(item) for item in exchanges}
    last = {item: end for item, end in ends.items() if end is not None}
    said = ", ".join(f"{item} to {end.isoformat()}" for item, end in last.items())
    detail = f"{len(exchanges)} exchanges{'; published ' if said else ''}{said}"
    near: dict[date, list[str]] = {}
    for item, end in last.items():
        if end < today + _CALENDAR_WARNING:
            near.setdefault(end, []).append(item)
    if near:
        renew = "pip install -U exchange-calendars"
        ending = " ".join(
            f"The calendars of {listing(names)} end on {format_day(end)}."
            if len(names) > 1
            else f"The calendar of {names[0]} ends on {format_day(end)}."
            for end, names in near.items()
        )
        return "note", f"{detail}. {ending} Newer ones: {renew}"
    return "ok", detail


def _reports(out: Path) -> tuple[State, str]:
    nearest = _existing(out)
    if not _writable(nearest):
        return "failed", f"{nearest} cannot be written: choose another folder with --out"
    free = shutil.disk_usage(nearest).free
    if free < _MIN_FREE_SPACE:
        return (
            "failed",
            f"{free / 1e6:.0f} MB left at {nearest}; {_MIN_FREE_SPACE / 1e6:.0f} MB are needed",
        )
    return "ok", f"{out.resolve()}, {free / 1e9:.1f} GB left"


def _jupyterlab() -> tuple[State, str]:
    from importlib import metadata

    try:
        return "ok", metadata.version("jupyterlab")
    except metadata.PackageNotFoundError:
        return (
            "note",
            "not installed; only faultline lab needs it: make lab in a checkout, or pip install "
            "jupyterlab",
        )


def _browser() -> tuple[State, str]:
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        return "note", "no Chromium; only the browser tests need it"
    return "ok", found


def _existing(folder: Path) -> Path:
    """Nearest folder that exists: the one in which the others would be made."""
    folder = folder.expanduser().resolve()
    return next(item for item in (folder, *folder.parents) if item.exists())


def _writable(folder: Path) -> bool:
    """Try it: permission bits do not know of read-only disks."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return True
    except OSError:
        return False
