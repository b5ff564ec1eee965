"""Ctrl-C that never leaves half an update behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """Hold Ctrl-C back while something must not stop half way.

    Used as a context around the whole run; inside it, `held()` marks the stretches that must finish.
    Python runs signal handlers between any two steps of the interpreter, so a plain try and except
    could not tell how far an update had come. Outside the main thread, where no signal arrives, and
    where the process ignores SIGINT, this does nothing.

    Examples
    --------
    >>> interrupts, done = Interrupts(), []
    >>> try:
    ...     with interrupts:
    ...         with interrupts.held():
    ...             signal.raise_signal(signal.SIGINT)
    ...             done.append("first half")
    ...             done.append("second half")
    ...         done.append("never reached")
    ... except KeyboardInterrupt:
    ...     print(done)
    ['first half', 'second half']
    """

    def __init__(self) -> None:
        self._holding = False
        self._pending = False
        self._previous: object = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            current = signal.getsignal(signal.SIGINT)
            if callable(current):
                self._previous = current
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if callable(self._previous):
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Finish the block before a Ctrl-C takes effect."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            if self._pending:
                self._pending = False
                self._pass_on(signal.SIGINT, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._holding:
            self._pending = True
        else:
            self._pass_on(number, frame)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            self._previous(number, frame)
