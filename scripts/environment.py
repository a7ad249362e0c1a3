"""Bring ``.venv`` in line with the locks; ``make`` calls this before everything else.

Usage: ``python3 scripts/environment.py run|dev|lab``. Needs nothing but Python's own library. A
pinned uv installs the hash-pinned lock in seconds; where uv cannot work (a mirror that it
refuses, a platform without a wheel), pip does the same slowly, and one line says why.
``FAULTLINE_NO_UV=1`` chooses pip from the start. All messages go to standard error.

The environment belongs to one fingerprint: the locks, the interpreter and the folder. Another
fingerprint, or an install that was interrupted, makes a clean one; otherwise the locks are
only added to each other, so that going from one target to the next never takes anything away.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
UNFINISHED = ENVIRONMENT / ".faultline-unfinished"
TOOLS = ROOT / ".uv"
UV_LOCK = ROOT / "requirements-uv.lock"
PIP = Path("pip")
LOCKS = {
    "run": ROOT / "requirements.lock",
    "dev": ROOT / "requirements-dev.lock",
    "lab": ROOT / "requirements-lab.lock",
}


class SetupError(Exception):
    """The environment could not be made; the message is for whoever typed ``make``."""


def main(arguments: list[str]) -> int:
    """Set up one level of the environment; return the exit code."""
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        say(f"usage: environment.py {'|'.join(LOCKS)}")
        return 2
    try:
        with only_one():
            set_up(arguments[0])
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted; the next run starts with a clean environment.")
        return 130
    return 0


def set_up(level: str) -> None:
    """Install what ``level`` misses, and nothing when it is all there."""
    stamp = ENVIRONMENT / f".faultline-{fingerprint()}"
    project = ENVIRONMENT / f".faultline-project-{project_fingerprint()}"
    fresh = UNFINISHED.exists() or not stamp.exists()
    levels = [] if fresh else stamp.read_text(encoding="utf-8").split()
    # The dev and lab locks hold all that the run lock holds.
    needed = level not in levels and not (level == "run" and levels)
    if not needed and project.exists():
        return
    started = time.monotonic()
    if fresh:
        make_environment()
    UNFINISHED.touch()
    installer = choose_installer()
    say(f"Setting up .venv with {installer.stem} ({level}) ...")
    if needed:
        installer = install(installer, "--no-deps", "--require-hashes", "-r", str(LOCKS[level]))
    for stale in ENVIRONMENT.glob(".faultline-project-*"):
        stale.unlink()
    install(installer, "--no-deps", "--no-build-isolation", "--no-index", "--editable", ".")
    project.touch()
    stamp.write_text(" ".join(sorted({*levels, level})) + "\n", encoding="utf-8")
    UNFINISHED.unlink()
    say(f"Done in {time.monotonic() - started:.0f} s.")


def fingerprint() -> str:
    """Name the environment that belongs here: the locks, the interpreter and the folder.

    The folder counts because scripts and the editable install hold absolute paths: a checkout
    that was copied or moved needs an environment of its own.
    """
    parts = [sys.version, sys.base_prefix, str(ROOT)]
    parts += [lock.read_text(encoding="utf-8") for lock in LOCKS.values()]
    return digest(json.dumps(parts))


def project_fingerprint() -> str:
    """Name the editable install: what of ``pyproject.toml`` reaches it, and the version."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [settings.get("build-system"), settings.get("project"), settings["tool"].get("hatch")]
    parts += re.findall(
        r"^__version__.*$", (ROOT / "analysis" / "__init__.py").read_text(encoding="utf-8"), re.M
    )
    return digest(json.dumps(parts, sort_keys=True))


def digest(text: str) -> str:
    """Shorten ``text`` to a name for a stamp."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_environment() -> None:
    """Make an empty ``.venv`` from the interpreter beneath this one."""
    if not (find_spec("venv") and find_spec("ensurepip")):
        raise SetupError(
            f"{sys.executable} lacks its venv module: on Debian and Ubuntu install the package "
            "python3-venv (as root: apt-get install python3-venv), then run make again."
        )
    if ENVIRONMENT.is_symlink():
        ENVIRONMENT.unlink()
    elif ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)
    # With the project's own environment activated, sys.executable has just been deleted.
    base = getattr(sys, "_base_executable", sys.executable)
    try:
        run([base, "-m", "venv", "--prompt", "faultline", str(ENVIRONMENT)])
    except CommandError as failure:
        raise SetupError(f"{base} -m venv could not make .venv:\n{failure}") from failure


def choose_installer() -> Path:
    """Return the pinned uv, or pip with the reason for it."""
    if os.environ.get("FAULTLINE_NO_UV", "") not in ("", "0"):
        say("Using pip instead of uv: FAULTLINE_NO_UV is set.")
        return PIP
    try:
        return pinned_uv()
    except CommandError as failure:
        say(f"Using pip instead of uv, which could not be installed: {one_line(str(failure))}")
        return PIP


def pinned_uv() -> Path:
    """Find the pinned uv in ``.uv/``, installing it there when it is missing."""
    home = TOOLS / digest(UV_LOCK.read_text(encoding="utf-8"))
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
            target = Path(scratch) / "uv"
            run(pip("--target", str(target), "--no-deps", "--require-hashes", "-r", str(UV_LOCK)))
            target.rename(home)
    return home / "bin" / "uv"


def install(installer: Path, *requirements: str) -> Path:
    """Install ``requirements``, with pip where uv fails; return the installer that worked."""
    if installer != PIP:
        try:
            with_uv(installer, *requirements)
        except (CommandError, OSError) as failure:
            say(f"uv failed, so pip installs instead (slower): {one_line(str(failure))}")
        else:
            return installer
    try:
        run(pip(*requirements))
    except CommandError as failure:
        raise SetupError(f"pip could not install the locked packages:\n{failure}") from failure
    return PIP


def with_uv(uv: Path, *requirements: str) -> None:
    """Install ``requirements`` with uv, set up as this machine's pip is."""
    options, environment = uv_settings(pip_settings())
    if "--no-index" in requirements:
        # The project itself: nothing to fetch, and a cached build would hold an old version.
        options = ["--no-cache"]
    with writable_uv_cache() as cache:
        command = [str(uv), "pip", "install", "--python", str(PYTHON), *options, *requirements]
        run(command, {**environment, **cache})


def pip(*arguments: str) -> list[str]:
    """Build the call of the environment's own pip; ``--no-user`` outlives a user's setting."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-user"]
    return [str(PYTHON), "-m", "pip", "install", *quiet, *arguments]


def pip_settings() -> dict[str, str]:
    """Read how this machine's pip is set up: the environment over ``install`` over ``global``."""
    listing = run([str(PYTHON), "-m", "pip", "config", "list"])
    found = re.findall(r"^(global|install|:env:)\.([a-z-]+)=('.*'|\".*\")$", listing, re.M)
    settings: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        settings |= {
            name: ast.literal_eval(text) for place, name, text in found if place == section
        }
    return settings


def uv_settings(settings: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Translate pip's settings, which uv ignores, into uv's options and environment."""
    options: list[str] = []
    for name, option in (
        ("index-url", "--default-index"),
        ("extra-index-url", "--index"),
        ("find-links", "--find-links"),
        ("trusted-host", "--allow-insecure-host"),
    ):
        for value in settings.get(name, "").split():
            options += [option, value]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    # Like pip, look at every index for the pinned version; the hashes decide what is genuine.
    options += ["--index-strategy", "unsafe-best-match"]
    environment = {"UV_PYTHON_DOWNLOADS": "never"}
    for name, variable in (
        ("cert", "SSL_CERT_FILE"),
        ("client-cert", "SSL_CLIENT_CERT"),
        ("proxy", "ALL_PROXY"),
        ("timeout", "UV_HTTP_TIMEOUT"),
        ("default-timeout", "UV_HTTP_TIMEOUT"),
    ):
        if settings.get(name):
            environment.setdefault(variable, settings[name])
    return options, environment


@contextmanager
def writable_uv_cache() -> Iterator[dict[str, str]]:
    """Keep uv's own cache, or lend it a temporary one when the home cannot be written."""
    if os.environ.get("UV_CACHE_DIR"):
        yield {}
        return
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except (OSError, RuntimeError):  # a home that cannot be written, or none at all
        with tempfile.TemporaryDirectory() as lent:
            yield {"UV_CACHE_DIR": lent}
    else:
        yield {}


@contextmanager
def only_one() -> Iterator[None]:
    """Let one set-up of this checkout run at a time; the system frees the lock of a dead one."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of this checkout ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class CommandError(Exception):
    """A program that did not do its work; the message is what it printed."""


def run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run ``command`` in the project's root and return what it printed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandError(f"{done.stdout}{done.stderr}".strip() or f"exit code {done.returncode}")
    return done.stdout


def one_line(text: str) -> str:
    """Fold a program's complaint into one line, without the password of an index."""
    folded = re.sub(r"//[^/\s@]+@", "//***@", " ".join(text.split()))
    return folded if len(folded) <= 300 else folded[:297] + "..."


def say(message: str) -> None:
    """Tell whoever typed ``make``; standard output belongs to the target."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
