"""Simulation: how often each test rejects when nothing happened, and when something did.

The experiments of Brown & Warner (1980, 1985): events are laid into returns in which
nothing happened, from a factor model or drawn at random out of a panel of real returns,
and the whole battery is run on them as on any study. The share of true nulls rejected is a
test's size; with an abnormal return added it is its power.

``design``            what is simulated
``panels``            one panel of returns with its events
``experiment``        many of them, counted
``standard_designs``  the designs whose results are kept

>>> from analysis.eventstudy.simulate import Design, size_and_power
>>> one_date = size_and_power([Design(window=(-1, 1))], repetitions=20, tests=["bmp_t"])
>>> len(one_date)
1
"""

from __future__ import annotations

from analysis.eventstudy.simulate.design import Design, cases
from analysis.eventstudy.simulate.experiment import size_and_power
from analysis.eventstudy.simulate.standard_designs import STANDARD

__all__ = ["STANDARD", "Design", "cases", "size_and_power"]
