"""Schemas of the catalogue: the files that people keep by hand and review like code."""

from __future__ import annotations

import dataframely as dy

from analysis.tables.columns import (
    CLOCK,
    CURRENCY,
    MIC,
    SLUG,
    TICKER,
    URL,
    choice,
    pattern,
    text,
    time_zone,
    utc,
)

ROLES = (
    "gpu", "foundry", "memory", "equipment", "networking", "servers", "cloud", "software",
    "consumer", "power", "model_maker", "index", "etf", "fx", "volatility",
)  # fmt: skip
NOT_TRADED = ("index", "etf", "fx", "volatility")
BLOCS = ("us", "china", "taiwan", "korea", "japan", "europe")
PART_OF_A_DATE = r"^\d{4}(-(0[1-9]|1[0-2])(-\d{2})?|-Q[1-4])?$"


class Events(dy.Schema):
    """What happened, when it could be known, and who says so."""

    id = pattern(SLUG, "ds-r1", primary_key=True)
    date = dy.Date()
    time_utc = utc(nullable=True)
    timezone = time_zone()
    timing = choice(
        "timestamp", "before_us_open", "after_us_close", "asia_hours", "after_asia_close",
        "weekend", "date_only", "commit", "private",
    )  # fmt: skip
    category = choice(
        "release", "rumour", "slip", "export_control", "ip_dispute", "earnings", "capex",
        "supply", "policy", "macro", "attention", "pricing", "service",
    )  # fmt: skip
    direction = choice("tightened", "relaxed", "countermeasure", nullable=True)
    status = choice("official", "reported", "rumoured", "denied", "false", "scheduled")
    confidence = choice("high", "medium", "low")
    title = text()
    entities = text(nullable=True)
    source_title = text()
    source_url = pattern(URL, "https://www.sec.gov/news", nullable=True)
    notes = text(nullable=True)


class Claims(dy.Schema):
    """What articles asserted before the fact, and what came of it."""

    claim_id = pattern(SLUG, "ds-r1", primary_key=True)
    subject = text()
    attribute = text()
    value = text()
    unit = text(nullable=True)
    stated_status = choice("fact", "reported", "rumour")
    asserted_on = dy.Date()
    asserted_on_precision = choice("exact", "earliest")
    article = text()
    publisher = text()
    article_title = text()
    resolved_status = choice("confirmed", "refuted", "unresolved")
    resolved_value = text(nullable=True)
    resolved_source = pattern(URL, "https://www.sec.gov/news", nullable=True)
    contradiction_group = text(nullable=True)
    notes = text(nullable=True)


class Instruments(dy.Schema):
    """Every ticker: where it trades, what it does, and which index is its home benchmark.

    ``price_limit`` is the exchange's daily limit as a fraction of the previous close, and
    missing where there is none or where it is not one fraction. Of the listings of a company
    one is ``primary``: it counts for the company where listings are averaged.
    """

    ticker = pattern(TICKER, "NVDA", primary_key=True)
    name = text()
    entity = text(nullable=True)
    exchange = pattern(MIC, "XNAS", nullable=True)
    currency = pattern(CURRENCY, "USD", nullable=True)
    role = choice(*ROLES)
    bloc = choice(*BLOCS, nullable=True)
    benchmark = pattern(TICKER, "^GSPC", nullable=True)
    price_limit = dy.Float64(nullable=True, min_exclusive=0, max=1)
    primary = choice("yes", "no", nullable=True)


class Chips(dy.Schema):
    """Accelerators and how the export rules class them; blanks are not known."""

    chip = text(primary_key=True)
    vendor = text()
    release_date = pattern(PART_OF_A_DATE, "2026-Q1", nullable=True)
    date_precision = choice(
        "day", "month", "quarter", "quarter planned", "year", "not released", nullable=True
    )
    bf16_dense_tflops = dy.Float64(nullable=True, min_exclusive=0)
    fp8_dense_tflops = dy.Float64(nullable=True, min_exclusive=0)
    fp4_dense_tflops = dy.Float64(nullable=True, min_exclusive=0)
    memory_gb = dy.Float64(nullable=True, min_exclusive=0)
    memory_type = text(nullable=True)
    bandwidth_tb_s = dy.Float64(nullable=True, min_exclusive=0)
    logic_die_mm2 = dy.Float64(nullable=True, min_exclusive=0)
    link_gb_s = dy.Float64(nullable=True, min_exclusive=0)
    tpp = dy.Float64(nullable=True, min_exclusive=0)
    tpp_basis = text(nullable=True)
    performance_density = dy.Float64(nullable=True, min_exclusive=0)
    status_2022_rule = choice("controlled", "not controlled", nullable=True)
    class_2023_rule = choice(
        "3A090.a", "3A090.b", "below both", "depends on die area (PD unknown)", nullable=True
    )
    china_case_by_case_2026 = choice(
        "case-by-case eligible", "presumption of denial", "licence not required by 3A090",
        nullable=True,
    )  # fmt: skip
    tariff_band_2026 = choice("in 25 % band", "outside bands", nullable=True)
    source_title = text()
    source_url = pattern(URL, "https://www.sec.gov/news")
    notes = text(nullable=True)


class Groups(dy.Schema):
    """Named sets of securities."""

    name = pattern(r"^[a-z][a-z0-9_]*$", "power_names", primary_key=True)
    ticker = pattern(TICKER, "NVDA", primary_key=True)


class Closures(dy.Schema):
    """Days on which an exchange did not trade although its published calendar says so."""

    exchange = pattern(MIC, "XHKG", primary_key=True)
    date = dy.Date(primary_key=True)
    reason = text()
    source = text()


class Hours(dy.Schema):
    """Sessions that opened or closed at another time than the published calendar says.

    ``opens`` and ``closes`` are in the exchange's local time; blank where as usual.
    """

    exchange = pattern(MIC, "XKRX", primary_key=True)
    date = dy.Date(primary_key=True)
    opens = pattern(CLOCK, "10:00", nullable=True)
    closes = pattern(CLOCK, "16:30", nullable=True)
    reason = text()
    source = text()


class Watched(dy.Schema):
    """Whom live figures are fetched for, and whose news are watched.

    An ``author`` is asked for all that it has; a ``model`` also for who serves it and at what
    price; of a ``repository`` the releases are watched; a ``peer`` is only counted, to compare
    with. A ``family`` of models is looked for in the notes of an ``engine``'s releases.
    """

    platform = choice("huggingface", "github", "openrouter", "pypi", primary_key=True)
    name = text(primary_key=True)
    kind = choice("author", "model", "peer", "repository", "engine", "family", "package")
    entity = text(nullable=True)
    why = text()


class Doubts(dy.Schema):
    """What is doubtful in a row of another file; studies of an event show it."""

    table = choice("events", "claims", "chips", primary_key=True)
    key = text(primary_key=True)
    doubt = text()
    source = text()


class Moves(dy.Schema):
    """Why the first large move of an event's own securities is not on its day 0.

    `analysis.reports.event_moves` finds the moves.
    """

    event_id = pattern(SLUG, "ds-r1", primary_key=True)
    security = pattern(TICKER, "NVDA", primary_key=True)
    kind = choice(
        "other_news", "anticipation", "late_reaction", "closed_market", "price_limit",
        "uncertain_hour", "unexplained",
    )  # fmt: skip
    reason = text()
    source_url = pattern(URL, "https://www.sec.gov/news", nullable=True)


CATALOGUE: dict[str, type[dy.Schema]] = {
    "events": Events,
    "claims": Claims,
    "instruments": Instruments,
    "chips": Chips,
    "groups": Groups,
    "closures": Closures,
    "hours": Hours,
    "watched": Watched,
    "doubts": Doubts,
    "moves": Moves,
}
