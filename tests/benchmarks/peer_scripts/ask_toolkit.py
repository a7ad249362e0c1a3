"""event-study-toolkit: `getFullSampleTestStatistic` with its market model.

It fits one regression per identifier, so each event is given as a security of its own.
"""

import numpy as np
import pandas as pd
from event_study_toolkit.eventstudy import eventstudy
from exchange import Set, peer


def prepare(given: Set):
    rows = [np.arange(len(given.dates))[given.around(event)] for event in range(len(given.row))]
    at, number = np.concatenate(rows), np.repeat(np.arange(len(rows)), len(rows[0]))
    data = pd.DataFrame(
        {
            "permno": number,
            "date": given.dates[at],
            "ret_dlst_adj": given.panel[at, given.own[number]],
            "vwretd": given.market[at],
        }
    )
    events = pd.DataFrame(
        {"permno": np.arange(len(rows)), "EVT_DATE": given.dates[given.row], "CCAR": 1}
    )
    return given, data, events


def study(asked) -> float:
    given, data, events = asked
    first, last = given.window
    found = eventstudy(
        given.estimation[1] - given.estimation[0] + 1,
        first - given.estimation[1] - 1,
        first,
        last,
        data,
        events,
        groups=["CCAR"],
    ).getFullSampleTestStatistic("market")
    if found["evt_count"].iloc[0] != len(events):
        raise AssertionError(f"{found['evt_count'].iloc[0]} events")
    return found["car_mean"].iloc[0]


peer(prepare, study)
