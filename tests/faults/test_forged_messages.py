"""Text of a source, a catalogue or a caller never looks like ours, nor steers a terminal.

Planted in answers of a real server, in a catalogue's cells, in file names and in arguments; read
back from standard output, standard error, the log, drafts, the outbox and notices.
"""

from __future__ import annotations

import csv
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from analysis.calendars import Calendars
from analysis.cli import console, main
from analysis.plain_text import STEERING
from analysis.tables import schema_of
from analysis.watch.alerts import Alert
from analysis.watch.event_drafts import add, draft
from analysis.watch.notifications import notices
from analysis.watch.outbox import Entry, Outbox
from tests.servers.local import LocalServer, Reply
from tests.servers.watched import Passes, World

OURS = "faultline: all sources are done."
FORGED = (
    f"X\n{OURS}\r\x1b[2J\x1b]8;;http://127.0.0.1/\x07link\x1b]8;;\x07\x9b31m\u202egnp.exe\u2066"
    "[bold]b[/bold][link=http://127.0.0.1/]l[/link]"
)


def harmless(printed: str) -> bool:
    """Whether no line is forged and nothing but line breaks steers a terminal."""
    lines = printed.splitlines()
    return OURS not in lines and not STEERING.search(printed)


@pytest.mark.parametrize(
    "words",
    [
        ["study", FORGED],
        ["study", "ds-r1", "--tickers", FORGED],
        ["study", "ds-r1", "--model", FORGED],
        ["study", "ds-r1", "--csv", f"/dev/null/{FORGED}"],
        ["events", "show", FORGED],
        ["events", "check", FORGED],
        ["events", "list", "--since", FORGED],
        ["briefing", FORGED],
        ["briefing", "event_briefing", "-p", FORGED, FORGED],
        ["data", "history", FORGED, FORGED],
        ["data", "update", "--source", FORGED],
        ["watch", "--interval", FORGED],
        [FORGED],
        [f"--{FORGED}"],
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_an_argument_is_quoted_on_the_line_of_its_message(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert harmless(printed.err)
    assert harmless(printed.out)


def test_a_catalogue_names_its_control_characters_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "groups.csv"
    for sign in ("\x1b", "\x9b", "\u202e", "\u2066", "\u2028", "\u200f"):
        path.write_text(f"name,ticker\nai{sign},NVDA\n", encoding="utf-8")
        assert main(["events", "check", str(path)]) == 2
        printed = capsys.readouterr().out
        assert f"holds the control character {sign!r}: remove it" in printed
        assert harmless(printed)


def test_brackets_and_formulas_are_legal_text_of_a_catalogue(tmp_path: Path) -> None:
    from analysis.catalogue.validation import check_file

    path = tmp_path / "instruments.csv"
    name = "Nvidia $\\text{<meta/http-equiv=refresh/content=0;url=http://127.0.0.1/?\u00a0a='b>}$"
    path.write_text(
        "ticker,name,entity,exchange,currency,role,bloc,benchmark,price_limit,primary\n"
        f"NVDA,{name},Nvidia,XNAS,USD,gpu,us,,,yes\n",
        encoding="utf-8",
    )
    assert check_file(path) == []


def test_a_header_of_a_catalogue_cannot_forge_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"groups\n{OURS}.csv"
    path.write_text(f'name,"{FORGED}"\na,b\n', encoding="utf-8")
    main(["events", "check", str(path)])
    printed = capsys.readouterr()
    assert harmless(printed.out)
    assert harmless(printed.err)


@pytest.mark.parametrize(
    "body",
    [
        {"count": 1, "results": [{FORGED: FORGED}]},
        {"count": FORGED, "results": FORGED},
        {FORGED: FORGED},
        [FORGED],
        FORGED,
        Reply(FORGED.encode(), 500, {"Content-Type": "text/plain"}),
        Reply(f"<html><title>{FORGED}</title>".encode(), 200, {"Content-Type": "text/html"}),
    ],
    ids=["row", "count", "key", "list", "text", "500", "html"],
)
def test_an_answer_that_is_quoted_cannot_forge_a_line(
    world: World, server: LocalServer, capsys: pytest.CaptureFixture[str], body: object
) -> None:
    server.on("/api/v1/documents.json", body)
    code = main(["data", "update", "--source", "federal_register"])
    printed = capsys.readouterr()
    assert code == 1 or "rejected" in printed.err + printed.out
    assert harmless(printed.err)
    assert harmless(printed.out)


def test_a_hostile_model_is_kept_out_and_shown_as_text(
    world: World, passes: Passes, capsys: pytest.CaptureFixture[str]
) -> None:
    passes()
    world.models[f"deepseek-ai/{FORGED}"] = "b" * 40
    assert main(["watch", "--once"]) == 1
    assert main(["data", "quarantine", "artefacts"]) == 0
    assert main(["data", "quarantine", "artefacts", "--json"]) == 0
    printed = capsys.readouterr()
    assert "gnp.exe" in printed.out
    assert harmless(printed.err)
    assert harmless(printed.out)


def test_an_alert_is_text_in_the_outbox_in_notices_and_in_drafts(tmp_path: Path) -> None:
    alert = Alert(
        id="a", subject=FORGED, kind="model", text=FORGED, url=FORGED,
        observed_at=datetime(2026, 11, 20, 12, tzinfo=UTC), name=FORGED,
    )  # fmt: skip
    outbox = Outbox(tmp_path / "watch")
    outbox.make()
    outbox.put(Entry(alert))
    assert harmless((tmp_path / "watch" / "alerts" / "a.json").read_text(encoding="utf-8"))
    assert outbox.open()[0].alert == alert  # programs read what the source sent
    for notice in notices([alert, replace(alert, id="b")]):
        assert harmless(notice.title)
        assert harmless(notice.body)
        assert len(notice.body.splitlines()) == 2  # an alert each, its id at the end
    row, _ = draft(alert, FORGED, [], Calendars({}))
    assert add(tmp_path / "events.csv", row)
    assert harmless((tmp_path / "events.csv").read_text(encoding="utf-8"))


def test_a_draft_whose_name_is_a_formula_is_text_to_a_spreadsheet(tmp_path: Path) -> None:
    row = dict.fromkeys(schema_of("events").columns(), "") | {"id": "hf-a", "title": "=1+1"}
    assert add(tmp_path / "events.csv", row)
    with (tmp_path / "events.csv").open(encoding="utf-8", newline="") as file:
        (read,) = csv.DictReader(file)
    assert read["title"] == "'=1+1"


@pytest.fixture
def own_process() -> Iterator[None]:
    """What a process of the command sets for itself, set back after the test."""
    before = logging.lastResort, warnings.formatwarning, threading.excepthook
    console.escape_foreign_output()
    yield
    logging.lastResort, warnings.formatwarning, threading.excepthook = before


def test_logs_and_warnings_of_other_packages_are_one_line(own_process: None) -> None:
    assert logging.lastResort is not None
    record = logging.LogRecord("other", logging.WARNING, "a.py", 1, "%s", (FORGED,), None)
    assert harmless(logging.lastResort.format(record))
    shown = warnings.formatwarning(UserWarning(FORGED), UserWarning, "a.py", 1, "")
    assert harmless(shown)


def test_our_own_log_is_one_line_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    from analysis import redaction

    redaction.install_log_filter()
    logging.getLogger("faultline.http").warning("asked %s", FORGED)
    assert caplog.messages
    assert all(harmless(message) for message in caplog.messages)


def test_a_traceback_for_debugging_cannot_forge_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(FORGED)

    monkeypatch.setattr("analysis.desk.Desk.events", fail)
    for debug in ("1", ""):
        monkeypatch.setenv("FAULTLINE_DEBUG", debug)
        assert main(["events", "list"]) == 1
        assert harmless(capsys.readouterr().err)


def test_markup_of_rich_is_inert_in_spinners_and_bars() -> None:
    from rich.spinner import Spinner

    terminal = Console(force_terminal=True, width=200, color_system="standard")
    with terminal.capture() as captured:
        terminal.print(Spinner("line", console.label(FORGED)).render(0))
    printed = captured.get()
    assert "[bold]b[/bold][link=http://127.0.0.1/]l[/link]" in printed
    assert "\x1b]8" not in printed
    assert "\x1b[1m" not in printed


def test_a_terminal_shows_progress_with_hostile_names_as_text(tmp_path: Path) -> None:
    """On a real terminal, where bars are drawn with escape sequences of their own."""
    leader, follower = pty.openpty()
    program = (
        "import sys; from analysis.cli import briefing, data_update, study\n"
        "name = sys.argv[1]\n"
        "with briefing._progress(name) as show: show(1, 2, name)\n"
        "with data_update._progress([name]) as show: show(name, 1, 2, name)\n"
        "with study._spinner(name): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, FORGED],
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "400"},
        check=False,
    )
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 65_536):
            shown += part
    except OSError:
        pass
    os.close(leader)
    printed = shown.decode()
    assert done.returncode == 0
    assert "\\x1b[2J" in printed
    assert not re.search(r"\x1b\]8;|\x1b\[2J|\x9b|\u202e|\x07", printed)
    assert "[link=http://127.0.0.1/]l[/link]" in printed
