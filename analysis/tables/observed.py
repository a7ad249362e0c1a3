"""Schemas of the figures that the store keeps.

Figures are bitemporal. The key columns say what a figure is about, ``observed_at`` (UTC, part
of every primary key) says when it became known, so that a revised figure is a second row and
never an overwritten one. ``backfilled`` marks a row whose ``observed_at`` follows from the
publication rule in ``data/README.md`` and was not seen by a clock. ``flag`` says in words why
a figure should be distrusted; it is missing where nothing is known against it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dataframely as dy
import polars as pl

from analysis.tables.columns import CURRENCY, TICKER, URL, choice, pattern, text, time_zone, utc

# What no figure of a kind can reach: 1e308 is finite too, and an average of it is infinite.
# The dearest share costs less than a million dollars, the highest index stands below a million,
# and the largest company earns less than 1e9 million of any currency in a year.
_MONEY = 1e9
_SHARES = 10**15
_RATIO = 1e6
_COUNT = 1e15
_INDEX = 1e6
_MILLIONS = 1e10
_TOKEN_PRICE = 1e6
_TOKENS = 10**12

# The first day of each kind of figure: before it a date is a mistake. Indexes of geopolitical
# risk begin in 1900, French's factors in 1926, the Federal Register in 1936.
_FIRST_INDEX = date(1900, 1, 1)
_FIRST_REGISTER = date(1936, 1, 1)
_FIRST_ELECTRONIC = date(1990, 1, 1)

# How far ahead an agency may say that a document is published, or a rule takes effect.
_ONE_DAY = timedelta(days=1)
_PLANNED = timedelta(days=60)
_EFFECTIVE = timedelta(days=3650)


class Dated(dy.Schema):
    """A figure about a day, which nobody can have known before that day."""

    @dy.rule()
    def known_after_its_day_began(cls) -> pl.Expr:  # noqa: N805
        """Nobody knew a figure before its day."""
        return pl.col("observed_at").dt.date() >= pl.col("date")


class FiledAfterPeriod(dy.Schema):
    """A figure of a period, which is public from the day of its filing."""

    @dy.rule()
    def filed_after_the_period(cls) -> pl.Expr:  # noqa: N805
        """A period is reported after it has ended."""
        return pl.col("filed") > pl.col("period_end")

    @dy.rule()
    def known_when_filed(cls) -> pl.Expr:  # noqa: N805
        """A filing is known from its day on."""
        return pl.col("observed_at").dt.date() >= pl.col("filed")


class Prices(Dated):
    """Daily closes and volumes of securities, indexes and currencies.

    ``adj_close`` (adjusted for splits and dividends) and ``close`` are in the currency of the
    listing, ``volume`` is in shares.
    """

    date = dy.Date(primary_key=True, min=_FIRST_INDEX)
    ticker = pattern(TICKER, "NVDA", primary_key=True)
    close = dy.Float64(nullable=True, min_exclusive=0, max=_MONEY)
    adj_close = dy.Float64(min_exclusive=0, max=_MONEY)
    volume = dy.Int64(nullable=True, min=0, max=_SHARES)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class Factors(Dated):
    """Daily factors of the US market, decimal.

    Returns of one day, but for ``irx_annual``: the annualised yield of the 13-week bill.
    ``smb_ff3`` is the size factor of the three-factor model, ``smb`` that of the five.
    """

    date = dy.Date(primary_key=True, min=_FIRST_INDEX)
    factor = choice(
        "cma", "hml", "irx_annual", "mkt_rf", "mom", "rf", "rmw", "smb", "smb_ff3",
        primary_key=True,
    )  # fmt: skip
    value = dy.Float64(min=-0.5, max=0.5)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class Downloads(Dated):
    """How much models, packages and repositories are used: counts, or a share in per cent.

    ``downloads_30d`` is a trailing count, not a flow; ``downloads_1d`` is the flow of one day
    (PyPI, without mirrors); ``tokens_7d`` counts from Sunday on.
    """

    date = dy.Date(primary_key=True, min=_FIRST_ELECTRONIC)
    platform = choice("huggingface", "github", "openrouter", "pypi", primary_key=True)
    entity = text(primary_key=True)
    metric = choice(
        "downloads_1d", "downloads_30d", "downloads_cumulative", "likes", "stars", "forks",
        "releases", "inference_providers", "trending_rank",
        "tokens_1d", "tokens_7d", "token_share_pct",
        primary_key=True,
    )  # fmt: skip
    value = dy.Float64(min=0, max=_COUNT)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)

    @dy.rule()
    def a_share_is_at_most_a_hundred(cls) -> pl.Expr:  # noqa: N805
        """A share is given in per cent."""
        return (pl.col("metric") != "token_share_pct") | (pl.col("value") <= 100)


class Revenues(FiledAfterPeriod):
    """Revenue, segments and capital expenditure of companies, in millions of ``currency``.

    ``frequency`` is the length of the period: a month, quarter, half, nine months, fiscal
    year, or the trailing four quarters (``4Q``). ``filed`` is the knowledge date;
    ``assumed`` says that it was not given and stands 60 days after the period's end, or
    earlier where the figure was seen earlier. Each vintage of a restated figure is an
    observation, with its own ``filed``.
    """

    company = text(primary_key=True)
    period_end = dy.Date(primary_key=True, min=_FIRST_ELECTRONIC)
    frequency = choice("M", "Q", "H", "9M", "FY", "4Q", primary_key=True)
    segment = text(primary_key=True)
    metric = choice("revenue", "capex", primary_key=True)
    currency = pattern(CURRENCY, "USD", primary_key=True)
    value = dy.Float64(min=0, max=_MILLIONS)
    basis = choice("reported", "derived", "rounded", "lower_bound")
    filed = dy.Date()
    assumed = dy.Bool()
    note = text(nullable=True)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class Shares(dy.Schema):
    """Shares outstanding of a company, by the ticker of one of its listings.

    ``shares`` is the count as it was given then: later splits are not taken into account, and
    the table ``actions`` or the ``note`` has them. ``adr_ratio`` is ordinary shares per
    depositary receipt. ``filed`` and ``assumed`` as in ``revenues``. Only a ``cover_page``,
    ``balance_sheet`` or ``exchange`` count is one of a day; the others are flagged.
    """

    ticker = pattern(TICKER, "NVDA", primary_key=True)
    as_of = dy.Date(primary_key=True, min=_FIRST_ELECTRONIC)
    shares = dy.Int64(min_exclusive=0, max=_SHARES)
    adr_ratio = dy.Float64(nullable=True, min_exclusive=0, max=_RATIO)
    basis = choice(
        "cover_page", "balance_sheet", "exchange", "weighted_average", "derived", "vendor",
        "prospectus", "quoted",
    )  # fmt: skip
    filed = dy.Date()
    assumed = dy.Bool()
    note = text(nullable=True)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)

    @dy.rule()
    def filed_on_the_day_or_later(cls) -> pl.Expr:  # noqa: N805
        """A count is filed on its day or later."""
        return pl.col("filed") >= pl.col("as_of")

    @dy.rule()
    def known_when_filed(cls) -> pl.Expr:  # noqa: N805
        """A filing is known from its day on."""
        return pl.col("observed_at").dt.date() >= pl.col("filed")


class Earnings(Dated):
    """On which day a company published its results, and at what time of day.

    Only ``kind`` ``results`` is a release of results: a ``preannouncement`` came before it, a
    ``periodic_report`` is an upper bound of its day, ``scheduled`` was planned and not verified,
    ``deliveries`` and ``other`` are different news. ``timing`` as of events.
    """

    ticker = pattern(TICKER, "NVDA", primary_key=True)
    fiscal_period = text(primary_key=True)
    kind = choice(
        "results", "preannouncement", "deliveries", "periodic_report", "scheduled", "other",
        primary_key=True,
    )  # fmt: skip
    date = dy.Date(min=_FIRST_ELECTRONIC)
    timing = choice(
        "before_us_open", "after_us_close", "asia_hours", "after_asia_close", "date_only"
    )
    timezone = time_zone()
    note = text(nullable=True)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class ChinaRevenueShare(FiledAfterPeriod):
    """Share of a company's revenue that comes from China, as a decimal.

    ``basis`` says how a sale is placed. Two bases of one company are two series and are never
    joined: Nvidia reported by billing location until 2025 and by the customer's headquarters
    since. ``region`` says what counts as China. ``evidence`` ranks the source, the best first:
    ``table_copy``, ``quoted_filing``, ``press_table``, ``press``, ``estimate``, ``notes``,
    ``guidance``.
    ``revenue`` and ``total`` are in millions of ``currency``, where they were given; a
    ``computed`` share is the one over the other.
    """

    company = text(primary_key=True)
    period_end = dy.Date(primary_key=True, min=_FIRST_ELECTRONIC)
    frequency = choice("Q", "FY", primary_key=True)
    region = choice("china", "china_and_hong_kong", "greater_china", primary_key=True)
    basis = choice(
        "billing", "headquarters", "ship_to", "sales_location", "system_sales", "unstated",
        primary_key=True,
    )  # fmt: skip
    evidence = choice(
        "table_copy", "quoted_filing", "press_table", "press", "estimate", "notes", "guidance",
        primary_key=True,
    )  # fmt: skip
    share = dy.Float64(min=0, max=1)
    computed = dy.Bool()
    currency = pattern(CURRENCY, "USD")
    revenue = dy.Float64(nullable=True, min=0, max=_MILLIONS)
    total = dy.Float64(nullable=True, min_exclusive=0, max=_MILLIONS)
    filed = dy.Date()
    assumed = dy.Bool()
    note = text(nullable=True)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)

    @dy.rule()
    def a_computed_share_is_revenue_over_total(cls) -> pl.Expr:  # noqa: N805
        """A computed share is the revenue over the total, to four digits."""
        ratio = pl.col("revenue") / pl.col("total")
        return ~pl.col("computed") | ((ratio - pl.col("share")).abs() < 1e-4)


class RiskIndexes(Dated):
    """Indexes of geopolitical risk, of economic policy uncertainty and of expected volatility.

    A monthly figure carries the first day of its month as its date.
    """

    date = dy.Date(primary_key=True, min=_FIRST_INDEX)
    series = choice(
        "GPR", "GPRA", "GPRT", "GPRC_CHN", "GPRC_TWN", "GPRC_USA",
        "GPRD", "GPRD_ACT", "GPRD_THREAT", "USEPUINDXD", "VIXCLS",
        primary_key=True,
    )  # fmt: skip
    value = dy.Float64(min=0, max=_INDEX)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class Actions(Dated):
    """Splits and dividends of securities, on their ex-date.

    A split's ``value`` is new shares per old share, a dividend's is money per share in
    ``currency``.
    """

    date = dy.Date(primary_key=True, min=_FIRST_INDEX)
    ticker = pattern(TICKER, "NVDA", primary_key=True)
    action = choice("split", "dividend", primary_key=True)
    value = dy.Float64(min_exclusive=0, max=_MONEY)
    currency = pattern(CURRENCY, "USD", nullable=True)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class PolicyDocuments(dy.Schema):
    """Rules, notices and other documents of the agencies that control exports.

    ``public_inspection_date`` is the day on which everybody could read a document that was
    published later: the market's day.
    """

    document_number = text(primary_key=True)
    title = text()
    agency = text()
    kind = text()
    publication_date = dy.Date(nullable=True, min=_FIRST_REGISTER)
    public_inspection_date = dy.Date(nullable=True, min=_FIRST_REGISTER)
    effective_on = dy.Date(nullable=True, min=_FIRST_REGISTER)
    url = pattern(URL, "https://www.federalregister.gov/d/2026-00789")
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)

    @dy.rule()
    def published_or_planned_soon(cls) -> pl.Expr:  # noqa: N805
        """A document is planned days ahead, not years."""
        return pl.col("publication_date") <= pl.col("observed_at").dt.date() + _PLANNED

    @dy.rule()
    def inspected_before_it_was_seen(cls) -> pl.Expr:  # noqa: N805
        """Nobody sees a document before it can be inspected."""
        return pl.col("public_inspection_date") <= pl.col("observed_at").dt.date() + _ONE_DAY

    @dy.rule()
    def effective_within_ten_years(cls) -> pl.Expr:  # noqa: N805
        """A rule may take effect years later."""
        return pl.col("effective_on") <= pl.col("observed_at").dt.date() + _EFFECTIVE


class ModelPrices(Dated):
    """What providers ask for a model's tokens, in USD per million tokens.

    ``provider`` is ``"list"`` for the price that the market place itself shows.
    """

    date = dy.Date(primary_key=True, min=_FIRST_ELECTRONIC)
    model = text(primary_key=True)
    provider = text(primary_key=True)
    prompt = dy.Float64(min=0, max=_TOKEN_PRICE)
    completion = dy.Float64(min=0, max=_TOKEN_PRICE)
    context_length = dy.Int64(nullable=True, min=1, max=_TOKENS)
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)


class Artefacts(dy.Schema):
    """What model makers and chip software publish: models, repositories and releases.

    ``revision`` tells the states of one artefact apart: a commit, a tag, or a state in words.
    The ``flag`` of a state that its source no longer shows says so.
    """

    platform = choice("huggingface", "github", "openrouter", primary_key=True)
    owner = text(primary_key=True)
    name = text(primary_key=True)
    revision = text(primary_key=True)
    kind = choice("model", "licence", "repository", "release", "provider", "support")
    created_at = utc(nullable=True, min=datetime(1990, 1, 1, tzinfo=UTC))
    url = pattern(URL, "https://huggingface.co/deepseek-ai/DeepSeek-R1")
    source = text()
    observed_at = utc(primary_key=True)
    backfilled = dy.Bool()
    flag = text(nullable=True)

    @dy.rule()
    def made_before_it_was_seen(cls) -> pl.Expr:  # noqa: N805
        """Nobody sees what is yet to be made; clocks may differ by a day."""
        return pl.col("created_at") <= pl.col("observed_at") + _ONE_DAY


TABLES: dict[str, type[dy.Schema]] = {
    "prices": Prices,
    "factors": Factors,
    "downloads": Downloads,
    "revenues": Revenues,
    "shares": Shares,
    "earnings": Earnings,
    "china_revenue_share": ChinaRevenueShare,
    "risk_indexes": RiskIndexes,
    "actions": Actions,
    "policy_documents": PolicyDocuments,
    "model_prices": ModelPrices,
    "artefacts": Artefacts,
}
