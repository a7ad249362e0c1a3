"""Folders with names that libraries take for addresses or patterns, and panics of packages."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cli.main import main
from analysis.errors import DataError, InputError
from analysis.settings import bundled, store_home
from analysis.store import Store
from tests.stores.rows import Seen, at, prices, values

MONDAY = date(2025, 1, 27)
FIRST = Seen(MONDAY, "NVDA", at(27), 118.42)
SECOND = FIRST._replace(at=at(29), value=118.39)

REFUSED = ["a%41b", "%2e%2e", "100%25", "a[1]", "[ab]", "a\\b", "a|b", "a^b", "a\nb", "a\x1bb"]
TAKEN = ["50%", "a%b", "a*b", "a?b", "a b", "trail ", "a#b", "a{x}", "ü", "a:b", "~x", "a'b",
         'a"b', "a<b>", ".hidden", "=a", "a$b", "year=2024"]  # fmt: skip


def kept(home: Path) -> None:
    """Append twice and read back, and see that all of it lies in this folder."""
    store = Store(home, seed=None)
    for seen in (FIRST, SECOND):
        store.append("prices", prices([seen]))
    assert values(Store(home, seed=None).read("prices")) == {(MONDAY, "NVDA"): 118.39}
    assert Store(home, seed=None).history("prices", "NVDA").height == 2


@pytest.mark.parametrize("name", TAKEN)
def test_a_folder_with_an_odd_name_holds_a_store(name: str, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    kept(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {name, "beside"}
    assert not list((tmp_path / "beside").iterdir())


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_would_be_misread_is_refused_before_anything_is_written(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot hold a store: the Delta library misreads"):
        Store(tmp_path / name, seed=None)
    assert not list(tmp_path.iterdir())
    (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / name)
    with pytest.raises(InputError, match="misreads"):
        Store(tmp_path / "link", seed=None)


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_every_name_works_or_is_refused(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("homes")
    if name in (".", ".."):
        return
    try:
        kept(folder / name)
    except InputError:
        assert not list(folder.iterdir())
    else:
        assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a[b]", "%41", "a*", "a|b"])
def test_plain_figures_are_read_from_any_folder(name: str, tmp_path: Path) -> None:
    for folder in (tmp_path / name, tmp_path / "ab"):
        folder.mkdir()
    shutil.copy(bundled("data/snapshot/factors.parquet"), tmp_path / name)
    assert Store(tmp_path / name).read("factors").height > 0


def test_the_command_refuses_such_a_home_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path / "a[1]"))
    assert main(["data", "update", "factors"]) == 2
    assert "misreads '[' in a path. Set FAULTLINE_HOME to a folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_loop_of_links_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    for home in (tmp_path / "one", tmp_path / "one" / "below"):
        monkeypatch.setenv("FAULTLINE_HOME", str(home))
        assert main(["data", "status"]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "does not lead to a folder" in told


def test_blanks_around_the_name_of_a_home_are_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", f"{tmp_path}/trail ")
    assert store_home() == tmp_path / "trail "
    monkeypatch.setenv("FAULTLINE_HOME", "  ")
    assert store_home() == bundled("data/snapshot")


class PanicException(BaseException):
    """As every package written in Rust has its own."""


@pytest.mark.parametrize("kind", [PanicException, pl.exceptions.PanicException])
def test_a_panic_while_a_table_is_opened_is_a_sentence(
    kind: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path / "home")

    def panic(*_: object, **__: object) -> None:
        raise kind("index out of bounds\nbacktrace")

    monkeypatch.setattr("deltalake.DeltaTable.__init__", panic)
    with pytest.raises(DataError, match=r"cannot be opened \(index out of bounds\): restore"):
        Store(tmp_path / "home", seed=None).read("prices")


def test_a_panic_anywhere_in_a_command_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def panic(*_: object, **__: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr("analysis.desk.Desk.__init__", panic)
    assert main(["study", "ds-r1"]) == 1
    assert capsys.readouterr().err.startswith(
        "faultline: unexpected PanicException: index out of bounds. This is a bug in Faultline"
    )
