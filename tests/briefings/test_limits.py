"""What a render may take, and what is left of a notebook's processes and folders after it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import psutil
import pytest

from analysis import files, scratch
from analysis.briefings import supervisor
from analysis.briefings.layout import lay_out
from analysis.briefings.limits import MEGABYTE, VARIABLES, Limits
from analysis.briefings.notebooks import NotebookInfo
from analysis.briefings.render import render
from analysis.briefings.supervisor import Supervision
from analysis.errors import InputError, RenderError

SLOW = Limits(render=300.0, cell=300.0)
HEADING = 'display({"text/markdown": "# Done"}, raw=True)'
ENDLESS = "while True: print('x' * 1000)"
HUGE = "print('x' * 5_000_000)"
LARGE = "display({'text/html': '<p>' + 'x' * 3_000_000 + '</p>'}, raw=True)"
HUNGRY = "held = []\nwhile True: held.append(bytes(bytearray(10_000_000)))"
FORKING = """import os, time
for _ in range(40):
    if os.fork() == 0:
        time.sleep(600)
time.sleep(600)"""
# One in a session of its own, and one whose parent is gone; the cell goes on when both live.
LEAVING = """import os, psutil, subprocess, time
subprocess.Popen(["sleep", "{0}"], start_new_session=True)
subprocess.Popen(["sh", "-c", "setsid sleep {0} & exit"]).wait()
def living():
    found = psutil.process_iter(["cmdline"])
    return sum(process.info["cmdline"] == ["sleep", "{0}"] for process in found)
while living() != 2:
    time.sleep(0.1)
"""


def write(folder: Path, *sources: str) -> Path:
    folder.mkdir(exist_ok=True)
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["faultline"] = {"title": "Trial", "parameters": []}
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, folder / "trial.ipynb")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "limits", "name"),
    [
        ("while True: pass", Limits(render=8, cell=300), "render"),
        ("import time\ntime.sleep(600)", Limits(render=300, cell=3), "cell"),
        (ENDLESS, Limits(outputs=2 * MEGABYTE), "outputs"),
        (LARGE, Limits(page=2 * MEGABYTE), "page"),
        (HUNGRY, Limits(memory=600 * MEGABYTE), "memory"),
        (FORKING, Limits(processes=20), "processes"),
    ],
)
def test_a_notebook_beyond_a_limit_is_stopped_and_the_good_page_stays(
    tmp_path: Path, source: str, limits: Limits, name: str
) -> None:
    folder, out = write(tmp_path / "notebooks", HEADING, source), tmp_path / "out"
    out.mkdir()
    (out / "trial.html").write_text("good")
    with pytest.raises(RenderError) as caught:
        render("trial", {}, out, folder=folder, limits=limits)
    assert limits.exceeded(name) in str(caught.value)
    assert VARIABLES[name][0] in str(caught.value)
    # What one render may take begins with the kernel, which may be slow to start.
    assert name == "render" or "cell 2" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (out / "failed" / "trial.ipynb").is_file()
    assert (out / "trial.html").read_text() == "good"


@pytest.mark.slow
def test_an_output_beyond_the_limit_is_never_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.briefings.engine._LATE_OUTPUT", 3)
    folder = write(tmp_path / "notebooks", HEADING, HUGE)
    with pytest.raises(RenderError, match="outputs exceed the 1 MB"):
        render("trial", {}, tmp_path / "out", folder=folder, limits=Limits(outputs=MEGABYTE))


def sleepers(seconds: str) -> int:
    found = 0
    for process in psutil.process_iter(["cmdline"]):
        found += process.info["cmdline"] == ["sleep", seconds]
    return found


def waited(seconds: str, wanted: int) -> bool:
    for _ in range(300):
        if sleepers(seconds) == wanted:
            return True
        time.sleep(0.2)
    return False


@pytest.mark.slow
def test_what_a_notebook_started_ends_with_it(tmp_path: Path) -> None:
    seconds = str(100_000 + os.getpid())
    folder = write(tmp_path / "notebooks", HEADING, LEAVING.format(seconds))
    render("trial", {}, tmp_path / "out", folder=folder, limits=SLOW)
    assert waited(seconds, 0)


@pytest.mark.slow
def test_what_a_notebook_started_ends_also_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    seconds = str(300_000 + os.getpid())
    source = f"{LEAVING.format(seconds)}os.kill(os.getppid(), 9)\ntime.sleep(600)"
    folder = write(tmp_path / "notebooks", HEADING, source)
    with pytest.raises(RenderError, match="cell 2"):
        render("trial", {}, tmp_path / "out", folder=folder, limits=SLOW)
    assert waited(seconds, 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_a_notebook_started_ends_with_the_command(tmp_path: Path, number: int) -> None:
    seconds = str(200_000 + 10 * os.getpid() + number % 10)
    source = f"{LEAVING.format(seconds)}time.sleep(600)"
    folder = write(tmp_path / "notebooks", HEADING, source)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = (
        # A shell without a terminal hands SIGINT down ignored.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from analysis.briefings.render import render; "
        f"render('trial', {{}}, {str(tmp_path / 'out')!r}, folder=Path({str(folder)!r}))"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert waited(seconds, 2)
        command.send_signal(number)
        assert command.wait(60) != 0
    finally:
        command.kill()
    assert waited(seconds, 0)
    left = list(temporary.glob("faultline-render-*"))
    assert bool(left) == (number == signal.SIGKILL)


@pytest.mark.slow
def test_a_page_that_takes_too_long_to_lay_out_is_stopped(tmp_path: Path) -> None:
    """A parser is through with so many nested elements in minutes at best."""
    html = nbformat.v4.new_output("display_data", data={"text/html": "<div>" * 400_000})
    with pytest.raises(RenderError, match="laid out: it took longer than the 9 seconds"):
        laid_out(html, Limits(render=9.0), seconds=3.0)


@pytest.mark.parametrize(
    ("limits", "seconds", "name"),
    [(Limits(), 0.0, "render"), (Limits(memory=1), 300.0, "memory")],
)
def test_the_layout_of_a_page_is_kept_within_the_limits_of_its_render(
    limits: Limits, seconds: float, name: str
) -> None:
    output = nbformat.v4.new_output("stream", text="x")
    with pytest.raises(RenderError, match=re.escape(limits.exceeded(name))):
        laid_out(output, limits, seconds)


def test_the_page_limit_counts_bytes_and_not_characters() -> None:
    output = nbformat.v4.new_output("stream", text="\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 500_000)
    assert "\N{CJK UNIFIED IDEOGRAPH-4E2D}" in laid_out(output, Limits(page=2 * MEGABYTE), 300.0)
    with pytest.raises(RenderError, match=r"exceeds the 1\.4 MB"):
        laid_out(output, Limits(page=1_400_000), 300.0)


def laid_out(output: nbformat.NotebookNode, limits: Limits, seconds: float) -> str:
    cell = nbformat.v4.new_code_cell("show()", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    info = NotebookInfo("trial", "Trial", "", (), Path("trial.ipynb"))
    html, _ = lay_out(notebook, info, {}, datetime.now(UTC), limits, seconds)
    return html


def test_a_supervisor_rests_a_second_at_most_and_no_longer_than_until_a_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    naps: list[float] = []
    stopped: list[int] = []
    monkeypatch.setattr("analysis.briefings.supervisor.time.sleep", naps.append)
    supervisor._rest(0.0, stopped)
    assert sum(naps) == pytest.approx(0.1)
    naps.clear()
    supervisor._rest(30.0, stopped)
    assert sum(naps) == pytest.approx(1.0)
    naps.clear()
    monkeypatch.setattr(
        "analysis.briefings.supervisor.time.sleep", lambda _: stopped.append(signal.SIGTERM)
    )
    supervisor._rest(30.0, stopped)
    assert stopped == [signal.SIGTERM]


def test_a_command_ends_at_once_when_its_limits_leave_it_none(tmp_path: Path) -> None:
    verdict = tmp_path / "verdict"
    supervision = Supervision(os.getpid(), 0.2, 10**9, 10, str(verdict))
    done = subprocess.run(supervision.command(["sleep", "600"]), timeout=60, check=False)
    assert (done.returncode, verdict.read_text()) == (1, "render")


def test_a_command_within_its_limits_gives_its_own_exit_code(tmp_path: Path) -> None:
    verdict = tmp_path / "verdict"
    supervision = Supervision(os.getpid(), 60.0, 10**9, 10, str(verdict))
    done = subprocess.run(supervision.command(["sh", "-c", "exit 7"]), timeout=60, check=False)
    assert done.returncode == 7
    assert not verdict.exists()


def test_folders_of_killed_renders_are_cleared_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("faultline-render-dead", "faultline-render-new", "faultline-other"):
        (tmp_path / name).mkdir()
    for name in ("faultline-render-dead", "faultline-other"):
        (tmp_path / name / "lock").touch()
    (tmp_path / "faultline-render-old").mkdir()
    os.utime(tmp_path / "faultline-render-old", (0, 0))
    (tmp_path / "faultline-render-link").symlink_to(tmp_path / "faultline-other")
    with scratch.scratch_folder("render") as running:
        assert scratch.clear_left_over("render") == []
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        running.name,
        "faultline-render-new",  # may be about to be locked
        "faultline-other",
        "faultline-render-link",
    }
    assert not running.exists()


@pytest.mark.parametrize("when", ["before it is opened", "before it is locked", "while it is"])
def test_a_folder_that_was_cleared_while_it_was_made_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cleared: list[Path] = []

    def lock(descriptor: int, patience: float) -> bool:
        if not cleared:
            (made,) = tmp_path.iterdir()
            if when == "while it is":
                other = os.open(made / "lock", os.O_RDWR)
                cleared.append(made)
                files.lock(other, 0.0)
            else:
                shutil.rmtree(made)
                cleared.append(made)
        return files.lock(descriptor, patience)

    def make(prefix: str) -> str:
        folder = mkdtemp(prefix=prefix)
        if not cleared:
            cleared.append(Path(folder))
            Path(folder).rmdir()
        return folder

    mkdtemp = tempfile.mkdtemp
    if when == "before it is opened":
        monkeypatch.setattr(tempfile, "mkdtemp", make)
    else:
        monkeypatch.setattr(scratch, "lock", lock)
    with scratch.scratch_folder("render") as folder:
        assert folder.is_dir()
        assert folder not in cleared
        monkeypatch.setattr(scratch, "lock", files.lock)
        assert folder not in scratch.clear_left_over("render")


@pytest.mark.parametrize(("name", "variable"), [(key, item[0]) for key, item in VARIABLES.items()])
def test_each_limit_is_read_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "7")
    given, usual = Limits.of_environment(), Limits()
    unit = MEGABYTE if variable.endswith("_MB") else 1
    assert getattr(given, name) == 7 * unit
    assert {key for key in VARIABLES if getattr(given, key) != getattr(usual, key)} == {name}
    monkeypatch.setenv(variable, "for ever")
    with pytest.raises(InputError, match=f"{variable} is 'for ever': give the"):
        Limits.of_environment()
