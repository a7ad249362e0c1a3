"""Listings whose companies file with the SEC, and what the SEC wants of whoever asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders.batch import known_names
from analysis.loaders.fields import require_object, require_text

PER_SECOND = 9.0  # the SEC allows ten, and blocks for ten minutes who asks more

FILERS: Mapping[str, tuple[int, str]] = {
    "AAPL": (320193, "APPLE"),
    "ADI": (6281, "ANALOG DEVICES"),
    "ALAB": (1736297, "ASTERA LABS"),
    "AMAT": (6951, "APPLIED MATERIALS"),
    "AMD": (2488, "ADVANCED MICRO DEVICES"),
    "AMZN": (1018724, "AMAZON"),
    "ANET": (1596532, "ARISTA"),
    "ARM": (1973239, "ARM HOLDINGS"),
    "ASML": (937966, "ASML"),
    "AVGO": (1730168, "BROADCOM"),
    "CDNS": (813672, "CADENCE"),
    "CEG": (1868275, "CONSTELLATION ENERGY"),
    "CRDO": (1807794, "CREDO"),
    "CRWV": (1769628, "COREWEAVE"),
    "DELL": (1571996, "DELL"),
    "GEV": (1996810, "GE VERNOVA"),
    "GOOGL": (1652044, "ALPHABET"),
    "INTC": (50863, "INTEL"),
    "KLAC": (319201, "KLA"),
    "LRCX": (707549, "LAM RESEARCH"),
    "META": (1326801, "META PLATFORMS"),
    "MRVL": (1835632, "MARVELL"),
    "MSFT": (789019, "MICROSOFT"),
    "MU": (723125, "MICRON"),
    "NVDA": (1045810, "NVIDIA"),
    "ORCL": (1341439, "ORACLE"),
    "PLTR": (1321655, "PALANTIR"),
    "QCOM": (804328, "QUALCOMM"),
    "SMCI": (1375365, "SUPER MICRO"),
    "SNPS": (883241, "SYNOPSYS"),
    "TSLA": (1318605, "TESLA"),
    "TSM": (1046179, "TAIWAN SEMICONDUCTOR"),
    "TXN": (97476, "TEXAS INSTRUMENTS"),
    "VRT": (1674101, "VERTIV"),
    "VST": (1692819, "VISTRA"),
}
"""Ticker to the company's number at the SEC (CIK), and what the name in its files has to begin
with, so that a wrong number cannot pass off one company as another."""


def check_names(names: tuple[str, ...], known: Sequence[str], kind: str) -> tuple[str, ...]:
    """Names to ask for, all known ones where none was given.

    Raises
    ------
    InputError
        A name is unknown, or ``FAULTLINE_CONTACT`` holds no e-mail address.
    """
    wanted = known_names(names, known, kind)
    contact = settings.contact()
    if contact and "@" not in contact:
        raise InputError(
            f"FAULTLINE_CONTACT is {contact!r}, which is not an e-mail address; the SEC requires "
            "one."
        )
    if not contact:
        raise InputError(
            "The SEC requires a contact: set FAULTLINE_CONTACT to your e-mail address."
        )
    return wanted


def check_company(document: Any, field: str, begins: str) -> Mapping[str, Any]:
    """Pass on a file of the company whose name begins so, or raise a `SourceError`."""
    found = require_object(document, "the SEC")
    named = require_text(found, field, "the file of the SEC")
    if not named.upper().startswith(begins):
        raise SourceError(f"the SEC's file is that of {named[:60]!r}, not of {begins}")
    return found
