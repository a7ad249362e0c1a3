"""eventstudy (Lemaire): `Multiple.from_list` with its market model; CAAR path and its t."""

import tempfile
from pathlib import Path

import pandas as pd
from eventstudy import Multiple, Single
from exchange import Set, peer


def prepare(given: Set):
    frame = pd.DataFrame(given.panel, given.dates.strftime("%Y-%m-%d"), given.names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "returns.csv"
        frame.assign(MARKET=given.market).rename_axis("date").to_csv(path)
        Single.import_returns(str(path))
    days = given.dates.to_numpy()
    events = [
        {"security_ticker": given.names[own], "market_ticker": "MARKET", "event_date": days[row]}
        for own, row in zip(given.own, given.row, strict=True)
    ]
    return given, events


def study(asked) -> float:
    given, events = asked
    first, last = given.window
    found = Multiple.from_list(
        events,
        Single.market_model,
        event_window=(first, last),
        estimation_size=given.estimation[1] - given.estimation[0] + 1,
        buffer_size=first - given.estimation[1] - 1,
        ignore_errors=False,
    )
    found.results()
    return found.CAAR[-1]


peer(prepare, study)
