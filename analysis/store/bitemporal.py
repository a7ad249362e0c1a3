"""What observations of figures do to each other: which counts on a day, which adds something.

Pure functions on frames. A figure is a key of its table; each observation of it is a row with
the instant at which it was made. Called by the store and by nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    import polars as pl

# Who says so and when: what may change without the figure changing.
PROVENANCE = ("source", "observed_at", "backfilled", "flag")

# Vendors compute adjusted closes anew for every answer, in single precision: between two
# answers the seventh digit moves without any news. Every other figure is compared exactly.
TOLERANCES: dict[str, dict[str, float]] = {"prices": {"adj_close": 1e-6}}

# Day on which a figure became public, and whether that day was only assumed. Of a restated
# figure one answer gives every vintage, in the order in which they were filed.
VINTAGE_COLUMNS: dict[str, tuple[str, str]] = dict.fromkeys(
    ("revenues", "shares", "china_revenue_share"), ("filed", "assumed")
)

Where = Mapping[str, Any]


def as_of_instant(as_of: date | datetime | None) -> datetime | None:
    """Last instant that counts as of a day (its end in UTC) or instant; None when all do.

    Raises
    ------
    InputError
        For an instant without a time zone.
    """
    if as_of is None:
        return None
    if not isinstance(as_of, datetime):
        midnight = datetime.combine(as_of, time(), UTC)
        return midnight + timedelta(days=1) - timedelta(microseconds=1)
    if as_of.tzinfo is None:
        raise InputError(
            f"The instant {as_of.isoformat()} has no time zone: give it in UTC, or give a day."
        )
    return as_of.astimezone(UTC)


def latest_as_of(name: str, frame: pl.DataFrame, limit: datetime | None) -> pl.DataFrame:
    """Per key the last observation made by ``limit``, sorted by key."""
    import polars as pl

    from analysis.tables import keys_of

    if limit is not None:
        frame = frame.filter(pl.col("observed_at") <= limit)
    keys = keys_of(name)
    return frame.sort(*keys, "observed_at").unique(keys, keep="last", maintain_order=True)


def latest_columns(name: str, frame: pl.DataFrame, columns: Collection[str]) -> pl.DataFrame:
    """Per key the last observation, some columns of it, in no order: as `latest_as_of`, faster."""
    import polars as pl

    from analysis.tables import keys_of

    keys = keys_of(name)
    # As a file lies, the day last, and each key once: then there is nothing to choose.
    rises = pl.lit(value=False)
    for key in sorted(keys, key=lambda one: one not in ("date", "period_end")):
        before = pl.col(key).shift(1)
        rises = (pl.col(key) > before) | ((pl.col(key) == before) & rises)
    if frame.select(rises.slice(1).fill_null(value=False).all()).item():
        return frame.select(columns)
    # Codes instead of texts sort many times faster, and any order brings a key together.
    texts = [key for key in keys if frame[key].dtype == pl.String]
    codes = {f"_{key}": pl.col(key).cast(pl.Categorical) for key in texts}
    codes |= {f"_{key}": pl.col(key) for key in keys if key not in texts}
    rows = frame.select(*columns, pl.col("observed_at").alias("_at"), **codes).sort(*codes, "_at")
    ends = pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift(-1)) for key in codes)
    return rows.filter(ends).select(columns)


def values_of(name: str) -> list[str]:
    """Columns that say what the figure is: neither its key nor who said so and when."""
    from analysis.tables import keys_of, schema_of

    apart = {*keys_of(name), *PROVENANCE}
    return [column for column in schema_of(name).column_names() if column not in apart]


def lookup_key_order(name: str) -> list[str]:
    """Key columns in the order in which people give them: what it is about, then the day."""
    from analysis.tables import keys_of

    keys = keys_of(name)
    subject = [key for key in ("ticker", "entity", "company", "series", "factor") if key in keys]
    days = [key for key in ("date", "period_end", "as_of") if key in keys]
    return [*subject, *days, *(key for key in keys if key not in {*subject, *days})]


@dataclass(frozen=True)
class KeyFilter:
    """What a reader asked of one key column: some values, or all between two ends."""

    column: str  # the key column
    values: tuple[Any, ...] | None  # the values; None where the ends count
    first: Any  # the least value that can be meant; None for an open end
    last: Any  # the greatest one

    @property
    def condition(self) -> pl.Expr:
        """The rows meant."""
        import polars as pl

        cell = pl.col(self.column)
        if self.values is not None:
            return cell == self.values[0] if len(self.values) == 1 else cell.is_in(self.values)
        ends = [cell >= self.first] if self.first is not None else []
        if self.last is not None:
            ends.append(cell <= self.last)
        return pl.all_horizontal(ends) if ends else pl.lit(value=True)


def parse_filters(name: str, where: Where | None) -> list[KeyFilter]:
    """Read what a reader asked for, by key columns and the day of filing alone.

    Parameters
    ----------
    where : mapping of str to value
        Key column to one value, a list or set of values, or a pair ``(first, last)`` as a
        tuple, both included, None for an open end. Of the tables in `VINTAGE_COLUMNS` also the
        day of filing.

    Raises
    ------
    InputError
        For any other column: an older observation would answer in place of a newer one that
        does not fit. By day of filing that is what is wanted: the vintage of that day.
    """
    from analysis.tables import keys_of

    keys = [*keys_of(name), *VINTAGE_COLUMNS.get(name, ())[:1]]
    found = []
    for column, wanted in (where or {}).items():
        if column not in keys:
            raise unknown_name(f"key column of table {name!r}", column, keys)
        if isinstance(wanted, tuple):
            first, last = wanted
            found.append(KeyFilter(column, None, first, last))
            continue
        one = isinstance(wanted, str) or not isinstance(wanted, Collection)
        values = (wanted,) if one else tuple(wanted)
        ends = (min(values), max(values)) if values else (None, None)
        found.append(KeyFilter(column, values, *ends))
    return found


def classify(name: str, stored: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """Tell of each arrived observation what it adds to the stored ones.

    Parameters
    ----------
    stored : polars.DataFrame
        Every stored observation of the keys that arrived; others may be among them.
    arrived : polars.DataFrame
        Valid rows; a key and instant occurs once.

    Returns
    -------
    polars.DataFrame
        Rows of ``arrived`` with ``change`` (new, revised, unchanged, contradicted), whether
        anything was ``held`` of the key and, in columns that begin with ``before_``, the
        values known when it was made.

    Notes
    -----
    An observation is held against the one made last before it, whatever the order in which
    they are appended. Equal values add nothing, unless a doubt is new (a ``flag`` that the
    observation before has not) or one of `analysis.tables.price_checks` has lapsed. One at an
    instant for which the key has other values already is ``contradicted``. Two days of filing
    that are both assumed count as equal, so the first assumption stands; and a vintage that is
    told again after a later one adds nothing.
    """
    import polars as pl

    from analysis.tables import keys_of

    keys = keys_of(name)
    had = stored.join(arrived.select(keys).unique(), on=keys, how="semi").unique()
    known = (
        pl.concat(
            [
                had.with_columns(_new=pl.lit(value=False)),
                arrived.select(stored.columns).with_columns(_new=pl.lit(value=True)),
            ]
        )
        .join(had.select(keys).unique().with_columns(_had=pl.lit(value=True)), on=keys, how="left")
        .sort(*keys, "observed_at", "_new")
    )
    adding, dropped = _without_repeats(name, known, keys)
    marked = pl.concat([_with_previous(name, adding, keys), dropped], how="diagonal")
    return (
        marked.filter("_new")
        .with_columns(held=pl.col("_had").is_not_null())
        .drop("_new", "_had", "_again", "_follows", "_retold")
    )


def _without_repeats(
    name: str, rows: pl.DataFrame, keys: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out what repeats or contradicts the observation before it.

    Only rows whose predecessor stays are judged at once: taking one out moves what the next
    is held against. So a figure that drifts in steps below the noise is kept as soon as the
    steps together are more than that.
    """
    import polars as pl

    dropped: list[pl.DataFrame] = []
    while True:
        marked = _with_previous(name, rows, keys)
        judged = pl.col("_again") & ~(
            pl.col("_again").shift(1, fill_value=False) & pl.col("_follows")
        )
        out = marked.filter(judged)
        if out.is_empty():
            return rows, pl.concat([*dropped, out])
        dropped.append(out)
        rows = marked.filter(~judged).select(rows.columns)


def _with_previous(name: str, rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Put what was known before beside each row, and what the row does to it."""
    import polars as pl

    from analysis.tables.price_checks import checked_flag

    values = values_of(name)
    follows = pl.all_horizontal(pl.col(key) == pl.col(key).shift(1) for key in keys)
    beside = rows.with_columns(_follows=follows.fill_null(value=False)).with_columns(
        pl.when("_follows").then(pl.col(column).shift(1)).alias(f"before_{column}")
        for column in (*values, "flag", "observed_at")
    )
    equal = [_equal(name, value) for value in values]
    doubt = pl.col("flag").is_not_null() & pl.col("flag").ne_missing(pl.col("before_flag"))
    if name == "prices":  # what a check found lapses with the answer in which it finds nothing
        doubt |= checked_flag("before_flag") & ~checked_flag("flag")
    at_once = pl.col("_follows") & (pl.col("before_observed_at") == pl.col("observed_at"))
    beside = beside.with_columns(_retold=_is_repeated_vintage(name, [*keys, *values]))
    return beside.with_columns(
        change=pl.when(pl.all_horizontal("_follows", ~doubt, *equal) | pl.col("_retold"))
        .then(pl.lit("unchanged"))
        .when(at_once)
        .then(pl.lit("contradicted"))
        .when(pl.col("_follows") | pl.col("_had").is_not_null())
        .then(pl.lit("revised"))
        .otherwise(pl.lit("new"))
    ).with_columns(_again=pl.col("_new") & pl.col("change").is_in(["unchanged", "contradicted"]))


def _is_repeated_vintage(name: str, figure: list[str]) -> pl.Expr:
    """Whether a row is an older vintage that is held, told again after a newer one."""
    import polars as pl

    if name not in VINTAGE_COLUMNS:
        return pl.lit(value=False)
    filed, assumed = VINTAGE_COLUMNS[name]
    held = pl.int_range(pl.len()).over(figure) > 0
    with_its_doubt = pl.int_range(pl.len()).over([*figure, "flag"]) > 0
    older = pl.col("_follows") & ~pl.col(assumed) & (pl.col(filed) < pl.col(f"before_{filed}"))
    return older & held & (pl.col("flag").is_null() | with_its_doubt)


def _equal(name: str, column: str) -> pl.Expr:
    import polars as pl

    now, before = pl.col(column), pl.col(f"before_{column}")
    noise = TOLERANCES.get(name, {}).get(column)
    if noise is not None:
        near = (now - before).abs() <= noise * before.abs()
        return now.eq_missing(before) | near.fill_null(value=False)
    filed, assumed = VINTAGE_COLUMNS.get(name, (None, None))
    if column == filed:
        # An assumption that follows the day of asking moves on with it, and is no news.
        return now.eq_missing(before) | (pl.col(str(assumed)) & pl.col(f"before_{assumed}"))
    return now.eq_missing(before)
