"""The set-up behind ``make``: nothing twice, nothing half, pip where uv cannot work."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "environment.py"


class Machine:
    """A checkout in a temporary folder whose programs are written down, not run."""

    def __init__(self, root: Path, environment: ModuleType) -> None:
        self.environment = environment
        self.root = root
        self.calls: list[list[str]] = []
        self.variables: list[Mapping[str, str]] = []
        self.pip_config = ""
        self.refused: dict[str, str] = {}

    def run(self, command: list[str], variables: Mapping[str, str] | None = None) -> str:
        self.calls.append(command)
        self.variables.append(variables or {})
        text = " ".join(command)
        for part, complaint in self.refused.items():
            if part in text:
                raise self.environment.CommandError(complaint)
        if command[1:3] == ["-m", "venv"]:
            Path(command[-1]).mkdir()
        if "--target" in command:
            Path(command[command.index("--target") + 1], "bin").mkdir(parents=True)
        return self.pip_config if text.endswith("config list") else ""

    def set_up(self, level: str) -> list[str]:
        """Run one set-up and name what it did."""
        self.calls.clear()
        assert self.environment.main([level]) == 0
        return [name for call in self.calls if (name := self._name(call))]

    def _name(self, call: list[str]) -> str:
        if call[1:3] == ["-m", "venv"]:
            return "new .venv"
        if "install" not in call or "--target" in call:
            return ""
        tool = "uv" if Path(call[0]).name == "uv" else "pip"
        return f"{tool} {'project' if '--editable' in call else Path(call[-1]).name}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    venv = tmp_path / ".venv"
    locks = {level: tmp_path / f"requirements-{level}.lock" for level in ("run", "dev", "lab")}
    places: dict[str, Any] = {
        "ROOT": tmp_path,
        "ENVIRONMENT": venv,
        "PYTHON": venv / "bin" / "python",
        "UNFINISHED": venv / environment.UNFINISHED.name,
        "TOOLS": tmp_path / ".uv",
        "UV_LOCK": tmp_path / "requirements-uv.lock",
        "LOCKS": locks,
    }
    for name, value in places.items():
        monkeypatch.setattr(environment, name, value)
    for lock in (*locks.values(), places["UV_LOCK"]):
        lock.write_text("one==1\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "one"\n[tool.ruff]\nline-length = 100\n', encoding="utf-8"
    )
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "__init__.py").write_text('__version__ = "1"\n', encoding="utf-8")
    monkeypatch.delenv("FAULTLINE_NO_UV", raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    machine = Machine(tmp_path, environment)
    monkeypatch.setattr(environment, "run", machine.run)
    return machine


def test_a_second_run_installs_nothing(machine: Machine) -> None:
    assert machine.set_up("run") == ["new .venv", "uv requirements-run.lock", "uv project"]
    assert machine.set_up("run") == []


def test_going_back_and_forth_between_targets_only_ever_adds(machine: Machine) -> None:
    machine.set_up("run")
    assert machine.set_up("dev") == ["uv requirements-dev.lock", "uv project"]
    assert machine.set_up("lab") == ["uv requirements-lab.lock", "uv project"]
    for level in ("run", "dev", "lab", "run"):
        assert machine.set_up(level) == []


def test_the_dev_lock_alone_serves_a_briefing_too(machine: Machine) -> None:
    machine.set_up("dev")
    assert machine.set_up("run") == []


@pytest.mark.parametrize("interrupted", ["run", "dev"])
def test_an_interrupted_install_is_redone_from_a_clean_environment(
    machine: Machine, interrupted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.set_up("run" if interrupted == "dev" else "lab")
    if interrupted == "run":
        machine.environment.UNFINISHED.touch()
    else:
        machine.refused = {"requirements-dev.lock": "killed"}
        assert machine.environment.main(["dev"]) == 1
        assert "killed" in capsys.readouterr().err
        machine.refused = {}
    assert machine.set_up(interrupted)[0] == "new .venv"
    assert machine.set_up(interrupted) == []


@pytest.mark.parametrize("level", ["run", "dev", "lab"])
def test_any_changed_lock_makes_a_clean_environment(machine: Machine, level: str) -> None:
    machine.set_up("run")
    machine.environment.LOCKS[level].write_text("one==2\n", encoding="utf-8")
    assert machine.set_up("run")[0] == "new .venv"


def test_another_interpreter_makes_a_clean_environment(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set_up("run")
    monkeypatch.setattr(sys, "version", "3.99.0")
    assert machine.set_up("run")[0] == "new .venv"


def test_a_new_version_or_dependency_only_renews_the_project_itself(machine: Machine) -> None:
    machine.set_up("run")
    (machine.root / "analysis" / "__init__.py").write_text('__version__ = "2"\n')
    assert machine.set_up("run") == ["uv project"]
    (machine.root / "pyproject.toml").write_text('[project]\nname = "two"\n[tool.ruff]\n')
    assert machine.set_up("run") == ["uv project"]


def test_a_changed_lint_rule_renews_nothing(machine: Machine) -> None:
    machine.set_up("run")
    text = (machine.root / "pyproject.toml").read_text().replace("100", "80")
    (machine.root / "pyproject.toml").write_text(text)
    assert machine.set_up("run") == []


def test_pip_steps_in_where_uv_cannot_be_installed(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.refused = {"requirements-uv.lock": "No matching\n distribution for uv"}
    done = ["new .venv", "pip requirements-run.lock", "pip project"]
    assert machine.set_up("run") == done
    assert "could not be installed: No matching distribution for uv\n" in capsys.readouterr().err


def test_pip_steps_in_where_uv_fails_and_hides_the_password_of_an_index(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.refused = {"uv pip": "error: 401 from https://me:secret@mirror.example/simple"}
    assert machine.set_up("run")[-2:] == ["pip requirements-run.lock", "pip project"]
    said = capsys.readouterr().err
    assert "uv failed, so pip installs instead (slower): error: 401 from https://***@mirror" in said
    assert "secret" not in said
    assert machine.set_up("run") == []


def test_a_uv_that_cannot_be_executed_counts_as_a_failure_of_uv(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_uv(*_: object) -> None:
        raise PermissionError("noexec")

    monkeypatch.setattr(machine.environment, "with_uv", with_uv)
    assert machine.set_up("run")[-2:] == ["pip requirements-run.lock", "pip project"]


def test_pip_can_be_chosen_from_the_start(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_NO_UV", "1")
    assert machine.set_up("run") == ["new .venv", "pip requirements-run.lock", "pip project"]
    assert not any("--target" in call for call in machine.calls)


def test_every_install_demands_hashes_and_pulls_nothing_of_its_own(machine: Machine) -> None:
    machine.refused = {"uv pip": "no"}
    machine.set_up("run")
    for call in machine.calls:
        if "-r" in call:
            assert {"--require-hashes", "--no-deps"} <= set(call)
        if "--editable" in call:
            assert {"--no-index", "--no-build-isolation", "--no-deps"} <= set(call)


def test_a_failure_of_both_shows_what_pip_said(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.refused = {"requirements-run.lock": "hash mismatch in one"}
    assert machine.environment.main(["run"]) == 1
    assert "pip could not install the locked packages:\nhash mismatch" in capsys.readouterr().err


def test_a_missing_venv_module_is_one_sentence_that_names_the_package(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_spec(name: str) -> object:
        return None if name == "ensurepip" else object()

    monkeypatch.setattr(machine.environment, "find_spec", find_spec)
    assert machine.environment.main(["run"]) == 1
    said = capsys.readouterr().err
    assert "apt-get install python3-venv" in said
    assert said.count("\n") == 1
    assert machine.calls == []


def test_pips_own_settings_reach_uv_the_environment_over_the_files(machine: Machine) -> None:
    machine.pip_config = (
        ":env:.index-url='https://env.example/simple'\n"
        "global.cert='/etc/ssl/ours.pem'\n"
        "global.extra-index-url='\\nhttps://a.example/simple\\nfile:///srv/simple'\n"
        "global.index-url='https://global.example/simple'\n"
        "global.timeout='60'\n"
        'install.find-links="/srv/it\'s wheels"\n'
        "install.trusted-host='a.example'\n"
        "list.format='columns'\n"
    )
    machine.set_up("run")
    call, variables = next(
        (call, variables)
        for call, variables in zip(
            machine.calls, machine.variables[-len(machine.calls) :], strict=True
        )
        if call[-1].endswith("requirements-run.lock")
    )
    pairs = set(pairwise(call))
    assert {
        ("--default-index", "https://env.example/simple"),
        ("--index", "https://a.example/simple"),
        ("--index", "file:///srv/simple"),
        ("--allow-insecure-host", "a.example"),
        ("--index-strategy", "unsafe-best-match"),
    } <= pairs
    assert "https://global.example/simple" not in call
    assert variables["SSL_CERT_FILE"] == "/etc/ssl/ours.pem"
    assert variables["UV_HTTP_TIMEOUT"] == "60"
    assert variables["UV_PYTHON_DOWNLOADS"] == "never"


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_home_that_cannot_be_written_lends_uv_a_temporary_cache(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    # Not even root makes a folder below a device.
    monkeypatch.setenv(variable, "/dev/null")
    with machine.environment.writable_uv_cache() as lent:
        assert Path(lent["UV_CACHE_DIR"]).is_dir()
    assert not Path(lent["UV_CACHE_DIR"]).exists()


def test_an_unknown_level_is_refused(machine: Machine) -> None:
    assert machine.environment.main(["all"]) == 2
    assert machine.environment.main([]) == 2
