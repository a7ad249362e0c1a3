"""What each row of ``corrections.csv`` does, by table and row key."""

from __future__ import annotations

from datetime import date

from build.corrections import Added, Chained, Dividend, Figure, Period, Rules

_LUCIUS = "corrected: luciusneo1017/momentum-portfolio_optimization"
_CBOE = "corrected: Cboe by way of FRED VIXCLS (NippaniP/CapstoneProject)"
_AKIRAAK = "akiraak/ai-financial-analyst (companies/{}/data)"
_INTEL = _AKIRAAK.format("intel")
_ONE_COPY = "one copy of the cash flow statements; the four quarters of 2022 sum to 24,844"

# Yahoo took Alibaba's dividends in US dollars for Hong Kong dollars: 0.125 and 0.125 were taken
# off where 0.98 and 1.62 were due. The closes before are 71.65 and 76.45; with them the return
# of 2024-06-12 is -0.91 %, which a second vendor shows. Of 688041.SS neither dividends nor
# unadjusted closes were collected, so its subtracted dividends stay, with a flag; so does the
# dividend of 2330.TW on 2026-06-11, whose date follows from the quarterly pattern alone.
PRICES: Rules = {
    "9988.HK|2023-12-20": (Dividend("9988.HK", date(2023, 12, 20), 71.65, 0.98, taken=0.125),),
    "9988.HK|2024-06-12": (Dividend("9988.HK", date(2024, 6, 12), 76.45, 1.62, taken=0.125),),
    "9988.HK|2025-05-22": (Chained("9988.HK", date(2025, 5, 22), 118.80, 119.10, _LUCIUS),),
    "0981.HK|2025-05-22": (Chained("0981.HK", date(2025, 5, 22), 41.85, 41.80, _LUCIUS),),
    "2330.TW|2025-12-11;2026-03-17;2026-06-11": (
        Dividend("2330.TW", date(2025, 12, 11), 1505.0, 5.0),
        Dividend("2330.TW", date(2026, 3, 17), 1845.0, 6.0),
    ),
    "688041.SS|2022-08-12 to last ex-date": (),
    "000660.KS;005930.KS;^KS11|2026-07-31": (),
    "0700.HK|2026-02-16;2026-03-12": (),
    "^VIX|2021-08-11;2021-10-01": (
        Figure("^VIX", date(2021, 8, 11), 16.06, _CBOE),
        Figure("^VIX", date(2021, 10, 1), 21.15, _CBOE),
    ),
}

# Flags alone: see build.faults.
FACTORS: Rules = {"smb;rmw;cma (all rows)": ()}
RISK_INDEXES: Rules = {"GPRD, GPRD_ACT, GPRD_THREAT|2025": ()}

_Q1_2023, _Q2_2023 = date(2023, 4, 1), date(2023, 7, 1)
_AMD = {"Data Center": 1321, "Client": 998, "Gaming": 1581, "Embedded": 1459}
_AMD_MOVED = "corrected: stood under the second quarter"
_AMD_SOURCE = "AMD releases of the first and second quarter of 2023"
_AMD_SUMS = "corrected: with it the segments sum to the total, and the quarters to the year"
_TSMC_DAYS = (
    date(2023, 6, 30), date(2023, 9, 30), date(2024, 6, 30), date(2024, 9, 30),
    date(2024, 12, 31), date(2025, 3, 31), date(2025, 6, 30), date(2025, 9, 30),
    date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30),
)  # fmt: skip
_TSMC = "a share times revenue at another exchange rate: off by up to 1.3 %"


def _amd(segment: str) -> tuple[Period | Added, ...]:
    """Put first-quarter figures back under their quarter, and the right ones in their place."""
    return (
        Period("AMD", _Q2_2023, segment=segment, period_end=_Q1_2023, note=_AMD_MOVED),
        Added("AMD", _Q2_2023, "revenue", _AMD[segment], _AMD_SOURCE, segment=segment),
    )


def _nvidia(day: date, segment: str, value: float, basis: str) -> Period:
    note = f"as published; {_AKIRAAK.format('nvidia')}"
    return Period("NVIDIA", day, segment=segment, value=value, basis=basis, note=note)


def _intel_capex(day: date, value: float) -> Period:
    note = f"corrected: {_INTEL}"
    return Period("Intel", day, "capex", value=value, basis="derived", note=note)


def _moved(company: str, wrong: date, right: date, segment: str | None = None) -> Period:
    note = "period end corrected"
    return Period(company, wrong, segment=segment, period_end=right, note=note)


REVENUES: Rules = {
    "AMD|2025-06-28|Q|Data Center|revenue": (
        Period("AMD", date(2025, 6, 28), segment="Data Center", value=3240, flag="",
               note=_AMD_SUMS),
    ),
    "AMD|2025-12-27|Q|Data Center|revenue": (
        Period("AMD", date(2025, 12, 27), segment="Data Center", value=5380, flag="",
               note=_AMD_SUMS),
    ),
    **{f"AMD|2023-07-01|Q|{segment}|revenue": _amd(segment) for segment in _AMD},
    "Dell|2022-01-28|Q|total|revenue": (
        Period("Dell", date(2022, 1, 28), value=27992, note="corrected: continuing operations"),
    ),
    "Dell|2021-10-29|Q|total|revenue": (
        Period("Dell", date(2021, 10, 29), value=26424, note="corrected: continuing operations",
               flag="one source; with VMware, 28,394 was reported"),
    ),
    "Dell|2025-01-31|Q|total|revenue": (
        Period("Dell", date(2025, 1, 31), value=23931, flag="",
               note="corrected: with it the quarters sum to the year, 95,567"),
    ),
    "Dell|2023-04-30;2023-07-31": (
        _moved("Dell", date(2023, 4, 30), date(2023, 5, 5)),
        _moved("Dell", date(2023, 7, 31), date(2023, 8, 4)),
    ),
    "Broadcom|2024-01-31|Q": (_moved("Broadcom", date(2024, 1, 31), date(2024, 2, 4)),),
    "Intel|2022-03-31|Q|total|revenue": (
        _moved("Intel", date(2022, 3, 31), date(2022, 4, 2), "total"),
    ),
    "Intel|2021-12-25|Q|total|capex": (_intel_capex(date(2021, 12, 25), 7154),),
    "Intel|2022-04-02|Q|total|capex": (_intel_capex(date(2022, 4, 2), 4604),),
    "Intel|2022-07-02;2022-10-01;2025-12-27|Q|total|capex": tuple(
        Added("Intel", day, "capex", value, _INTEL, "derived", flag=flag)
        for day, value, flag in (
            (date(2022, 7, 2), 7242, _ONE_COPY),
            (date(2022, 10, 1), 7299, _ONE_COPY),
            (date(2025, 12, 27), 3488, "one copy of the cash flow statements"),
        )
    ),
    "Nvidia|2025-01-26|Q|Data Center|revenue": (
        _nvidia(date(2025, 1, 26), "Data Center", 35580, "reported"),
    ),
    "Nvidia|2024-01-28;2026-01-25|Q|Data Center|revenue": (
        _nvidia(date(2024, 1, 28), "Data Center", 18400, "rounded"),
        _nvidia(date(2026, 1, 25), "Data Center", 62300, "rounded"),
    ),
    "Nvidia|2024-01-28;2025-01-26;2026-01-25|Q|Gaming|revenue": (
        _nvidia(date(2024, 1, 28), "Gaming", 2865, "reported"),
        _nvidia(date(2025, 1, 26), "Gaming", 2544, "reported"),
        _nvidia(date(2026, 1, 25), "Gaming", 3700, "rounded"),
    ),
    "TSMC|2023-06-30 (and ten more)|Q|HPC;Smartphone": tuple(
        Period("TSMC", day, segment=segment, flag=_TSMC)
        for day in _TSMC_DAYS
        for segment in ("HPC", "Smartphone")
    ),
    # Of the other missing quarters no figure with a page was found.
    "Hygon|2024-12-31|FY; SMIC|2024-09-30,2024-12-31|Q": (
        Added("SMIC", date(2024, 12, 31), "revenue", 2207.3,
              "SMIC results release, fourth quarter of 2024", flag="one source"),
    ),
}
