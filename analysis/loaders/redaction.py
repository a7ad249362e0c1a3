"""Keeps secrets out of what people read: messages, logs, pages and the archive's index.

A secret is known by its place (a header such as ``Authorization``, a parameter such as
``api_key``, the user part of a URL, a variable of the environment such as ``SMTP_PASS``) and
from then on by its value, wherever it turns up.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from analysis.plain_text import visible

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"(^|[_-])(auth|authorization|cookie|credential|pass|passwd|password|pwd|secret|sig|"
    r"signature|pat|token|accesstoken)s?$"
    r"|(^|(api|access|auth|client|private|secret|subscription)[_-]?)key$",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|ACCESSKEY|PRIVATEKEY|WEBHOOK|COOKIE"
    r"|AUTHORIZATION|BEARER|(^|_)(AUTH|DSN|KEY|PASS|PAT|SAS)S?(_|$)|_PWD(_|$)|^FAULTLINE_NOTIFY$"
)
_USER_IN_TEXT = re.compile(r"(?<=://)[^\s/?#@]+@")
_USER_OF_ADDRESS = re.compile(r"://([^/?#]+)@")
# What the libraries below us log, by logger: requests with their URLs, answers with headers.
_TALKATIVE = (
    "httpx2", "stamina", "httpcore2.connection", "httpcore2.http11", "httpcore2.http2",
    "httpcore2.proxy", "httpcore2.socks", "faultline.http",
)  # fmt: skip
# Shorter values would black out ordinary words; a real key is longer.
_SHORTEST = 6
_SHORTEST_VARIABLE = 8  # anything shorter is a switch, and would be found in every number
_SHORTEST_USER = 16  # a user part so long is a token, whatever stands behind it

_lock = Lock()
_values: frozenset[str] = frozenset()


def is_secret(name: str) -> bool:
    """Whether a header or parameter of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def remember(named: Mapping[str, str] | Iterable[tuple[str, str]]) -> frozenset[str]:
    """Note the values of secret headers or parameters, to be hidden from now on.

    Parameters
    ----------
    named : mapping of str to str, or pairs
        Headers or parameters; those whose names are harmless are left alone.

    Returns
    -------
    frozenset of str
        The values noted, also as they are spelled in a URL.
    """
    global _values
    pairs = named.items() if isinstance(named, Mapping) else named
    secrets = [_bare(name, value) for name, value in pairs if is_secret(name)]
    spelled = {way(value) for value in secrets for way in (str, quote_plus, _quoted)}
    found = frozenset(value for value in spelled if len(value) >= _SHORTEST)
    with _lock:
        _values = _values | found
    return found


def remember_url(url: str) -> frozenset[str]:
    """Note the secrets of a URL, its user part and its parameters; as `remember`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    user = parts.netloc.rpartition("@")[0]
    secrets = [("password", secret) for secret in _of_user(user)]
    return remember([*secrets, *parse_qsl(parts.query)])


def _of_user(user: str) -> list[str]:
    """What of a URL's user part is secret: the password; a name without one, or a long one."""
    name, colon, password = user.partition(":")
    token = [name] if not (colon and password) or len(name) >= _SHORTEST_USER else []
    return [secret for secret in (password, *token) if secret]


def secrets_of_variable(name: str, value: str) -> list[str]:
    """What of a variable of the environment is secret.

    Parameters
    ----------
    name, value : str

    Returns
    -------
    list of str
        All of it where the name speaks of a secret, each address of ``FAULTLINE_NOTIFY``, of an
        address its user part; empty when nothing is.
    """
    if name == "FAULTLINE_NOTIFY":
        return value.split()
    if _SECRET_VARIABLE.search(name.upper()):
        return [value]
    user = _USER_OF_ADDRESS.search(value)
    return _of_user(user[1]) if user else []


def environment_secrets() -> list[tuple[str, str]]:
    """Variables of the environment with what of them is secret, the longest first."""
    found = [
        (name, secret)
        for name, value in os.environ.items()
        for secret in secrets_of_variable(name, value)
        if len(secret) >= _SHORTEST_VARIABLE
    ]
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0]))


def _bare(name: str, value: str) -> str:
    """Value without its scheme: of ``Authorization: Bearer abc`` the last word is secret."""
    return value.rpartition(" ")[2] if name.lower().endswith("authorization") else value


def _quoted(value: str) -> str:
    return quote(value, safe="")


def clean(text: str) -> str:
    """Hide every known secret, and the user part of every URL, in a text."""
    return cleaner()(text)


def cleaner() -> Callable[[str], str]:
    """Take the secrets known now, for many texts: `clean` without asking again for each."""
    values = {*_values, *(secret for _, secret in environment_secrets())}
    longest_first = sorted(values, key=lambda value: (-len(value), value))

    def hide(text: str) -> str:
        for value in longest_first:
            text = text.replace(value, HIDDEN)
        return _USER_IN_TEXT.sub(f"{HIDDEN}@", text) if "@" in text else text

    return hide


def clean_url(url: str) -> str:
    """Hide the secrets of a URL; what is left still tells what was asked.

    Parameters
    ----------
    url : str

    Returns
    -------
    str
        The same text where there is nothing to hide.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # it comes from an answer, and nobody can say where its secrets are
        return clean(re.sub(r"//[^/@]*@", "//", url).partition("?")[0])
    host = parts.netloc.rpartition("@")[2]
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(is_secret(name) for name, _ in pairs):
        shown = [(name, HIDDEN if is_secret(name) else value) for name, value in pairs]
        query = urlencode(shown, safe="*")
    if (host, query) == (parts.netloc, parts.query):
        return clean(url)
    return clean(urlunsplit((parts.scheme, host, parts.path, query, parts.fragment)))


class _Discreet(logging.Filter):
    """Writes a record's message out and hides what is secret in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Our own retries are told by the error that ends them; stamina warns of each of them.
        if str(getattr(record, "stamina.callable", "")).startswith("analysis."):
            return False
        message = record.getMessage()
        words = message.split(" ")
        shown = " ".join(clean_url(word) if "://" in word else word for word in words)
        record.msg = visible(clean(shown))
        record.args = ()
        return True


_discreet = _Discreet()


def hush() -> None:
    """Make the libraries' own logs discreet; may be called any number of times."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_discreet)  # adding the same filter twice adds it once
