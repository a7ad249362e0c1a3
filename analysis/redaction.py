"""Keeps secrets out of what people read and notebooks see: the one place that knows them.

A secret is known by its place (a header such as ``Authorization``, a parameter such as
``api_key``, the user part of a URL, a variable of the environment such as ``SMTP_PASS``, a word
of a connection string such as ``AccountKey=``) and from then on by its value, wherever it turns
up. The loaders, the store, the command and the briefings all ask here.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from threading import Lock
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from analysis.plain_text import visible

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"(^|[_-])(auth|authorization|cookie|credential|pass|passwd|password|pwd|secret|sig|"
    r"signature|pat|token|accesstoken)s?$"
    r"|(^|(access|account|api|auth|client|private|secret|subscription)[_-]?)key$",
    re.IGNORECASE,
)
# PWD and OLDPWD are folders, PGPASSFILE and SSH_ASKPASS files.
_SECRET_VARIABLE = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|ACCESSKEY|PRIVATEKEY|WEBHOOK|COOKIE"
    r"|AUTHORIZATION|BEARER|JWT|CONN(ECTION)?_?STR(ING)?|(^|_)(AUTH|DSN|KEY|PAT|SAS)S?(_|$)"
    r"|(?<!ASK)(?<!BY)(?<!COM)PASS(_|$)|(?<!^)(?<!^OLD)PWD(_|$)|PW(_|$)|HOOK(_UR[IL])?S?$"
    r"|^FAULTLINE_NOTIFY$"
)
# Words of connection strings and of signed addresses that stand before a secret.
_WORDS = (
    r"(?:password|passwd|pwd|secret|(?:access_?)?token|(?:access|account|api)_?key|"
    r"shared_?access_?(?:key|signature)|signature|sig|x-(?:amz|goog)-(?:credential|signature)|"
    r"x-amz-security-token)"
)
_SECRET_IN_TEXT = re.compile(rf"(?<![\w-])({_WORDS}=)[^\s&;,\"'()<>\\]+", re.IGNORECASE)
_SECRET_IN_VARIABLE = re.compile(
    rf"{_WORDS}(?:\s*=\s*[\"']?|[\"']\s*:\s*[\"'])([^\s&;\"']+)", re.IGNORECASE
)
_PARAMETER = re.compile(r"[?&;]([^\s=?&;#]+)=([^\s&;#]+)")
# Addresses that are keys themselves: whoever knows one may write to the channel behind it.
_WEBHOOK = re.compile(
    r"://(hooks\.|api\.telegram\.org/bot)|\.webhook\.|/(web)?hooks?/\S", re.IGNORECASE
)
_WORD_IN_TEXT = re.compile(r"[^\s\"']+")
# Before the @ of an Azure address stands the container, unless a password follows it.
_WITH_CONTAINER = ("abfs", "abfss", "wasb", "wasbs")
# Variables whose addresses may lack a scheme.
_ADDRESS_VARIABLE = re.compile(r"(_UR[IL]|PROXY)S?$")
# What the libraries below us log, by logger: requests with their URLs, answers with headers.
_FILTERED_LOGGERS = (
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


def register_secrets(named: Mapping[str, str] | Iterable[tuple[str, str]]) -> frozenset[str]:
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
    spelled = {
        way(value) for value in secrets for way in (str, quote_plus, partial(quote, safe=""))
    }
    found = frozenset(value for value in spelled if len(value) >= _SHORTEST)
    with _lock:
        _values = _values | found
    return found


def register_url_secrets(url: str) -> frozenset[str]:
    """Note the secrets of a URL, its user part and its parameters; as `register_secrets`."""
    secrets = [("password", secret) for secret in _of_user(_user_of(url))]
    try:
        query = urlsplit(url).query
    except ValueError:
        query = ""
    return register_secrets([*secrets, *parse_qsl(query)])


def _user_of(address: str) -> str:
    """User part of an address; blank without one.

    A password may hold any character that should have been escaped: where a colon precedes an
    ``@``, all before the last ``@`` counts.
    """
    scheme, _, rest = address.partition("://")
    user = rest.rpartition("@")[0]
    if ":" in user:
        return user
    if scheme.lower().endswith(_WITH_CONTAINER):
        return ""
    return re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]


def _of_user(user: str) -> list[str]:
    """What of a URL's user part is secret: the password; a name without one, or a long one."""
    name, colon, password = user.partition(":")
    token = [name] if not (colon and password) or len(name) >= _SHORTEST_USER else []
    return [secret for secret in (password, *token) if secret]


@lru_cache(maxsize=4096)  # every message asks for every variable
def secrets_of_variable(name: str, value: str) -> tuple[str, ...]:
    """What of a variable of the environment is secret.

    Returns
    -------
    tuple of str
        All of it where the name speaks of a secret or the value is a webhook; each address of
        ``FAULTLINE_NOTIFY``; of an address its user part and its secret parameters; of a
        connection string all of it and the secret in it. Empty when nothing is.
    """
    if name == "FAULTLINE_NOTIFY":
        return tuple(value.split())
    if _SECRET_VARIABLE.search(name.upper()) or ("://" in value and _WEBHOOK.search(value)):
        return (value,)
    if "@" in value and "://" not in value and _ADDRESS_VARIABLE.search(name.upper()):
        value = f"://{value}"
    several = value.count("://") > 1 or '"' in value
    addresses = _WORD_IN_TEXT.findall(value) if several else [value]
    found = [secret for address in addresses for secret in _of_user(_user_of(address))]
    inside = _SECRET_IN_VARIABLE.findall(value)
    inside += [secret for word, secret in _PARAMETER.findall(value) if is_secret(unquote(word))]
    # Of an address the rest may be read, a connection string holds nothing else.
    whole = [value] if inside and "://" not in value else []
    return (*found, *whole, *dict.fromkeys((*inside, *map(unquote, inside))))


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


def redact(text: str) -> str:
    """Hide every known secret, the user part of every URL and what follows ``sig=`` in a text."""
    return redactor()(text)


def redactor() -> Callable[[str], str]:
    """Take the secrets known now, for many texts: `redact` without asking again for each."""
    values = {*_values, *(secret for _, secret in environment_secrets())}
    longest_first = sorted(values, key=lambda value: (-len(value), value))

    def hide(text: str) -> str:
        for value in longest_first:
            text = text.replace(value, HIDDEN)
        if "@" in text and "://" in text:
            text = _WORD_IN_TEXT.sub(_without_user, text)
        return _SECRET_IN_TEXT.sub(rf"\g<1>{HIDDEN}", text) if "=" in text else text

    return hide


def _without_user(word: re.Match[str]) -> str:
    user = _user_of(word[0])
    return word[0].replace(f"://{user}@", f"://{HIDDEN}@", 1) if user else word[0]


def redact_url(url: str) -> str:
    """Hide the secrets of a URL; what is left still tells what was asked.

    Returns
    -------
    str
        The same text where there is nothing to hide.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # it comes from an answer, and nobody can say where its secrets are
        return redact(redact(url).partition("?")[0])
    host = parts.netloc.rpartition("@")[2]
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(is_secret(name) for name, _ in pairs):
        shown = [(name, HIDDEN if is_secret(name) else value) for name, value in pairs]
        query = urlencode(shown, safe="*")
    if (host, query) == (parts.netloc, parts.query):
        return redact(url)
    return redact(urlunsplit((parts.scheme, host, parts.path, query, parts.fragment)))


class _RedactingFilter(logging.Filter):
    """Writes a record's message out and hides what is secret in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Our own retries are told by the error that ends them; stamina warns of each of them.
        if str(getattr(record, "stamina.callable", "")).startswith("analysis."):
            return False
        message = record.getMessage()
        words = message.split(" ")
        shown = " ".join(redact_url(word) if "://" in word else word for word in words)
        record.msg = visible(redact(shown))
        record.args = ()
        return True


_filter = _RedactingFilter()


def install_log_filter() -> None:
    """Make the libraries' own logs discreet; may be called any number of times."""
    for name in _FILTERED_LOGGERS:
        logging.getLogger(name).addFilter(_filter)  # adding the same filter twice adds it once
