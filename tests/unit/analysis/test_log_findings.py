"""Which lines are told, with which figures, and where healthy and incident lines are divided."""

from __future__ import annotations

import math
import random

import pytest

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.logs import analyse_logs, is_error, template_of
from agents.analysis.signals import LogRecord, Window
from tests.fakes.about import about

START = 1_700_000_000.0
# No lead: the window's start is the only moment to divide at.
PLAIN = Window(baseline_start=START - 600, start=START, end=START + 120, alarm_at=START)


def lines(message: str, count: int, first: float, step: float = 1.0, **more: str) -> list[LogRecord]:
    service, severity = more.get("service", "pay"), more.get("severity", "info")
    return [LogRecord(START + first + step * i, service, message, severity) for i in range(count)]


def found(*groups: list[LogRecord], window: Window = PLAIN) -> tuple[Finding, ...]:
    """What is notable."""
    told = analyse_logs([line for group in groups for line in group], window)
    return tuple(one for one in told if one.kind is not FindingKind.NORMAL)


def score(observed: float, expected: float, factor: float) -> float:
    noise = math.sqrt(1.0 + min(factor, 4.0))
    return (math.sqrt(observed + 3 / 8) - math.sqrt(expected + 3 / 8)) / (2.0 * noise)


# A hundred lines in ten minutes, twenty in the two that follow: the load goes on at a fifth of the count.
STEADY = [*lines("asked", 100, -600.0, 6.0), *lines("asked", 20, 0.0, 6.0)]


def test_a_new_line_is_told_with_count_and_first_moment() -> None:
    (finding,) = found(STEADY, lines("rebuilt cache", 30, 10.0))
    assert (finding.source, finding.kind) == (Source.LOGS, FindingKind.NEW_LOG_TEMPLATE)
    assert finding.subject == "pay|rebuilt cache|new_log_template"
    assert finding.statement == 'pay logs a new log line "rebuilt cache" 30 times in 2 min, first at 22:13:30'
    assert (finding.score, finding.onset, finding.direction) == (about(score(30, 0, 0.2)), START + 10, 1)
    assert finding.data == {
        "template": "rebuilt cache",
        "expected": 0.0,
        "observed": 30.0,
        "new": True,
        "error": False,
        "failure": "",
    }


def test_a_line_that_comes_more_often_than_the_load_explains() -> None:
    (finding,) = found(STEADY, lines("retry", 10, -500.0), lines("retry", 40, 20.0))
    assert finding.kind is FindingKind.LOG_RATE_CHANGE
    assert finding.statement == (
        'pay logs the log line "retry" more often than its load explains: 40 times in 2 min, 2 expected'
    )
    assert (finding.score, finding.onset, finding.direction) == (about(score(40, 2, 0.2)), START + 20, 1)
    assert finding.data["new"] is False


def test_a_line_that_stopped_has_its_onset_at_the_division() -> None:
    (finding,) = found(STEADY, lines("paid", 100, -600.0, 6.0))
    assert finding.statement == (
        'pay logs the log line "paid" less often than its load explains: 0 times in 2 min, 20 expected'
    )
    assert (finding.onset, finding.direction) == (START, -1)
    # The others may have gone on by their own noise less: 20 lines show the load to a fifth or so.
    assert finding.score is not None
    assert 1.0 < finding.score < -score(0, 20, 0.2)


def test_a_line_that_was_there_before_is_not_new_though_its_service_fell_silent() -> None:
    told = found(STEADY, lines("paid", 500, -600.0))
    (asked,) = (f for f in told if f.data["template"] == "asked")
    assert (asked.kind, asked.data["new"]) == (FindingKind.LOG_RATE_CHANGE, False)
    assert "a new log line" not in asked.statement


def test_an_error_that_grew_weighs_double() -> None:
    (finding,) = found(STEADY, lines("no answer", 30, 10.0, severity="error"))
    assert finding.kind is FindingKind.ERROR_BURST
    assert finding.score == pytest.approx(2 * score(30, 0, 0.2))
    assert 'a new error line "no answer"' in finding.statement


def test_one_error_among_equal_lines_makes_them_errors() -> None:
    (finding,) = found(STEADY, lines("no answer", 29, 10.0), lines("no answer", 1, 50.0, severity="fatal"))
    assert finding.data["error"] is True


def test_errors_that_stop_are_good_news() -> None:
    assert found(STEADY, lines("no answer", 100, -600.0, 6.0, severity="error")) == ()


@pytest.mark.parametrize(("count", "told"), [(2, False), (3, True)])
def test_what_is_not_notable_is_not_told(count: int, told: bool) -> None:
    # The doubled score of two new error lines is 0.85, that of three 1.12.
    assert bool(found(STEADY, lines("no answer", count, 10.0, severity="error"))) is told


def test_the_strongest_comes_first_over_all_services() -> None:
    other = [*lines("asked", 100, -600.0, 6.0, service="web"), *lines("asked", 20, 0.0, 6.0, service="web")]
    told = found(STEADY, other, lines("a", 30, 1.0), lines("b", 60, 1.0, service="web"), lines("c", 45, 1.0))
    assert [(f.service, f.data["template"]) for f in told] == [("web", "b"), ("pay", "c"), ("pay", "a")]


def test_at_most_four_of_a_service_the_strongest() -> None:
    told = found(STEADY, *(lines(f"line {word}", 20 + 10 * i, 1.0) for i, word in enumerate("abcdef")))
    assert [f.data["template"] for f in told] == ["line f", "line e", "line d", "line c"]


def test_each_service_has_a_load_of_its_own() -> None:
    twice = [*lines("asked", 100, -600.0, 6.0, service="web"), *lines("asked", 200, 0.0, 0.5, service="web")]
    assert found(STEADY, twice) == ()


def test_a_long_line_is_cut_in_subject_and_sentence() -> None:
    (finding,) = found(STEADY, lines("word " * 60, 30, 10.0))
    template = str(finding.data["template"])
    assert len(template) == 140
    assert finding.subject == f"pay|{template[:120]}|new_log_template"
    assert template not in finding.statement


class TestDivision:
    """The moment of greatest contrast between the window's start and the alarm, in steps of a quarter of a minute."""

    LEAD = Window(baseline_start=START - 600, start=START - 300, end=START + 120, alarm_at=START)

    @pytest.mark.parametrize("began", [-270.0, -150.0, -30.0, 0.0])
    def test_it_is_where_the_new_lines_begin(self, began: float) -> None:
        (finding,) = found(STEADY, lines("no answer", 60, began, severity="error"), window=self.LEAD)
        assert finding.data["expected"] == 0.0
        assert finding.data["observed"] == 60.0
        assert finding.onset == START + began

    def test_healthy_lines_must_be_a_quarter_of_the_incidents(self) -> None:
        enough = [*lines("asked", 10, -600.0), *lines("asked", 40, 1.0)]
        assert found(enough) == ()
        (nothing,) = found([*lines("asked", 9, -600.0), *lines("asked", 40, 1.0)])
        assert nothing.kind is FindingKind.NO_DATA

    def test_a_later_moment_with_a_baseline_serves(self) -> None:
        late = [*lines("asked", 60, -250.0), *lines("no answer", 60, -30.0, severity="error")]
        told = found(late, window=self.LEAD)
        assert [f.kind for f in told] == [FindingKind.ERROR_BURST]

    @pytest.mark.parametrize("outside", [-601.0, 121.0])
    def test_lines_outside_the_window_do_not_count(self, outside: float) -> None:
        assert found(STEADY, lines("no answer", 1, outside, severity="error") * 50) == ()

    @pytest.mark.parametrize("edge", [-600.0, 120.0])
    def test_its_ends_belong_to_it(self, edge: float) -> None:
        told = found(STEADY, lines("no answer", 1, edge, severity="info") * 300)
        assert len(told) == 1

    def test_a_line_at_the_division_is_an_incidents(self) -> None:
        (finding,) = found(STEADY, lines("rebuilt cache", 1, 0.0) * 30)
        assert finding.data["new"] is True


def test_the_order_of_lines_does_not_matter() -> None:
    mixed = [*STEADY, *lines("no answer", 30, 10.0, severity="error"), *lines("cache", 40, 5.0)]
    ordered = analyse_logs(mixed, PLAIN)
    random.Random(1).shuffle(mixed)
    assert analyse_logs(mixed, PLAIN) == ordered


def test_too_few_lines_are_said_to_be_too_few() -> None:
    (finding,) = found()
    assert (finding.subject, finding.service) == ("||no_data", "")
    assert (
        finding.statement == "There are no log lines, or too few before the incident to know what is healthy"
    )


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("order 17 paid", "order * paid"),
        ("took 3.25ms of 10s", "took * of *"),
        ("a  b\t c\n d", "a b c d"),
        ("user 'anna' left", "user * left"),
        ("at 2026-11-21T02:31:12.123Z now", "at * now"),
        ("on 21/11/2026 now", "on * now"),
        ("hash deadbeef1 and deadbeef", "hash * and deadbeef"),
        ("abc12 is short, 12 is a number", "abc12 is short, * is a number"),
        ("trip G1234 of u-20411 left", "trip * of * left"),
        ("map {a: 1, b: 2} done", "map * done"),
        ("args [x=1] and [word]", "args * and [word]"),
        ("Orders#12 at app.py:40", "Orders#12 at app.py:40"),
        ("delta -5 +7", "delta * *"),
        ("v1 node-2 x86", "v1 node* x86"),
        ("", ""),
    ],
)
def test_what_varies_becomes_a_star(message: str, template: str) -> None:
    assert template_of(message) == template


def test_only_the_beginning_of_a_line_tells_its_statement() -> None:
    head = "x" * 320
    assert template_of(head + "abc") == template_of(head + "def")
    assert template_of("word " * 20 + "a") != template_of("word " * 20 + "b")


@pytest.mark.parametrize("level", ["error", "Fatal", "CRITICAL", "severe", "emergency", "alert", "panic"])
def test_a_level_of_failure_is_believed_whatever_the_words(level: str) -> None:
    assert is_error(LogRecord(0.0, "pay", "INFO all is well", level))


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("Traceback (most recent call last)", True),
        ("kernel panic", True),
        ("TimeoutError: 5 s", True),
        ("SomeException thrown", True),
        ("DEBUG fatal=false", False),
        ("TRACE error path", False),
        ("information about an error", True),
        ("errors: 0", False),
        ("Exceptional service", False),
        ("x" * 320 + " error", False),
    ],
)
def test_words_of_failure_count_unless_the_line_names_a_calm_level(message: str, failure: bool) -> None:
    assert is_error(LogRecord(0.0, "pay", message, "")) is failure
