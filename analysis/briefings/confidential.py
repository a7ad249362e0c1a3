"""What must not end in a notebook or a page: the secrets of the environment.

papermill writes parameters three times into its output, and a traceback may show anything, so
secrets are kept from the kernel, refused as parameters, and blanked in what comes back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.errors import InputError

_NAME = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|ACCESSKEY|PRIVATEKEY"
    r"|(^|_)(KEY|SAS)(_|$)|^FAULTLINE_NOTIFY$"
)
# What opens an object store; a notebook that reads one cannot do without.
_STORE = ("AWS_", "AZURE_", "GOOGLE_")
_PASSWORD = re.compile(r"://[^/@:\s]*:([^/@\s]+)@")
_SHORTEST = 8  # anything shorter is a switch, and would be found in every number


def without_secret_variables(
    environment: Mapping[str, str], home: Path | str | None = None
) -> dict[str, str]:
    """Copy an environment without the variables whose names speak of secrets.

    Parameters
    ----------
    environment : mapping of str to str
    home : pathlib.Path or str, optional
        Where the tables are. For an object store its own keys stay.
    """
    spared = _STORE if isinstance(home, str) else ()
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(spared) or not _NAME.search(name.upper())
    }


def refuse_secrets(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that hold a secret of the environment.

    Raises
    ------
    InputError
        Names the parameter and the variable, never the value.
    """
    for parameter, value in parameters.items():
        text = json.dumps(value, ensure_ascii=False)
        for variable, secret in _held():
            if secret in text:
                raise InputError(
                    f"Parameter {parameter!r} holds the value of {variable}, which would be "
                    "published with the briefing. Leave it out."
                )


def blanked(document: str) -> str:
    """Replace every secret of the environment in a JSON document by its variable's name."""
    for variable, secret in _held():
        document = document.replace(secret, f"[{variable} removed]")
    return document


def _held() -> list[tuple[str, str]]:
    """Names and values, as they stand inside a JSON string."""
    found = [
        (name, json.dumps(value, ensure_ascii=False)[1:-1])
        for name, text in os.environ.items()
        for value in _secrets(name, text)
        if len(value) >= _SHORTEST
    ]
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0]))


def _secrets(name: str, text: str) -> list[str]:
    """What of a variable is secret: all of it, each notify URL, or the password of an address."""
    if name == "FAULTLINE_NOTIFY":
        return text.split()
    if _NAME.search(name.upper()):
        return [text]
    return [found[1]] if (found := _PASSWORD.search(text)) else []
