"""Errors of other packages in our words, each in one sentence.

The one place that words what nobody foresaw. Called where a response is read and where a source
is asked, so that no message of a library stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.errors import FaultlineError
from analysis.plain_text import writable

_MEMORY = "there is not enough memory for the response"
_LONGEST = 200


def describe_error(problem: BaseException, *, ours: bool = False) -> str:
    """Say in one sentence what an error of ours, of the system or of any package means.

    One that is ``ours`` came after the response was read and says nothing about the source.
    """
    text = writable(" ".join(str(problem).split()))
    if isinstance(problem, FaultlineError):
        return text
    if isinstance(problem, MemoryError):
        return f"Nothing was stored: {_MEMORY}."
    if isinstance(problem, RecursionError):
        return "Nothing was stored: the response is nested too deeply to be read."
    if isinstance(problem, OSError) and problem.strerror:
        where = f" at {problem.filename}" if problem.filename else ""
        return f"{problem.strerror}{where}."
    kind = type(problem).__name__
    said = f"{kind}: {text[:_LONGEST]}".rstrip(": .") if text else kind
    if ours:
        return f"Faultline could not process the response ({said}); nothing of it was stored."
    return f"The response could not be read and was not stored ({said})."


def abbreviate(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
