"""The ``faultline`` command.

``main`` turns every outcome into an exit code: 0 done, 1 some part failed or nothing was
left to compute, 2 bad input. Figures go to standard output, sentences and progress to
standard error. Nothing heavy is imported before a command runs, so that ``--help`` answers
at once.
"""

from __future__ import annotations

from analysis.cli.main import main

__all__ = ["main"]
