"""What holds of findings on any log lines, whatever their names, moments, order and number."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.findings import Finding, FindingKind
from agents.analysis.log_mining.chance import ALONE, bound, strength
from agents.analysis.log_mining.rates import rates_of
from agents.analysis.log_mining.table import tabulated
from agents.analysis.logs import analyse_logs
from agents.analysis.signals import LogRecord, Window
from tests.fakes.healthy_logs import START, WINDOW
from tests.fakes.request_logs import way

STEPS = ("web:ask", "web:answer", "cart:begin", "cart:look", "cart:BROKEN", "db:read", "db:FULL")
WAYS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=6, unique=True).map(" ".join)
SIGMAS = st.floats(-50, 50)


@st.composite
def incidents(draw: st.DrawFn) -> list[LogRecord]:
    """Requests of one way and then of another; no two lines at one moment."""
    usual, other = draw(WAYS), draw(WAYS)
    before, after = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    traced = draw(st.booleans())
    early = [way(i, usual, -290 + 3.01 * i, traced=traced) for i in range(before)]
    late = [way(1000 + i, other, -100 + 1.03 * i, traced=traced) for i in range(after)]
    return [line for one in (*early, *late) for line in one]


def told(lines: list[LogRecord], window: Window = WINDOW) -> list[tuple[object, ...]]:
    return [facts(one) for one in analyse_logs(lines, window)]


def facts(one: Finding, shift: float = 0.0, names: dict[str, str] | None = None) -> tuple[object, ...]:
    service = (names or {}).get(one.service, one.service)
    onset = None if one.onset is None else round(one.onset - shift, 3)
    score = None if one.score is None else round(one.score, 9)
    return service, one.kind, one.direction, score, onset, one.data.get("new"), one.data.get("error")


@settings(max_examples=60)
@given(incidents())
def test_findings_are_sound(lines: list[LogRecord]) -> None:
    found = analyse_logs(lines, WINDOW)
    assert len({one.subject for one in found}) == len(found)
    for one in found:
        if one.kind is FindingKind.NO_DATA:
            assert len(found) == 1
        elif one.kind is FindingKind.NORMAL:
            assert 0 <= (one.score or 0.0) < 1
        else:
            assert 1 <= (one.score or 0.0) < math.inf
            assert one.direction in {-1, 1}
            assert one.onset is not None
            assert WINDOW.start <= one.onset <= WINDOW.end
    calm = {one.service for one in found if one.kind is FindingKind.NORMAL}
    assert not calm & {one.service for one in found if one.kind is not FindingKind.NORMAL}


@settings(max_examples=40)
@given(incidents(), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(lines: list[LogRecord], rng: Random) -> None:
    mixed = list(lines)
    rng.shuffle(mixed)
    assert analyse_logs(mixed, WINDOW) == analyse_logs(lines, WINDOW)


@settings(max_examples=40)
@given(incidents(), st.integers(-10_000, 10_000))
def test_the_clock_does_not_matter(lines: list[LogRecord], hours: int) -> None:
    shift = 3600.0 * hours
    moved = [replace(one, time=one.time + shift) for one in lines]
    later = Window(
        *(moment + shift for moment in (WINDOW.baseline_start, WINDOW.start, WINDOW.end, WINDOW.alarm_at))
    )
    assert [facts(one, shift) for one in analyse_logs(moved, later)] == told(lines)


@settings(max_examples=40)
@given(incidents())
def test_the_names_of_services_do_not_matter(lines: list[LogRecord]) -> None:
    names = {"web": "a-front", "cart": "q17", "db": "z"}
    back = {new: old for old, new in names.items()}
    renamed = [
        replace(one, service=names[one.service], message=one.message.replace(one.service, names[one.service]))
        for one in lines
    ]
    found = [facts(one, names=back) for one in analyse_logs(renamed, WINDOW)]
    assert sorted(map(str, found)) == sorted(map(str, told(lines)))


@settings(max_examples=40)
@given(incidents())
def test_the_names_of_requests_do_not_matter(lines: list[LogRecord]) -> None:
    renamed = [replace(one, trace_id=one.trace_id[::-1] and f"x{one.trace_id[::-1]}") for one in lines]
    assert told(renamed) == told(lines)


@settings(max_examples=40)
@given(incidents())
def test_lines_outside_the_window_do_not_matter(lines: list[LogRecord]) -> None:
    early = way(7777, "web:ask db:FULL", WINDOW.baseline_start - START - 5)
    late = way(8888, "web:ask db:FULL", WINDOW.end - START + 5)
    assert told([*early, *lines, *late]) == told(lines)


@given(st.text(max_size=30), st.sampled_from(["info", "error"]), st.floats(-600, 600))
def test_one_line_makes_no_verdict(message: str, severity: str, at: float) -> None:
    found = analyse_logs([LogRecord(START + at, "web", message, severity)], WINDOW)
    assert all((one.score or 0.0) < ALONE for one in found)


@given(st.text(max_size=20), st.integers(1, 200), st.sampled_from(["", "t-12345678"]))
def test_a_constant_rate_is_as_usual(message: str, a_minute: int, trace: str) -> None:
    count = a_minute * 7
    step = (WINDOW.end - WINDOW.baseline_start) / count
    lines = [
        LogRecord(WINDOW.baseline_start + step * i, "web", f"x {message}", "info", trace)
        for i in range(count)
    ]
    assert all((one.score or 0.0) < 1 for one in analyse_logs(lines, WINDOW))


@given(incidents())
def test_every_line_is_counted_once(lines: list[LogRecord]) -> None:
    table = tabulated(lines)
    assert table.times.tolist() == sorted(one.time for one in lines)
    for moment in (START - 200, START - 100.5, START):
        rates = rates_of(table, moment)
        assert rates.before.sum() == sum(one.time < moment for one in lines)
        assert rates.before.sum() + rates.after.sum() == len(lines)


@given(SIGMAS, SIGMAS, st.integers(0, 10**7))
def test_the_further_off_the_stronger_and_alone_only_beyond_chance(
    one: float, other: float, compared: int
) -> None:
    beyond = bound(compared)
    low, high = sorted((one, other), key=abs)
    assert strength(low, beyond) <= strength(high, beyond)
    assert strength(one, beyond) == strength(-one, beyond)
    if abs(one) < beyond:
        assert strength(one, beyond) < ALONE


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_comparisons_never_lower_the_bound(one: int, other: int) -> None:
    assert bound(min(one, other)) <= bound(max(one, other))
