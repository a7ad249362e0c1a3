"""Secrets planted in the environment, in addresses and in arguments are shown nowhere."""

from __future__ import annotations

import logging
import re

import pytest

from analysis.briefings.redaction import redact_json, without_secret_variables
from analysis.cli import console, main
from analysis.cli.console import Column
from analysis.redaction import (
    install_log_filter,
    redact,
    redact_url,
    register_url_secrets,
    secrets_of_variable,
)
from tests.servers.local import LocalServer, failing

PLANTED = {
    "SMTP_PASS": "open-sesame-01",
    "AUTHORIZATION": "Bearer-open-sesame-21",
    "MYSQL_PWD": "open-sesame-02",
    "REGISTRY_AUTH": "open-sesame-03",
    "SESSION_COOKIE": "open-sesame-04",
    "COOKIE": "open-sesame-05",
    "GH_PAT": "open-sesame-06",
    "SENTRY_DSN": "https://open-sesame-07@sentry.example.org/1",
    "SLACK_WEBHOOK_URL": "https://hooks.example.org/services/open-sesame-08",
    "SLACK_URL": "https://hooks.slack.com/services/T000/B000/open-sesame-30",
    "DISCORD_URL": "https://discord.com/api/webhooks/1/open-sesame-31",
    "TEAMS_URL": "https://desk.webhook.office.com/webhookb2/open-sesame-32",
    "TELEGRAM": "https://api.telegram.org/bot1:open-sesame-33/sendMessage",
    "DISCORD_HOOK": "open-sesame-34",
    "TEAMS_HOOK_URL": "open-sesame-35",
    "SSHPASS": "open-sesame-36",
    "DBPASS": "open-sesame-37",
    "LDAP_BINDPW": "open-sesame-38",
    "REDIS_PW": "open-sesame-39",
    "JWT": "open-sesame-40",
    "SERVICE_CONNECTION_STRING": "open-sesame-41",
    "DB_CONNSTR": "open-sesame-42",
}
# In these the secret is a part, which is hidden alone too.
CONNECTIONS = {
    "STORAGE": "DefaultEndpointsProtocol=https;AccountName=desk;AccountKey=open-sesame-50==;X=1",
    "DATABASE_CONNECTION": "Server=db;User Id=desk;Password = open-sesame-51;Encrypt=True",
    "SQL_CONNECTION": "Server=db;Uid=desk;Pwd=open-sesame-52",
    "PG_CONN": "host=db dbname=x user=desk password='open-sesame-53'",
    "BUS": "Endpoint=sb://b.example.org/;SharedAccessKeyName=x;SharedAccessKey=open-sesame-54",
    "AIRFLOW_CONN_DESK": '{"login": "desk", "password": "open-sesame-55"}',
    "JDBC_URL": "jdbc:postgresql://db/x?user=desk&password=open-sesame-56",
    "DATA_URL": "https://b.example.org/c?sv=2024&sig=open-sesame-57%2Fa&se=2027",
    "API_URL": "https://api.example.org/x?page=1&api_key=open-sesame-58#top",
    "FAULTLINE_FRENCH_URL": "https://h.example.org/x?token=open-sesame-59",
    "MAPS_URL": "https://h.example.org/x?key=open-sesame-60",
    "SQLSERVER_URL": "jdbc:sqlserver://db:1433;user=desk;password=open-sesame-61",
}
ADDRESSES = {
    "DATABASE_URL": ("postgres://desk:open-sesame-09@db.example.org/x", "open-sesame-09"),
    "PIP_MIRROR": ("https://open-sesame-10@mirror.example.org/", "open-sesame-10"),
    "FAULTLINE_FRED_URL": ("http://ghp_opensesame11aaaa:x@h.example.org/", "ghp_opensesame11aaaa"),
    # Characters that should have been escaped, and addresses without a scheme.
    "SLASH_URL": ("postgres://desk:pa/open-sesame-70@db.example.org/x", "pa/open-sesame-70"),
    "HASH_URL": ("postgres://desk:pa#open-sesame-71@db.example.org/x", "pa#open-sesame-71"),
    "AT_URL": ("https://desk:open@sesame-72@h.example.org", "open@sesame-72"),
    "TWO_URLS": ("https://h.example.org https://desk:open-sesame-73@h", "open-sesame-73"),
    "FAULTLINE_GITHUB_URL": ("desk:open-sesame-74@h.example.org", "open-sesame-74"),
    "https_proxy": ("desk:open-sesame-75@h.example.org:3128", "open-sesame-75"),
}
HARMLESS = {
    "PATH": "/usr/bin",
    "PWD": "/home/desk/project",
    "OLDPWD": "/home/desk/before",
    "XAUTHORITY": "/home/desk/.Xauthority",
    "GIT_AUTHOR_NAME": "Desk of the house",
    "KEYBOARD": "de-latin1-nodeadkeys",
    "DOCS_URL": "https://example.org/@desk/x",
    "FEED_URL": "https://example.org/x?page=2&sort=day",
    "HOME": "/home/desk",
    "LANG": "de_DE.UTF-8",
    "LS_COLORS": "rs=0:di=01;34:ln=01;36:*.tar=01;31",
    "PGPASSFILE": "/home/desk/.pgpass",
    "PYTHONPATH": "/srv/a:/srv/b",
    "SSH_ASKPASS": "/usr/bin/ssh-askpass",
    "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22",
    "DATABASE_CONNECTION": "Server=db;Trusted_Connection=True",
    "CONTAINER": "abfss://box-of-the-desk@account.dfs.core.windows.net/x",
    "COMPASS": "north-by-northwest",
    "HOOKS_PATH": "/home/desk/hooks",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
}
PART = re.compile(r"open-sesame-\d\d[=%\w]*")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every planted secret, set in the environment."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    for name, (address, _) in ADDRESSES.items():
        monkeypatch.setenv(name, address)
    for name, value in CONNECTIONS.items():
        monkeypatch.setenv(name, value)
    parts = [found[0] for value in CONNECTIONS.values() if (found := PART.search(value))]
    assert len(parts) == len(CONNECTIONS)
    return [*PLANTED.values(), *parts, *(secret for _, secret in ADDRESSES.values())]


def test_a_kernel_sees_no_secret_unless_the_user_names_it() -> None:
    addresses = {name: address for name, (address, _) in ADDRESSES.items()}
    environment = {**PLANTED, **addresses, **HARMLESS}
    assert without_secret_variables(CONNECTIONS) == {}
    assert without_secret_variables(environment) == HARMLESS
    named = {"FAULTLINE_KERNEL_VARIABLES": "GH_PAT DATABASE_URL"}
    kept = without_secret_variables({**environment, **named})
    assert set(kept) - set(HARMLESS) - set(named) == {"GH_PAT", "DATABASE_URL"}


@pytest.mark.parametrize("name", HARMLESS)
def test_ordinary_variables_hold_no_secret(name: str) -> None:
    assert secrets_of_variable(name, HARMLESS[name]) == ()


def test_the_console_hides_secrets_in_sentences_tables_and_json(
    secrets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for secret in secrets:
        console.print_err(f"failed: {secret}")
        console.print_line(secret)
        console.print_table([Column("cause", fold=True)], [[secret]], title=secret)
        console.print_pairs([("cause", secret)], title=secret)
        console.print_json({"cause": secret})
        main(["study", secret])
    printed = capsys.readouterr()
    for secret in secrets:
        assert secret not in printed.out + printed.err


def test_logs_and_documents_hide_secrets(
    secrets: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    install_log_filter()
    for secret in secrets:
        logging.getLogger("httpx2").warning("asked %s", secret)
        assert secret not in redact_json(f'{{"text": "{secret}"}}')
    assert caplog.messages
    assert not any(secret in caplog.text for secret in secrets)


@pytest.mark.parametrize(
    "address",
    [
        "http://desk:open-sesame-12@h/x",
        "https://open-sesame-12@h",
        "ftp://open-sesame-12:x@h:1/",
        "http://desk:pa/open-sesame-12@h",
        "http://desk:pa#open-sesame-12@h",
        "http://desk:pa?open-sesame-12@h",
        "https://desk:p@open-sesame-12@h",
        "https://desk:p@:open-sesame-12@[::1/x",
        "https://p@open-sesame-12@h/x",
    ],
)
def test_the_user_part_of_any_address_is_hidden(address: str) -> None:
    assert "open-sesame" not in redact(f"asked '{address}'.")
    assert "open-sesame" not in redact_url(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h/p?sig=abc%2Fdef&p=1", "GET https://h/p?sig=***&p=1"),
        ("at 'https://h/p?X-Amz-Signature=12ab'.", "at 'https://h/p?X-Amz-Signature=***'."),
        ("login failed: Server=db;Password=short", "login failed: Server=db;Password=***"),
        ("opened abfss://box@account/x", "opened abfss://box@account/x"),
        ("opened abfss://box:key@account/x", "opened abfss://***@account/x"),
        ("design=1 usd_per_token=2 key=day", "design=1 usd_per_token=2 key=day"),
        ('{"token": "x", "usd": 1}', '{"token": "x", "usd": 1}'),
    ],
)
def test_what_signs_an_address_or_opens_a_database_is_hidden_in_any_text(
    text: str, shown: str
) -> None:
    assert redact(text) == shown


def test_a_token_as_the_user_of_an_address_is_hidden_from_then_on() -> None:
    register_url_secrets("https://opensesame-thirteen@h.example.org/x")
    assert redact("said opensesame-thirteen") == "said ***"
    register_url_secrets("https://reader:opensesame-14@h.example.org/x")
    assert redact("reader: opensesame-14") == "reader: ***"


@pytest.mark.parametrize(
    "address",
    [
        "http://desk:{}@{}",
        "http://{}@{}",
        "http://desk:{}@[::1/x",
        "desk:{}@{}",
        "http://desk:pa/{}@{}",
        "http://desk:12/{}@{}",
        "http://desk:pa#{}@{}",
        "http://desk:p@{}@{}",
    ],
)
def test_the_cause_of_a_failed_source_holds_no_password(
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    address: str,
) -> None:
    host = server.url.removeprefix("http://")
    url = address.format("open-sesame-15", host)
    server.on("/", failing(403))
    monkeypatch.setenv("FAULTLINE_FEDERAL_REGISTER_URL", url)
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path_factory.mktemp("home")))
    assert main(["data", "update", "--source", "federal_register"]) in (1, 2)
    printed = capsys.readouterr()
    assert "federal" in printed.err
    assert "open-sesame" not in printed.err + printed.out
