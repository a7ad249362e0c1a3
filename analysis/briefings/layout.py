"""A run notebook laid out as its page, by a process of its own that is kept within limits.

What a notebook puts out may cost its parsers far more than it cost the notebook: a megabyte of
nested elements takes them minutes. So a supervised child reads the outputs, as one runs the
cells. Called by `analysis.briefings.render`; run by itself as that child::

    python -m analysis.briefings.layout FOLDER

"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.briefings.execution import kernel_log_tail
from analysis.briefings.limits import Limits, encoded_size
from analysis.briefings.notebooks import NotebookInfo
from analysis.briefings.redaction import without_secret_variables
from analysis.briefings.supervisor import Supervision
from analysis.errors import EmptyStudyError, RenderError
from analysis.scratch import scratch_folder

_INPUT, _RESULT, _VERDICT, _LOG = "input", "result.json", "exceeded", "log"
_PROCESSES = 8  # git, which names the commit, may start others


def lay_out(
    notebook: Any,
    info: NotebookInfo,
    parameters: Mapping[str, Any],
    started: datetime,
    limits: Limits,
    seconds: float,
) -> tuple[str, dict[str, Any]]:
    """Lay a run notebook out as its page.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With outputs.
    info : NotebookInfo
    parameters : mapping
        As validated.
    started : datetime.datetime
        When the render began.
    limits : Limits
    seconds : float
        How much of the time for the render is left.

    Returns
    -------
    tuple of str and dict
        The page, and its manifest.

    Raises
    ------
    RenderError
        An output cannot be laid out, or not within the limits.
    EmptyStudyError
        The notebook measured no security.
    """
    with scratch_folder("render") as folder:
        inputs = (notebook, info, dict(parameters), started, limits)
        (folder / _INPUT).write_bytes(pickle.dumps(inputs))
        supervision = Supervision(
            parent=os.getpid(),
            seconds=seconds,
            memory=limits.memory,
            processes=_PROCESSES,
            verdict=str(folder / _VERDICT),
        )
        child = [sys.executable, "-P", "-m", __name__, str(folder)]
        with (folder / _LOG).open("wb") as log:
            subprocess.run(  # noqa: S603 - this module, run by this Python
                supervision.command(child),
                env={
                    **without_secret_variables(os.environ),
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        return _read_result(folder, limits)


def _read_result(folder: Path, limits: Limits) -> tuple[str, dict[str, Any]]:
    if (folder / _VERDICT).exists():
        limit = limits.exceeded((folder / _VERDICT).read_text(encoding="ascii"))
        raise RenderError(f"Its page could not be laid out: {limit}.")
    try:
        result = json.loads((folder / _RESULT).read_bytes())
    except (OSError, ValueError):
        why = kernel_log_tail(folder / _LOG)[:300].rstrip(".") or "the process that does it crashed"
        raise RenderError(f"Its page could not be laid out: {why}.") from None
    if "problem" in result:
        kind = EmptyStudyError if result["kind"] == EmptyStudyError.__name__ else RenderError
        raise kind(result["problem"])
    return result["page"], result["manifest"]


# In the child -------------------------------------------------------------------------------


def main(folder: Path) -> None:
    """Lay out the notebook that a folder holds, and put the result there."""
    inputs = pickle.loads((folder / _INPUT).read_bytes())  # noqa: S301 - our parent wrote it
    try:
        html, record = laid_out(*inputs)
        result: dict[str, Any] = {"page": html, "manifest": record}
    except (EmptyStudyError, RenderError) as problem:
        result = {"kind": type(problem).__name__, "problem": str(problem)}
    (folder / _RESULT).write_text(json.dumps(result), encoding="ascii")


def laid_out(
    notebook: Any,
    info: NotebookInfo,
    parameters: Mapping[str, Any],
    started: datetime,
    limits: Limits,
) -> tuple[str, dict[str, Any]]:
    """Lay a run notebook out in this process; as `lay_out`."""
    from analysis.briefings.export import collect, to_page
    from analysis.briefings.manifest import manifest

    page = collect(notebook, info.title, limits)
    if page.results.get("securities") == []:
        first = next((f": {row['reason']}" for row in page.results.get("skipped", [])), "")
        raise EmptyStudyError(f"No security has a return on day 0 of the event{first}")
    record = manifest(info, parameters, started, datetime.now(UTC), page.manifest)
    html = to_page(notebook, page, record)
    if encoded_size(html) > limits.page:
        raise RenderError(f"It was not published: {limits.exceeded('page')}.")
    return html, record


if __name__ == "__main__":
    main(Path(sys.argv[1]))
