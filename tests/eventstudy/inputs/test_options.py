"""What is asked of results: windows, levels and counts."""

import numpy as np
import pytest

from analysis.errors import InputError
from analysis.eventstudy.inputs.frames import check_windows
from analysis.eventstudy.inputs.options import check_count, check_level

WHOLE = (-3, 3)


@pytest.mark.parametrize(
    "windows",
    [(0, 1), [0, 1], np.array([0, 1]), (np.int64(0), np.int64(1)), [(0, 1)], [[0, 1], (0, 1)]],
)
def test_one_window_may_stand_alone_and_none_is_asked_twice(windows):
    assert check_windows(windows, WHOLE) == [(0, 1)]


def test_windows_keep_their_order_and_none_may_be_asked():
    assert check_windows([(-1, 1), (0, 0)], WHOLE) == [(-1, 1), (0, 0)]
    assert check_windows([], WHOLE) == []


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        (None, "windows must be a window such as"),
        (0, "windows must be a window such as"),
        ((0, 1, 2), "two whole relative days"),
        ((0,), "two whole relative days"),
        ("0,1", "two whole relative days"),
        ([(0, 1.5)], "two whole relative days"),
        ((1, 0), "ends before it begins"),
        ((0, 9), "outside the event window"),
    ],
)
def test_what_is_no_window_is_refused_in_one_sentence(windows, words):
    with pytest.raises(InputError, match=words):
        check_windows(windows, WHOLE)


@pytest.mark.parametrize("level", [0, 1, 95, float("nan"), "0.95", None])
def test_what_is_no_level_is_refused(level):
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        check_level(level)


def test_levels_and_counts_of_any_kind_of_number_pass():
    check_level(np.float32(0.9))
    assert check_count(np.int64(3), "most", 1) == 3


@pytest.mark.parametrize("value", [0, 1.5, "3", None])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(InputError, match="draws must be at least 1, a whole number, not"):
        check_count(value, "draws", 1)
