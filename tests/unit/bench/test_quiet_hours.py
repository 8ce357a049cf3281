"""The time before a recorded incident, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.analysis.signals import Window
from schemas.events import Report, Verdict
from tests.bench.quiet import Told, before_it, lines
from tests.fakes.incident_data import bad_deploy

AT = datetime(2026, 1, 1, tzinfo=UTC)


def told(verdict: Verdict, confidence: float | None, *, quiet: bool) -> Told:
    report = Report(
        tenant="local",
        occurred_at=AT,
        investigation_id="inv_1",
        incident_id="inc_1",
        verdict=verdict,
        confidence=confidence,
        headline="h",
        started_at=AT,
        finished_at=AT,
    )
    return Told("shop", report, quiet)


def test_the_window_before_ends_a_minute_before_the_incidents_own() -> None:
    data = replace(bad_deploy(), window=Window(0.0, 1000.0, 1200.0, 1100.0))
    earlier = before_it(data)
    assert earlier is not None
    assert earlier.window == Window(0.0, 740.0, 940.0, 840.0)
    assert earlier.kpis is data.kpis


@pytest.mark.parametrize("start", [0.0, 500.0])
def test_without_a_past_there_is_none(start: float) -> None:
    window = Window(0.0, start, start + 200.0, start + 100.0)
    assert before_it(replace(bad_deploy(), window=window)) is None


def test_what_was_benign_before_is_right_and_in_the_incident_wrong() -> None:
    found = lines(
        [
            told(Verdict.BENIGN, 0.8, quiet=True),
            told(Verdict.BENIGN, 0.8, quiet=True),
            told(Verdict.BENIGN, 0.8, quiet=False),
            told(Verdict.INCONCLUSIVE, None, quiet=True),
            told(Verdict.CAUSE_FOUND, 0.9, quiet=False),
        ]
    )
    assert "shop, before: 2 benign" in found
    assert "shop, incident: 1 cause_found" in found
    assert found[-1] == "benign: 2 of 3 right, 0.80 sure on average, error 0.133"


def test_where_nothing_was_benign_it_says_so() -> None:
    assert lines([told(Verdict.CAUSE_FOUND, 0.9, quiet=True)])[-1] == "nothing was benign"
