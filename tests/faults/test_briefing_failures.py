"""What a briefing does when something is wrong: refused early, or told with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from analysis.briefings import execution, layout, page
from analysis.briefings.limits import Limits
from analysis.briefings.parameters import KnownNames
from analysis.briefings.render import render
from analysis.errors import DataError, EmptyStudyError, InputError, RenderError

KNOWN = KnownNames(events=("ds-r1", "ds-v4"), tickers=("NVDA",), groups=("gpu",))
PARAMETERS = [
    {"name": "event", "kind": "event", "required": True},
    {"name": "note", "kind": "text"},
    {"name": "as_of", "kind": "date"},
]
GOOD = 'display({"text/markdown": "# Done"}, raw=True)'


@pytest.fixture
def notebooks(tmp_path: Path) -> Callable[..., Path]:
    folder = tmp_path / "notebooks"
    folder.mkdir()

    def write(*sources: str, name: str = "trial") -> Path:
        assign = nbformat.v4.new_code_cell("event = ''\nnote = None\nas_of = None")
        assign.metadata["tags"] = ["parameters"]
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["faultline"] = {"title": "Trial", "parameters": PARAMETERS}
        notebook.cells = [assign, *map(nbformat.v4.new_code_cell, sources)]
        nbformat.write(notebook, folder / f"{name}.ipynb")
        return folder

    return write


def ask(folder: Path, out: Path, **changes: Any) -> list[Path]:
    asked: dict[str, Any] = {"notebook": "trial", "parameters": {"event": "ds-r1"}, "out": out}
    return render(**(asked | changes), folder=folder, known_names=KNOWN)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"notebook": "../trial"}, "not the name of a notebook"),
        ({"notebook": "/etc/passwd"}, "not the name of a notebook"),
        ({"notebook": "trail"}, "Did you mean 'trial'"),
        ({"parameters": {}}, "needs the parameter 'event'"),
        ({"parameters": {"event": "ds-r2"}}, "Did you mean 'ds-r1'"),
        ({"parameters": {"event": "ds-r1", "nota": "x"}}, "Did you mean 'note'"),
        ({"parameters": {"event": "ds-r1", "as_of": "2025-1-1"}}, "write it as 2025-01-27"),
        ({"parameters": {"event": "ds-r1", "as_of": "2025-01-01"}, "as_of": "2025-01-02"}, "twice"),
        ({"parameters": {"event": "ds-r1", "note": "hf_secret_value"}}, "value of HF_TOKEN"),
        ({"formats": "html,doc"}, "Unknown format 'doc'"),
    ],
)
def test_bad_input_is_refused_before_a_kernel_starts(
    notebooks: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret_value")
    monkeypatch.setattr(execution, "execute", lambda *_, **__: pytest.fail("a kernel started"))
    with pytest.raises(InputError, match=message) as caught:
        ask(notebooks(GOOD), tmp_path / "out", **changes)
    assert caught.value.exit_code == 2


def test_an_output_folder_that_cannot_be_made_is_refused_before_a_kernel_starts(
    notebooks: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "execute", lambda *_, **__: pytest.fail("a kernel started"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written: .* Choose another with --out"):
        ask(notebooks(GOOD), tmp_path / "file" / "out")


def test_a_damaged_notebook_is_named(notebooks: Callable[..., Path], tmp_path: Path) -> None:
    folder = notebooks(GOOD)
    content = json.loads((folder / "trial.ipynb").read_text())
    content["cells"][1] = {"cell_type": "code"}
    (folder / "trial.ipynb").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"trial\.ipynb is not a valid notebook"):
        ask(folder, tmp_path / "out")


@pytest.mark.slow
def test_a_failed_cell_is_named_and_an_earlier_good_page_stays(
    notebooks: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (good,) = ask(notebooks(GOOD), out)
    before = good.read_bytes()
    folder = notebooks('print("so far")', "# measure\nraise ValueError('no <b>\\nprices')", GOOD)
    with pytest.raises(RenderError) as caught:
        ask(folder, out)
    message = str(caught.value)
    kept = out / "failed" / "trial--ds-r1.ipynb"
    assert "Notebook 'trial'" in message
    assert "cell 3 ('# measure')" in message
    assert "ValueError: no <b> prices" in message
    assert str(kept) in message
    assert caught.value.exit_code == 1
    partial = nbformat.read(kept, as_version=4)
    assert any(
        output.get("text") == "so far\n"
        for cell in partial.cells
        for output in cell.get("outputs", [])
    )
    assert good.read_bytes() == before
    assert sorted(item.name for item in out.iterdir()) == ["failed", "trial--ds-r1.html"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import os\nos._exit(3)", "DeadKernelError"),
        (
            "import time\ntime.sleep(60)",
            "it took longer than the 10 seconds",
        ),
        ("import sys\nsys.exit('stop')", "SystemExit: stop"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_every_way_to_stop_names_its_cell(
    notebooks: Callable[..., Path], tmp_path: Path, source: str, cause: str
) -> None:
    first = source.splitlines()[0]
    # Only the cell that sleeps may run out of time; the others are given all they need.
    longest = 10.0 if "sleep" in source else 300.0
    with pytest.raises(RenderError) as caught:
        ask(notebooks(GOOD, source), tmp_path / "out", limits=Limits(cell=longest))
    assert f"cell 3 ({first!r}): {cause}" in str(caught.value)
    assert (tmp_path / "out" / "failed" / "trial--ds-r1.ipynb").is_file()
    assert not (tmp_path / "out" / "trial--ds-r1.html").exists()


@pytest.mark.slow
def test_a_python_without_a_kernel_says_so(
    notebooks: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho 'No module named ipykernel_launcher' >&2\nexit 1\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr("analysis.briefings.execution.sys.executable", str(interpreter))
    with pytest.raises(RenderError, match=r"failed in its start: .*No module named ipykernel"):
        ask(notebooks(GOOD), tmp_path / "out")


@pytest.mark.slow
def test_an_output_that_cannot_be_laid_out_is_told_with_its_cell(
    notebooks: Callable[..., Path], tmp_path: Path
) -> None:
    broken = 'display({"application/vnd.faultline.chart+json": {"title": "no figure"}}, raw=True)'
    with pytest.raises(RenderError, match=r"output of cell 2 .* cannot be laid out: KeyError"):
        ask(notebooks(broken), tmp_path / "out")
    assert (tmp_path / "out" / "failed" / "trial--ds-r1.ipynb").is_file()


def test_a_failure_whose_notebook_cannot_be_kept_is_still_told(
    notebooks: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "failed").write_text("a file where the folder should be")
    failed = execution.NotebookRun(
        nbformat.v4.new_notebook(), execution.CellFailure(2, "x = 1", "E: why")
    )
    monkeypatch.setattr(execution, "execute", lambda *_, **__: failed)
    with pytest.raises(RenderError, match=r"cell 2 \('x = 1'\): E: why.*could not be kept"):
        ask(notebooks(GOOD), out)


def test_a_briefing_that_measures_nothing_leaves_the_earlier_one(tmp_path: Path) -> None:

    name = "event_briefing--ds-r1--as_of-2024-01-01"
    earlier = tmp_path / f"{name}.html"
    earlier.write_text("good", encoding="utf-8")
    with pytest.raises(EmptyStudyError, match="No security has a return on day 0"):
        render("event_briefing", {"event": "ds-r1"}, tmp_path, as_of="2024-01-01")
    assert earlier.read_text(encoding="utf-8") == "good"
    assert (tmp_path / "failed" / f"{name}.ipynb").is_file()


@pytest.mark.slow
def test_a_page_that_fails_inspection_is_not_published_and_its_notebook_kept(
    notebooks: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process, where the sanitizer can be taken away.
    here = lambda *order: layout.laid_out(*order[:-1])  # noqa: E731
    monkeypatch.setattr("analysis.briefings.render.lay_out", here)
    monkeypatch.setattr(page, "sanitized", lambda html: html)
    out = tmp_path / "out"
    hostile = "display({'text/html': '<meta http-equiv=refresh content=0;url=//h>'}, raw=True)"
    with pytest.raises(RenderError, match=r"<meta http-equiv=.*was not published. It comes from"):
        ask(notebooks(GOOD, hostile), out)
    assert [path.name for path in out.iterdir()] == ["failed"]
    assert (out / "failed" / "trial--ds-r1.ipynb").is_file()


@pytest.mark.slow
def test_a_planted_secret_reaches_neither_kernel_message_nor_partial_notebook(
    notebooks: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = {"SMTP_PASS": "open-sesame-1", "SLACK_WEBHOOK_URL": "https://hooks.example/T0/B1/x"}
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    seen = "import os; print([n for n in ('SMTP_PASS', 'SLACK_WEBHOOK_URL') if n in os.environ])"
    raising = f"raise RuntimeError({' '.join(planted.values())!r})"
    with pytest.raises(RenderError) as caught:
        ask(notebooks(seen, raising), tmp_path / "out")
    kept = (tmp_path / "out" / "failed" / "trial--ds-r1.ipynb").read_text(encoding="utf-8")
    assert "[SMTP_PASS removed] [SLACK_WEBHOOK_URL removed]" in str(caught.value)
    assert '"[]\\n"' in kept
    for value in planted.values():
        assert value not in str(caught.value) + kept
