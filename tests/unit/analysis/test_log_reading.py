"""How single lines are read: statements, structured lines, words of failure."""

from __future__ import annotations

import json

import pytest

from agents.analysis.log_mining.failures import failure_class, status_class
from agents.analysis.log_mining.plain import plain
from agents.analysis.log_mining.templates import merged, place_of, read_line


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('{"level": "warn", "msg": "slow answer", "ms": 12}', "WARN slow answer"),
        ('{"message": "paid", "error": "none left"}', "paid none left"),
        ('{"ms": 12}', '{"ms": 12}'),
        ("{not json", "{not json"),
        ("[1, 2]", "[1, 2]"),
        ('level=error msg="no answer" ms=12', "ERROR no answer"),
        ('ts=1 level=info msg="said \\"no\\"" x=', 'INFO said \\"no\\"'),
        ("rate=5 is high", "rate=5 is high"),
        ("", ""),
    ],
)
def test_structured_lines_are_read_as_sentences(message: str, told: str) -> None:
    assert plain(message).replace('"', "") == told.replace('"', "")


def test_a_structured_line_too_long_to_read_stays_as_it_is() -> None:
    long = json.dumps({"msg": "x" * 20_000})
    assert plain(long) == long


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ('"GET /cart HTTP/1.1" 503 12', True),
        ("POST /pay 500 in 12 ms", True),
        ("status=502 from bank", True),
        ("GET /cart/500 200", False),
        ("sold 503 items", False),
        ("GET /cart 404", False),
    ],
)
def test_an_answer_that_failed_is_a_statement_of_its_own(line: str, failed: bool) -> None:
    template, failure = read_line(line)
    assert failure is failed
    assert template.endswith(" 5xx") is failed


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("java.net.ConnectException: refused", "ConnectException"),
        ("IOError after ValueError", "ValueError"),
        ("rpc failed: code = UNAVAILABLE", "UNAVAILABLE"),
        ("HTTP/1.1 503 nothing", "HTTP 5xx"),
        ("HTTP/1.1 404 nothing", ""),
        ("all is well", ""),
    ],
)
def test_what_failed_is_named(text: str, kind: str) -> None:
    assert failure_class(text) == kind


def test_a_status_stands_behind_its_name() -> None:
    assert [status_class(one) for one in ("status: 201", 'status_code="404"', "507 left")] == [
        "2xx",
        "4xx",
        "",
    ]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("t.s.TravelServiceImpl#459 Seat", "t.s.TravelServiceImpl#459"),
        ("INFO app.py:12 done", "app.py:12"),
        ("order#17 paid", ""),
        ("db.shop:5432 gone", ""),
        ("x" * 130 + " app.py:12", ""),
    ],
)
def test_the_place_in_the_code_is_known(message: str, place: str) -> None:
    assert place_of(message) == place


def test_a_word_that_takes_many_values_is_a_value() -> None:
    names = [f"user {name} left" for name in ("ann", "bob", "cy", "dan", "eve", "flo", "gil", "hal", "ida")]
    assert set(merged([*names, "user was told"]).values()) == {"user * left", "user was told"}


def test_few_different_words_are_different_statements() -> None:
    told = [f"user {name} left" for name in ("ann", "bob", "cy")]
    assert merged(told) == {one: one for one in told}


def test_no_statements_merge_to_none() -> None:
    assert merged([]) == {}
