"""Papermill's engine with a kernel of our own, which keeps what a notebook puts out in bounds.

Called by `analysis.briefings.execution`; papermill and Jupyter are imported when it is used.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.briefings.limits import Limits, encoded_size
from analysis.briefings.redaction import redact_json

Progress = Callable[[int, int, str], None]

KERNEL = "faultline"
LOG = "kernel.log"
VERDICT = "exceeded"
_LATE_OUTPUT = 30  # seconds that outputs may arrive after the cell that made them has ended
_LONGEST_SOCKET = 90  # the system allows a little over 100 signs, and "-1" to "-5" follow


@dataclass
class Session:
    """What the engine needs beside the notebook; lives for one run."""

    env: dict[str, str]  # of the kernel
    folder: Path  # of the run alone, with the kernel's description
    limits: Limits
    progress: Progress | None  # as `analysis.briefings.execution.execute` takes it
    notebook: Any = None  # what is run
    cell: Any = None  # where it is
    put_out: int = 0  # bytes of outputs so far

    def report_progress(self, done: int, total: int, what: str) -> None:
        """Report progress where a callable was given."""
        if self.progress is not None:
            self.progress(done, total, what)

    def admits(self, message: Mapping[str, Any]) -> bool:
        """Count a message of the kernel; beyond the limit only its state is taken."""
        if message["msg_type"] == "status":
            return True
        if self.put_out <= self.limits.outputs:
            self.put_out += _size(message["content"])
        return self.put_out <= self.limits.outputs

    def exceeded(self, error: Exception) -> str:
        """Name of the limit that stopped the run; blank when it was something else."""
        from nbclient.exceptions import CellTimeoutError

        with suppress(OSError):
            return (self.folder / VERDICT).read_text(encoding="ascii")
        if self.put_out > self.limits.outputs:
            return "outputs"
        if isinstance(error, CellTimeoutError):
            # An output beyond the limit is not let in, so that what follows it never arrives.
            return "outputs" if "IOPub" in str(error) else "cell"
        return ""


def engine() -> type:
    """Papermill's own engine with our kernel, our environment and a word per cell."""
    import zmq.asyncio
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from papermill.engines import Engine

    client_class = _client()

    class FaultlineEngine(Engine):  # type: ignore[misc]  # papermill says no types
        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, session: Session, **_: Any
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
            manager.client = functools.partial(manager.client, context=context)  # type: ignore[method-assign]
            client = client_class(
                nb_man,
                km=manager,
                timeout=session.limits.cell,
                iopub_timeout=_LATE_OUTPUT,
                startup_timeout=120,
                log=logging.getLogger("papermill"),
            )
            client.session = session
            with (session.folder / LOG).open("w", encoding="utf-8") as log, _closing(context):
                client.execute(
                    cleanup_kc=True,
                    env=session.env,
                    cwd=str(session.folder / "work"),
                    stdout=log,
                    stderr=log,
                )

    return FaultlineEngine


def _client() -> Any:
    """Papermill's client, which counts what cells put out."""
    import zmq
    from nbclient.exceptions import DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient

    class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill says no types
        session: Session

        def papermill_execute_cells(self) -> None:
            # A message beyond the limit makes ZeroMQ drop the connection, and only the
            # monitor of the socket says so.
            watched = self.kc.iopub_channel.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self.dropped: Any = zmq.Socket.shadow(watched)
            with _ended_by_signals():
                super().papermill_execute_cells()

        async def _async_check_alive(self) -> None:
            await super()._async_check_alive()
            if hasattr(self, "dropped") and self.dropped.poll(0):
                # A kernel that died drops its connection too.
                await asyncio.sleep(1)
                await super()._async_check_alive()
                self.stop_for_outputs()

        def stop_for_outputs(self) -> None:
            self.session.put_out = self.session.limits.outputs + 1
            _end(self.km)
            raise DeadKernelError("The outputs exceed their limit")

        def execute_cell(self, cell: Any, cell_index: int, *args: Any, **kwargs: Any) -> Any:
            self.session.cell = cell
            self.session.report_progress(cell_index, len(self.nb.cells), cell_label(cell))
            finished = super().execute_cell(cell, cell_index, *args, **kwargs)
            # A cell may end before the kernel that was stopped for its outputs does.
            if self.session.put_out > self.session.limits.outputs or self.dropped.poll(0):
                self.stop_for_outputs()
            return finished

        def process_message(self, msg: Any, *args: Any, **kwargs: Any) -> Any:
            if self.session.admits(msg):
                return super().process_message(msg, *args, **kwargs)
            _end(self.km)
            return None

    return Client


def _end(manager: Any) -> None:
    """Ask the supervisor to end the kernel and what it started."""
    if process := manager.provisioner.pid:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


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
        return encoded_size(content)
    if isinstance(content, Mapping):
        return sum(_size(value) for value in content.values())
    return len(json.dumps(content, default=str))


def _transport(folder: Path) -> dict[str, str]:
    """Sockets in the run's own folder: no port that another user of the machine could reach."""
    socket = str(folder / "ipc")
    return {"transport": "ipc", "ip": socket} if len(socket) <= _LONGEST_SOCKET else {}


def cell_label(cell: Any) -> str:
    """The words by which a reader finds a cell: its first heading or line, at most 60 signs."""
    if "parameters" in cell.metadata.get("tags", []):
        return "Parameters (defaults)"
    lines = [line.strip() for line in str(cell.source).splitlines() if line.strip()]
    headings = [line.lstrip("# ") for line in lines if line.startswith("#")]
    chosen = (headings[:1] if cell.cell_type == "markdown" else []) or lines[:1] or [""]
    words = redact_json(chosen[0])
    return words if len(words) <= 60 else words[:59] + "…"
