from __future__ import annotations

from datetime import timedelta

import pytest

from agents.analysis.findings import Source
from agents.investigation.nodes.wait import behind
from agents.ports import Landed
from tests.fakes.events import EPOCH

END = EPOCH
SKEW = timedelta(minutes=4)
SEEN = EPOCH + timedelta(minutes=1)


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_a_sparse_source_is_done_once_the_tenants_own_time_has_passed_and_it_is_caught_up() -> None:
    landed = {
        Source.KPIS: Landed(event_time=END + _seconds(1), caught_up_to=SEEN),
        Source.CHANGES: Landed(event_time=END - timedelta(hours=1), caught_up_to=SEEN),
    }
    assert behind(landed, END, SKEW, SEEN) == ()


def test_it_is_waited_for_until_it_is_caught_up_to_that_moment() -> None:
    landed = {
        Source.KPIS: Landed(event_time=END, caught_up_to=None),
        Source.CHANGES: Landed(event_time=None, caught_up_to=SEEN - _seconds(0.001)),
    }
    assert behind(landed, END, SKEW, SEEN) == (Source.CHANGES,)


@pytest.mark.parametrize("caught_up", [None, SEEN, END + SKEW - _seconds(0.001)])
def test_without_any_source_past_the_window_only_the_skewed_end_counts(caught_up: object) -> None:
    landed = {Source.CHANGES: Landed(event_time=None, caught_up_to=caught_up)}  # type: ignore[arg-type]  # parametrised
    assert behind(landed, END, SKEW, None) == (Source.CHANGES,)
    late_enough = {Source.CHANGES: Landed(event_time=None, caught_up_to=END + SKEW)}
    assert behind(late_enough, END, SKEW, None) == ()
