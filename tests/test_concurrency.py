"""Threads that an interrupted command leaves behind, and how its process ends beside them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from analysis.concurrency import exit_if_threads_running, run_concurrently

# While a store is opened, and its rows are read, a thread is in compiled code most of the time.
BESIDE_A_STORE = """
import sys, threading
from pathlib import Path
from deltalake import DeltaTable
from analysis.concurrency import exit_if_threads_running, run_concurrently

def read_on():
    while True:
        DeltaTable(sys.argv[1]).file_uris()

jobs = {"quick": lambda: "ready", "one": read_on, "two": read_on, "three": read_on}
print(next(run_concurrently(jobs)))
threading.Event().wait(0.2)
"""
LEAVE = "exit_if_threads_running(3)\nraise SystemExit('still here')\n"


def test_answers_come_as_they_are_given() -> None:
    gate = threading.Event()

    def last() -> str:
        assert gate.wait(30)
        return "last"

    answers = run_concurrently({"slow": last, "quick": lambda: "first"})
    assert next(answers) == ("quick", "first")
    gate.set()
    assert list(answers) == [("slow", "last")]


def test_what_a_job_raises_is_raised_in_its_turn() -> None:
    """In a process of its own, as one that waits for ever could not be left."""
    code = """
from analysis.concurrency import run_concurrently
jobs = {"torn": lambda: 1 / 0}
try:
    list(run_concurrently(jobs))
except ZeroDivisionError:
    print("raised")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "raised\n", "")


def test_without_jobs_there_are_no_answers() -> None:
    assert list(run_concurrently({})) == []


def test_a_process_whose_jobs_have_ended_is_not_left() -> None:
    assert dict(run_concurrently({"a": lambda: 1})) == {"a": 1}
    for thread in threading.enumerate():
        if thread.name == "a":
            thread.join(30)
    exit_if_threads_running(3)  # else this process of tests would be gone


@pytest.mark.parametrize("attempt", range(3))
def test_a_process_is_left_whatever_its_jobs_are_in(tmp_path: Path, attempt: int) -> None:
    pl.DataFrame({"a": [attempt]}).write_delta(str(tmp_path / "table"))
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_A_STORE + LEAVE, str(tmp_path / "table")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (3, "('quick', 'ready')\n", "")
