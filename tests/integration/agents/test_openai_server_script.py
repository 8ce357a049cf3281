"""The scripted server itself, spoken to by the official openai client and by plain HTTP: it is the ground of other tests."""

from __future__ import annotations

import threading

import httpx
import openai
import pytest

from tests.fakes.openai_server import (
    CutStream,
    Garbage,
    Held,
    ModelText,
    Status,
    ToolCall,
    UsageNumbers,
    start_openai_server,
    structured,
)

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def client(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key="k", max_retries=0, timeout=20)


def body(**more: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}


def test_the_official_client_lists_models_and_reads_an_answer() -> None:
    with start_openai_server([structured({"a": 1}, UsageNumbers(9, 3, 4, 2))], models=["m1", "m2"]) as server:
        api = client(server.base_url)
        assert [model.id for model in api.models.list()] == ["m1", "m2"]
        answer = api.chat.completions.create(model="m1", messages=[{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == '{"a": 1}'
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 3)
    assert server.requests[0].body["messages"] == [{"role": "user", "content": "hi"}]


def test_the_official_client_joins_a_stream() -> None:
    with start_openai_server([ModelText("a longer text in pieces")]) as server:
        stream = client(server.base_url).chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "a longer text in pieces"
    assert chunks[-1].usage is not None


def test_usage_is_told_in_a_stream_only_to_who_asks() -> None:
    with start_openai_server(lambda _: ModelText("x")) as server:
        url = f"{server.base_url}/chat/completions"
        silent = httpx.post(url, json=body(stream=True)).text
        told = httpx.post(url, json=body(stream=True, stream_options={"include_usage": True})).text
    assert "prompt_tokens" not in silent
    assert "prompt_tokens" in told
    assert silent.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_call_names_the_forced_tool(stream: bool) -> None:
    forced = {"type": "function", "function": {"name": "look"}}
    with start_openai_server([ToolCall({"where": "cart"})]) as server:
        answer = httpx.post(
            f"{server.base_url}/chat/completions", json=body(stream=stream, tools=[TOOL], tool_choice=forced)
        )
    assert '"look"' in answer.text
    assert '"finish_reason": "tool_calls"' in answer.text.replace('":"', '": "')


def test_a_status_carries_its_headers_and_code() -> None:
    with start_openai_server([Status(429, "slow", "rate", {"Retry-After": "3"})]) as server:
        answer = httpx.post(f"{server.base_url}/chat/completions", json=body())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.json()["error"]["code"] == "rate"


def test_an_abrupt_cut_is_a_protocol_error_and_a_quiet_one_is_not() -> None:
    with start_openai_server([CutStream("abc"), CutStream("abc", abrupt=False)]) as server:
        url = f"{server.base_url}/chat/completions"
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(url, json=body(stream=True))
        quiet = httpx.post(url, json=body(stream=True)).text
    assert "abc" in quiet
    assert "[DONE]" not in quiet


def test_garbage_comes_as_it_is() -> None:
    with start_openai_server([Garbage(b"<html>", "text/html")]) as server:
        answer = httpx.post(f"{server.base_url}/chat/completions", json=body())
    assert (answer.content, answer.headers["content-type"]) == (b"<html>", "text/html; charset=utf-8")


def test_a_held_answer_comes_when_it_is_released() -> None:
    release = threading.Event()
    with start_openai_server([Held(ModelText("late"), release)]) as server:
        url = f"{server.base_url}/chat/completions"
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, json=body(), timeout=0.3)
        release.set()
    assert len(server.requests) == 1


def test_a_request_beyond_the_script_says_so() -> None:
    with start_openai_server([]) as server:
        answer = httpx.post(f"{server.base_url}/chat/completions", json=body())
    assert answer.status_code == 599
    assert "this is request 1" in answer.text
