"""Source partitions stay closed until everything is resumed, and are then read on from the offsets of the last seek."""

from __future__ import annotations

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.faust_transport import SourceGate

RAW = TP("alarms.raw", 0)


def test_a_new_gate_is_closed_and_stays_so_when_the_flow_runs_for_changelogs() -> None:
    gate = SourceGate()
    gate.resume()
    assert gate.open() == {}
    assert not gate.is_open


def test_the_seek_alone_opens_nothing() -> None:
    gate = SourceGate()
    gate.sought({RAW: 10})
    assert gate.open() == {}
    assert not gate.is_open


def test_after_seek_and_resume_it_opens_once_with_the_offsets() -> None:
    gate = SourceGate()
    gate.sought({RAW: 10})
    gate.resume()
    assert not gate.is_open
    assert gate.open() == {RAW: 10}
    assert gate.is_open
    assert gate.open() == {}
    assert gate.is_open


def test_a_resume_before_the_last_seek_does_not_count() -> None:
    gate = SourceGate()
    gate.sought({RAW: 10})
    gate.resume()
    gate.sought({RAW: 12})
    assert gate.open() == {}
    gate.resume()
    assert gate.open() == {RAW: 12}


def test_a_rebalance_closes_it_and_forgets_the_offsets() -> None:
    gate = SourceGate()
    gate.sought({RAW: 10})
    gate.resume()
    gate.open()
    gate.close()
    gate.resume()
    assert gate.open() == {}
    assert not gate.is_open


@given(st.lists(st.sampled_from(["close", "seek", "resume", "open"])))
def test_it_is_open_only_when_a_resume_and_an_open_followed_the_last_seek_or_rebalance(
    steps: list[str],
) -> None:
    gate = SourceGate()
    for step in steps:
        match step:
            case "close":
                gate.close()
            case "seek":
                gate.sought({RAW: 1})
            case "resume":
                gate.resume()
            case _:
                gate.open()
    since_close = steps[max((i for i, step in enumerate(steps) if step == "close"), default=-1) + 1 :]
    seeks = [i for i, step in enumerate(since_close) if step == "seek"]
    after = since_close[seeks[-1] + 1 :] if seeks else []
    resumed = after.index("resume") if "resume" in after else None
    assert gate.is_open == (resumed is not None and "open" in after[resumed:])
