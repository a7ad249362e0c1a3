"""ffjr-eventstudies: `MultipleEvents.from_list` with its market model; CAAR path and its t."""

import pandas as pd
from eventstudies import MultipleEvents, SingleEvent
from exchange import Set, peer


def prepare(given: Set):
    frame = pd.DataFrame(given.panel, given.dates, given.names)
    SingleEvent.import_returns(dataframe=frame.assign(MARKET=given.market).rename_axis("date"))
    days = given.dates.to_numpy()
    events = [
        {"ticker": given.names[own], "mkt_idx": "MARKET", "event_date": days[row]}
        for own, row in zip(given.own, given.row, strict=True)
    ]
    return given, events


def study(asked) -> float:
    given, events = asked
    first, last = given.window
    size = given.estimation[1] - given.estimation[0] + 1
    found = MultipleEvents.from_list(
        events,
        SingleEvent.MarketModel,
        event_window=(first, last),
        est_size=size,
        buffer_size=first - given.estimation[1] - 1,
        ignore_errors=False,
    )
    found.results()
    return found.CAAR[-1]


peer(prepare, study)
