"""From the command line to a command, and from its outcome to an exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from analysis import __version__
from analysis.cli import console
from analysis.concurrency import exit_if_threads_running
from analysis.errors import FaultlineError, is_panic

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

# What a shell reports for a program that a signal ended: 128 + SIGINT, 128 + SIGPIPE.
_SIGINT_EXIT, _SIGPIPE_EXIT = 130, 141
_BAD_INPUT = 2
_WINDOWS = re.compile(r"[+-]?\d+,[+-]?\d+")

_HELP = """Measures what AI-model releases and the US-China chip conflict do to markets.

Each command has its own help with examples: faultline study --help.
"""
_EPILOGUE = """Examples

faultline briefing event_briefing -p event ds-appstore-1
    write the briefing on "DeepSeek Monday" into reports/

faultline study ds-appstore-1 --tickers NVDA,AVGO,TSM --car -1 1
    the same figures as a table

faultline events list --category release --since 2025-01-01
    find an event's id

faultline data update
    fetch what is missing into the store of FAULTLINE_HOME

Exit codes: 0 done; 1 some part failed or nothing was left to compute;
2 bad input.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``faultline``; those of the process by default.

    Returns
    -------
    int
        The exit code: 0 done, 1 some part failed, 2 bad input, 130 interrupted.
    """
    if argv is not None:
        return _run_safely(list(argv))
    console.escape_foreign_output()
    code = _run_safely(sys.argv[1:])
    # Only the process that was started for this command, never a test or a notebook.
    exit_if_threads_running(code)
    return code


def _run_safely(words: list[str]) -> int:
    console.prepare_streams()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_broken_pipe()
        return _SIGPIPE_EXIT
    except KeyboardInterrupt:
        console.print_err("faultline: interrupted.")
        return _SIGINT_EXIT
    return code


def _run(words: list[str]) -> int:
    from cyclopts import CycloptsError

    try:
        outcome = build_app()(
            list(_split_comma_windows(words)),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        console.print_err(
            f"faultline: {_parse_error_message(error, words)} See: {_help_command(words)}"
        )
        return _BAD_INPUT
    except FaultlineError as error:
        console.print_err(f"faultline: {error}")
        return error.exit_code
    except BrokenPipeError:
        raise
    except PermissionError as error:
        place = f"{error.filename} " if error.filename else "A file "
        console.print_err(
            f"faultline: {place}may not be read or written ({error.strerror}): change its"
            " permissions, or name another place with FAULTLINE_HOME or the option that named it."
        )
        return _BAD_INPUT
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        return _unexpected(error)
    return outcome if isinstance(outcome, int) else 0


def build_app() -> App:
    """Put the commands together.

    Returns
    -------
    cyclopts.App
        The completion scripts and the tests of the help read it, too.
    """
    from cyclopts import App, Parameter

    from analysis.cli import briefing, completion, data, doctor, events, lab, study, watch

    app = App(
        name="faultline",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=f"faultline {__version__}",
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
    )
    for module in (briefing, study, events, data, watch, lab, doctor, completion):
        module.register(app)
    return app


def _split_comma_windows(words: list[str]) -> Iterator[str]:
    """Let ``--car -1,1`` and ``--car=-1,1`` mean ``--car -1 1``."""
    wanted = False
    for word in words:
        name, equals, value = word.partition("=")
        if name in ("--car", "--window", "--estimation"):
            wanted = not equals
            yield name
            if equals:
                yield from value.split(",")
            continue
        if wanted and _WINDOWS.fullmatch(word):
            yield from word.split(",")
        else:
            yield word
        wanted = False


def _parse_error_message(error: CycloptsError, words: list[str]) -> str:
    """Parser error message, with a hint for unexpected arguments."""
    from cyclopts import UnusedCliTokensError

    if not isinstance(error, UnusedCliTokensError):
        return _sentence(str(error))
    message = f"Unexpected argument: {', '.join(map(repr, error.unused_tokens or ()))}."
    if not any(word.startswith("--") for word in words):
        return message
    return f"{message} Separate several values with commas: NVDA,TSM."


def _help_command(words: list[str]) -> str:
    named: list[str] = []
    at = build_app()
    for word in words:
        if word not in at:
            break
        named.append(word)
        at = at[word]
    return " ".join(["faultline", *named, "--help"])


def _sentence(message: str) -> str:
    """Make one line of the parser's message, ended by a full stop."""
    line = " ".join(message.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


def _unexpected(error: BaseException) -> int:
    if os.environ.get("FAULTLINE_DEBUG", "") not in ("", "0"):
        for part in traceback.format_exception(error):
            # Frames are lines of files; what an exception says may be anybody's.
            shown = part.rstrip("\n")
            for line in shown.split("\n") if part.startswith("  File ") else [shown]:
                console.print_err(line)
    else:
        console.print_err(
            f"faultline: unexpected {type(error).__name__}: {_sentence(str(error))} This is a bug "
            "in Faultline; FAULTLINE_DEBUG=1 shows where it happened."
        )
    return 1


def _silence_broken_pipe() -> None:
    """Keep the interpreter from reporting the closed pipe again when it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
