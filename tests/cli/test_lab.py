"""``faultline lab``: which folder it opens, and what it starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analysis.cli import main
from analysis.cli.lab import working_copy
from analysis.errors import InputError
from analysis.settings import bundled


def test_without_jupyterlab_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lab"]) == 2
    message = capsys.readouterr().err
    assert "make lab" in message
    assert "pip install jupyterlab" in message


def test_it_becomes_jupyterlab_on_the_notebooks_with_the_options_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("os.execv", lambda path, words: started.append((path, words)))
    main(["lab", "--no-browser", "--port", "8890"])
    folder = str(bundled("notebooks"))
    words = [sys.executable, "-P", "-m", "jupyterlab", folder, "--no-browser", "--port", "8890"]
    assert started == [(sys.executable, words)]


def test_a_checkout_opens_its_own_notebooks(tmp_path: Path) -> None:
    source = tmp_path / "faultline" / "notebooks"
    source.mkdir(parents=True)
    assert working_copy(source, tmp_path / "notebooks") == source
    assert not (tmp_path / "notebooks").exists()


def test_an_installed_package_opens_a_copy_and_keeps_what_was_edited(tmp_path: Path) -> None:
    source = tmp_path / "site-packages" / "analysis" / "_bundled" / "notebooks"
    source.mkdir(parents=True)
    (source / "one.ipynb").write_text("one")
    (source / "two.ipynb").write_text("two")
    target = tmp_path / "work" / "notebooks"
    target.mkdir(parents=True)
    (target / "two.ipynb").write_text("edited")
    assert working_copy(source, target) == target
    assert (target / "one.ipynb").read_text() == "one"
    assert (target / "two.ipynb").read_text() == "edited"
    assert (source / "two.ipynb").read_text() == "two"


def test_a_copy_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    source = tmp_path / "_bundled" / "notebooks"
    source.mkdir(parents=True)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="Start it in a folder you can write to"):
        working_copy(source, tmp_path / "file" / "notebooks")
