"""What every table holds: one schema per table, for figures at rest and for curated files.

`TABLES` are the figures that the store keeps, `CATALOGUE` the files that people keep by hand.
Called by the store, the catalogue and the build script; importing it costs half a second
(polars and dataframely), so they import it where they use it.

Figures are bitemporal. The key columns say what a figure is about, ``observed_at`` (UTC, part
of every primary key) says when it became known, so that a revised figure is a second row and
never an overwritten one. ``backfilled`` marks a row whose ``observed_at`` follows from the
publication rule in ``data/README.md`` and was not seen by a clock. ``flag`` says in words why
a figure should be distrusted; it is missing where nothing is known against it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from analysis.errors import DataError, unknown

if TYPE_CHECKING:
    from dataframely import FailureInfo

TICKER = r"^[0-9A-Z^][0-9A-Z.=-]*$"
MIC = r"^[A-Z0-9]{4}$"
CURRENCY = r"^[A-Z]{3}$"
URL = r"^https?://[^\s/]+\.[^\s/]+(/\S*)?$"

FACTORS = ("cma", "hml", "irx_annual", "mkt_rf", "mom", "rf", "rmw", "smb", "smb_ff3")
ROLES = (
    "gpu", "foundry", "memory", "equipment", "networking", "servers", "cloud", "software",
    "consumer", "power", "model_maker", "index", "etf", "fx", "volatility",
)  # fmt: skip
NOT_TRADED = ("index", "etf", "fx", "volatility")
BLOCS = ("us", "china", "taiwan", "korea", "japan", "europe")
TIMINGS = (
    "timestamp", "before_us_open", "after_us_close", "asia_hours", "after_asia_close",
    "weekend", "date_only", "commit", "private",
)  # fmt: skip
CATEGORIES = (
    "release", "rumour", "slip", "export_control", "ip_dispute", "earnings", "capex", "supply",
    "policy", "attention", "pricing", "service",
)  # fmt: skip


def validate(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Hold a frame against the schema of its table.

    Parameters
    ----------
    name : str
        A table of `TABLES` or `CATALOGUE`.
    frame : polars.DataFrame
        Further columns than the schema's are dropped.

    Returns
    -------
    polars.DataFrame
        The schema's columns in its order, rows as they were.

    Raises
    ------
    InputError
        For a table that does not exist.
    DataError
        Naming the first bad row by its key, the column, the rule that it breaks, how many
        rows there are like it, and the mend.
    """
    schema = schema_of(name)
    try:
        good, failure = schema.filter(frame)
    except dy.exc.SchemaError:
        raise DataError(_wrong_columns(name, schema, frame)) from None
    if len(failure):
        raise DataError(_bad_rows(name, schema, failure))
    return good


def schema_of(name: str) -> type[dy.Schema]:
    """Schema of a table, or an `InputError` with the nearest names."""
    known = {**TABLES, **CATALOGUE}
    if name not in known:
        raise unknown("table", name, known)
    return known[name]


def keys_of(name: str) -> list[str]:
    """Key columns of a table without ``observed_at``: what a figure is about."""
    return [column for column in schema_of(name).primary_key() if column != "observed_at"]


def choices_of(column: dy.Column) -> tuple[str, ...]:
    """Values that a column allows; empty where it takes any."""
    return tuple((column.metadata or {}).get("choices", ()))


def _choice(*values: str, **options: Any) -> dy.String:
    """Make a column that takes one of a few words."""
    allowed = list(values)
    check: dict[str, Callable[[pl.Expr], pl.Expr]] = {"choices": lambda cell: cell.is_in(allowed)}
    return dy.String(check=check, metadata={"choices": values}, **options)


def _text(**options: Any) -> dy.String:
    return dy.String(min_length=1, **options)


def _observed_at() -> dy.Datetime:
    return dy.Datetime(time_zone="UTC", time_unit="us", primary_key=True)


class Prices(dy.Schema):
    """Daily closes and volumes of securities, indexes and currencies.

    ``adj_close`` and ``close`` are in the currency of the listing, ``volume`` in shares.
    """

    date = dy.Date(primary_key=True)
    ticker = dy.String(primary_key=True, regex=TICKER)
    close = dy.Float64(nullable=True, min_exclusive=0)
    adj_close = dy.Float64(min_exclusive=0)
    volume = dy.Int64(nullable=True, min=0)
    source = _text()
    observed_at = _observed_at()
    backfilled = dy.Bool()
    flag = _text(nullable=True)

    @dy.rule()
    def known_after_its_day_began(cls) -> pl.Expr:  # noqa: N805
        return pl.col("observed_at").dt.date() >= pl.col("date")


class Factors(dy.Schema):
    """Daily factors of the US market, decimal.

    Returns of one day, but for ``irx_annual``: the annualised yield of the 13-week bill.
    ``smb_ff3`` is the size factor of the three-factor model, ``smb`` that of the five.
    """

    date = dy.Date(primary_key=True)
    factor = _choice(*FACTORS, primary_key=True)
    value = dy.Float64(min=-0.5, max=0.5)
    source = _text()
    observed_at = _observed_at()
    backfilled = dy.Bool()
    flag = _text(nullable=True)

    @dy.rule()
    def known_after_its_day_began(cls) -> pl.Expr:  # noqa: N805
        return pl.col("observed_at").dt.date() >= pl.col("date")


class Downloads(dy.Schema):
    """How much models and repositories are used: counts, or a share in per cent.

    ``downloads_30d`` is a trailing count, not a flow; ``tokens_7d`` counts from Sunday on.
    """

    date = dy.Date(primary_key=True)
    platform = _choice("huggingface", "github", "openrouter", primary_key=True)
    entity = _text(primary_key=True)
    metric = _choice(
        "downloads_30d", "downloads_cumulative", "likes", "stars", "trending_rank",
        "tokens_1d", "tokens_7d", "token_share_pct",
        primary_key=True,
    )  # fmt: skip
    value = dy.Float64(min=0)
    source = _text()
    observed_at = _observed_at()
    backfilled = dy.Bool()
    flag = _text(nullable=True)

    @dy.rule()
    def known_after_its_day_began(cls) -> pl.Expr:  # noqa: N805
        return pl.col("observed_at").dt.date() >= pl.col("date")

    @dy.rule()
    def a_share_is_at_most_a_hundred(cls) -> pl.Expr:  # noqa: N805
        return (pl.col("metric") != "token_share_pct") | (pl.col("value") <= 100)


class Revenues(dy.Schema):
    """Revenue, segments and capital expenditure of companies, in millions of ``currency``.

    ``frequency`` is the length of the period: a month, quarter, half, nine months, fiscal
    year, or the trailing four quarters (``4Q``). ``filed`` is the knowledge date;
    ``assumed`` says that it was not given and stands 60 days after the period's end.
    """

    company = _text(primary_key=True)
    period_end = dy.Date(primary_key=True)
    frequency = _choice("M", "Q", "H", "9M", "FY", "4Q", primary_key=True)
    segment = _text(primary_key=True)
    metric = _choice("revenue", "capex", primary_key=True)
    currency = dy.String(primary_key=True, regex=CURRENCY)
    value = dy.Float64(min=0)
    basis = _choice("reported", "derived", "rounded", "lower_bound")
    filed = dy.Date()
    assumed = dy.Bool()
    note = _text(nullable=True)
    source = _text()
    observed_at = _observed_at()
    backfilled = dy.Bool()
    flag = _text(nullable=True)

    @dy.rule()
    def filed_after_the_period(cls) -> pl.Expr:  # noqa: N805
        return pl.col("filed") > pl.col("period_end")

    @dy.rule()
    def known_when_filed(cls) -> pl.Expr:  # noqa: N805
        return pl.col("observed_at").dt.date() >= pl.col("filed")


class RiskIndexes(dy.Schema):
    """Newspaper-based indexes of geopolitical risk and of economic policy uncertainty.

    A monthly figure carries the first day of its month as its date.
    """

    date = dy.Date(primary_key=True)
    series = _choice(
        "GPR", "GPRA", "GPRT", "GPRC_CHN", "GPRC_TWN", "GPRC_USA",
        "GPRD", "GPRD_ACT", "GPRD_THREAT", "USEPUINDXD",
        primary_key=True,
    )  # fmt: skip
    value = dy.Float64(min=0)
    source = _text()
    observed_at = _observed_at()
    backfilled = dy.Bool()
    flag = _text(nullable=True)

    @dy.rule()
    def known_after_its_day_began(cls) -> pl.Expr:  # noqa: N805
        return pl.col("observed_at").dt.date() >= pl.col("date")


class Events(dy.Schema):
    """What happened, when it could be known, and who says so."""

    id = dy.String(primary_key=True, regex=r"^[a-z0-9][a-z0-9.-]*$")
    date = dy.Date()
    time_utc = dy.Datetime(time_zone="UTC", time_unit="us", nullable=True)
    timezone = _text()
    timing = _choice(*TIMINGS)
    category = _choice(*CATEGORIES)
    direction = _choice("tightened", "relaxed", "countermeasure", nullable=True)
    status = _choice("official", "reported", "rumoured", "denied", "false", "scheduled")
    confidence = _choice("high", "medium", "low")
    title = _text()
    entities = _text(nullable=True)
    source_title = _text()
    source_url = dy.String(nullable=True, regex=URL)
    notes = _text(nullable=True)


class Claims(dy.Schema):
    """What articles asserted before the fact, and what came of it."""

    claim_id = dy.String(primary_key=True, regex=r"^[a-z0-9][a-z0-9.-]*$")
    subject = _text()
    attribute = _text()
    value = _text()
    unit = _text(nullable=True)
    stated_status = _choice("fact", "reported", "rumour")
    asserted_on = dy.Date()
    asserted_on_precision = _choice("exact", "earliest")
    article = _text()
    publisher = _text()
    article_title = _text()
    resolved_status = _choice("confirmed", "refuted", "unresolved")
    resolved_value = _text(nullable=True)
    resolved_source = dy.String(nullable=True, regex=URL)
    contradiction_group = _text(nullable=True)
    notes = _text(nullable=True)


class Instruments(dy.Schema):
    """Every ticker: where it trades, what it does, and which index is its home benchmark.

    ``price_limit`` is the exchange's daily limit as a fraction of the previous close, and
    missing where there is none or where it is not one fraction.
    """

    ticker = dy.String(primary_key=True, regex=TICKER)
    name = _text()
    entity = _text(nullable=True)
    exchange = dy.String(nullable=True, regex=MIC)
    currency = dy.String(nullable=True, regex=CURRENCY)
    role = _choice(*ROLES)
    bloc = _choice(*BLOCS, nullable=True)
    benchmark = dy.String(nullable=True, regex=TICKER)
    price_limit = dy.Float64(nullable=True, min_exclusive=0, max=1)


class Chips(dy.Schema):
    """Accelerators and how the export rules class them; blanks are not known."""

    chip = _text(primary_key=True)
    vendor = _text()
    release_date = dy.String(nullable=True, regex=r"^\d{4}(-(0[1-9]|1[0-2])(-\d{2})?|-Q[1-4])?$")
    date_precision = _choice(
        "day", "month", "quarter", "quarter planned", "year", "not released", nullable=True
    )
    bf16_dense_tflops = dy.Float64(nullable=True, min_exclusive=0)
    fp8_dense_tflops = dy.Float64(nullable=True, min_exclusive=0)
    fp4_dense_tflops = dy.Float64(nullable=True, min_exclusive=0)
    memory_gb = dy.Float64(nullable=True, min_exclusive=0)
    memory_type = _text(nullable=True)
    bandwidth_tb_s = dy.Float64(nullable=True, min_exclusive=0)
    logic_die_mm2 = dy.Float64(nullable=True, min_exclusive=0)
    link_gb_s = dy.Float64(nullable=True, min_exclusive=0)
    tpp = dy.Float64(nullable=True, min_exclusive=0)
    tpp_basis = _text(nullable=True)
    performance_density = dy.Float64(nullable=True, min_exclusive=0)
    status_2022_rule = _choice("controlled", "not controlled", nullable=True)
    class_2023_rule = _choice(
        "3A090.a", "3A090.b", "below both", "depends on die area (PD unknown)", nullable=True
    )
    china_case_by_case_2026 = _choice(
        "case-by-case eligible", "presumption of denial", "licence not required by 3A090",
        nullable=True,
    )  # fmt: skip
    tariff_band_2026 = _choice("in 25 % band", "outside bands", nullable=True)
    source_title = _text()
    source_url = dy.String(regex=URL)
    notes = _text(nullable=True)


class Groups(dy.Schema):
    """Named sets of securities."""

    name = dy.String(primary_key=True, regex=r"^[a-z][a-z0-9_]*$")
    ticker = dy.String(primary_key=True, regex=TICKER)


class Closures(dy.Schema):
    """Days on which an exchange did not trade although its published calendar says so."""

    exchange = dy.String(primary_key=True, regex=MIC)
    date = dy.Date(primary_key=True)
    reason = _text()
    source = _text()


TABLES: dict[str, type[dy.Schema]] = {
    "prices": Prices,
    "factors": Factors,
    "downloads": Downloads,
    "revenues": Revenues,
    "risk_indexes": RiskIndexes,
}

CATALOGUE: dict[str, type[dy.Schema]] = {
    "events": Events,
    "claims": Claims,
    "instruments": Instruments,
    "chips": Chips,
    "groups": Groups,
    "closures": Closures,
}
