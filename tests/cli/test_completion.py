"""``faultline completion``: the script of each shell, and where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_knows_commands_and_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr()
    for word in ("faultline", "briefing", "study", "estimation", "doctor"):
        assert word in printed.out
    assert printed.err == ""


def test_the_shell_in_use_is_taken_when_none_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for shell, mark in {"fish": "complete -c faultline", "zsh": "#compdef faultline"}.items():
        monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
        assert main(["completion"]) == 0
        assert mark in capsys.readouterr().out


def test_bash_is_recognised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    assert main(["completion"]) == 0
    assert "_faultline()" in capsys.readouterr().out


@pytest.mark.parametrize(("shell", "words"), [("", "SHELL is not set"), ("/bin/tcsh", "'tcsh'")])
def test_another_shell_is_bad_input(
    shell: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert main(["completion"]) == 2
    assert words in capsys.readouterr().err


def test_it_is_installed_into_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["completion", "bash", "--install"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    path = Path(printed.err.split(" written to ")[1].split(";")[0])
    assert tmp_path in path.parents
    assert "_faultline()" in path.read_text()


def test_a_home_that_cannot_be_written_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert main(["completion", "bash", "--install"]) == 2
    assert "Print it instead: faultline completion bash" in capsys.readouterr().err
