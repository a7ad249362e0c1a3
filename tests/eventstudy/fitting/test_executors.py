"""Whoever fits the chunks, and however they are cut, the answers are the same."""

import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import pandas as pd
import pytest

from analysis.errors import WorkerError
from analysis.eventstudy import (
    FactorModel,
    MarketModel,
    MeanAdjusted,
)
from analysis.eventstudy.fitting import chunks
from analysis.eventstudy.fitting import lazy_fit as pooled
from analysis.eventstudy.inference.registry import TEST_NAMES
from tests.reference.panels import events, panel, study

WINDOWS = [(0, 0), (-1, 1)]
CLOSED = [
    name for name in TEST_NAMES if name not in ("permutation", "calendar_time_t", "wild_bootstrap")
]
MODELS = [MeanAdjusted(), MarketModel("F0"), FactorModel(("F0", "F1"), rf="F2")]


def question(model, *, gaps=0.0, calendars=False):
    """Twenty events of six securities, some of them near each other, some too early to fit."""
    returns, factors = panel(6, 220, seed=8, gaps=gaps, factors=3)
    rows = [*range(70, 214, 8), 12, 218]
    options = {}
    if calendars:
        own = dict.fromkeys(returns.columns, returns.index)
        options["calendars"] = own | {"S1": returns.index[::2], "S2": returns.index[3:]}
        rows = [row - row % 2 for row in rows]
    return study(returns, events(returns, rows), factors, model=model, **options)


def answers(results):
    return {
        "abnormal": results.abnormal,
        "parameters": results.parameters,
        "car": results.car((-1, 1)),
        "tests": results.tests(WINDOWS, CLOSED),
        "skipped": results.skipped,
    }


def same(left, right, **closeness):
    other = answers(right)
    for name, table in answers(left).items():
        pd.testing.assert_frame_equal(other[name], table, **closeness)


@pytest.fixture(scope="module")
def pool():
    with processes(2) as executor:
        yield executor


def processes(workers):
    return ProcessPoolExecutor(workers, mp_context=get_context("forkserver"))


@pytest.mark.parametrize("gaps", [0.0, 0.04])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_threads_change_nothing_to_the_last_bit(model, gaps, monkeypatch):
    asked = question(model, gaps=gaps)
    for size, workers in ((1, 4), (3, 1), (512, 2)):
        monkeypatch.setattr(chunks, "CHUNK", size)
        with ThreadPoolExecutor(workers) as executor:
            same(asked.fit(), asked.fit(executor), check_exact=True)


def test_calendars_of_their_own_survive_the_way_to_a_worker(pool, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 3)
    asked = question(MarketModel("F0"), calendars=True)
    assert asked.fit().placing.straight is None
    same(asked.fit(), asked.fit(pool), check_exact=True)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_processes_change_nothing_to_the_last_bit(model, pool, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 2)
    asked = question(model, gaps=0.04)
    same(asked.fit(), asked.fit(pool), check_exact=True)


def test_chunks_of_any_size_agree_to_rounding(monkeypatch):
    for model in MODELS:
        asked = question(model, gaps=0.02)
        whole = asked.fit()
        for size in (1, 2, 5):
            monkeypatch.setattr(chunks, "CHUNK", size)
            same(whole, asked.fit(), rtol=1e-12, atol=1e-15)
        monkeypatch.setattr(chunks, "CHUNK", 512)


def test_a_study_too_large_to_keep_its_residuals_is_no_other(pool, monkeypatch):
    asked = question(MarketModel("F0"), gaps=0.02)
    kept = asked.fit()
    monkeypatch.setattr(pooled, "MAX_STORED_RESIDUALS", 0)
    monkeypatch.setattr(chunks, "CHUNK", 3)
    streamed = asked.fit(pool)
    assert streamed.fitted.kept is None
    same(kept, streamed, rtol=1e-12, atol=1e-15)


def test_workers_that_finish_out_of_order_do_not_mix_up_the_events(monkeypatch):
    class LastFirst(ThreadPoolExecutor):
        """Does all work when the first result is asked for, the latest first."""

        waiting: list

        def submit(self, function, /, *arguments):
            self.waiting.append(future := Backwards(self.waiting, function, arguments))
            return future

    class Backwards(Future):
        def __init__(self, waiting, function, arguments):
            super().__init__()
            self.work, self.waiting = (function, arguments), waiting

        def result(self, timeout=None):
            while self.waiting:
                late = self.waiting.pop()
                function, arguments = late.work
                late.set_result(function(*arguments))
            return super().result(timeout)

    monkeypatch.setattr(chunks, "CHUNK", 2)
    asked = question(MarketModel("F0"))
    with LastFirst(1) as executor:
        executor.waiting = []
        same(asked.fit(), asked.fit(executor), check_exact=True)


@dataclass(frozen=True)
class Deadly(MarketModel):
    """A model whose worker is ended by the system, as one that takes too much memory is."""

    def fit(self, block):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Wrong(MarketModel):
    """A model with a bug."""

    def fit(self, block):
        raise ZeroDivisionError(f"beta of {len(block.returns)} events")


def test_a_worker_that_dies_is_named_for_what_it_is():
    asked = question(Deadly("F0"))
    with (
        processes(1) as executor,
        pytest.raises(WorkerError, match=r"lost a worker while it fitted events 1 to 20.*memory"),
    ):
        asked.fit(executor)


def test_an_executor_that_was_shut_down_is_no_silence():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        question(MarketModel("F0")).fit(executor)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_what_a_model_raises_in_a_worker_arrives_as_it_is(kind, pool):
    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(ZeroDivisionError, match="beta of 20 events"),
    ):
        question(Wrong("F0")).fit(threads if kind == "threads" else pool)


@pytest.fixture(scope="module")
def dask_client():
    """Two worker processes of a Dask cluster on this machine, closed behind the tests."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_dask_cluster_changes_nothing_to_the_last_bit(model, dask_client, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 4)
    dask_client.wait_for_workers(2, timeout=120)  # one that died is started anew
    workers = dask_client.run(os.getpid)
    assert len(set(workers.values()) - {os.getpid()}) == 2
    asked = question(model, gaps=0.04)
    alone = asked.fit()
    for some in (list(workers), list(workers)[:1]):
        with dask_client.get_executor(workers=some) as executor:
            same(alone, asked.fit(executor), check_exact=True)


@pytest.mark.slow
def test_a_dask_worker_that_dies_is_named_for_what_it_is(dask_client, monkeypatch):
    # Dask starts a dead worker anew and tries the work again, three times unless told not to.
    monkeypatch.setattr(dask_client.cluster.scheduler, "allowed_failures", 0)
    with (
        dask_client.get_executor() as executor,
        pytest.raises(WorkerError, match=r"lost a worker .*KilledWorker"),
    ):
        question(Deadly("F0")).fit(executor)
