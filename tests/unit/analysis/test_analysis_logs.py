from __future__ import annotations

import pytest

from agents.analysis.findings import Finding, FindingKind
from agents.analysis.logs import analyse_logs, is_error, template_of
from agents.analysis.signals import LogRecord, Window

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 120, alarm_at=START + 60)


def steady(message: str, every: float, service: str = "pay", until: float = START + 120) -> list[LogRecord]:
    count = int((until - WINDOW.baseline_start) / every)
    return [LogRecord(WINDOW.baseline_start + i * every, service, f"{message} {i}") for i in range(count)]


def burst(message: str, count: int, service: str = "pay", severity: str = "info") -> list[LogRecord]:
    return [LogRecord(START + 30 + i, service, f"{message} {i}", severity) for i in range(count)]


def only(findings: tuple[Finding, ...], kind: FindingKind) -> Finding:
    (found,) = [f for f in findings if f.kind is kind]
    return found


def notable(logs: list[LogRecord], window: Window = WINDOW) -> list[Finding]:
    return [one for one in analyse_logs(logs, window) if one.kind is not FindingKind.NORMAL]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 17 paid in 3.2 ms", "order 99812 paid in 114.75 ms"),
        ("user 5f1c2a9e-0b1d-4c3a-9f00-1a2b3c4d5e6f in", "user 00000000-1111-2222-3333-444444444444 in"),
        ("2026-11-21T02:31:12Z start", "2026-11-22T17:00:59Z start"),
        ('get "http://a/b" failed', 'get "http://c" failed'),
        ("trace d05eb43997 done", "trace 9cb39855e5 done"),
        ("items [a, b] left", "items [c, d, e] left"),
        ("peer 10.1.163.217:8080 gone", "peer 10.9.1.7:80 gone"),
    ],
)
def test_what_varies_does_not_tell_lines_apart(one: str, other: str) -> None:
    assert template_of(one) == template_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("Orders#12 enter", "Orders#15 enter"),
        ("app.py:12 enter", "app.py:40 enter"),
        ("retry 1 of payment", "retry 1 of order"),
    ],
)
def test_what_the_code_says_tells_lines_apart(one: str, other: str) -> None:
    assert template_of(one) != template_of(other)


def test_a_list_of_values_does_not_split_a_template() -> None:
    head = "s.Seats#65 left tickets are Ticket(no=1, from=a), "
    assert template_of(head + "Ticket(no=2, from=b), " * 10) == template_of(
        head + "Ticket(no=3, from=b), " * 50
    )


@pytest.mark.parametrize(
    ("message", "severity", "expected"),
    [
        ("all is well", "error", True),
        ("all is well", "FATAL", True),
        ("ERROR could not connect", "", True),
        ("java.lang.IllegalStateException: no", "info", True),
        ("INFO handled error 3 times", "", False),
        ("terrorists", "", False),
        ("request served", "info", False),
    ],
)
def test_failures_are_known_by_severity_or_words(message: str, severity: str, expected: bool) -> None:
    assert is_error(LogRecord(0.0, "pay", message, severity)) is expected


def test_a_new_error_is_a_burst_with_its_count_and_first_moment() -> None:
    findings = analyse_logs(
        [*steady("paid order", 1.0), *burst("card declined by bank", 20, severity="error")], WINDOW
    )
    finding = only(findings, FindingKind.ERROR_BURST)
    assert finding.service == "pay"
    assert finding.onset == START + 30
    assert finding.direction == 1
    assert finding.data["new"] is True
    assert finding.data["observed"] == 20
    assert 'pay logs a new error line "card declined by bank *" 20 times in' in finding.statement
    assert finding.statement.endswith("first at 22:13:50")


def test_a_new_calm_line_is_told_as_new() -> None:
    findings = analyse_logs([*steady("paid order", 1.0), *burst("cache rebuilt", 40)], WINDOW)
    assert only(findings, FindingKind.NEW_LOG_TEMPLATE).data["template"] == "cache rebuilt *"


def test_an_error_weighs_more_than_a_calm_line_of_the_same_count() -> None:
    lines = steady("paid order", 1.0)
    error = analyse_logs([*lines, *burst("no answer", 30, severity="error")], WINDOW)[0]
    calm = analyse_logs([*lines, *burst("no answer", 30)], WINDOW)[0]
    assert error.score is not None
    assert calm.score is not None
    assert error.score == pytest.approx(2 * calm.score)


def test_a_line_that_stops_while_its_service_goes_on_is_told() -> None:
    lines = [*steady("asked", 1.0), *steady("answered", 1.0, until=START)]
    finding = only(analyse_logs(lines, WINDOW), FindingKind.LOG_RATE_CHANGE)
    assert finding.direction == -1
    assert finding.data["template"] == "answered *"
    assert "less often than its load explains" in finding.statement


def test_twice_the_load_is_no_finding() -> None:
    lines = [*steady("asked", 1.0), *steady("answered", 1.0)]
    more = [LogRecord(START + i + 0.5, "pay", f"{m} {i}") for i in range(120) for m in ("asked", "answered")]
    assert notable([*lines, *more]) == []


def test_half_the_load_is_no_finding() -> None:
    lines = [*steady("asked", 1.0), *steady("answered", 1.0)]
    thinned = [r for i, r in enumerate(lines) if r.time < START or i % 2]
    assert notable(thinned) == []


def test_fewer_errors_accuse_nobody() -> None:
    lines = [*steady("asked", 1.0), *steady("failed with error", 2.0, until=START)]
    (calm,) = analyse_logs(lines, WINDOW)
    assert (calm.kind, calm.data["fewer_errors"]) == (FindingKind.NORMAL, True)
    assert calm.statement.endswith("come as usual for its load, errors less often")
    assert calm.score == 0.0


def test_at_most_four_findings_a_service() -> None:
    lines = steady("asked", 1.0)
    for word in ("one", "two", "three", "four", "five", "six"):
        lines += burst(f"broke {word}", 30, severity="error")
    assert len(analyse_logs(lines, WINDOW)) == 4


@pytest.mark.parametrize("lines", [[], [LogRecord(START + 90, "pay", "no answer", "error")] * 50])
def test_without_healthy_lines_nothing_is_said(lines: list[LogRecord]) -> None:
    assert [f.kind for f in analyse_logs(lines, WINDOW)] == [FindingKind.NO_DATA]


def test_the_split_finds_an_incident_that_began_long_before_the_alarm() -> None:
    early = Window(WINDOW.baseline_start, START - 300, START + 120, START + 60)
    lines = [*steady("asked", 1.0), *burst("no answer", 60, severity="error")]
    finding = only(analyse_logs(lines, early), FindingKind.ERROR_BURST)
    assert "60 times in" in finding.statement
    assert finding.onset == START + 30


def test_lines_outside_the_window_are_not_read() -> None:
    late = [LogRecord(WINDOW.end + 1 + i, "pay", "no answer", "error") for i in range(50)]
    assert notable([*steady("asked", 1.0), *late]) == []
