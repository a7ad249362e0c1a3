"""Errors of other packages in our words, each in one sentence.

The one place that words what nobody foresaw. Called where an answer is read and where a source
is asked, so that no message of a library stands alone.
"""

from __future__ import annotations

from analysis.errors import FaultlineError
from analysis.plain_text import writable

_MEMORY = "there is not enough memory for what it sent"
_LONGEST = 200


def worded(problem: BaseException) -> str:
    """Say what an error means.

    Parameters
    ----------
    problem : BaseException
        Ours, of the system, or of any package.

    Returns
    -------
    str
        A sentence without line breaks.
    """
    text = writable(" ".join(str(problem).split()))
    if isinstance(problem, FaultlineError):
        return text
    if isinstance(problem, MemoryError):
        return f"Nothing was stored: {_MEMORY}."
    if isinstance(problem, RecursionError):
        return "Nothing was stored: what it sent is nested too deeply to be read."
    if isinstance(problem, OSError) and problem.strerror:
        where = f" at {problem.filename}" if problem.filename else ""
        return f"{problem.strerror}{where}."
    kind = type(problem).__name__
    said = f"{kind}: {text[:_LONGEST]}".rstrip(": .") if text else kind
    return f"What it sent could not be read and was not stored ({said})."
