"""Homes that are addresses: what is shown of them, and what offline means for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import Desk
from analysis.cli import main
from analysis.errors import DataError, InputError
from analysis.settings import store_home
from analysis.store import Store
from analysis.store.location import StoreLocation

SECRET = "s3://somebody:opensesame@bucket/faultline?sig=abcSIG"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (SECRET, "s3://***@bucket/faultline?sig=***"),
        ("s3://a-token@bucket/faultline", "s3://***@bucket/faultline"),
        ("az://box/x?X-Amz-Credential=me&a=1", "az://box/x?X-Amz-Credential=***&a=1"),
        (
            "abfss://box@account.dfs.core.windows.net/x",
            "abfss://box@account.dfs.core.windows.net/x",
        ),
    ],
)
def test_an_address_is_shown_without_what_opens_it(address: str, shown: str) -> None:
    assert str(StoreLocation(address)) == shown


def test_neither_store_nor_desk_nor_command_shows_what_opens_a_home(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = "s3://***@bucket/faultline?sig=***"
    assert repr(Store(SECRET)) == f"Store({shown!r})"
    assert repr(Desk(home=SECRET)) == f"Desk(as_of=None, home={shown!r})"
    monkeypatch.setenv("FAULTLINE_HOME", SECRET)
    assert main(["watch", "--once"]) == 2
    printed = capsys.readouterr()
    assert shown in printed.err
    assert "opensesame" not in printed.err + printed.out
    assert "abcSIG" not in printed.err + printed.out


def test_a_home_that_is_not_there_has_no_clean_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path / "gone"))
    assert main(["data", "quarantine"]) == 2
    assert "gone does not exist" in capsys.readouterr().err


def test_offline_no_object_store_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    with pytest.raises(InputError, match="s3://bucket/faultline is an object store"):
        Store("s3://bucket/faultline")
    monkeypatch.setenv("FAULTLINE_HOME", SECRET)
    for words in (["data", "history", "prices", "NVDA"], ["data", "status"], ["data", "update"]):
        assert main(words) == 2
        assert "FAULTLINE_OFFLINE" in capsys.readouterr().err


def test_a_store_that_cannot_be_reached_is_not_to_be_moved_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing-to-see",
        "AWS_REGION": "nowhere",
        "AWS_MAX_RETRIES": "0",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match="see that the address can be reached") as caught:
        Store("s3://bucket/faultline").history("prices", "NVDA")
    assert "nothing-to-see" not in str(caught.value)


@pytest.mark.parametrize("host", ["", "localhost"])
def test_the_address_of_a_folder_is_that_folder(tmp_path: Path, host: str) -> None:
    folder = tmp_path / "with a blank"
    address = folder.as_uri().replace("file://", f"file://{host}")
    assert store_home(address) == folder
