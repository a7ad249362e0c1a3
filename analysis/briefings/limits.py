"""How long a render may take, and how much it may write and hold.

A notebook is code: a cell may wait for ever, print without end, or ask for more memory than
the machine has. Every limit has a default that our own notebooks stay far below, and a variable
of the environment that raises it.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.settings import positive_number

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Limits of one render."""

    render: float = 1800.0  # seconds that the notebook may take
    cell: float = 600.0  # seconds that one of its cells may take
    outputs: int = 128 * MEGABYTE  # bytes that its cells may put out
    page: int = 64 * MEGABYTE  # bytes that a page may hold
    memory: int = 4000 * MEGABYTE  # bytes held by the kernel and the processes it started
    processes: int = 64  # how many these may be, the kernel included

    @classmethod
    def of_environment(cls) -> Limits:
        """Read the limits from ``FAULTLINE_RENDER_SECONDS`` and the others; defaults without.

        Raises
        ------
        InputError
            A variable holds something else than a positive number.
        """
        usual = cls()

        def given(name: str, default: float, unit: int = 1) -> float:
            variable, meaning = VARIABLES[name]
            number = positive_number(variable, f"{meaning}, for instance {default / unit:g}")
            return default if number is None else number * unit

        return cls(
            render=given("render", usual.render),
            cell=given("cell", usual.cell),
            outputs=int(given("outputs", usual.outputs, MEGABYTE)),
            page=int(given("page", usual.page, MEGABYTE)),
            memory=int(given("memory", usual.memory, MEGABYTE)),
            processes=max(1, int(given("processes", usual.processes))),
        )

    def exceeded(self, name: str) -> str:
        """Say which limit stopped a render, and how to raise it.

        Parameters
        ----------
        name : str
            Name of the attribute.

        Returns
        -------
        str
            The end of a sentence, without its full stop.
        """
        allowed = {
            "render": f"it took longer than the {self.render:,g} seconds that one render may take",
            "cell": f"it took longer than the {self.cell:,g} seconds that one cell may take",
            "outputs": f"the outputs exceed the {_megabytes(self.outputs)} that a notebook may "
            "put out",
            "page": f"the page exceeds the {_megabytes(self.page)} that it may hold",
            "memory": f"it held more than the {_megabytes(self.memory)} of memory that a "
            "notebook and its processes may hold",
            "processes": f"it ran more than the {self.processes} processes that a notebook may run",
        }[name]
        return f"{allowed}; reduce the work, or raise the limit with {VARIABLES[name][0]}"


VARIABLES = {
    "render": ("FAULTLINE_RENDER_SECONDS", "the seconds that one render may take"),
    "cell": ("FAULTLINE_CELL_SECONDS", "the seconds that one cell may take"),
    "outputs": ("FAULTLINE_OUTPUTS_MB", "the megabytes that the cells may put out"),
    "page": ("FAULTLINE_PAGE_MB", "the megabytes that a page may hold"),
    "memory": ("FAULTLINE_KERNEL_MB", "the megabytes of memory that a notebook may hold"),
    "processes": ("FAULTLINE_KERNEL_PROCESSES", "the number of processes a notebook may run"),
}


def encoded_size(text: str) -> int:
    """Bytes that a text takes in a file; a character may take four."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,g} MB"
