"""The exceptions that Faultline raises on purpose, and nothing else.

::

    FaultlineError                 the root; the command prints its one sentence
    ├── InputError   (ValueError)  the caller asked for something that cannot be: exit 2
    ├── DataError    (ValueError)  a stored or curated table breaks its schema: exit 2
    ├── EmptyStudyError (LookupError) every part was skipped; the message lists why: exit 1
    ├── RenderError  (RuntimeError) a notebook failed while it ran: exit 1
    ├── SourceError  (RuntimeError) a source of figures refused, failed or changed shape: exit 1
    └── WorkerError  (RuntimeError) an executor lost a worker or the work it was given: exit 1

A message says what, where, and what to do about it. What is doubtful but can be computed is
not raised but warned of::

    FaultlineWarning (UserWarning)
    ├── EventDateWarning     the answer depends on which of the candidate days is taken
    └── SuspectReturnsWarning returns look like per cent, or like prices
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FaultlineError(Exception):
    """Root of everything that Faultline raises on purpose."""

    exit_code = 1


class InputError(FaultlineError, ValueError):
    """A name, parameter, window or frame that cannot be used as given."""

    exit_code = 2


class DataError(FaultlineError, ValueError):
    """A table at rest that does not keep its schema."""

    exit_code = 2


class EmptyStudyError(FaultlineError, LookupError):
    """Every event, security or report was skipped, each with its own reason."""


class RenderError(FaultlineError, RuntimeError):
    """A notebook that failed while it ran; the partial notebook is kept."""


class SourceError(FaultlineError, RuntimeError):
    """A source of figures that refused, failed, or sent what cannot be read as before."""


class WorkerError(FaultlineError, RuntimeError):
    """An executor that lost a worker, or the work it was given."""


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of a package written in Rust, which is not an `Exception`.

    Each package has a class of its own, so that only the name tells.
    """
    return type(error).__name__ == "PanicException"


class FaultlineWarning(UserWarning):
    """Root of everything that Faultline warns of: computed, but to be looked at."""


class EventDateWarning(FaultlineWarning):
    """The fixed date of an event and its candidate days lead to different conclusions."""


class SuspectReturnsWarning(FaultlineWarning):
    """Returns that are possible but look as if they stood in per cent, or were no returns."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, see: str = "") -> InputError:
    """Build the error for a name that is not among the known ones.

    Parameters
    ----------
    kind : str
        What the name should have been, in the singular: ``"event"``.
    name : str
        The name as given.
    known : iterable of str
        The valid names; the nearest ones (or all, when few) are offered.
    see : str, optional
        A command or place that lists them all.

    Returns
    -------
    InputError
        Ready to be raised.
    """
    names = [str(item) for item in known]
    folded = {item.casefold(): item for item in names}
    near = [folded[hit] for hit in get_close_matches(str(name).casefold(), folded, n=3, cutoff=0.5)]
    message = f"Unknown {kind} {name!r}."
    if near:
        message += f" Did you mean {' or '.join(repr(item) for item in near)}?"
    elif 0 < len(names) <= 20:
        message += f" Known: {', '.join(names)}."
    if see:
        message += f" See: {see}"
    return InputError(message)
