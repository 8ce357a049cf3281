from __future__ import annotations

import gc
import os
import signal

import pytest

from infra.cli.evaluation.interrupting import interruptions


class Finalised:
    """Interrupted while it goes: Python says so on standard error, and goes on."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(1000))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_dropped_is_raised_at_the_next_check() -> None:
    with interruptions() as interruption:
        Finalised()
        gc.collect()
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            interruption.check()


def test_an_interrupt_elsewhere_is_raised_at_once_and_ctrl_c_is_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptions():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_without_one_nothing_is_raised() -> None:
    with interruptions() as interruption:
        interruption.check()
    assert not interruption.asked
