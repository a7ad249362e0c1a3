"""A first update on a file system that is too small says so, and shows nobody a traceback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.sources import Sources

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["60k", "700k"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as small as its parameter says."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("this system has no mount")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run([umount, str(folder)], check=True)


def test_a_first_update_without_room_is_a_sentence_for_each_source(
    small: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(small / "home"))
    words = ["data", "update", "factors", "risk_indexes"]
    done = subprocess.run(
        [sys.executable, "-c", "import sys, analysis.cli as cli; sys.exit(cli.main())", *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback (most recent call last)" not in done.stderr
    assert "panicked at" not in done.stderr
    said = done.stderr.splitlines()
    assert all(line.startswith(("faultline:", "gpr: ", "fred: ", "french: ")) for line in said)
    assert any("No space left on device" in line for line in said)
    assert said[-1].startswith("faultline: failed: ")
