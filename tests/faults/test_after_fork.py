"""A process that was forked after tables were read: it says so instead of waiting for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

ROOT = Path(__file__).resolve().parents[2]
START = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import pandas as pd
from analysis import Desk
from analysis.errors import InputError

def in_a_child(work, *given):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(work, *given).result(timeout=60)

def rows(home=None):
    return Desk(home=home).table("factors").height

def event():
    return Desk().event("ds-r1")["id"]

def inherited():
    return desk.table("factors").height

def said(work, *given):
    try:
        return in_a_child(work, *given)
    except InputError as problem:
        return str(problem)
"""


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START + script],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=ROOT,
        check=True,
    )
    return done.stdout


def test_a_child_forked_after_tables_were_read_says_how_to_start_one_instead() -> None:
    out = run(
        "desk = Desk()\n"
        "held = desk.table('factors')\n"
        "print(said(rows))\n"
        "print(said(inherited))\n"
        "print(said(event))\n"
    )
    lines = out.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("Tables cannot be read in this process: it was forked after")
        assert "get_context('forkserver')" in line


def test_a_child_forked_before_anything_was_read_works() -> None:
    assert run("print(in_a_child(rows) == rows())").strip() == "True"


def test_the_engine_fits_in_forked_processes_after_tables_were_read() -> None:
    out = run(
        "from analysis.eventstudy import EventStudy, MarketModel\n"
        "returns = Desk().returns(['NVDA', 'AMD', '^GSPC'])\n"
        "events = pd.DataFrame({'event_id': ['a', 'b'], 'security': ['NVDA', 'AMD'],\n"
        "                       'date': pd.to_datetime(['2025-01-27'] * 2)})\n"
        "study = EventStudy(returns, events, model=MarketModel(market='^GSPC'),\n"
        "                   factors=returns[['^GSPC']])\n"
        "with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool:\n"
        "    there = study.fit(executor=pool).car((-1, 1))\n"
        "print(there.equals(study.fit().car((-1, 1))))\n"
    )
    assert out.strip() == "True"
