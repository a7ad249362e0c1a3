"""The names that a note gives to roles, tests and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.reports import wording
from analysis.studies.models import model_spec

if TYPE_CHECKING:
    import pandas as pd

KOLARI = "kolari_pynnonen_t"

ROLES = {
    "gpu": "chips and processors",
    "foundry": "foundries",
    "memory": "memory",
    "equipment": "chip equipment",
    "networking": "networking",
    "servers": "servers",
    "cloud": "cloud",
    "software": "software",
    "consumer": "consumer and internet",
    "power": "power",
    "model_maker": "model makers",
}
# Before "stocks".
_KINDS_OF_STOCK = {
    "gpu": "chip",
    "foundry": "foundry",
    "equipment": "chip-equipment",
    "servers": "server",
    "consumer": "consumer-internet",
    "model_maker": "AI-model",
}

TEST_NAMES = {
    KOLARI: "Kolari\u2013Pynnönen",
    "permutation": "permutation of dates",
    "grank_overlap": "overlap-weighted rank",
}


@dataclass(frozen=True)
class Phrases:
    """How sentences name what explains a return: "the market explains", "the US factors explain".

    Under a model without a benchmark (``nothing``) the comparison is with an average day.
    """

    subject: str
    explains: str = "explains"
    nothing: bool = False


_READS = {
    "benchmark": Phrases("the market"),
    "factors": Phrases("the US factors", "explain"),
    "peers": Phrases("the mean of the others"),
    "nothing": Phrases("its average day", nothing=True),
}


def phrases(model: str) -> Phrases:
    """How sentences name what a model compares with."""
    return _READS[model_spec(model).reads]


def role_name(role: str) -> str:
    """A role in words: ``gpu`` is "chips and processors"."""
    return ROLES.get(role, role.replace("_", " "))


def explained_by(model: str) -> str:
    """What explains a return under a model: "the market", "its average day"."""
    return phrases(model).subject


def stocks(groups: Sequence[str]) -> str:
    """Roles before one noun: ``networking, power and memory stocks``."""
    names = [_KINDS_OF_STOCK.get(name, name.replace("_", " ")) for name in groups]
    return f"{wording.listing(names)} stocks"


def recommended_p_values(
    tests: pd.DataFrame,
    window: tuple[int, int] = (0, 0),
    recommended: Sequence[str] = RECOMMENDED,
) -> dict[str, float]:
    """P-values of the pooled recommended tests that are defined, by test name, in their order."""
    rows = tests[
        (tests["group"] == "all")
        & (tests["window_start"] == window[0])
        & (tests["window_end"] == window[1])
        & tests["p_value"].notna()
    ]
    found = dict(zip(rows["test"], rows["p_value"], strict=True))
    return {name: float(found[name]) for name in recommended if name in found}
