"""Other packages on the same set, each in an environment of its own.

Their requirements are pinned beside their scripts in ``peer_scripts/`` and go into
``.venv-bench/NAME``, so that the project's locks stay lean and no peer decides what another
gets. A peer that cannot be installed, fails or takes too long is shown with its reason.

Looked at and left out: py-event-studies (one date's portfolio out of a CRSP file, with
clusters), EasyEventStudies (downloads its prices and factors), robust-eventstudy (a GARCH
bootstrap of event dummies), myeventstudy (one event a security, one pass over the whole panel
an event), eventstudystatistics (pins libraries that Python 3.11 cannot install).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.benchmarks.sets import ESTIMATION, WINDOW, Case

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "peer_scripts"
HOME = ROOT / ".venv-bench"
LONGEST = 300.0


@dataclass(frozen=True)
class Peer:
    """A package: the key of its files in ``peer_scripts/``, its name, what it computes."""

    key: str
    name: str
    output: str


PEERS = (
    Peer("ffjr", "ffjr-eventstudies", "CAAR path, t"),
    Peer("lemaire", "eventstudy (Lemaire)", "CAAR path, t"),
    Peer("statspai", "StatsPAI", "CARs, seven tests"),
    Peer("easy_es", "easy-es", "CARs, t"),
    Peer("toolkit", "event-study-toolkit", "CARs, five tests"),
)


class PeerError(Exception):
    """A peer that could not be asked; the message is one line for the table."""


def save(case: Case, path: Path) -> None:
    """Write the set as the peers' scripts read it."""
    np.savez(
        path,
        dates=case.returns.index.to_numpy().astype("datetime64[ns]").astype(np.int64),
        values=case.returns.to_numpy(),
        market=case.market["market"].to_numpy(),
        own=case.own,
        row=case.row,
        estimation=ESTIMATION,
        window=WINDOW,
    )


def install(peer: Peer) -> Path:
    """Make the peer's environment, unless it is there, and return its interpreter.

    Raises
    ------
    PeerError
        It cannot be made; the reason is the installer's last line.
    """
    environment = _environment()
    wanted = SCRIPTS / f"requirements-{peer.key}.txt"
    home = HOME / peer.key
    python, stamp = home / "bin" / "python", home / "installed.txt"
    pinned = f"{sys.version}\n{ROOT}\n{wanted.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == pinned:
        return python
    shutil.rmtree(home, ignore_errors=True)
    try:
        environment.run([sys.executable, "-m", "venv", str(home)])
        _fill(environment, python, wanted)
    except (environment.CommandError, OSError) as failure:
        lines = str(failure).strip().splitlines() or ["no reason was given"]
        raise PeerError(f"not installed: {environment.one_line(lines[-1])}") from failure
    stamp.write_text(pinned, encoding="utf-8")
    return python


def ask(peer: Peer, python: Path, data: Path, rounds: int, env: Mapping[str, str]) -> dict:
    """Run the peer's script on a saved set.

    Returns
    -------
    dict
        best (seconds), rounds, figure (CAAR).

    Raises
    ------
    PeerError
        It failed, took longer than `LONGEST`, or answered no figure.
    """
    script = SCRIPTS / f"ask_{peer.key}.py"
    try:
        done = subprocess.run(
            [str(python), str(script), str(data), str(rounds)],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise PeerError(f"not done after {LONGEST:.0f} s") from late
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise PeerError(f"failed: {last[:160]}")
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError) as wrong:
        raise PeerError("answered no JSON") from wrong
    if not np.isfinite(answer["figure"]):
        raise PeerError("its CAAR is not a number")
    return answer


def _fill(environment: ModuleType, python: Path, wanted: Path) -> None:
    """Install pinned requirements as `scripts/environment.py` does: uv, else pip."""
    installer = environment.choose_installer()
    if installer != environment.PIP:
        options, variables = environment.uv_settings(environment.pip_settings())
        command = [str(installer), "pip", "install", "--python", str(python), "--no-deps"]
        try:
            with environment.writable_uv_cache() as cache:
                environment.run([*command, *options, "-r", str(wanted)], {**variables, **cache})
        except (environment.CommandError, OSError) as failure:
            environment.say(f"uv failed, so pip installs: {environment.one_line(str(failure))}")
        else:
            return
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-user"]
    environment.run([str(python), "-m", "pip", "install", *quiet, "--no-deps", "-r", str(wanted)])


def _environment() -> ModuleType:
    """Load the set-up behind ``make``, which is a script and no package."""
    spec = spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
    if spec is None or spec.loader is None:
        raise PeerError("not installed: scripts/environment.py is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
