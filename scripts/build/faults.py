"""Figures that are known to be doubtful: they stay as they are and carry a flag that says why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

FAR_PAST, FAR_FUTURE = date(1900, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True)
class Fault:
    """Days on which some figures should be distrusted.

    Attributes
    ----------
    keys : str or tuple of str
        Tickers or series.
    words : str
        What is wrong.
    first, last : date
        Both included.
    days : tuple of date
        Single days instead.
    """

    keys: str | tuple[str, ...]
    words: str
    first: date = FAR_PAST
    last: date = FAR_FUTURE
    days: tuple[date, ...] = ()

    def holds(self, key: str, day: str) -> pl.Expr:
        """Whether a row is meant; ``key`` and ``day`` name its columns."""
        keys = [self.keys] if isinstance(self.keys, str) else list(self.keys)
        when = (
            pl.col(day).is_in(list(self.days))
            if self.days
            else pl.col(day).is_between(self.first, self.last)
        )
        return pl.col(key).is_in(keys) & when


_ODD_VOLUME = "volume is far too low for this security: a fault of the vendor"
_WHEN_ISSUED = "when-issued trading before the spin-off: few shares change hands"
_ONE_VENDOR = "one vendor alone shows this jump; later copies of it hold the level"
_TWO_VENDORS = "two vendors differ by {} %"
_NO_TRADE = "no volume, and no index that day: the exchange seems not to have traded"
_SUBTRACTED = (
    "dividends were subtracted, not scaled: returns are overstated by up to 1 % of their size"
)
_MID_SESSION = "captured before the close: a third of the usual volume"
_IN_DOLLARS = (
    "a dividend in US dollars was taken for Hong Kong dollars: the return is about {} % low"
)
_OUR_DIVIDEND = "adjusted here: the vendor took a dividend in US dollars for Hong Kong dollars"
_SPLICE = "another collector from here on, checked on {} common sessions only"

# Half-day sessions of Hong Kong, and three days besides.
_HALF_DAYS = (
    date(2017, 1, 27), date(2018, 2, 15), date(2018, 12, 24), date(2018, 12, 31),
    date(2019, 2, 4), date(2019, 12, 24), date(2019, 12, 31), date(2020, 1, 24),
    date(2020, 12, 24), date(2020, 12, 31), date(2021, 2, 11), date(2021, 12, 24),
    date(2021, 12, 31), date(2022, 1, 31), date(2024, 2, 9), date(2024, 12, 24),
    date(2024, 12, 31), date(2025, 1, 28), date(2025, 12, 24), date(2025, 12, 31),
    date(2026, 2, 16), date(2021, 3, 26), date(2021, 4, 27), date(2024, 1, 15),
)  # fmt: skip
_HONG_KONG = (
    "0020.HK", "0700.HK", "0981.HK", "0992.HK", "1347.HK", "1810.HK", "3690.HK", "9618.HK",
    "9888.HK", "9988.HK",
)  # fmt: skip

# Stretches whose collector does not adjust for dividends, and what that can do to a return.
_RAW_AUGUST = "August 2026 is not adjusted for dividends: an ex-date shows as a fall"
_RAW_US = "not adjusted for dividends since the last splice; no ex-date is known here"
_RAW_MAINLAND = "closes as traded: a dividend of at most 0.3 % may be missing"
_RAW_LISTED = "closes as traded since the listing; no dividend or split is known"
_RAW_TAIWAN = "closes as traded: the yearly dividend, up to 3 %, shows as a fall on its ex-date"

_AUGUST = (
    "AAPL", "AMAT", "AMD", "AMZN", "ANET", "ARM", "ASML", "AVGO", "CEG", "CIEN", "COHR", "CRM",
    "DELL", "ETN", "GEV", "GOOGL", "HPE", "IBM", "INTC", "KLAC", "LITE", "LRCX", "META", "MRVL",
    "MSFT", "MU", "NOW", "NVDA", "ORCL", "PLTR", "PWR", "QCOM", "SMCI", "SNDK", "STX", "TSLA",
    "TSM", "VRT", "VST", "WDC",
)  # fmt: skip
_SINCE_AUGUST = ("AAPL", "AMD", "AMZN", "ARM", "ASML", "INTC", "MRVL", "MSFT", "MU", "ORCL")
_MAINLAND = (
    "000977.SZ", "002371.SZ", "300308.SZ", "300502.SZ", "603019.SS", "688008.SS", "688012.SS",
    "688041.SS", "688256.SS",
)  # fmt: skip
# First session after a splice that fewer than 20 common sessions bear out.
_SPLICES = (
    ("0992.HK", date(2026, 4, 8), 9),
    ("1810.HK", date(2026, 4, 8), 11),
    ("2330.TW", date(2026, 8, 24), 6),
    ("3690.HK", date(2026, 4, 8), 18),
    ("688008.SS", date(2026, 6, 15), 11),
    ("688256.SS", date(2026, 6, 15), 19),
    ("688347.SS", date(2026, 6, 15), 14),
    ("9618.HK", date(2026, 4, 8), 15),
    ("9888.HK", date(2026, 4, 8), 14),
    ("9988.HK", date(2026, 4, 8), 15),
    ("^IXIC", date(2026, 8, 24), 6),
)
# Dates that the collector counted instead of naming them.
_COUNTED = "the date was inferred from the position in a list, checked against other series"
_MOVES = "a move beyond 25 % that was not checked against news"


def _on(key: str, day: date, words: str) -> Fault:
    return Fault(key, words, day, day)


PRICES = (
    _on("000001.SS", date(2022, 4, 28), _ODD_VOLUME),
    _on("000660.KS", date(2026, 6, 10), _ODD_VOLUME),
    _on("000660.KS", date(2026, 7, 31), _ONE_VENDOR),
    Fault("005930.KS", "volume is in thousands of shares", date(2023, 1, 25), date(2023, 2, 24)),
    _on("005930.KS", date(2026, 6, 10), _ODD_VOLUME),
    _on("005930.KS", date(2026, 7, 31), _ONE_VENDOR),
    _on("^KS11", date(2026, 7, 31), _ONE_VENDOR),
    _on("0981.HK", date(2024, 1, 16), _TWO_VENDORS.format("up to 2")),
    Fault(_HONG_KONG, _TWO_VENDORS.format("up to 0.7"), days=_HALF_DAYS),
    Fault("2513.HK", _TWO_VENDORS.format("up to 1.1"), days=_HALF_DAYS),
    Fault(("2308.TW", "2317.TW", "2330.TW", "2454.TW"), _NO_TRADE, days=(date(2026, 7, 10),)),
    _on("2330.TW", date(2026, 6, 11), "a dividend of NT$6 (0.27 %) is probably not adjusted"),
    Fault("688041.SS", _SUBTRACTED, date(2022, 8, 12), date(2026, 6, 12)),
    Fault("603019.SS", "the dividend adjustment is doubtful", last=date(2024, 12, 9)),
    _on("688795.SS", date(2026, 9, 7), "-20 % is the daily limit: the fall may have gone on"),
    _on("9618.HK", date(2026, 4, 8), _IN_DOLLARS.format(3)),
    Fault("9988.HK", _OUR_DIVIDEND, days=(date(2023, 12, 20), date(2024, 6, 12))),
    _on("9988.HK", date(2026, 6, 10), _IN_DOLLARS.format("0.8")),
    _on("9888.HK", date(2026, 3, 12), _MID_SESSION),
    _on("0981.HK", date(2025, 8, 8), "no multiple of the tick of HK$0.05: no price of that day"),
    Fault("CEG", _WHEN_ISSUED, date(2022, 1, 19), date(2022, 2, 1)),
    Fault("GEV", _WHEN_ISSUED, date(2024, 3, 27), date(2024, 4, 1)),
    Fault("VRT", "the blank-cheque company that Vertiv merged with", last=date(2020, 2, 7)),
    Fault("^GSPC", _COUNTED, date(2026, 9, 25), date(2026, 10, 5)),
    Fault("0700.HK", _COUNTED, date(2026, 8, 18), date(2026, 9, 18)),
    Fault(_AUGUST, _RAW_AUGUST, date(2026, 8, 3), date(2026, 8, 21)),
    Fault(_SINCE_AUGUST, _RAW_US, date(2026, 8, 24)),
    Fault(_MAINLAND, _RAW_MAINLAND, date(2026, 6, 15), date(2026, 8, 31)),
    Fault(("688795.SS", "688802.SS"), _RAW_LISTED),
    Fault(("2308.TW", "2317.TW", "2454.TW"), _RAW_TAIWAN),
    *(_on(ticker, day, _SPLICE.format(count)) for ticker, day, count in _SPLICES),
    *(
        _on(ticker, day, _MOVES)
        for ticker, day in (
            ("DELL", date(2026, 5, 29)),
            ("IBM", date(2026, 7, 14)),
            ("NBIS", date(2026, 7, 30)),
            ("PLTR", date(2026, 8, 4)),
            ("SNDK", date(2026, 7, 30)),
            ("SNOW", date(2026, 5, 28)),
        )
    ),
)

FACTORS = (Fault(("cma", "hml", "mom", "rmw", "smb"), "restated between vintages of the library"),)

_RECENT = "recent when it was collected; later vintages differed by up to 38 %"
_DAILY = ("GPRD", "GPRD_ACT", "GPRD_THREAT")
_RESTATED = "vintages differ: by over 10 % on one day in six of 2025"
_OTHER_VINTAGE = "two decimals: from another vintage than the rest of the series"

RISK_INDEXES = (
    Fault("GPR", _OTHER_VINTAGE, date(2026, 3, 1), date(2026, 7, 1)),
    Fault(_DAILY, _RESTATED, date(2025, 1, 1), date(2026, 4, 25)),
    Fault(_DAILY, _RECENT, date(2026, 4, 26), date(2026, 5, 26)),
    Fault("USEPUINDXD", "looks faulty: its neighbours are sixty times as high",
          date(2025, 11, 3), date(2025, 11, 3)),
)  # fmt: skip


def flag_of(faults: tuple[Fault, ...], key: str, day: str = "date") -> pl.Expr:
    """Words of the faults that hold for a row, null where there is none.

    Parameters
    ----------
    faults : tuple of Fault
        What is known against the table.
    key, day : str
        Columns that a fault's key and days refer to.
    """
    said = [pl.when(fault.holds(key, day)).then(pl.lit(fault.words)) for fault in faults]
    joined = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias("flag")
