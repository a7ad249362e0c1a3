"""A process that has imported an update and begun none; started by tests of faults.

``python -m tests.stores.updates WORD...`` says ``ready``. Each line it reads begins
``faultline data update WORD...`` in a fork, whose number it says; once that has ended it says
how, as `subprocess` does. So most of an update that is killed a hundred times is imported once:
all but polars and deltalake, which start threads, and no fork is safe beside those.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def threads() -> int:
    """Threads of this process."""
    return len(list(Path("/proc/self/task").iterdir()))


def main() -> None:
    """Fork as often as asked."""
    import cyclopts  # noqa: F401
    import httpx2  # noqa: F401
    import rich.progress
    import rich.table  # noqa: F401
    import stamina  # noqa: F401

    from analysis import cli, update  # noqa: F401
    from analysis.cli import data, data_update, entry  # noqa: F401
    from analysis.loaders import http  # noqa: F401

    if threads() > 1:
        sys.exit(f"{threads()} threads: a fork would not be safe")
    os.write(1, b"ready\n")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            os.close(1)
            os.open(os.devnull, os.O_WRONLY)
            os._exit(cli.main(["data", "update", *sys.argv[1:]]))
        os.write(1, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
