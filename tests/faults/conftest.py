"""What holds for tests of faults: their children are killed and cut off, and count no lines."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare child processes the counting of lines: one that is killed cannot tell any."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
