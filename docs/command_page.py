"""Write the page of the command line from what `--help` says.

python docs/command_page.py docs/generated
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer.main

from convscope.cli import app
from convscope.files import write_text

_HEAD = """# Command line

Made from the commands themselves; `convscope COMMAND --help` says the same. Exit codes: 0; 1 where a finding
was asked for; 2 for wrong use or bad input; 130 when interrupted. Errors are one line on stderr.

"""


def main(arguments: list[str]) -> int:
    """Write commands.md into the folder given."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    write_text(
        folder / "commands.md", _HEAD + "\n".join(_section(*item) for item in sorted(commands.items()))
    )
    return 0


def _section(name: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    text = _text((command.help or "").replace("\b", ""))
    return f"## convscope {name}\n\n{text}\n\n| | |\n|---|---|\n" + "\n".join(rows) + "\n"


def _row(parameter: Any) -> str:
    option = any(word.startswith("-") for word in parameter.opts)
    spelled = (
        ", ".join(f"`{word}`" for word in parameter.opts)
        if option
        else f"`{parameter.metavar or parameter.name.upper()}`"
    )
    return f"| {spelled} | {_text(' '.join((getattr(parameter, 'help', '') or '').split()))} |"


def _text(text: str) -> str:
    for mark in ("\\", "*", "_", "[", "]", "<", "|", "$", "{"):
        text = text.replace(mark, "\\" + mark)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
