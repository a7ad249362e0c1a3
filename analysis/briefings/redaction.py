"""What must not end in a notebook or a page: the secrets of the environment.

papermill writes parameters three times into its output, and a traceback may show anything, so
secrets are kept from the kernel, refused as parameters, and taken out of what comes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.errors import InputError
from analysis.redaction import environment_secrets, secrets_of_variable

# What opens an object store; a notebook that reads one cannot do without.
_STORE = ("AWS_", "AZURE_", "GOOGLE_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# Names of further variables that the user wants a notebook to see, separated by blanks.
NAMED = "FAULTLINE_KERNEL_VARIABLES"


def without_secret_variables(
    environment: Mapping[str, str], home: Path | str | None = None
) -> dict[str, str]:
    """Copy an environment without the variables that hold secrets.

    Parameters
    ----------
    environment : mapping of str to str
        Those named in its ``FAULTLINE_KERNEL_VARIABLES`` stay.
    home : pathlib.Path or str, optional
        Where the tables are. For an object store its own keys stay.
    """
    spared = _STORE if isinstance(home, str) else ()
    named = {"FAULTLINE_HOME", *environment.get(NAMED, "").split()}
    return {
        name: value
        for name, value in environment.items()
        if name in named or name.startswith(spared) or not secrets_of_variable(name, value)
    }


def reject_secret_parameters(parameters: Mapping[str, Any]) -> None:
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


def redact_json(document: str) -> str:
    """Replace every secret of the environment in a JSON document by its variable's name."""
    for variable, secret in _held():
        document = document.replace(secret, f"[{variable} removed]")
    return document


def _held() -> list[tuple[str, str]]:
    """Names and values, as they stand inside a JSON string."""
    return [
        (name, json.dumps(secret, ensure_ascii=False)[1:-1])
        for name, secret in environment_secrets()
    ]
