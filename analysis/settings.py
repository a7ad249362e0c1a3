"""Where things live: the bundled files, the store, and the switches of the environment.

Every other module asks here instead of reading the environment or guessing a path.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from analysis.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def bundled(name: str = "") -> Path:
    """Find a file or folder that ships with Faultline.

    In a checkout ``notebooks/`` and ``data/`` stand beside the package; the wheel carries
    them inside it as ``analysis/_bundled``.

    Parameters
    ----------
    name : str
        Path below the bundle's root, for instance ``"data/snapshot"`` or ``"notebooks"``.

    Returns
    -------
    pathlib.Path
        Absolute path; not checked for existence.
    """
    inside = _PACKAGE / "_bundled"
    root = inside if inside.is_dir() else _PACKAGE.parent
    return root / name


def store_home(home: str | os.PathLike[str] | None = None) -> Path | str:
    """Where the tables are: ``home``, else ``FAULTLINE_HOME``, else the bundled snapshot.

    Returns
    -------
    pathlib.Path or str
        A folder, absolute; an address such as ``s3://bucket/faultline`` as it was given. A
        ``file:`` address is the folder that it names.

    Raises
    ------
    InputError
        A path that leads nowhere: a loop of links, or the home of an unknown user.
    """
    chosen = home or os.environ.get("FAULTLINE_HOME", "")
    # A folder's name may end in a blank; a variable of blanks alone names none.
    if isinstance(chosen, str) and not chosen.strip():
        return bundled("data/snapshot")
    place = folder_or_address(chosen)
    if isinstance(place, str):
        return place
    try:
        return place.expanduser().resolve()
    except (OSError, RuntimeError) as problem:
        raise InputError(
            f"FAULTLINE_HOME {str(chosen)!r} does not lead to a folder ({problem}): set it to"
            " another one."
        ) from None


def folder_or_address(home: str | os.PathLike[str]) -> Path | str:
    """Tell a folder from the address of an object store; a ``file:`` address is a folder."""
    if isinstance(home, str) and home.startswith("file:"):
        return Path(url2pathname(urlsplit(home).path))
    return home if isinstance(home, str) and "://" in home else Path(home)


def offline() -> bool:
    """Whether ``FAULTLINE_OFFLINE`` forbids every request."""
    return os.environ.get("FAULTLINE_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


SOURCES = {
    "huggingface": "https://huggingface.co",
    "github": "https://api.github.com",
    "pypistats": "https://pypistats.org",
    "openrouter": "https://openrouter.ai",
    "edgar": "https://data.sec.gov",
    "federal_register": "https://www.federalregister.gov",
    "french": "https://mba.tuck.dartmouth.edu",
    "gpr": "https://www.matteoiacoviello.com",
    "fred": "https://fred.stlouisfed.org",
    "yahoo": "https://query2.finance.yahoo.com",
}


def base_url(source: str) -> str:
    """Where a source is asked: ``FAULTLINE_<SOURCE>_URL``, else its own address.

    Parameters
    ----------
    source : str
        One of `SOURCES`, for instance ``"federal_register"``.

    Returns
    -------
    str
        Without a slash at the end.

    Raises
    ------
    InputError
        For an address that is none of the web; it is not repeated, as it may hold a password.
    """
    variable = f"FAULTLINE_{source.upper()}_URL"
    given = os.environ.get(variable, "").strip()
    if given and not _is_web_address(given):
        raise InputError(
            f"{variable} is not a web address: begin it with https:// or http://, and in a password"
            " write / as %2F, ? as %3F, # as %23 and @ as %40."
        )
    return (given or SOURCES[source]).rstrip("/")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    # An @ behind the host is that of a password which was not escaped.
    behind = (parts.path, parts.query, parts.fragment)
    whole = parts.netloc.count("@") <= 1 and not any("@" in part for part in behind)
    return whole and named and parts.scheme in ("http", "https")


KEYS = ("HF_TOKEN", "GITHUB_TOKEN", "OPENROUTER_API_KEY")
"""Variables that hold a source's secret; none is ever printed."""

_RAW_DAYS = 90.0
_REQUEST_TIMEOUT = 45.0
_SOURCE_TIMEOUT = 80.0


def request_timeout() -> float:
    """Seconds that one question to a source may take, ``FAULTLINE_PATIENCE``; 45 without.

    All attempts and pauses count. What is no positive number is refused.
    """
    wanted = "the seconds that one request to a source may take, for instance 45"
    return positive_number("FAULTLINE_PATIENCE", wanted) or _REQUEST_TIMEOUT


def source_timeout() -> float:
    """Seconds that all questions to one source may take in one pass.

    ``FAULTLINE_SOURCE_PATIENCE``; without it 80, or as long as one question where that is
    longer.
    """
    wanted = "the seconds that all requests to one source may take, for instance 80"
    given = positive_number("FAULTLINE_SOURCE_PATIENCE", wanted)
    return given or max(_SOURCE_TIMEOUT, request_timeout())


def answer_megabytes() -> float | None:
    """Megabytes of one answer, unpacked, ``FAULTLINE_ANSWER_MB``; None: what its source needs."""
    return positive_number("FAULTLINE_ANSWER_MB", "the megabytes that one response may hold")


def source_megabytes() -> float | None:
    """Megabytes of all answers of one source in one pass, ``FAULTLINE_SOURCE_MB``, or None."""
    return positive_number(
        "FAULTLINE_SOURCE_MB", "the megabytes that one source may send in a pass"
    )


def raw_days() -> float:
    """Days for which every answer of a source is kept, ``FAULTLINE_RAW_DAYS``; 90 without."""
    wanted = "the days for which every response is kept, for instance 90"
    return positive_number("FAULTLINE_RAW_DAYS", wanted) or _RAW_DAYS


def rate_limit() -> float | None:
    """Questions per second to each source, ``FAULTLINE_PACE``; None: what its owner bears.

    For a mirror of one's own, named by the sources' addresses.
    """
    return positive_number("FAULTLINE_PACE", "the requests per second that a mirror allows")


def positive_number(variable: str, wanted: str) -> float | None:
    """Read a number of the environment; None where it is not set.

    Parameters
    ----------
    wanted : str
        What it should hold, for the message.

    Raises
    ------
    InputError
        It holds something else than a positive number.
    """
    given = os.environ.get(variable, "").strip()
    if not given:
        return None
    try:
        number = float(given)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InputError(f"{variable} is {given!r}: give {wanted}.")
    return number


def contact() -> str | None:
    """E-mail for the User-Agent that the SEC asks for, ``FAULTLINE_CONTACT``; None without."""
    return os.environ.get("FAULTLINE_CONTACT", "").strip() or None


def token(name: str) -> str | None:
    """A secret of the environment, one of `KEYS`; None without."""
    return os.environ.get(name, "").strip() or None
