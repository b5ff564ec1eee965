from __future__ import annotations

import signal
import threading

import pytest

from convscope.training.interrupts import Interrupts


def interrupt():
    signal.raise_signal(signal.SIGINT)


def test_interrupt_waits_for_the_held_block():
    done = []
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt), interrupts:  # noqa: PT012
        with interrupts.held():
            interrupt()
            done.append(1)
        done.append(2)
    assert done == [1]


def test_interrupt_outside_a_held_block_is_immediate():
    done = []
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt), interrupts:  # noqa: PT012
        with interrupts.held():
            done.append(1)
        interrupt()
        done.append(2)
    assert done == [1]


def test_the_handler_before_comes_back_and_is_called():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("mine"))
    try:
        mine = signal.getsignal(signal.SIGINT)
        interrupts = Interrupts()
        with interrupts, interrupts.held():
            interrupt()
            assert seen == []
        assert seen == ["mine"]
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone():
    seen = []

    def work():
        interrupts = Interrupts()
        with interrupts, interrupts.held():
            seen.append(signal.getsignal(signal.SIGINT))

    handler = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [handler]
