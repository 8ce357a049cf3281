"""LangGraph's own tracing: turned on in the environment, it hears nothing of an investigation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import langsmith
import pytest
from langchain_core.runnables import RunnableLambda
from langsmith import utils as langsmith_settings

from agents.investigation.memory import memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import quick
from tests.fakes.openai_server import OpenAiServer, start_openai_server


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAiServer]:
    """A trace collector that the environment names, with tracing turned on."""
    with start_openai_server([]) as server:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        for prefix in ("LANGSMITH", "LANGCHAIN"):
            monkeypatch.setenv(f"{prefix}_TRACING_V2", "true")
            monkeypatch.setenv(f"{prefix}_ENDPOINT", server.base_url)
            monkeypatch.setenv(f"{prefix}_API_KEY", "lsv2_none")
        langsmith_settings.get_env_var.cache_clear()  # type: ignore[attr-defined]  # an lru_cache behind overloads
        yield server
    langsmith_settings.get_env_var.cache_clear()  # type: ignore[attr-defined]  # an lru_cache behind overloads


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The LangSmith clients that are made; none of them starts."""
    made: list[object] = []

    def refuse(self: object, *arguments: Any, **named: Any) -> None:
        made.append(self)
        raise RuntimeError("no client may be made")

    monkeypatch.setattr(langsmith.Client, "__init__", refuse)
    return made


async def test_an_investigation_is_not_traced(collector: OpenAiServer, clients: list[object]) -> None:
    data = bad_deploy()
    ports = memory_ports(data, quick(data))
    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    assert clients == []
    assert collector.hits == 0


async def test_the_environment_would_have_it_traced(collector: OpenAiServer, clients: list[object]) -> None:
    await RunnableLambda(lambda text: text).ainvoke("anything else")
    assert clients, "the other test shows nothing if tracing is off anyway"
