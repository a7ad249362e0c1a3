"""Parameters that do not suit each other are refused before a kernel starts."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.briefings.parameter_checks import check_combination
from analysis.catalogue import Catalogue
from analysis.errors import InputError
from analysis.settings import bundled

GOOD = {"event": "ds-r1", "estimation": [-250, -31], "window": [-5, 5], "cars": [[0, 0], [-1, 1]]}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(bundled("data/catalogue"))


def test_the_defaults_suit_each_other(catalogue: Catalogue) -> None:
    check_combination(GOOD, catalogue)
    check_combination({}, catalogue)
    check_combination(GOOD | {"event": "made up"}, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cars": [[-9, 9]]}, "-9 9 in cars does not lie within the event window -5 5"),
        ({"cars": [[1, -1]]}, "1 -1 in cars"),
        ({"estimation": [-250, -3]}, "must end before the event window"),
        ({"estimation": [-50, -31]}, "cannot be reached"),
        ({"window": [1, 5]}, "leaves out day 0"),
        ({"event": "us-h20-notice"}, "was private"),
    ],
)
def test_what_a_study_would_refuse_is_refused_first(
    catalogue: Catalogue, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check_combination(GOOD | change, catalogue)
