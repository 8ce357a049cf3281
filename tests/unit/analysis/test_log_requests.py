"""Lines within their requests: which requests are known, what departs, and in which service it departed first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.findings import Finding, FindingKind
from agents.analysis.log_mining.chance import ALONE, bound, strength
from agents.analysis.log_mining.departures import flows_of
from agents.analysis.log_mining.shares import sigmas_between
from agents.analysis.log_mining.table import NOWHERE, tabulated
from agents.analysis.logs import analyse_logs
from agents.analysis.signals import LogRecord
from tests.fakes.about import about
from tests.fakes.healthy_logs import START, WINDOW
from tests.fakes.request_logs import requests, way

USUAL = "web:ask cart:begin cart:look db:read cart:found web:answer"
NEEDED = requests(100, USUAL, -290.0, step=2.0)


def told(*groups: list[LogRecord]) -> list[Finding]:
    lines = [line for group in groups for line in group]
    return [one for one in analyse_logs(lines, WINDOW) if one.kind is not FindingKind.NORMAL]


def lost(steps: str, *, count: int = 40) -> list[Finding]:
    """The healthy requests, and then so many of another way."""
    return told(NEEDED, requests(count, steps, -80.0, number=1000))


@pytest.mark.parametrize(
    "text",
    [
        "INFO TraceID: 88ebfbcebbbc0884eabd9178e1808940 SpanID: dd84024eb1cbced4 asked",
        'asked "trace_id": "88ebfbcebbbc0884eabd9178e1808940"',
        "asked request-id=88ebfbcebbbc0884",
        "asked [correlation_id=88ebfbce-bbbc]",
        "asked traceparent 00-88ebfbcebbbc0884eabd9178e1808940-dd84024eb1cbced4-01",
    ],
)
def test_a_line_may_name_its_request_in_its_words(text: str) -> None:
    table = tabulated([LogRecord(0.0, "web", text), LogRecord(1.0, "web", text.replace("asked", "told"))])
    assert table.request.tolist() == [0, 0]
    assert table.visit.tolist() == [0, 0]


@pytest.mark.parametrize("trace", ["", "0" * 32, "0-0"])
def test_no_trace_is_no_request(trace: str) -> None:
    table = tabulated([LogRecord(float(i), "web", f"word {'ab'[i]}", trace_id=trace) for i in range(2)])
    assert table.request.tolist() == [NOWHERE, NOWHERE]
    assert flows_of(table) is None


def test_the_trace_of_a_record_is_its_request() -> None:
    table = tabulated([*way(1, "web:ask cart:look", 0.0), *way(2, "web:ask cart:look", 1.0)])
    assert table.request.tolist() == [0, 0, 1, 1]
    assert table.visit.tolist() == [0, 1, 2, 3]


def test_spans_of_one_request_are_visits_of_their_own() -> None:
    spans = ["aaaaaaaa11111111", "aaaaaaaa11111111", "bbbbbbbb22222222", "bbbbbbbb22222222"]
    lines = [
        LogRecord(float(i), "db", f"TraceID: 88ebfbcebbbc0884 SpanID: {span} {'begin' if i % 2 else 'end'}")
        for i, span in enumerate(spans)
    ]
    table = tabulated(lines)
    assert (table.request.tolist(), table.visit.tolist()) == ([0, 0, 0, 0], [0, 0, 1, 1])


def test_statements_that_always_stand_alone_tell_of_no_way() -> None:
    alone = [LogRecord(START + 50 + i, "web", "served", trace_id=f"lonely-{i:08d}") for i in range(5)]
    table = tabulated([*way(1, "cart:ask cart:look", 0.0), *alone])
    assert table.request.tolist() == [0, 0, *[NOWHERE] * 5]


def test_a_request_that_ends_early_is_kept_where_others_go_on() -> None:
    table = tabulated([*way(1, "cart:ask cart:look", 0.0), *way(2, "cart:ask", 9.0)])
    assert table.request.tolist() == [0, 0, 1]


def test_of_very_many_requests_an_even_share_is_read() -> None:
    lines = [line for i in range(5000) for line in way(i, "cart:ask cart:look", 0.01 * i)]
    table = tabulated(lines)
    named = np.flatnonzero(table.request != NOWHERE)
    assert table.request.max() + 1 == 4000
    assert named.size == 8000
    assert (named[0], named[-1]) == (0, 9999)


def test_without_lines_the_table_is_empty() -> None:
    table = tabulated([])
    assert (table.times.size, table.statements, table.services) == (0, (), ())
    assert flows_of(table) is None


def test_more_load_of_the_same_ways_is_as_usual() -> None:
    assert lost(USUAL, count=40) == []
    assert told(NEEDED, requests(300, USUAL, -80.0, step=0.2, number=1000)) == []


def test_a_line_that_no_longer_follows_is_told_with_its_shares() -> None:
    first = lost("web:ask cart:begin cart:look db:read web:answer")[0]
    assert (first.service, first.direction, first.kind) == ("cart", -1, FindingKind.LOG_RATE_CHANGE)
    assert (first.data["template"], first.data["after"], first.data["after_of"]) == ("cart said found", 0, 40)
    assert first.data["before"] == first.data["before_of"] == 100
    assert "in 0 of 40 requests that" in first.statement
    assert first.statement.endswith("in 100 of 100 before")
    assert (first.score or 0.0) >= ALONE


def test_a_new_error_within_requests_is_a_burst_with_its_first_moment() -> None:
    first = lost("web:ask cart:begin cart:look cart:BROKEN db:read cart:found web:answer")[0]
    assert (first.service, first.kind, first.direction) == ("cart", FindingKind.ERROR_BURST, 1)
    assert (first.data["new"], first.data["error"]) == (True, True)
    assert first.onset == about(START - 80 + 0.003)


def test_errors_that_requests_no_longer_write_accuse_nobody() -> None:
    before = requests(100, "web:ask cart:OOPS web:answer", -290.0, step=2.0)
    assert told(before, requests(40, "web:ask web:answer", -80.0, number=1000)) == []


def test_who_left_the_way_first_is_accused_not_who_waits_above() -> None:
    found = lost("web:ask cart:begin cart:look db:FAILED cart:LOST web:SORRY")
    assert found[0].service == "db"
    assert {one.service for one in found} == {"db"}


def test_of_who_was_explained_away_it_is_not_said_that_all_is_usual() -> None:
    lines = [
        *NEEDED,
        *requests(40, "web:ask cart:begin cart:look db:FAILED cart:LOST web:SORRY", -80.0, number=1000),
    ]
    calm = {one.service for one in analyse_logs(lines, WINDOW) if one.kind is FindingKind.NORMAL}
    assert not calm & {"cart", "web", "db"}


def test_a_service_that_is_no_longer_begun_is_told_though_it_writes_nothing() -> None:
    found = lost("web:ask cart:begin cart:look cart:found web:answer")
    assert (found[0].service, found[0].direction) == ("db", -1)


def test_a_service_that_fell_silent_is_not_said_to_be_as_usual() -> None:
    lines = [LogRecord(START - 299 + i, "pay", "paid") for i in range(100)]
    others = [LogRecord(START - 299 + i, "web", "asked") for i in range(400)]
    assert [one.service for one in analyse_logs([*lines, *others], WINDOW)] == ["web"]


def test_too_few_requests_show_no_share() -> None:
    few, many = np.array([2.0]), np.array([50.0])
    all_, none = np.array([1.0]), np.array([0.0])
    assert sigmas_between(few, many, all_, none)[0] == 0
    assert sigmas_between(many, np.array([1.0]), all_, none)[0] == 0
    assert sigmas_between(many, many, all_, none)[0] < -10


def test_equal_shares_are_no_deviation_whatever_their_size() -> None:
    counts = np.array([10.0, 100.0, 1000.0])
    half = np.full(3, 0.5)
    assert np.abs(sigmas_between(counts, counts, half, half)).max() < 1e-9


def test_the_more_is_compared_the_further_off_it_must_be() -> None:
    bounds = [bound(n) for n in (0, 1, 10, 1000, 100_000)]
    assert bounds[0] == bounds[1] == about(1.959964)
    assert bounds == sorted(bounds)
    # The odds of m comparisons together, were they independent.
    assert 1 - (1 - math.erfc(bound(1000) / math.sqrt(2))) ** 1000 == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize(
    ("sigmas", "expected"), [(0.0, 0.0), (2.0, 1.0), (-2.0, 1.0), (4.4, 1.485), (4.5, 2.25)]
)
def test_within_chance_a_deviation_is_no_verdict(sigmas: float, expected: float) -> None:
    assert strength(sigmas, 4.5) == about(expected)
