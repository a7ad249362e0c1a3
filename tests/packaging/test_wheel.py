"""The wheel alone, in an empty folder: its own data, its own notebooks, no checkout in sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ``command`` as a user of the wheel would: nothing of this test run in its environment."""
    private = ("PYTHON", "COV", "COVERAGE", "FAULTLINE", "VIRTUAL_ENV", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network and without touching the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts folder of a new environment that holds the wheel.

    The locked dependencies are lent by a path file. Python does not follow the path files of
    a folder that was itself added by one, so the editable install stays out of reach.
    """
    environment = tmp_path_factory.mktemp("empty") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment.parent)
    python = environment / "bin" / "python"
    quiet = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", *quiet)
    run(*pip, wheel, cwd=environment.parent)
    site = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=environment
    ).stdout.strip()
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python.parent


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty working folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_wheel_holds_code_data_notebooks_and_licence_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("notebooks", "data/catalogue", "data/simulated", "data/snapshot"):
        carried = {name.removeprefix("analysis/_bundled/") for name in names}
        stored = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
        }
        assert stored
        assert stored <= carried
    assert "analysis/py.typed" in names
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    strays = [name for name in names if not name.startswith(("analysis/", "faultline-"))]
    assert strays == []
    assert not [name for name in names if "__pycache__" in name or "data/store/" in name]


def test_the_installed_package_is_the_wheels(installed: Path, empty: Path) -> None:
    ask = "import analysis, analysis.settings as s; print(analysis.__file__, s.bundled())"
    package, bundle = run(installed / "python", "-c", ask, cwd=empty).stdout.split()
    assert installed.parent in Path(package).parents
    assert Path(bundle) == Path(package).parent / "_bundled"


def test_a_study_runs_on_the_wheels_own_data(installed: Path, empty: Path) -> None:
    done = run(
        installed / "faultline", "study", "ds-appstore-1", "--tickers", "NVDA", "--json", cwd=empty
    )
    (event,) = json.loads(done.stdout)["events"]
    assert (event["security"], event["day0"]) == ("NVDA", "2025-01-27")
    # MacKinlay's market model on ^GSPC, −250 to −31: about −13.0 %.
    assert event["abnormal"]["0"] == pytest.approx(-0.130, abs=0.0015)
    assert list(empty.iterdir()) == []


def test_a_briefing_renders_from_the_wheels_own_notebook(installed: Path, empty: Path) -> None:
    out = empty / "out"
    command = ("briefing", "event_briefing", "-p", "event", "ds-appstore-1", "--out", out)
    done = run(installed / "faultline", *command, cwd=empty)
    (page,) = map(Path, done.stdout.split())
    assert page == out / "event_briefing--ds-appstore-1.html"
    text = page.read_text(encoding="utf-8")
    assert 'id="faultline-manifest"' in text
    assert 'id="faultline-results"' in text
    assert str(ROOT) not in text
