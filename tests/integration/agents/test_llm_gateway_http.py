"""The gateway over real HTTP against a scripted server.

Shown: what our client sends and how it reads, retries and accounts for each scripted ending. Not shown: the behaviour of any
vendor's server, or the quality of any model.
"""

from __future__ import annotations

import asyncio

import pytest

from agents.llm.attempt import AttemptOutcome
from agents.llm.failures import ConnectionFailed
from agents.llm.gateway import GatewayPolicy
from agents.llm.outcomes import Answered, Deterministic, DeterministicReason, Refused
from agents.llm.providers.config import StructuredMethod
from agents.llm.retry import RetryPolicy
from schemas.events.ledger import Usage
from tests.fakes.llm import REPORT, provider_config, running_gateway, writer_call
from tests.fakes.openai_server import (
    Answer,
    CutStream,
    Garbage,
    Held,
    ModelText,
    Status,
    StreamError,
    ToolCall,
    UsageNumbers,
    start_openai_server,
    structured,
)
from tests.fakes.waiting import until

ONCE = GatewayPolicy(retry=RetryPolicy(max_attempts=1))


@pytest.mark.parametrize("streaming", [True, False])
async def test_structured_output_arrives_as_a_value_and_is_accounted(streaming: bool) -> None:
    usage = UsageNumbers(prompt=1000, completion=120, cached=400, reasoning=20)
    with start_openai_server([structured(REPORT, usage)]) as server:
        async with running_gateway([provider_config(server.base_url, streaming=streaming)]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert outcome.value.headline == REPORT["headline"]
    assert outcome.value.next_steps[0].evidence_ids == ("ev_1",)
    (attempt,) = bench.ledger.attempts
    assert attempt.outcome is AttemptOutcome.OK
    assert attempt.usage == Usage(input_uncached=600, cache_read=400, cache_write=0, output=100, reasoning=20)
    # gpt-4o: $2.5 input, $1.25 cached input, $10 output per million: 600*2500 + 400*1250 + 120*10000 nano-USD
    assert attempt.cost_nano_usd == 3_200_000
    assert attempt.price_version.startswith("genai-prices-")
    assert not attempt.estimated
    assert bench.budget.spent("tenant:t") == 3_200_000
    assert bench.budget.held("tenant:t") == 0


async def test_the_request_is_bounded_strict_and_asks_for_usage() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            await bench.ask(writer_call())
        body = server.requests[0].body
    assert body["max_completion_tokens"] == 2500
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert server.requests[0].headers["authorization"] == "Bearer test-key-of-provider"


async def test_a_server_that_only_knows_the_old_limit_gets_the_old_limit() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url, limit_field="max_tokens")]) as bench:
            await bench.ask(writer_call())
        body = server.requests[0].body
    assert body["max_tokens"] == 2500
    assert "max_completion_tokens" not in body


async def test_a_reasoning_model_gets_room_to_think_and_the_budget_knows() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        config = provider_config(server.base_url, thinking_tokens=10_000)
        async with running_gateway([config], limits={"tenant:t": 100_000_000}) as bench:
            outcome = await bench.ask(writer_call())
        async with running_gateway(
            [provider_config(server.base_url)], limits={"tenant:t": 100_000_000}
        ) as bench:
            await bench.ask(writer_call())
        limits = [request.body["max_completion_tokens"] for request in server.requests]
    assert isinstance(outcome, Refused)
    assert limits == [2500]  # only the second was sent: 12,500 tokens of output would cost more than is left


@pytest.mark.parametrize("streaming", [True, False])
async def test_refused_json_schema_falls_back_to_a_tool_call_and_is_remembered(streaming: bool) -> None:
    script: list[Answer] = [
        Status(400, "'response_format' of type 'json_schema' is not supported with this model"),
        ToolCall(REPORT),
        ToolCall(REPORT),
    ]
    with start_openai_server(script) as server:
        async with running_gateway([provider_config(server.base_url, streaming=streaming)]) as bench:
            first = await bench.ask(writer_call())
            second = await bench.ask(writer_call(step="again"))
        bodies = [request.body for request in server.requests]
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert second.value.summary == REPORT["summary"]
    assert bench.outcomes == ["unsupported", "ok", "ok"]
    assert bench.slept == []
    assert bodies[1]["tool_choice"]["function"]["name"] == "WriterOutput"
    assert "response_format" not in bodies[2]


async def test_json_mode_is_the_last_way_and_carries_the_schema_in_the_prompt() -> None:
    script: list[Answer] = [
        Status(400, "json_schema unsupported"),
        Status(400, "tools are not supported"),
        structured(REPORT),
    ]
    with start_openai_server(script) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call())
        body = server.requests[2].body
    assert isinstance(outcome, Answered)
    assert body["response_format"] == {"type": "json_object"}
    assert '"headline"' in body["messages"][0]["content"]


async def test_a_server_that_refuses_every_way_is_a_bad_request_not_a_loop() -> None:
    with start_openai_server(lambda _: Status(400, "response_format is not supported")) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call())
    assert outcome == Deterministic(DeterministicReason.ALL_FAILED, "bad_request")
    assert bench.outcomes == ["unsupported", "unsupported", "bad_request"]


async def test_429_waits_as_told_then_succeeds() -> None:
    script: list[Answer] = [Status(429, headers={"Retry-After": "7"}), structured(REPORT)]
    with start_openai_server(script) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert bench.slept == [7.25]  # seven seconds told, and half of the first backoff of half a second
    assert bench.outcomes == ["rate_limited", "ok"]
    assert [row.attempt for row in bench.ledger.attempts] == [1, 2]
    assert bench.ledger.attempts[0].cost_nano_usd == 0


async def test_a_pause_longer_than_we_wait_goes_to_the_next_provider() -> None:
    with (
        start_openai_server([Status(429, headers={"Retry-After": "3600"})]) as busy,
        start_openai_server([structured(REPORT)]) as free,
    ):
        configs = [provider_config(busy.base_url), provider_config(free.base_url, "second")]
        async with running_gateway(configs) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert outcome.provider == "second"
    assert bench.slept == []


async def test_500_is_retried_then_the_next_provider_answers() -> None:
    with (
        start_openai_server(lambda _: Status(500)) as broken,
        start_openai_server([structured(REPORT)]) as whole,
    ):
        configs = [provider_config(broken.base_url), provider_config(whole.base_url, "second")]
        async with running_gateway(configs) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert outcome.provider == "second"
    assert len(broken.requests) == 3
    assert [(row.provider, row.attempt, row.outcome.value) for row in bench.ledger.attempts] == [
        ("first", 1, "server_error"),
        ("first", 2, "server_error"),
        ("first", 3, "server_error"),
        ("second", 4, "ok"),
    ]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Status(400, "bad"), "bad_request"),
        (Status(401, "who"), "unauthenticated"),
        (Status(403, "no"), "forbidden"),
        (Status(404, "no such model"), "model_not_found"),
        (Status(400, "too long", code="context_length_exceeded"), "context_length"),
        (Status(400, "This model's maximum context length is 8192 tokens."), "context_length"),
        (Status(413, "large"), "context_length"),
        (Status(429, "pay", code="insufficient_quota"), "quota"),
        (ModelText('{"headline": "cut off', finish_reason="length"), "truncated"),
        (ModelText("", finish_reason="content_filter"), "content_refused"),
    ],
)
async def test_what_cannot_get_better_is_not_tried_again(answer: Answer, outcome: str) -> None:
    with start_openai_server([answer]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            end = await bench.ask(writer_call())
    assert end == Deterministic(DeterministicReason.ALL_FAILED, outcome)
    assert bench.outcomes == [outcome]


@pytest.mark.parametrize(
    "answer",
    [
        ModelText("I would rather talk about it."),
        ModelText('{"headline": 3}'),
        ModelText("[1, 2]"),
        Garbage(b'{"choices": [{"mess'),
        Garbage(b"<html>Sign in</html>", "text/html"),
        Garbage(b"data: {not json\n\n", "text/event-stream"),
        Garbage(b"", "text/event-stream"),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
async def test_an_answer_of_another_shape_is_tried_again_and_costs(answer: Answer, streaming: bool) -> None:
    with start_openai_server([answer, structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url, streaming=streaming)]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert bench.outcomes == ["invalid_output", "ok"]
    assert (bench.ledger.attempts[0].cost_nano_usd or 0) > 0


@pytest.mark.parametrize("abrupt", [True, False])
async def test_a_cut_stream_is_estimated_from_what_arrived(abrupt: bool) -> None:
    half = '{"headline": "cart: connection pool exhau'
    with start_openai_server([CutStream(half, abrupt=abrupt), structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    cut = bench.ledger.attempts[0]
    assert cut.outcome is AttemptOutcome.CUT_STREAM
    assert cut.estimated
    assert cut.usage.output == 14  # 41 bytes, three to a token
    assert cut.cost_nano_usd is not None
    assert bench.ledger.cost_nano_usd == bench.budget.spent("tenant:t")


async def test_a_cut_stream_that_told_its_usage_is_not_estimated() -> None:
    cut = CutStream("{", usage_first=UsageNumbers(prompt=50, completion=5))
    with start_openai_server([cut, structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            await bench.ask(writer_call())
    row = bench.ledger.attempts[0]
    assert (row.outcome, row.estimated, row.usage.output) == (AttemptOutcome.CUT_STREAM, False, 5)


async def test_an_error_event_inside_the_stream_is_a_server_error() -> None:
    with start_openai_server([StreamError("{"), structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            await bench.ask(writer_call())
    assert bench.outcomes == ["server_error", "ok"]


async def test_silence_ends_in_a_timeout_and_the_next_provider() -> None:
    with (
        start_openai_server(lambda _: Held()) as silent,
        start_openai_server([structured(REPORT)]) as whole,
    ):
        configs = [provider_config(silent.base_url, timeout_s=0.3), provider_config(whole.base_url, "second")]
        async with running_gateway(configs, policy=ONCE) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert bench.outcomes == ["timeout", "ok"]
    assert bench.ledger.attempts[0].estimated


async def test_a_closed_port_costs_nothing_and_says_connection() -> None:
    with start_openai_server([]) as server:
        gone = server.base_url
    async with running_gateway([provider_config(gone)], policy=ONCE) as bench:
        outcome = await bench.ask(writer_call())
    assert outcome == Deterministic(DeterministicReason.ALL_FAILED, ConnectionFailed.OUTCOME)
    assert bench.ledger.attempts[0].cost_nano_usd == 0
    assert not bench.ledger.attempts[0].estimated


async def test_the_deadline_of_a_call_ends_it_with_the_attempt_written_down() -> None:
    with start_openai_server(lambda _: Held()) as server:
        async with running_gateway(
            [provider_config(server.base_url)], policy=GatewayPolicy(deadline_s=0.3)
        ) as bench:
            outcome = await bench.ask(writer_call())
    assert outcome == Deterministic(DeterministicReason.DEADLINE)
    assert bench.outcomes == ["cancelled"]


async def test_a_cancelled_call_is_settled_written_down_and_hung_up() -> None:
    with start_openai_server(lambda _: Held()) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            task = asyncio.create_task(bench.ask(writer_call()))
            await until(lambda: len(server.requests) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: server.gone == 1)
    (attempt,) = bench.ledger.attempts
    assert attempt.outcome is AttemptOutcome.CANCELLED
    assert attempt.estimated
    assert bench.budget.held("tenant:t") == 0
    assert bench.budget.spent("tenant:t") == attempt.cost_nano_usd


async def test_no_budget_sends_nothing_and_is_refused() -> None:
    with start_openai_server([]) as server:
        async with running_gateway([provider_config(server.base_url)], limits={"tenant:t": 1000}) as bench:
            outcome = await bench.ask(writer_call())
        assert server.requests == []
    assert isinstance(outcome, Refused)
    assert "tenant:t" in outcome.reason
    assert bench.outcomes == ["budget_refused"]


async def test_a_cheaper_provider_is_asked_where_the_first_is_too_dear() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        configs = [
            provider_config(server.base_url, "dear"),
            provider_config(server.base_url, "cheap", model="gpt-4o-mini"),
        ]
        async with running_gateway(configs, limits={"tenant:t": 10_000_000}) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert outcome.provider == "cheap"
    assert bench.outcomes == ["budget_refused", "ok"]


async def test_an_unknown_model_is_unpriced_never_free() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        config = provider_config(server.base_url, model="our-own-model", price_provider="")
        async with running_gateway([config]) as bench:
            await bench.ask(writer_call())
    assert bench.ledger.attempts[0].cost_nano_usd is None
    assert bench.ledger.cost_nano_usd is None


async def test_a_repeat_is_answered_from_the_journal_for_nothing() -> None:
    with start_openai_server([structured(REPORT), Status(400)]) as server:
        configs = [provider_config(server.base_url)]
        async with running_gateway(configs) as before:
            first = await before.ask(writer_call("mail bob@example.com"))
        async with running_gateway(configs, journal=before.journal) as after:
            second = await after.ask(writer_call("mail bob@example.com"))
            other = await after.ask(writer_call("mail bob@example.com and more", first_attempt=10))
        assert len(server.requests) == 2
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert (second.value, second.from_journal) == (first.value, True)
    assert isinstance(other, Deterministic)
    original, hit = after.ledger.attempts[:2]
    assert original == before.ledger.attempts[0]
    assert (hit.outcome, hit.cost_nano_usd) == (AttemptOutcome.JOURNAL_HIT, 0)


async def test_a_prompt_over_the_roles_limit_is_not_sent() -> None:
    with start_openai_server([]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call("x" * 200_000))
        assert server.requests == []
    assert outcome == Deterministic(DeterministicReason.PROMPT_TOO_LONG)


async def test_the_bulkhead_bounds_what_is_in_flight() -> None:
    with start_openai_server(lambda _: Held()) as server:
        async with running_gateway([provider_config(server.base_url, max_concurrency=2)]) as bench:
            tasks = [asyncio.create_task(bench.ask(writer_call(step=f"s{n}"))) for n in range(6)]
            await until(lambda: len(server.requests) == 2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert len(server.requests) == 2
    assert bench.outcomes == ["cancelled", "cancelled"]
    assert bench.budget.held("tenant:t") == 0


async def test_one_method_can_be_configured_alone() -> None:
    with start_openai_server([ToolCall(REPORT)]) as server:
        config = provider_config(server.base_url, methods=(StructuredMethod.FUNCTION_CALLING,))
        async with running_gateway([config]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
