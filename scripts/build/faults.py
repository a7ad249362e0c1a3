"""Figures that are known to be doubtful: they stay as they are and carry a flag that says why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

FAR_PAST, FAR_FUTURE = date(1900, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True)
class Fault:
    """Days on which the figures of one key should be distrusted.

    Attributes
    ----------
    key : str
        Ticker or series.
    words : str
        What is wrong.
    first, last : date
        Both included.
    """

    key: str
    words: str
    first: date = FAR_PAST
    last: date = FAR_FUTURE


_ONE_VENDOR = "one vendor alone shows this jump"
_TWO_VENDORS = "two vendors differ by up to 2 %"
_WHEN_ISSUED = "when-issued trading before the spin-off: few shares change hands"
_ODD_VOLUME = "volume is far too low for this security: a fault of the vendor"

PRICES = (
    Fault("000001.SS", _ODD_VOLUME, date(2022, 4, 28), date(2022, 4, 28)),
    Fault("000660.KS", _ODD_VOLUME, date(2026, 6, 10), date(2026, 6, 10)),
    Fault("000660.KS", _ONE_VENDOR, date(2026, 7, 31), date(2026, 7, 31)),
    Fault("005930.KS", "volume is in thousands of shares", date(2023, 1, 25), date(2023, 2, 24)),
    Fault("005930.KS", _ODD_VOLUME, date(2026, 6, 10), date(2026, 6, 10)),
    Fault("005930.KS", _ONE_VENDOR, date(2026, 7, 31), date(2026, 7, 31)),
    Fault("0981.HK", _TWO_VENDORS, date(2024, 1, 16), date(2024, 1, 16)),
    Fault("9988.HK", _TWO_VENDORS, date(2024, 6, 12), date(2024, 6, 12)),
    Fault("CEG", _WHEN_ISSUED, date(2022, 1, 19), date(2022, 2, 1)),
    Fault("GEV", _WHEN_ISSUED, date(2024, 3, 27), date(2024, 4, 1)),
    Fault("^KS11", _ONE_VENDOR, date(2026, 7, 31), date(2026, 7, 31)),
)

FACTORS = (
    Fault("hml", "restated between vintages of the library"),
    Fault("mom", "restated between vintages of the library"),
)

_RECENT = "recent when it was collected; later vintages differed by up to 38 %"
_OTHER_VINTAGE = "two decimals: from another vintage than the rest of the series"

RISK_INDEXES = (
    Fault("GPR", _OTHER_VINTAGE, date(2026, 3, 1), date(2026, 7, 1)),
    Fault("GPRD", _RECENT, date(2026, 4, 26), date(2026, 5, 26)),
    Fault("GPRD_ACT", _RECENT, date(2026, 4, 26), date(2026, 5, 26)),
    Fault("GPRD_THREAT", _RECENT, date(2026, 4, 26), date(2026, 5, 26)),
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
    said = [
        pl.when((pl.col(key) == fault.key) & pl.col(day).is_between(fault.first, fault.last)).then(
            pl.lit(fault.words)
        )
        for fault in faults
    ]
    joined = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias("flag")
