"""What people decided: events, claims, instruments, chips, groups, closures, hours, watched.

`Catalogue` reads the curated files of a folder; `check_file` says line by line what is wrong
with one. Importing this package costs nothing; polars and dataframely wait until a file is read.
"""

from __future__ import annotations

from analysis.catalogue.catalogue import Catalogue, own_files
from analysis.catalogue.validation import Problem, check_file

__all__ = ["Catalogue", "Problem", "check_file", "own_files"]
