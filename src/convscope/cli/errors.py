"""The one place where errors become exit codes: one line on stderr, never a traceback.

0 all went well; 1 a finding or failed check that was asked for; 2 wrong use,
bad input or a run that cannot go on; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from convscope.errors import ConvscopeError

__all__ = ["BAD_INPUT", "INTERRUPTED", "run"]

BAD_INPUT = 2
INTERRUPTED = 130


def run(app: Callable[..., Any], arguments: list[str] | None) -> int:
    """Run a typer application and give its exit code.

    CONVSCOPE_DEBUG=1 lets every error through with its traceback.
    """
    try:
        with warnings.catch_warnings():
            # NumPy's of NaN and infinity, Pillow's of odd files: what comes out says it, or an error does;
            # appended, so that -W and PYTHONWARNINGS come first
            warnings.simplefilter("ignore", append=True)
            code = app(arguments, standalone_mode=False, prog_name="convscope")
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer may have caught the interrupt before us
            return _say("interrupted.", INTERRUPTED)
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        # the reader, such as `head`, has enough; Python must not complain at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, EOFError):
        return _say("interrupted.", INTERRUPTED)
    except Exception as error:
        if os.environ.get("CONVSCOPE_DEBUG"):
            raise
        found = _explained(error)
        if found is None:
            raise
        return found


def _explained(error: Exception) -> int | None:
    """Say what went wrong where the user can mend it; None for a mistake of ours."""
    if type(error).__name__ == "Abort":  # typer's, and click's before it
        return _say("interrupted.", INTERRUPTED)
    if hasattr(error, "format_message"):  # wrong use; the class moved between versions of typer
        context = getattr(error, "ctx", None)
        help_text = f" Try '{context.command_path} --help'." if context else ""
        return _say(f"{error.format_message().rstrip('.')}.{help_text}", BAD_INPUT)
    if isinstance(error, ConvscopeError):
        return _say(str(error), BAD_INPUT)
    if isinstance(error, MemoryError):
        return _say(f"out of memory: {str(error) or 'the arrays do not fit'}.", BAD_INPUT)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return _say(f"{name}{(error.strerror or str(error)).lower()}.", BAD_INPUT)
    return None


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"convscope: {line}", file=sys.stderr)
    return code
