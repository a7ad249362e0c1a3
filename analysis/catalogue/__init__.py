"""What people decided: events, claims, instruments, chips, groups, closures, hours, watched.

`Catalogue` reads the curated files of a folder; `check_file` says line by line what is wrong
with one. Importing this package costs nothing; polars and dataframely wait until a file is read.
"""

from __future__ import annotations

from analysis.catalogue.check import Problem, check_file
from analysis.catalogue.reading import Catalogue, own_files

__all__ = ["Catalogue", "Problem", "check_file", "own_files"]
