"""StatsPAI: `abnormal_returns` with its market model; CARs and its seven tests."""

import numpy as np
import pandas as pd
import statspai as sp
from exchange import Set, peer


def prepare(given: Set):
    days, securities = given.panel.shape
    data = pd.DataFrame(
        {
            "id": np.repeat(given.names, days),
            "date": np.tile(given.dates, securities),
            "ret": given.panel.T.ravel(),
            "market": np.tile(given.market, securities),
        }
    )
    names = np.array(given.names)[given.own]
    return given, data, pd.DataFrame({"id": names, "event_date": given.dates[given.row]})


def study(asked) -> float:
    given, data, events = asked
    found = sp.abnormal_returns(
        data,
        events,
        market="market",
        event_window=given.window,
        estimation_window=given.estimation,
        min_obs=100,
    )
    if len(found.tests) != 7 or found.n_events != len(events):
        raise AssertionError(f"{found.n_events} events, tests {list(found.tests.index)}")
    return found.caar


peer(prepare, study)
