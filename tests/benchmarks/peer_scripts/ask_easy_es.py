"""easy-es: `EventStudy.run_study` with one regressor, then `calculate_car_stats`.

It looks for its estimation days among as many calendar days and a margin; the margin is
widened, so that it finds all sessions that were asked for.
"""

import numpy as np
import pandas as pd
from easy_es import EventStudy
from easy_es.utils import calculate_car_stats
from exchange import Set, peer


def prepare(given: Set):
    days, securities = given.panel.shape
    returns = pd.DataFrame(
        {
            "ticker": np.repeat(given.names, days),
            "Date": np.tile(given.dates, securities),
            "Ret": given.panel.T.ravel(),
            "Volume": 1.0,
        }
    )
    returns["Date"] = returns["Date"].dt.date
    factors = pd.DataFrame({"Date": given.dates.date, "Mkt-RF": given.market})
    events = pd.DataFrame(
        {
            "ticker": np.array(given.names)[given.own],
            "event_date": given.dates[given.row],
        }
    )
    first, last = given.window
    size = given.estimation[1] - given.estimation[0] + 1
    study = EventStudy(
        estimation_days=size,
        gap_days=first - given.estimation[1] - 1,
        window_before=-first,
        window_after=last,
        estimator_type="capm",
        n_cores=1,
    )
    study.AUX_OFFSET = size // 2 + 30
    study.add_returns(ret_df=returns)
    study.add_factors(factors)
    return study, events


def study(asked) -> float:
    study, events = asked
    found = study.run_study(events)
    if found["event_id"].nunique() != len(events):
        raise AssertionError(f"{found['event_id'].nunique()} events")
    return calculate_car_stats(found)["mean"].iloc[-1]


peer(prepare, study)
