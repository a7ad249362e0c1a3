"""Where things live: the bundled files, the store, and the switches of the environment.

Every other module asks here instead of reading the environment or guessing a path.
"""

from __future__ import annotations

import os
from pathlib import Path

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


def store_home(home: str | os.PathLike[str] | None = None) -> Path:
    """Folder that holds the tables: ``home``, else ``FAULTLINE_HOME``, else the snapshot."""
    chosen = home or os.environ.get("FAULTLINE_HOME")
    return Path(chosen).expanduser().resolve() if chosen else bundled("data/snapshot")


def offline() -> bool:
    """Whether ``FAULTLINE_OFFLINE`` forbids every request."""
    return os.environ.get("FAULTLINE_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")
