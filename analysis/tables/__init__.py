"""What every table holds: one schema per table, for figures at rest and for curated files.

`TABLES` are the figures that the store keeps, `CATALOGUE` the files that people keep by hand.
Called by the store, the catalogue and the build script, which import it where they use it:
it costs half a second (polars and dataframely).
"""

from __future__ import annotations

from analysis.tables.curated import CATALOGUE
from analysis.tables.observed import TABLES
from analysis.tables.validation import keys_of, schema_of, validate

__all__ = ["CATALOGUE", "TABLES", "keys_of", "schema_of", "validate"]
