"""``faultline completion``: let the shell complete commands and options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from analysis.cli import console
from analysis.errors import InputError

Shell = Literal["bash", "zsh", "fish"]

_EXAMPLES = """Examples

faultline completion --install
    for the shell that you use now

faultline completion zsh > ~/.zfunc/_faultline
    only the script, to be put where you keep such files
"""


def register(app: App) -> None:
    """Add the command, which reads the commands of ``app``."""

    @app.command(name="completion", help_epilogue=_EXAMPLES)
    def completion(
        shell: Shell | None = None,
        /,
        *,
        install: Annotated[bool, Parameter(show_default=False)] = False,
    ) -> int:
        """Print the completion script of a shell, or install it.

        Parameters
        ----------
        shell
            By default the shell named by the environment's SHELL.
        install
            Write the script into your home and load it from the shell's start-up file.
        """
        chosen = shell or _own_shell()
        if not install:
            console.print_raw(app.generate_completion(prog_name="faultline", shell=chosen))
            return 0
        try:
            path = app.install_completion(shell=chosen)
        except OSError as error:
            raise InputError(
                f"The completion script cannot be written: {error}. Print it instead: "
                f"faultline completion {chosen}"
            ) from None
        console.print_err(f"Completion for {chosen} written to {path}; it works in a new shell.")
        return 0


def _own_shell() -> Shell:
    name = Path(os.environ.get("SHELL", "")).name
    if name == "bash":
        return "bash"
    if name == "zsh":
        return "zsh"
    if name == "fish":
        return "fish"
    raise InputError(
        f"There is no completion for the shell {name!r}: name bash, zsh or fish."
        if name
        else "SHELL is not set: name the shell, for instance faultline completion bash."
    )
