"""Findings as evidence events and back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.findings import Finding, FindingKind, Source
from agents.investigation.evidence import (
    ABSENT,
    evidence_of,
    finding_name,
    finding_of,
    fingerprint,
    unreachable,
)
from agents.investigation.memory import request_for
from agents.ports import Fetched
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import StepClock, context_for
from tests.fakes.node_orders import WINDOW_END, order_for

CONTEXT = context_for(healthy())
WINDOW = order_for(CONTEXT).window


def finding(**changes: Any) -> Finding:
    base: dict[str, Any] = {
        "source": Source.KPIS,
        "kind": FindingKind.LEVEL_SHIFT,
        "service": "cart",
        "subject": "cart|cpu|level_shift",
        "statement": "cart cpu rose",
        "indicator": "cpu",
        "score": 2.5,
        "onset": 1_700_000_000.0,
        "direction": 1,
        "data": {"before": 1.0},
    }
    return Finding(**{**base, **changes})


def test_an_event_says_who_when_and_by_which_query() -> None:
    fetched: Fetched[object] = Fetched(
        items=(), query="SELECT 1", rows_read=3, duration_ms=4, fresh_until=WINDOW_END
    )
    one = evidence_of(finding(), WINDOW, fetched, CONTEXT)
    request = request_for(healthy())
    assert (one.tenant, one.investigation_id) == ("local", request.investigation_id)
    assert (one.incident_id, one.step) == (request.incident.incident_id, "kpis")
    assert (one.window_start, one.window_end) == (WINDOW.baseline_start, WINDOW.end)
    assert (one.query, one.data_fresh_until) == ("SELECT 1", WINDOW_END)
    assert one.occurred_at == CONTEXT.started_at
    assert json.loads(one.data) == {"before": 1.0}


def test_what_was_asked_of_nobody_has_no_query() -> None:
    one = evidence_of(finding(), WINDOW, None, CONTEXT)
    assert (one.query, one.data_fresh_until) == ("", None)


def test_its_id_is_that_of_the_finding_in_the_investigation() -> None:
    one = evidence_of(finding(), WINDOW, None, CONTEXT)
    told_otherwise = finding(statement="other words", score=9.0, kind=FindingKind.SPIKE)
    assert evidence_of(told_otherwise, WINDOW, None, CONTEXT).event_id == one.event_id
    assert evidence_of(finding(subject="cart|cpu|spike"), WINDOW, None, CONTEXT).event_id != one.event_id
    assert evidence_of(finding(source=Source.LOGS), WINDOW, None, CONTEXT).event_id != one.event_id


def test_a_run_that_begins_again_tells_the_same_event() -> None:
    again = replace(CONTEXT, attempt=2, worker="w2")
    assert evidence_of(finding(), WINDOW, None, again) == evidence_of(finding(), WINDOW, None, CONTEXT)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_unknown(score: float) -> None:
    assert evidence_of(finding(score=score), WINDOW, None, CONTEXT).score is None


@pytest.mark.parametrize("onset", [None, math.nan, math.inf])
def test_an_onset_that_is_no_moment_is_unknown(onset: float | None) -> None:
    assert evidence_of(finding(onset=onset), WINDOW, None, CONTEXT).onset is None


def test_figures_that_json_cannot_hold_are_unknown() -> None:
    data = {"a": math.nan, "b": math.inf, "c": 1.5, "d": "x", "e": True, "f": None, "g": 3}
    kept = json.loads(evidence_of(finding(data=data), WINDOW, None, CONTEXT).data)
    assert kept == {"a": None, "b": None, "c": 1.5, "d": "x", "e": True, "f": None, "g": 3}


def test_a_finding_comes_back_as_it_was() -> None:
    assert finding_of(evidence_of(finding(), WINDOW, None, CONTEXT)) == finding()


scalars = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)


findings = st.builds(
    finding,
    source=st.sampled_from(Source),
    kind=st.sampled_from(FindingKind),
    score=st.none() | st.floats(0.0, 1e12),
    onset=st.none() | st.integers(0, 4 * 10**9).map(float),
    direction=st.sampled_from([-1, 0, 1]),
    data=st.dictionaries(st.text(max_size=10), scalars, max_size=5),
)


@settings(deadline=None, max_examples=50)
@given(findings)
def test_any_finding_survives_being_published(told: Finding) -> None:
    assert finding_of(evidence_of(told, WINDOW, None, CONTEXT)) == told


class TestNames:
    def test_a_short_subject_is_its_own_name(self) -> None:
        assert finding_name("cart|cpu|spike") == "cart|cpu|spike"
        assert finding_name("x" * 256) == "x" * 256

    def test_no_subject_has_a_name_too(self) -> None:
        assert finding_name("") == "-"

    def test_a_long_one_is_cut_and_keeps_its_identity(self) -> None:
        one, other = finding_name("x" * 257), finding_name("x" * 258)
        assert one != other
        assert one.startswith("x" * 220 + "~")
        assert len(one) <= 256
        assert finding_name("x" * 257) == one

    @settings(deadline=None, max_examples=50)
    @given(st.text(max_size=600))
    def test_a_name_always_fits_its_event(self, subject: str) -> None:
        assert 1 <= len(finding_name(subject)) <= 256


class TestFingerprints:
    BASE = evidence_of(finding(), WINDOW, None, CONTEXT)

    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": FindingKind.SPIKE},
            {"service": "web"},
            {"indicator": "memory"},
            {"statement": "fell"},
            {"score": 2.6},
            {"direction": -1},
            {"onset": 1_700_000_001.0},
            {"data": {"before": 2.0}},
        ],
    )
    def test_another_content_is_another_finding(self, changes: dict[str, Any]) -> None:
        other = evidence_of(finding(**changes), WINDOW, None, CONTEXT)
        assert fingerprint(other) != fingerprint(self.BASE)

    def test_another_window_query_or_time_is_not(self) -> None:
        later = context_for(healthy(), clock=StepClock(99.0))
        fetched: Fetched[object] = Fetched(
            items=(), query="SELECT 2", rows_read=0, duration_ms=0, fresh_until=WINDOW_END
        )
        other = evidence_of(finding(), WINDOW.wider(4.0, 3600.0), fetched, later)
        assert fingerprint(other) == fingerprint(self.BASE)


def test_a_source_that_cannot_be_read_is_told_with_the_reason() -> None:
    away = unreachable(Source.LOGS, "time-out")
    assert away.kind in ABSENT
    assert (away.source, away.service, away.score) == (Source.LOGS, "", None)
    assert away.statement == "The logs could not be read: time-out"
    assert away.data == {"reason": "time-out"}
    assert FindingKind.NO_DATA in ABSENT
    assert len(ABSENT) == 2
