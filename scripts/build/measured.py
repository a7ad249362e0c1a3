"""The table of measured sizes in the engine, written from the stored results."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis.eventstudy.inference.registry import TEST_NAMES
from analysis.eventstudy.inference.size_verdict import Size, size_of

LEVEL = 0.05
# Case -> the set that it is read from, and which of its designs belong to it.
CASES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "one_date": ("size", lambda held: held["spread"] == 1),
    "spread_dates": ("size", lambda held: held["spread"] > 1),
    "separate_dates": ("separate", lambda held: held["apart"] > 0),
    "exchanges": ("exchanges", lambda held: held["exchanges"] > 1),
    "exchanges_raised": ("exchanges_raised", lambda held: held["exchanges"] > 1),
    "closure": ("closure", lambda held: held["exchanges"] > 1),
    "events_3": ("few", lambda held: held["events"] == 3),
    "events_5": ("few", lambda held: held["events"] == 5),
    "events_10": ("few", lambda held: held["events"] == 10),
    "raised_variance": ("variance", lambda held: held["raised"] != "common"),
    "common_shock": ("variance", lambda held: held["raised"] == "common"),
    "thin_trading": ("thin", lambda held: held["untraded"] > 0),
}

_HEAD = '''"""How often each test rejects a true null at 5 %, by case.

Written by ``scripts/size_and_power.py`` from ``data/simulated/*.csv``; do not edit by hand.
`recommendation` reads this table because the engine reads no file.
"""

from __future__ import annotations

from analysis.eventstudy.inference.size_verdict import Size

# None: the test is not defined there.
SIZES: dict[str, dict[str, Size | None]] = {
'''


def module(frames: dict[str, pd.DataFrame]) -> str:
    """Write the module.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
        The stored sets, all that `CASES` reads.
    """
    lines = [_HEAD]
    for case, (name, chosen) in CASES.items():
        held = frames[name]
        held = held[((held["level"] - LEVEL).abs() < 1e-9) & chosen(held)]
        lines.append(f'    "{case}": {{\n')
        lines += [
            f'        "{test}": {_written(size_of(held[held["test"] == test]))},\n'
            for test in TEST_NAMES
        ]
        lines.append("    },\n")
    return "".join([*lines, "}\n"])


def _written(size: Size | None) -> str:
    return "None" if size is None else f"Size({', '.join(f'{one:.4f}' for one in size)})"
