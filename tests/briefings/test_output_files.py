"""Where a briefing is put, what it is called, and what is said of its making."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analysis import __version__
from analysis.briefings import manifest, output_files
from analysis.briefings.notebooks import NotebookInfo, ParameterSpec
from analysis.briefings.redaction import (
    redact_json,
    reject_secret_parameters,
    without_secret_variables,
)
from analysis.errors import InputError, RenderError
from analysis.files import temporary_path

INFO = NotebookInfo("trial", "Trial", "", (ParameterSpec("event", "event"),), Path("trial.ipynb"))


def test_files_are_named_by_notebook_and_event() -> None:
    assert output_files.briefing_name(INFO, {"event": "ds-r1"}) == "trial--ds-r1"
    assert output_files.briefing_name(INFO, {"event": None}) == "trial"
    assert output_files.briefing_name(INFO, {"event": "../../a b/../c"}) == "trial--a-b-..-c"


MORE = NotebookInfo(
    "trial",
    "Trial",
    "",
    (
        ParameterSpec("tickers", "tickers", default=[]),
        ParameterSpec("event", "event"),
        ParameterSpec("model", "choice", default="market"),
        ParameterSpec("as_of", "date"),
    ),
    Path("trial.ipynb"),
)


def test_every_other_parameter_that_differs_from_its_default_is_in_the_name() -> None:
    def name(**values: object) -> str:
        return output_files.briefing_name(MORE, {"event": "ds-r1", **values})

    assert name(model="market", as_of=None, tickers=[]) == name() == "trial--ds-r1"
    assert name(model="ff3", as_of="2025-02-03") == "trial--ds-r1--model-ff3--as_of-2025-02-03"
    assert name(tickers=["2330.TW", "^GSPC"]) == "trial--ds-r1--tickers-2330.TW-GSPC"
    many = [f"T{number:04}" for number in range(400)]
    long, other = name(tickers=many), name(tickers=[*many, "NVDA"])
    assert len(long.encode()) <= 180
    assert long != other
    assert long.startswith("trial--ds-r1--tickers-T0000-T0001-")


def test_pdf_and_png_need_a_browser_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for kind in ("pdf", "html,png"):
        with pytest.raises(
            InputError, match="formats pdf and png need Chromium, and none was found"
        ):
            output_files.check_formats(kind)
    monkeypatch.setenv("FAULTLINE_BROWSER", "/no/such/browser")
    with pytest.raises(InputError, match="FAULTLINE_BROWSER is '/no/such/browser'"):
        output_files.check_formats("pdf")


def test_formats_are_read_once_each_in_their_order() -> None:
    assert output_files.check_formats("ipynb, HTML,ipynb") == ("ipynb", "html")
    assert output_files.check_formats(["html"]) == ("html",)


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        ("html,docx", "Unknown format 'docx'. Known: html, ipynb"),
        ("", "No format was given"),
    ],
)
def test_a_format_that_there_is_not_is_refused(formats: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        output_files.check_formats(formats)


def test_the_output_folder_is_made(tmp_path: Path) -> None:
    folder = output_files.check_output_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_what_killed_publications_left_over_an_hour_ago_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, failed = tmp_path / "a.html", tmp_path / "failed"
    page.write_text("old")
    os.utime(page, (0, 0))
    failed.mkdir()
    others = {".a.html.part", ".a.html.0123456789ab.part.txt", "a.0123456789ab.part"}
    for name in others:
        (tmp_path / name).touch()
    # A second name of a page has the page's own time of writing.
    temporary_path(page).hardlink_to(page)
    temporary_path(failed / "a.ipynb").write_text("half")
    output_files.check_output_folder(tmp_path)
    assert len(list(tmp_path.rglob(".*.part"))) == 3
    now = time.time()
    monkeypatch.setattr("analysis.files.time.time", lambda: now + 3700)
    output_files.check_output_folder(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == others | {"a.html", "failed"}


def test_an_output_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for bad in (tmp_path / "file", tmp_path / "file" / "sub", "/proc/none/x", "a\0b"):
        with pytest.raises(InputError, match="cannot be written"):
            output_files.check_output_folder(bad)


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    assert output_files.write_file(path, "new é\n") == path
    assert path.read_bytes() == "new é\n".encode()
    assert [item.name for item in tmp_path.iterdir()] == ["page.html"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analysis.briefings.output_files.os.fsync", full)
    with pytest.raises(RenderError, match="No space left"):
        output_files.write_file(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("formats", [("html",), ("html", "ipynb"), ("ipynb", "html", "md")])
def test_files_are_published_all_or_none_wherever_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, formats: tuple[str, ...]
) -> None:
    """It stops before, and then after, each step that changes a name or syncs a folder."""
    earlier = {"a.html": "old page", "a.md": "old third"}
    steps = Interruption(error)
    monkeypatch.setattr(Path, "replace", steps.around(Path.replace))
    monkeypatch.setattr(output_files, "sync_folder", steps.around(output_files.sync_folder))
    new = {tmp_path / f"a.{kind}": f"new {kind}" for kind in formats}
    for when in range(100):
        for name, content in earlier.items():
            (tmp_path / name).write_text(content)
        steps.left = when
        try:
            assert output_files.write_files(new) == list(new)
        except (RenderError, KeyboardInterrupt):
            assert texts(tmp_path) == earlier
            continue
        break
    # Each file is renamed when written and when placed, and the folder is synced once.
    assert when == 2 * (2 * len(formats) + 1)
    assert texts(tmp_path) == earlier | {path.name: content for path, content in new.items()}


class Interruption:
    """Raises an error before or after the step at which nothing is left to count down."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.left = 0

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            self.count()
            result = step(*args)
            self.count()
            return result

        return watched

    def count(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise self.error


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_json_in_a_page_cannot_end_its_script() -> None:
    value = {"a": "</script><!-- & \u2028", "b": [float("nan"), float("-inf"), 1.5, None, True]}
    html = manifest.json_script(value, name="x")
    assert html.startswith('<script type="application/json" id="x">')
    inside = html.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert not set("<>&\u2028") & set(inside)
    assert json.loads(inside) == {"a": value["a"], "b": [None, None, 1.5, None, True]}


def test_the_manifest_says_what_a_briefing_was_made_from() -> None:
    moment = datetime(2025, 2, 3, 12, 0, 1, 5, tzinfo=UTC)
    told = {"tables": {"prices": {"version": 3}}, "as_of": None, "version": "lie"}
    written = manifest.manifest(
        INFO, {"event": "ds-r1", "as_of": "2025-02-03"}, moment, moment, told
    )
    assert written["as_of"] == "2025-02-03"
    assert written["tables"] == {"prices": {"version": 3}}
    assert written["version"] == __version__
    assert written["started"] == written["finished"] == "2025-02-03T12:00:01Z"
    assert written["notebook"] == "trial"


def test_outside_a_checkout_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "bundled", lambda: tmp_path)
    assert manifest.commit() is None


def test_the_commit_is_the_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setattr(manifest, "bundled", lambda: tmp_path)
    for words in (
        ["init", "-q"],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    commit = manifest.commit()
    assert commit is not None
    assert len(commit) == 40


def test_a_git_that_does_not_answer_costs_no_briefing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(manifest, "bundled", lambda: tmp_path)
    assert manifest.commit() is None

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(manifest.subprocess, "run", hang)
    assert manifest.commit() is None


def test_an_object_store_keeps_its_keys_in_the_kernel_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = {
        "AWS_SECRET_ACCESS_KEY": "a-key-of-the-store",
        "AZURE_STORAGE_ACCOUNT_KEY": "another-key",
    }
    environment = {**held, "HF_TOKEN": "x", "AWS_REGION": "eu"}
    assert without_secret_variables(environment, "s3://bucket/faultline") == {
        **held,
        "AWS_REGION": "eu",
    }
    assert without_secret_variables(environment, Path("home")) == {"AWS_REGION": "eu"}
    for name, value in held.items():
        monkeypatch.setenv(name, value)
    text = " and ".join(held.values())
    assert redact_json(text) == (
        "[AWS_SECRET_ACCESS_KEY removed] and [AZURE_STORAGE_ACCOUNT_KEY removed]"
    )


def test_notify_urls_and_passwords_in_addresses_are_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = ["tgram://123456789:token/chat", "json://desk.example.org/path"]
    monkeypatch.setenv("FAULTLINE_NOTIFY", " ".join(urls))
    monkeypatch.setenv("FAULTLINE_GITHUB_URL", "https://desk:opensesame@mirror.example.org/github")
    assert "FAULTLINE_NOTIFY" not in without_secret_variables({"FAULTLINE_NOTIFY": urls[0]})
    for url in urls:
        assert redact_json(f"at {url}!") == "at [FAULTLINE_NOTIFY removed]!"
    assert redact_json("opensesame") == "[FAULTLINE_GITHUB_URL removed]"
    with pytest.raises(InputError, match="holds the value of FAULTLINE_NOTIFY"):
        reject_secret_parameters({"note": urls[1]})


def test_secrets_of_the_environment_are_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", 'hf_"quoted"_1')
    monkeypatch.setenv("SHORT_TOKEN", "yes")
    kept = without_secret_variables({"HF_TOKEN": "x", "my_password": "x", "PATH": "/bin"})
    assert kept == {"PATH": "/bin"}
    document = json.dumps({"a": 'before hf_"quoted"_1 after', "b": "yes"})
    assert json.loads(redact_json(document)) == {"a": "before [HF_TOKEN removed] after", "b": "yes"}
    reject_secret_parameters({"note": "yes"})
    with pytest.raises(InputError, match="'note' holds the value of HF_TOKEN") as caught:
        reject_secret_parameters({"note": ['x hf_"quoted"_1']})
    assert "quoted" not in str(caught.value)
