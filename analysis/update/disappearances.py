"""Which states of artefacts still stand, noted in the rows themselves.

A source lists what stands now. The store leaves out what it holds already, so by itself it could
tell neither that something went nor that it came back: a deleted model, a provider that left, a
commit that was taken back. A look therefore says of what it misses that it is no longer shown, and
of what it shows anew that it is; the store keeps a row whose flag is another one. Called by the
update and by the watch before they store what a source answered.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

DISAPPEARED = "no longer shown"
REAPPEARED = "shown again"

# Kinds of which a look brings the whole list. Of releases only the latest hundred are read, so
# that one which is missing may just be old.
_LISTED = ("model", "licence", "repository", "provider")
_LATELY = timedelta(days=14)
_BY_OWNER = ("model", "licence", "repository")


def request_name(owner: str, name: str, kind: str) -> str:
    """Name under which a loader was asked for an artefact: its owner, or itself."""
    return owner if kind in _BY_OWNER else f"{owner}/{name}"


def mark_disappeared(
    source: str, names: Collection[str], held: pl.DataFrame, fetched: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """Note what an answer no longer shows, and what it shows again.

    Parameters
    ----------
    names : collection of str
        Names that were answered whole: what is missing under others may still be there.
    held : polars.DataFrame
        The store's `artefacts`: the last observation per key.
    now : datetime.datetime
        When the answer had come, UTC.

    Returns
    -------
    polars.DataFrame
        ``fetched``, flagged `REAPPEARED` where it was held as gone, and a row flagged `DISAPPEARED`
        for each held state that is missing.
    """
    import polars as pl

    from analysis.tables import keys_of

    keys = keys_of("artefacts")
    gone = pl.col("flag").fill_null("") == DISAPPEARED
    missed = held.filter(gone).select(keys).with_columns(_back=pl.lit(value=True))
    back = (
        fetched.join(missed, on=keys, how="left", maintain_order="left")
        .with_columns(flag=pl.when(pl.col("_back")).then(pl.lit(REAPPEARED)).otherwise("flag"))
        .select(fetched.columns)
    )
    # as `request_name`
    whole = pl.concat_str("owner", pl.lit("/"), "name")
    asked = pl.when(pl.col("kind").is_in(_BY_OWNER)).then("owner").otherwise(whole)
    lost = (
        held.filter(pl.col("source") == source, pl.col("kind").is_in(_LISTED), ~gone)
        .filter(asked.is_in(list(names)))
        .join(fetched, on=keys, how="anti")
        .with_columns(
            pl.lit(now).cast(fetched.schema["observed_at"]).alias("observed_at"),
            pl.lit(DISAPPEARED).alias("flag"),
        )
        .select(fetched.columns)
    )
    return pl.concat([back, lost])


def ended_series(
    source: str, names: Collection[str], held: pl.DataFrame, fetched: pl.DataFrame, today: date
) -> dict[str, str]:
    """Entities of an author that its list showed until lately and does not show any more.

    ``names`` were answered whole; those without a slash are authors, whose list brings every entity
    ``author/...``. An entity is named for two weeks after its last figure in the held `downloads`.
    Returns entity to what is said of it.
    """
    import polars as pl

    authors = [name for name in names if "/" not in name]
    last = (
        held.filter(pl.col("source") == source, pl.col("date") >= today - _LATELY)
        .filter(pl.col("entity").str.contains("/", literal=True))
        .filter(pl.col("entity").str.split("/").list.first().is_in(authors))
        .join(fetched, on="entity", how="anti")
        .group_by("entity")
        .agg(pl.col("date").max())
    )
    return {
        entity: f"{source} does not list it any more; its series ends on {day}. It was deleted, "
        "renamed or made private."
        for entity, day in sorted(last.iter_rows())
    }
