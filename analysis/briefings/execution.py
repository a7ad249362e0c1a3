"""A notebook run from top to bottom through papermill, in a kernel of this very Python.

A machine may hold kernels of other environments under the usual names, and a home that cannot
be written. So the kernel is described in a temporary folder, started with this process's
interpreter, and every Jupyter and IPython path points into that folder. A supervisor keeps the
kernel within its limits and ends what it started. Variables of the
environment that look like secrets do not reach the kernel: a notebook reads tables at rest
and needs none, and papermill would write them into its output.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.briefings import ipynb
from analysis.briefings.confidential import blanked, without_secret_variables
from analysis.briefings.limits import Limits
from analysis.briefings.notebooks import NotebookInfo
from analysis.briefings.scratch import scratch_folder
from analysis.errors import DataError
from analysis.settings import store_home

Progress = Callable[[int, int, str], None]

_ENGINE = "faultline"
_KERNEL = "faultline"
_LOG = "kernel.log"
_VERDICT = "exceeded"
_LATE_OUTPUT = 30  # seconds that outputs may arrive after the cell that made them has ended
_LONGEST_SOCKET = 90  # the system allows a little over 100 signs, and "-1" to "-5" follow


@dataclass(frozen=True)
class Failure:
    """Where and why a run stopped.

    Attributes
    ----------
    cell : int
        Number of the cell in the notebook as published, from 1; 0 when no cell was reached.
    label : str
        The cell's first heading or line.
    cause : str
        Exception type and message in one line.
    """

    cell: int
    label: str
    cause: str


@dataclass
class Run:
    """A notebook after its run: complete, or as far as it came.

    Attributes
    ----------
    notebook : nbformat.NotebookNode
        With the outputs, without secrets.
    failure : Failure or None
        None after a complete run.
    """

    notebook: Any
    failure: Failure | None


@dataclass
class _Session:
    """What the papermill engine needs beside the notebook; lives for one run."""

    env: dict[str, str]
    folder: Path
    limits: Limits
    progress: Progress | None
    notebook: Any = None
    cell: Any = None
    put_out: int = 0  # bytes

    def exceeded(self, error: Exception) -> str:
        """Name of the limit that stopped the run; blank when it was something else."""
        from nbclient.exceptions import CellTimeoutError

        with suppress(OSError):
            return (self.folder / _VERDICT).read_text(encoding="ascii")
        if self.put_out > self.limits.outputs:
            return "outputs"
        if isinstance(error, CellTimeoutError):
            # An output beyond the limit is not let in, so that what follows it never arrives.
            return "outputs" if "IOPub" in str(error) else "cell"
        return ""


def execute(
    info: NotebookInfo,
    parameters: Mapping[str, Any],
    *,
    home: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Run:
    """Run a notebook with parameters and return it with its outputs.

    Parameters
    ----------
    info : NotebookInfo
        The notebook.
    parameters : mapping of str to JSON value
        As `analysis.briefings.parameters.validate` returns them.
    home : path, optional
        Folder of the tables; the kernel sees it as ``FAULTLINE_HOME``.
    progress : callable, optional
        Called as ``progress(cells done, cells in all, first line of the next cell)``.
    limits : Limits, optional
        Those of the environment without it.

    Returns
    -------
    Run
        A failed cell is told in `Run.failure`, never raised.

    Raises
    ------
    DataError
        The file is not a valid notebook.
    InputError
        A limit in the environment is no number.
    """
    import papermill
    from papermill.engines import papermill_engines

    limits = limits or Limits.of_environment()

    notebook = _load(info)
    logging.getLogger("papermill").addHandler(logging.NullHandler())
    papermill_engines.register(_ENGINE, _engine())
    with scratch_folder() as folder:
        session = _Session(_environment(folder, home, limits), folder, limits, progress)
        try:
            finished = papermill.execute_notebook(
                notebook,
                None,
                parameters=dict(parameters),
                engine_name=_ENGINE,
                kernel_name=_KERNEL,
                language="python",
                progress_bar=False,
                session=session,
            )
        except papermill.PapermillExecutionError as error:
            failure = Failure(*_place(session), _one_line(error.ename, error.evalue))
            return Run(_without_secrets(session.notebook), failure)
        # A kernel died, timed out or never started: each has an error of its own.
        except Exception as error:
            kept = notebook if session.notebook is None else session.notebook
            limit = session.exceeded(error)
            cause = (
                limits.exceeded(limit)
                if limit
                else _one_line(type(error).__name__, f"{error} {_last_words(folder / _LOG)}")
            )
            return Run(_without_secrets(kept), Failure(*_place(session), cause))
    return Run(_without_secrets(finished), None)


def _load(info: NotebookInfo) -> Any:
    try:
        notebook = ipynb.read(info.path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{info.path} is not a valid notebook: {error}") from error
    for number, cell in enumerate(notebook.cells, start=1):
        # Kept through papermill's own insertions, so that an error names the cell that a
        # reader of the notebook would count to.
        cell.metadata["faultline_cell"] = number
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run at once; nbclient's handlers wait for the kernel."""

    def end(number: int, _: object) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, end) for number in numbers}
    except ValueError:  # outside the main thread: whoever runs the process decides
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment(
    folder: Path, home: str | os.PathLike[str] | None, limits: Limits
) -> dict[str, str]:
    """Environment of the kernel, and the folders it names."""
    _describe_kernel(folder, limits)
    (folder / "work").mkdir()
    env = without_secret_variables(os.environ, store_home(home))
    if "PYTHONPATH" in env:  # the kernel starts elsewhere
        parts = env["PYTHONPATH"].split(os.pathsep)
        env["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in parts if part)
    if home is not None:
        env["FAULTLINE_HOME"] = str(store_home(home))
    return env | {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        # Silences the debugger's remark on frozen modules, which would end in the page.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _describe_kernel(folder: Path, limits: Limits) -> None:
    from analysis.briefings.supervisor import Supervision

    spec = folder / "jupyter" / "kernels" / _KERNEL
    spec.mkdir(parents=True)
    supervision = Supervision(
        parent=os.getpid(),
        seconds=limits.render,
        memory=limits.memory,
        processes=limits.processes,
        verdict=str(folder / _VERDICT),
    )
    argv = supervision.command(
        [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    )
    content = {"argv": argv, "display_name": "Faultline", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(content), encoding="utf-8")


def _engine() -> type:
    """Papermill's own engine with our kernel, our environment and a word per cell."""
    import zmq.asyncio
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine

    class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill says no types
        session: _Session

        def papermill_execute_cells(self) -> None:
            with _ended_by_signals():
                super().papermill_execute_cells()

        def execute_cell(self, cell: Any, cell_index: int, *args: Any, **kwargs: Any) -> Any:
            self.session.cell = cell
            if self.session.progress is not None:
                self.session.progress(cell_index, len(self.nb.cells), first_line(cell))
            finished = super().execute_cell(cell, cell_index, *args, **kwargs)
            # A cell may end before the kernel that was stopped for its outputs does.
            if self.session.put_out > self.session.limits.outputs:
                raise DeadKernelError(f"The outputs take {self.session.put_out:,} bytes")
            return finished

        def process_message(self, msg: Any, *args: Any, **kwargs: Any) -> Any:
            session = self.session
            if msg["msg_type"] != "status" and session.put_out <= session.limits.outputs:
                session.put_out += _size(msg["content"])
                if session.put_out > session.limits.outputs:
                    os.kill(self.km.provisioner.pid, signal.SIGTERM)
            # Of what comes until the kernel has ended, nothing is kept.
            if msg["msg_type"] == "status" or session.put_out <= session.limits.outputs:
                return super().process_message(msg, *args, **kwargs)
            return None

    class FaultlineEngine(Engine):  # type: ignore[misc]  # papermill says no types
        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, session: _Session, **_: Any
        ) -> None:
            session.notebook = nb_man.nb
            specs = KernelSpecManager(
                kernel_dirs=[str(session.folder / "jupyter" / "kernels")],
                ensure_native_kernel=False,
                data_dir=str(session.folder / "data"),
            )
            manager = AsyncKernelManager(
                kernel_name=kernel_name,
                kernel_spec_manager=specs,
                connection_file=str(session.folder / "kernel.json"),
                **_transport(session.folder),
                data_dir=str(session.folder / "data"),
            )
            # A message beyond the limit is refused before it takes memory here.
            context = zmq.asyncio.Context()
            context.setsockopt(zmq.MAXMSGSIZE, session.limits.outputs)
            manager.client = functools.partial(manager.client, context=context)
            client = Client(
                nb_man,
                km=manager,
                timeout=session.limits.cell,
                iopub_timeout=_LATE_OUTPUT,
                startup_timeout=120,
                log=logging.getLogger("papermill"),
            )
            client.session = session
            with (session.folder / _LOG).open("w", encoding="utf-8") as log, _closing(context):
                client.execute(
                    cleanup_kc=True,
                    env=session.env,
                    cwd=str(session.folder / "work"),
                    stdout=log,
                    stderr=log,
                )

    return FaultlineEngine


@contextmanager
def _closing(context: Any) -> Iterator[None]:
    """Close a ZeroMQ context with whatever sockets are left in it."""
    try:
        yield
    finally:
        context.destroy(linger=100)


def _size(content: Any) -> int:
    """Bytes of a message, near enough: JSON of whatever is not text."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return sum(_size(value) for value in content.values())
    return len(json.dumps(content, default=str))


def _transport(folder: Path) -> dict[str, str]:
    """Sockets in the run's own folder: no port that another user of the machine could reach."""
    socket = str(folder / "ipc")
    return {"transport": "ipc", "ip": socket} if len(socket) <= _LONGEST_SOCKET else {}


def first_line(cell: Any) -> str:
    """The words by which a reader finds a cell: its first heading or line, at most 60 signs."""
    if "parameters" in cell.metadata.get("tags", []):
        return "Parameters (defaults)"
    lines = [line.strip() for line in str(cell.source).splitlines() if line.strip()]
    headings = [line.lstrip("# ") for line in lines if line.startswith("#")]
    chosen = (headings[:1] if cell.cell_type == "markdown" else []) or lines[:1] or [""]
    words = blanked(chosen[0])
    return words if len(words) <= 60 else words[:59] + "…"


def _place(session: _Session) -> tuple[int, str]:
    cell = session.cell
    return (int(cell.metadata.get("faultline_cell", 0)), first_line(cell)) if cell else (0, "")


def _last_words(log: Path) -> str:
    """What a kernel that died said at last."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _one_line(kind: str, message: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message or "")
    return blanked(f"{kind}: {' '.join(plain.split())}")[:500].rstrip(": ")


def _without_secrets(notebook: Any) -> Any:
    return ipynb.read(blanked(ipynb.write(notebook)))
