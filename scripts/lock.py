"""Resolve the dependencies anew and write the locks; ``make lock`` calls this.

Usage: ``python3 scripts/lock.py``. Maintainers run it after a change of the dependencies in
``pyproject.toml``, then commit the four ``requirements*.lock``. ``uv.lock`` stays behind as
uv's memory of the last resolution; it names the registry that was asked, so it is not
committed, and the exported locks hold versions and hashes alone.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import environment

UV = "uv==0.13.9"
EXPORT = ["export", "--frozen", "--no-emit-project", "--no-default-groups"]
BARE = ["--no-header", "--no-annotate"]
GROUPS = {"run": ["build"], "dev": ["build", "test", "lint"], "lab": ["build", "lab"]}


def main() -> int:
    """Write every lock; return the exit code."""
    try:
        with environment.only_one():
            lock()
    except (environment.CommandError, environment.SetupError) as error:
        environment.say(str(error))
        return 1
    return 0


def lock() -> None:
    """Resolve once, export one lock per level, and pin the next uv."""
    uv = environment.pinned_uv()
    # Every index but the main one is this machine's own: what it holds, others may not find.
    settings = environment.pip_settings()
    public = {name: settings[name] for name in settings if name not in PRIVATE}
    options, variables = environment.uv_settings(public)
    with environment.writable_uv_cache() as cache:

        def ask(*arguments: str) -> str:
            return environment.run([str(uv), *arguments], {**os.environ, **variables, **cache})

        ask("lock", *options, "--python", sys.executable)
        for level, groups in GROUPS.items():
            chosen = [part for group in groups for part in ("--group", group)]
            write(environment.LOCKS[level], ask(*EXPORT, *BARE, *chosen))
        wanted = environment.TOOLS / "uv.in"
        wanted.write_text(f"{UV}\n", encoding="utf-8")
        compiled = ask(
            "pip", "compile", "--universal", "--generate-hashes", *BARE, *options, str(wanted)
        )
        write(environment.UV_LOCK, compiled)


PRIVATE = ("extra-index-url", "find-links", "no-index")


def write(path: Path, text: str) -> None:
    """Write one lock, unless it would tell where the packages came from."""
    if place := re.search(r"\w+://\S+", text):
        raise environment.CommandError(
            f"{path.name} would name {place[0]}: a lock holds no address."
        )
    path.write_text(text, encoding="utf-8")
    environment.say(f"Wrote {path.name}.")


if __name__ == "__main__":
    sys.exit(main())
