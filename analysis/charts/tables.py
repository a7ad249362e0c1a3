"""Tables of a briefing: the event, every security, what was skipped (tests: `battery`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from analysis.charts.frames import (
    DESCRIPTION,
    MOST_LISTED,
    arrange,
    checked,
    chosen_sentence,
    day0_sentence,
    direction,
    largest,
    security_labels,
    whole_table,
)
from analysis.charts.markup import build
from analysis.charts.table import Table, nothing_to_tell
from analysis.errors import InputError
from analysis.formatting import (
    MISSING,
    day,
    number,
    p_value,
    percent,
    sentence,
    window_label,
    window_words,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

_SECURITY_NUMBERS = (
    "raw", "market_adjusted", "abnormal", "se", "t", "df", "p_value", "p_adjusted",
)  # fmt: skip


def security_table(
    securities: pd.DataFrame,
    cars: Mapping[tuple[int, int], pd.DataFrame] | None = None,
    *,
    always: Collection[str] = (),
) -> Table:
    """Tabulate every security: day 0 raw, market-adjusted, abnormal, and the CARs.

    Parameters
    ----------
    securities : pandas.DataFrame
        event_id, security, name, role, exchange, day0, raw, market_adjusted, abnormal, se, t,
        df, p_value, p_adjusted (returns decimal, NaN where not computed).
    cars : mapping of (int, int) to pandas.DataFrame, optional
        Window to a frame indexed by (event_id, security) with car (decimal), t and p_value. The
        window (0, 0) is left out: it is the abnormal return.
    always : collection of str
        Securities that are listed whatever their return, where there are more than
        `frames.MOST_LISTED`.

    Returns
    -------
    Table
        Key ``security-table``, rows in the order of the chart of abnormal returns.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd

    caption = "Returns on day 0 and cumulative abnormal returns (CAR)"
    frame = checked(securities, "securities", (*DESCRIPTION, *_SECURITY_NUMBERS), _SECURITY_NUMBERS)
    if frame.empty:
        return nothing_to_tell("security-table", caption, "No security has a return on day 0.")
    of = len(frame)
    moves, tickers = frame["abnormal"].tolist(), frame["security"].tolist()
    frame = frame.iloc[largest(moves, tickers, always, MOST_LISTED)].reset_index(drop=True)
    slots = arrange(
        security_labels(frame),
        frame["role"].tolist(),
        frame["abnormal"].tolist(),
        descending=direction(frame["abnormal"].tolist()) > 0,
    )
    listed = [slot for slot in slots if slot.row is not None]
    own = frame.loc[[slot.row for slot in listed]].reset_index(drop=True)
    cells = pd.DataFrame(
        {
            "Security": _full_names(own),
            "Ticker": own["security"].map(words),
            "Day 0": [day(value, year=False) for value in own["day0"]],
            "Raw": own["raw"].map(percent),
            "Less market": own["market_adjusted"].map(percent),
            "Abnormal": own["abnormal"].map(percent),
            "t": own["t"].map(number),
            "p": own["p_value"].map(p_value),
            "p adj.": own["p_adjusted"].map(p_value),
        }
    )
    labels = {name: f"{name},\u00a0%" for name in ("Raw", "Less market", "Abnormal")}
    labels["Day 0"] = "Day\u00a00"
    spanners = {"On day 0": list(cells.columns[3:])}
    if len(set(cells["Day 0"])) == 1:
        cells = cells.drop(columns="Day 0")
    for window, car in (cars or {}).items():
        if tuple(window) == (0, 0):
            continue
        added = _car_columns(window, car, own)
        spanners[f"CAR {window_label(window)}"] = list(added)
        labels |= dict(zip(added, ("CAR,\u00a0%", "t", "p"), strict=True))
        cells = cells.assign(**added)
    numbers = [name for heads in spanners.values() for name in heads]
    family = f"all {of:,} securities" if len(own) < of else "the securities of this table"
    if "counted" in own and not own["counted"].all():
        family += ", second listings apart"
    notes = [
        sentence(
            chosen_sentence(len(own), of, "listed", always),
            day0_sentence(own),
            "Abnormal: the return less what the model expects. t and p: of the single security, "
            "two-sided; p adj.: Holm over the securities that the event names, "
            f"Benjamini\u2013Hochberg over {family} for the others.",
            f"{MISSING} not computed.",
        )
    ]
    markup = build(
        cells,
        caption,
        "security-table",
        numbers=numbers,
        groups=[slot.mark.label for slot in listed],
        spanners=spanners,
        notes=notes,
        labels=labels,
    )
    return Table("security-table", caption, cells, markup)


def _full_names(own: pd.DataFrame) -> list[str]:
    names = [
        words(name) or words(ticker)
        for name, ticker in zip(own["name"], own["security"], strict=True)
    ]
    if own["event_id"].nunique(dropna=False) < 2:
        return names
    return [f"{name}, {words(event)}" for name, event in zip(names, own["event_id"], strict=True)]


def _car_columns(
    window: tuple[int, int], car: pd.DataFrame, own: pd.DataFrame
) -> dict[str, list[str]]:
    import pandas as pd

    what = f"The CAR frame of the window {window_label(window)}"
    if not isinstance(car.index, pd.MultiIndex) or car.index.nlevels != 2:
        raise InputError(f"{what} must be indexed by (event_id, security).")
    found = checked(car, what, ("car", "t", "p_value"), ("car", "t", "p_value"))
    found.index = car.index
    found = found[~found.index.duplicated()].reindex(
        pd.MultiIndex.from_frame(own[["event_id", "security"]])
    )
    name = window_label(window)
    return {
        f"CAR {name}": found["car"].map(percent).tolist(),
        f"t {name}": found["t"].map(number).tolist(),
        f"p {name}": found["p_value"].map(p_value).tolist(),
    }


def skipped_table(skipped: pd.DataFrame) -> Table:
    """Tabulate what could not be measured, with its reason; one line per reason.

    Parameters
    ----------
    skipped : pandas.DataFrame
        event_id, security, window_start, window_end (blank: every window), reason.

    Returns
    -------
    Table
        Key ``skipped-table``; says so when nothing was skipped.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd

    caption = "Skipped, with the reason"
    numeric = ("window_start", "window_end")
    frame = checked(skipped, "skipped", ("event_id", "security", "reason", *numeric), numeric)
    if frame.empty:
        return nothing_to_tell("skipped-table", caption, "Nothing was skipped.")
    frame["window"] = [window_words(row.window_start, row.window_end) for row in frame.itertuples()]
    keys = ["event_id", "security", "reason"]
    rows = [
        (words(security), words(event), "; ".join(dict.fromkeys(own["window"])), words(reason))
        for (event, security, reason), own in frame.groupby(keys, sort=False, dropna=False)
    ]
    cells = pd.DataFrame(rows, columns=["Security", "Event", "Windows", "Reason"])
    if cells["Event"].nunique() < 2:
        cells = cells.drop(columns="Event")
    notes = []
    if len(cells) > MOST_LISTED:
        notes = [f"The first {MOST_LISTED} of {len(cells):,} lines. {whole_table('skipped')}"]
        cells = cells.head(MOST_LISTED)
    markup = build(cells, caption, "skipped-table", notes=notes)
    return Table("skipped-table", caption, cells, markup)


def event_table(
    event: pd.DataFrame | Mapping[str, Any],
    *,
    key: str = "event-table",
    caption: str = "The event",
) -> Table:
    """Tabulate what is known about an event, one fact a line.

    Parameters
    ----------
    event : pandas.DataFrame or mapping
        Columns fact and value in reading order, or the same as a mapping; blank values are left
        out. Text is shown as written, never as markup or a link.
    key, caption : str
        For facts about something else.

    Returns
    -------
    Table
        Key as given.

    Raises
    ------
    InputError
        When columns are missing.
    """
    import pandas as pd

    if isinstance(event, Mapping):
        event = pd.DataFrame({"fact": list(event.keys()), "value": list(event.values())})
    frame = checked(event, "event", ("fact", "value"), ())
    cells = pd.DataFrame(
        {"Fact": frame["fact"].map(words), "Value": frame["value"].map(words)}, dtype=object
    )
    cells = cells[cells["Value"] != ""].reset_index(drop=True)
    if cells.empty:
        return nothing_to_tell("security-table", caption, "Nothing is known.")
    return Table(key, caption, cells, build(cells, caption, key))
