"""What a clone promises before anything is installed: locks, targets, layers, light imports."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
TARGETS = {"help", "briefing", "test", "coverage", "lint", "bench", "lab", "hooks", "lock", "clean"}
HEAVY = {
    "dataframely",
    "exchange_calendars",
    "IPython",
    "great_tables",
    "nbconvert",
    "nbformat",
    "numpy",
    "pandas",
    "papermill",
    "plotly",
    "polars",
    "pyarrow",
    "scipy",
    "statsmodels",
}

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def requirements(lock: Path) -> dict[tuple[str, str], str]:
    """Map (name, version and marker) to the hashes of every requirement in ``lock``."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in joined.splitlines():
        requirement, _, hashes = line.partition("--hash=")
        name, _, rest = requirement.partition("==")
        found[name.strip(), rest.strip()] = hashes
    return found


def make(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the project's Makefile from another folder, as a caller of ``make -C`` does."""
    command = ["make", "--no-print-directory", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **options)


def test_there_is_one_lock_per_level_and_one_for_uv() -> None:
    assert [lock.name for lock in LOCKS] == [
        "requirements-dev.lock",
        "requirements-lab.lock",
        "requirements-uv.lock",
        "requirements.lock",
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host| @ |file:", text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_one_version_with_its_hashes(lock: Path) -> None:
    found = requirements(lock)
    assert found
    for (name, version), hashes in found.items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", name), name
        assert re.match(r"\d\S*( ; .+)?$", version), (name, version)
        assert re.match(r"sha256:[0-9a-f]{64}\b", hashes), name


@pytest.mark.parametrize("level", ["dev", "lab"])
def test_the_run_lock_is_part_of_every_other(level: str) -> None:
    def versions(lock: str) -> set[tuple[str, str]]:
        # A marker may widen: a package that only JupyterLab needs on Windows, for instance.
        return {(name, rest.partition(" ;")[0]) for name, rest in requirements(ROOT / lock)}

    assert versions("requirements.lock") < versions(f"requirements-{level}.lock")


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    for lock, wanted in (
        ("requirements.lock", project["project"]["dependencies"] + groups["build"]),
        ("requirements-dev.lock", groups["test"] + groups["lint"]),
        ("requirements-lab.lock", groups["lab"]),
    ):
        locked = {name for name, _ in requirements(ROOT / lock)}
        named = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in wanted}
        assert {name.replace("_", "-").replace(".", "-") for name in named} <= locked


def test_the_pinned_uv_is_the_one_that_the_maintainers_script_asks_for() -> None:
    asked = re.search(r'"uv==(.+)"', (ROOT / "scripts" / "lock.py").read_text(encoding="utf-8"))
    assert asked is not None
    assert list(requirements(ROOT / "requirements-uv.lock")) == [("uv", asked[1])]


@needs_make
def test_make_alone_explains_every_target() -> None:
    helped = make()
    listed = set(re.findall(r"^make (\w+) +\S", helped.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert listed == TARGETS == set(phony[1].split()) - {"python"}
    assert helped.stdout == make("help").stdout


@needs_make
def test_nothing_follows_the_path_that_make_briefing_prints_last() -> None:
    commands = make("--dry-run", "briefing").stdout.strip().splitlines()
    assert ".venv/bin/faultline briefing event_briefing -p event ds-appstore-1" in commands[-1]


@needs_make
def test_the_briefing_installs_the_run_time_lock_alone() -> None:
    commands = make("--dry-run", "briefing").stdout
    assert re.findall(r"scripts/environment\.py (\w+)", commands) == ["run"]


@needs_make
@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("no-such-python", "there is no no-such-python here"),
        ("./old", "Faultline needs Python 3.11 or newer, and /usr/bin/old is 3.9"),
    ],
)
def test_an_unfit_python_is_one_sentence(tmp_path: Path, python: str, said: str) -> None:
    if python == "./old":
        old = tmp_path / "old"
        # A stand-in that runs what it is given under a Python that calls itself 3.9.
        pretend = "import sys; sys.version_info = (3, 9); sys.executable = '/usr/bin/old'; "
        old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}$2"\n')
        old.chmod(0o755)
        python = str(old)
    refused = make("briefing", f"PYTHON={python}")
    assert refused.returncode != 0
    sentences = [line for line in refused.stderr.splitlines() if not line.startswith("make")]
    assert len(sentences) == 1
    assert said in sentences[0]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_git_ignores_what_is_made_and_keeps_what_is_written() -> None:
    made = [
        ".venv/x",
        ".uv/x",
        "uv.lock",
        "data/store/x",
        "reports/a.html",
        ".coverage.1",
        "dist/x",
    ]
    kept = ["requirements.lock", "requirements-uv.lock", "data/snapshot/x.parquet", ".ci/run"]
    asked = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "check-ignore", "--no-index", *made, *kept],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout.split() == made


REPORT = """
import atexit, sys
atexit.register(lambda: print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr))
"""


def modules_after(statement: str) -> set[str]:
    """Run ``statement`` in a fresh interpreter and name the top-level modules it loaded."""
    command = [sys.executable, "-c", REPORT + statement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = modules_after("import analysis")
    assert "analysis" in loaded
    assert not loaded & (HEAVY | {"cyclopts", "rich"})


def test_the_commands_help_loads_nothing_heavy() -> None:
    ask = "import sys; sys.argv = ['faultline', '--help']; from analysis.cli import main; main()"
    loaded = modules_after(ask)
    assert "cyclopts" in loaded
    assert not loaded & HEAVY


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "analysis" / "py.typed").exists()
