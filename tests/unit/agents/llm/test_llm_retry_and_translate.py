from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import openai
import pytest

from agents.llm.attempt import AttemptOutcome
from agents.llm.failures import AttemptFailure, OutputInvalid, RateLimited, ServerFailed, TimedOut
from agents.llm.providers.structured import read_json
from agents.llm.providers.translate import retry_after_s, translate
from agents.llm.retry import RetryPolicy

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
REQUEST = httpx2.Request("POST", "http://model/v1/chat/completions")


def test_backoff_doubles_up_to_its_cap_and_ends() -> None:
    policy = RetryPolicy(max_attempts=7, base_s=1, cap_s=10)
    waits = [policy.delay_s(TimedOut(), tries, lambda: 1.0) for tries in range(1, 8)]
    assert waits == [1, 2, 4, 8, 10, 10, None]


def test_jitter_spreads_over_the_whole_range() -> None:
    assert RetryPolicy(base_s=4).delay_s(TimedOut(), 1, lambda: 0.25) == 1


@pytest.mark.parametrize("kind", [RateLimited, ServerFailed])
def test_retry_after_is_a_lower_bound(kind: type[RateLimited | ServerFailed]) -> None:
    policy = RetryPolicy(base_s=1, max_retry_after_s=30)
    assert policy.delay_s(kind("slow down", 12.0), 1, lambda: 0.0) == 12
    assert policy.delay_s(kind("slow down", 12.0), 1, lambda: 0.5) == 12.5
    assert policy.delay_s(kind("slow down", 31.0), 1, lambda: 0.5) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 01 Nov 2026 12:00:20 GMT"}, 20.0),
        ({"retry-after": "Sun, 01 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-4"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, AttemptOutcome.BAD_REQUEST),
        (401, AttemptOutcome.UNAUTHENTICATED),
        (402, AttemptOutcome.QUOTA),
        (403, AttemptOutcome.FORBIDDEN),
        (404, AttemptOutcome.MODEL_NOT_FOUND),
        (408, AttemptOutcome.SERVER_ERROR),
        (413, AttemptOutcome.CONTEXT_LENGTH),
        (422, AttemptOutcome.BAD_REQUEST),
        (429, AttemptOutcome.RATE_LIMITED),
        (500, AttemptOutcome.SERVER_ERROR),
        (502, AttemptOutcome.SERVER_ERROR),
        (503, AttemptOutcome.SERVER_ERROR),
        (529, AttemptOutcome.SERVER_ERROR),
    ],
)
def test_every_status_is_one_outcome(status: int, outcome: AttemptOutcome) -> None:
    response = httpx2.Response(status, request=REQUEST)
    assert translate(openai.APIStatusError("no", response=response, body=None), NOW).OUTCOME is outcome


@pytest.mark.parametrize(
    ("cause", "outcome", "billed"),
    [
        (httpx2.ConnectError("refused"), AttemptOutcome.CONNECTION, False),
        (httpx2.ConnectTimeout("slow"), AttemptOutcome.CONNECTION, False),
        (httpx2.RemoteProtocolError("closed"), AttemptOutcome.CUT_STREAM, True),
        (httpx2.ReadError("reset"), AttemptOutcome.CUT_STREAM, True),
    ],
)
def test_only_a_connection_that_never_was_costs_nothing(
    cause: Exception, outcome: AttemptOutcome, billed: bool
) -> None:
    error = openai.APIConnectionError(request=REQUEST)
    error.__cause__ = cause
    failure = translate(error, NOW)
    assert (outcome, billed) == (failure.OUTCOME, failure.BILLED)


def test_a_read_timeout_may_be_billed() -> None:
    failure = translate(openai.APITimeoutError(request=REQUEST), NOW)
    assert (failure.OUTCOME, failure.BILLED) == (AttemptOutcome.TIMEOUT, True)


def test_what_nobody_knows_is_an_invalid_answer() -> None:
    assert translate(KeyError("choices"), NOW).OUTCOME is AttemptOutcome.INVALID_OUTPUT


def test_every_failure_has_its_own_outcome() -> None:
    def leaves(kind: type[AttemptFailure]) -> list[type[AttemptFailure]]:
        below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
        return below or [kind]

    outcomes = [leaf.OUTCOME for leaf in leaves(AttemptFailure)]
    assert len(set(outcomes)) == len(outcomes)
    not_failures = {"ok", "journal_hit", "budget_refused", "cancelled"}
    assert {outcome.value for outcome in outcomes} == {
        member.value for member in AttemptOutcome
    } - not_failures


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '```json\n{"a": 1}\n```',
        'Here it is: {"a": 1}. Anything else?',
        '<think>perhaps {"a": 2}?</think>{"a": 1}',
    ],
)
def test_json_is_found_in_what_servers_wrap_it_in(text: str) -> None:
    assert read_json(text, []) == {"a": 1}


def test_tool_arguments_come_before_text() -> None:
    assert read_json('{"a": 2}', ['{"a": 1}']) == {"a": 1}


@pytest.mark.parametrize("text", ["", "no", "[1]", '{"a": ', '{"a":' * 100_000])
def test_no_json_is_invalid_output(text: str) -> None:
    with pytest.raises(OutputInvalid):
        read_json(text, [])
