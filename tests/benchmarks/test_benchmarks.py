"""The benchmark measures what it says: same sets, same windows, same answers, honest tables."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy.inference.registry import TEST_NAMES
from tests.benchmarks import engine, peers, plain, report, scaling, sets, timing

CASE = sets.made_up(80)


def test_the_set_is_the_same_every_time_and_pandas_keeps_its_array():
    again = sets.made_up(80)
    pd.testing.assert_frame_equal(CASE.returns, again.returns)
    pd.testing.assert_frame_equal(CASE.events, again.events)
    assert CASE.returns.shape == (2600, 20)
    values = CASE.returns.to_numpy()
    assert np.shares_memory(values, CASE.returns.to_numpy())
    assert values.flags.c_contiguous
    assert CASE.returns.index[-1] == pd.Timestamp("2023-06-30")


def test_every_event_of_the_set_has_both_windows_and_a_day_of_its_own():
    row = CASE.row.reshape(-1, sets.PER_SECURITY)
    assert row.min() + sets.ESTIMATION[0] >= 0
    assert row.max() + sets.WINDOW[1] < sets.DAYS
    assert np.diff(row, axis=1).min() > 0


def test_about_three_events_in_ten_have_holes_once_own_events_are_cut():
    own, row = sets.made_up(2000).own, sets.made_up(2000).row
    results = engine.fit(sets.made_up(2000), exclude_own_events=True)
    assert len(own) == len(row) == len(results.parameters)
    share = (results.parameters["n"] < 250).mean()
    assert 0.24 < share < 0.36


@pytest.mark.parametrize("way", [plain.vectorised, plain.numpy_loop, plain.statsmodels_loop])
def test_the_plain_ways_and_the_engine_agree(way):
    answer, results = way(CASE), engine.fit(CASE)
    cars = results.car(sets.CAR)
    np.testing.assert_allclose(answer.ar, results.abnormal, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(answer.car, cars["car"], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(answer.se, cars["se"], rtol=1e-12)


def test_what_is_timed_answers_everything_it_is_said_to():
    assert engine.answer(CASE, engine.CLOSED_FORMS) == pytest.approx(plain.vectorised(CASE).caar)
    assert set(engine.PARAMETRIC) < set(engine.WITH_RBAR) < set(engine.CLOSED_FORMS)
    left_out = set(TEST_NAMES) - set(engine.CLOSED_FORMS)
    assert "permutation" in left_out
    assert all(name == "permutation" or "bootstrap" in name for name in left_out)


def test_copying_and_sorting_takes_the_windows_of_the_events():
    copied, ordered = scaling.copy_and_sort(CASE)
    assert copied > 0
    assert ordered > 0


def test_contenders_take_turns_and_the_best_round_counts(monkeypatch):
    calls, clock = [], [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def run(name, seconds):
        calls.append(name)
        clock[0] += seconds.pop(0)
        return 1.5

    slow, fast = [3.0, 1.0], [0.5]
    found = timing.contest(
        [
            timing.Contender("A", lambda _: run("A", slow), 2),
            timing.Contender("B", lambda given: run(given, fast), 1, lambda: "B"),
        ]
    )
    assert calls == ["A", "B", "A"]
    assert (found["A"]["best"], found["A"]["median"], found["A"]["rounds"]) == (1.0, 2.0, 2)
    assert (found["B"]["best"], found["B"]["figure"]) == (0.5, 1.5)


PEAK = """
import numpy as np
from tests.benchmarks import timing
held = np.ones(8_000_000)
_, nothing = timing.above(lambda: None)
_, peak = timing.above(lambda: np.ones(5_000_000).sum())
print(held[0], nothing, peak)
"""


@pytest.mark.skipif(not timing.CLEAR.exists(), reason="Only Linux tells a process its peak.")
def test_memory_above_the_inputs_is_the_peak_of_the_call_alone():
    # As in the benchmark, in a process of its own: this one may hold freed memory to use again.
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    held, nothing, peak = map(float, done.stdout.split())
    assert held == 1
    assert nothing < 5e6
    assert 35e6 < peak < 60e6


def one(best, **more):
    return {"best": best, "figure": 0.001, **more}


CONTEST = {
    "parametric": one(0.5, cpu=0.6),
    "with rbar": one(0.6),
    "battery": one(4.1),
    "battery, 21 days": one(3.9),
    "rbar": one(0.2),
    "plain": {"best": 1.0, "figure": 0.001 + 1e-15},
}
SIZES = [
    {
        "events": events,
        "inputs": 5.2e9,
        "seconds": {
            **{"copy": each, "sort": 4 * each, "parametric": 8 * each, "battery": 30 * each},
            "plain": 1.5,
        },
        "above": {"parametric": 4e8, "battery": 1.2e9},
    }
    for events, each in ((20_000, 0.02), (1_000_000, 1.4))
]


def test_every_target_is_shown_with_its_figure_and_whether_it_is_reached():
    gone = {"gone": {"reason": "not installed: why"}}
    small = CONTEST, {"StatsPAI": one(500.0), "other": one(1.0), **gone}
    middle = CONTEST, {"other": one(19.0), "slower": one(50.0), **gone}
    found = report.targets(small, middle, CONTEST, SIZES)
    verdicts = {target.what: (round(target.value, 3), target.reached) for target in found}
    assert verdicts["tests / plain, all cores"] == (0.5, "yes")
    assert verdicts["battery / plain, one core"] == (4.1, "NO")
    assert verdicts["battery of 21 days / plain, all cores"] == (3.9, "yes")
    assert verdicts["tests: times as fast as other"] == (38.0, "NO")
    assert verdicts["battery: times as fast as StatsPAI"] == (121.951, "yes")
    assert verdicts["tests: time per event at 1,000,000 / at 20,000"] == (1.4, "NO")
    assert verdicts["tests: memory above the inputs at 1,000,000"] == (0.4, "yes")
    assert verdicts["battery: memory above the inputs at 1,000,000"] == (1.2, "NO")
    assert verdicts["battery / np.sort of the windows at 1,000,000"] == (7.5, "yes")
    table = report.target_table(found).splitlines()
    assert len(table) == len(found) + 1
    assert all(line.endswith(("yes", "NO")) for line in table[1:])


def test_the_plain_way_counts_at_its_best():
    sizes = [{**SIZES[0], "seconds": {**SIZES[0]["seconds"], "plain": 0.5}}, SIZES[1]]
    found = report.targets((CONTEST, {}), (CONTEST, {}), CONTEST, sizes)
    assert found[0].what == "tests / plain, all cores"
    assert (found[0].value, found[0].reached) == (1.0, "NO")


def test_what_was_not_measured_is_not_reached():
    found = report.targets((CONTEST, {}), (CONTEST, {}), CONTEST, SIZES[:1])
    assert [target.what for target in found if target.reached == "not measured"] == [
        "tests: times as fast as no peer",
        "battery: times as fast as StatsPAI",
        "tests: time per event at 1,000,000 / at 20,000",
        "tests: memory above the inputs at 1,000,000",
        "battery: time per event at 1,000,000 / at 20,000",
        "battery: memory above the inputs at 1,000,000",
        "battery / np.sort of the windows at 1,000,000",
    ]


def test_a_peer_without_an_answer_is_shown_with_its_reason():
    table = report.contest_table(1000, CONTEST, {"gone": {"reason": "not installed: why"}})
    lines = table.splitlines()
    assert lines[-1].split() == ["gone", "not", "installed:", "why"]
    assert "0.0e+00" in lines[1]
    assert "1.0e-15" in next(line for line in lines if "plain" in line)
    assert report.scaling_table(SIZES).count("1,000,000") == 1


def test_of_several_runs_the_best_of_each_counts():
    gone = {"reason": "failed"}
    assert report.merged([{"a": one(2.0), "b": gone}, {"a": one(1.0), "b": one(3.0)}]) == {
        "a": one(1.0),
        "b": one(3.0),
    }
    assert report.merged([{"b": gone}]) == {"b": gone}


def ask(monkeypatch, tmp_path, script, **options):
    monkeypatch.setattr(peers, "SCRIPTS", tmp_path)
    (tmp_path / "ask_made_up.py").write_text(script, encoding="utf-8")
    peer = peers.Peer("made_up", "made up", "nothing")
    return peers.ask(peer, sys.executable, tmp_path / "set.npz", 1, options)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import no_such_package", "failed: ModuleNotFoundError: No module named"),
        ("print('done')", "answered no JSON"),
        ('print(\'{"best": 1, "figure": NaN}\')', "its CAAR is not a number"),
        ("import time; time.sleep(9)", "not done after 1 s"),
    ],
)
def test_a_peer_that_fails_takes_nobody_down(script, reason, monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "LONGEST", 1.0 if "sleep" in script else 60.0)
    with pytest.raises(peers.PeerError, match=reason):
        ask(monkeypatch, tmp_path, script)


def test_a_peer_reads_the_set_that_was_saved(monkeypatch, tmp_path):
    # The scripts' shared part runs under any interpreter with NumPy and pandas: this one has both.
    peers.save(CASE, tmp_path / "set.npz")
    script = (
        f"import sys; sys.path.insert(0, {str(peers.SCRIPTS)!r})\n"
        "from exchange import peer\n"
        "peer(lambda set: set, lambda set: set.panel[set.around(3), set.own[3]].sum())\n"
    )
    answer = ask(monkeypatch, tmp_path, script)
    rows = slice(CASE.row[3] + sets.ESTIMATION[0], CASE.row[3] + sets.WINDOW[1] + 1)
    assert answer["figure"] == CASE.returns.to_numpy()[rows, CASE.own[3]].sum()
    assert answer["best"] >= 0


def test_every_peer_has_its_script_and_its_pins_and_no_pin_names_a_place():
    for peer in peers.PEERS:
        assert (peers.SCRIPTS / f"ask_{peer.key}.py").exists()
        for line in (peers.SCRIPTS / f"requirements-{peer.key}.txt").read_text().splitlines():
            name, _, version = line.partition("==")
            assert name
            assert version
            assert "/" not in line


def test_the_benchmark_shows_its_options_without_measuring():
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.run", "--help"],
        cwd=peers.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--quick" in done.stdout


@pytest.mark.slow
def test_a_contest_answers_json():
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.contest", "1004", "--rounds", "1"],
        cwd=peers.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)
    assert set(report.ROWS) - {"numpy loop", "statsmodels loop"} <= set(measured)
    assert measured["plain"]["figure"] == pytest.approx(measured["battery"]["figure"], abs=1e-15)


@pytest.mark.slow
def test_the_store_reads_the_rows_that_polars_reads():
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.store", "150000", "--rounds", "1"],
        cwd=peers.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)
    assert (measured["day"], measured["read"]) == (100, 50 * 760)
    assert set(measured["seconds"]) == {
        "append to empty", "append", "append unsynced", "append again", "read", "clean", "alone",
    }  # fmt: skip
    assert report.store_table(measured).count(" ms") == 7
    verdicts = [target.reached for target in report.store_targets(measured)]
    assert set(verdicts) <= {"yes", "NO"}
