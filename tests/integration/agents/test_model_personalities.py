"""Whole investigations with models of every character over real HTTP: nobody is accused whom the statistics would not accuse.

Shown: that `verify`, the typed queries and the limits hold against the scripted answers, through the real client and the real
graph. Not shown: how often a given real model behaves in these ways.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from agents.analysis.signals import IncidentData
from agents.investigation.checkpoints import open_checkpoints
from agents.investigation.inquiries.asking import MOST_TURNS
from agents.investigation.memory import CollectingPublisher, MemoryWindows, memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.investigation.safety import safety_of
from agents.llm.journal import InMemoryJournal
from agents.ports import Admitted, BudgetLevel, Published, QueryLimits
from schemas.errors import LeaseLostError
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationStatus
from schemas.events.ledger import CostEntry, CostKind
from schemas.events.report import Report, Verdict
from tests.fakes.incident_data import bad_deploy, empty, healthy, without
from tests.fakes.incident_ports import Door, quick
from tests.fakes.investigation_runs import ports_for, run
from tests.fakes.llm import provider_config, running_gateway
from tests.fakes.openai_server import OpenAiServer, start_openai_server
from tests.fakes.personalities import EVIL, PERSONALITIES, personality

_ROOT = Path(__file__).resolve().parents[3]
INCIDENTS = {
    "bad deploy": bad_deploy(),
    "nothing wrong": healthy(),
    "no data": empty(),
    "no measurements of the cause": without(bad_deploy(), ["cart"]),
}


@dataclass(frozen=True, slots=True)
class Told:
    report: Report
    events: list[Published]
    server: OpenAiServer
    windows: Windows

    @property
    def answers(self) -> list[Evidence]:
        return [e for e in self.events if isinstance(e, Evidence) and e.finding.startswith("asked|")]

    @property
    def asked_models(self) -> list[str]:
        """The steps in which a model was asked, in order, one for each try."""
        return [e.step for e in self.events if isinstance(e, CostEntry) and e.kind is CostKind.LLM]


class Windows:
    """The windows over the data, which keep what they were asked."""

    def __init__(self, data: IncidentData) -> None:
        self._inner = MemoryWindows(data)
        self.asked: list[tuple[str, Any]] = []

    def within(self, limits: QueryLimits) -> Windows:
        return self

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any) -> Any:
            self.asked.append((name, arguments))
            return getattr(self._inner, name)(*arguments)

        return ask


async def told(name: str, data: IncidentData, **changes: Any) -> Told:
    windows = Windows(data)
    with start_openai_server(personality(name)) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            ports = replace(
                memory_ports(data, quick(data)), gateway=bench.gateway, windows=windows, **changes
            )
            outcome = await Investigations(ports.settings).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    assert isinstance(ports.publisher, CollectingPublisher)
    return Told(outcome.report, ports.publisher.order, server, windows)


def _said(words: Iterable[str], *events: BaseModel) -> list[str]:
    """Those of the words that stand in the events by themselves: an id or the fraction of a second may hold one by chance."""
    texts = [event.model_dump_json() for event in events]
    return [
        word for word in words if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for text in texts)
    ]


async def alone(data: IncidentData) -> Report:
    return await run(data, ports_for(data))


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
@pytest.mark.parametrize("incident", sorted(INCIDENTS))
async def test_no_model_makes_the_answer_worse(name: str, incident: str) -> None:
    data = INCIDENTS[incident]

    with_model, without_model = (await told(name, data)).report, await alone(data)

    assert with_model.verdict is without_model.verdict
    assert [c.service for c in with_model.causes][:1] == [c.service for c in without_model.causes][:1]
    assert (with_model.confidence or 0.0) >= (without_model.confidence or 0.0)
    known = {cause.service for cause in without_model.causes}
    assert {cause.service for cause in with_model.causes} <= known


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
async def test_every_cause_cites_published_evidence_and_no_figure_is_made_up(name: str) -> None:
    outcome = await told(name, bad_deploy())

    published = {e.event_id for e in outcome.events if isinstance(e, Evidence)}
    for cause in outcome.report.causes:
        assert cause.evidence_ids
        assert set(cause.evidence_ids) <= published
    inventions = ("mainframe", "warp", "90210", "7777", "9.9.9", "03:33:33", "E9901", "ev_made_up")
    assert _said(inventions, outcome.report) == []


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
async def test_no_model_reads_outside_the_tenant_the_window_and_the_known_services(name: str) -> None:
    data = bad_deploy()
    outcome = await told(name, data)

    known = {*data.topology.nodes}
    assert outcome.windows.asked
    for what, (tenant, services, start, end) in outcome.windows.asked:
        assert tenant == "local"
        assert services is None or set(services) <= known, what
        # Code compares with the same time of the day before, and a little beside; a model cannot ask for it.
        before = what == "kpis" and end.timestamp() < data.window.baseline_start
        earlier, beside = (86_400.0, 120.0) if before else (0.0, 0.0)
        assert start.timestamp() + earlier >= data.window.alarm_at - 5400.0 - beside
        assert end.timestamp() + earlier <= data.window.end + beside
    for answer in outcome.answers:
        assert answer.window_end.timestamp() <= data.window.end
        assert answer.tenant == "local"


async def test_an_ideal_one_asks_is_answered_and_words_the_report() -> None:
    outcome = await told("ideal", bad_deploy())

    assert outcome.asked_models == ["plan", "rank", "reconsider", "summarise"]
    assert [one.finding.split("|")[1:3] for one in outcome.answers] == [
        ["kpis", "cart"],
        ["neighbours", "cart"],
    ]
    kpis = outcome.answers[0]
    assert "from memory" in kpis.query
    assert "cpu_usage" in kpis.statement
    assert outcome.report.headline == "cart is the cause (deploy)"
    assert not outcome.report.partial
    advised = [step.action for step in outcome.report.next_steps]
    assert advised[1].startswith("Look at cart first (it began there) [")
    assert [safety_of(action) for action in advised] == sorted(map(safety_of, advised))
    steps = [e.step for e in outcome.events if isinstance(e, InvestigationStatus)]
    assert steps[steps.index("rank") :][:4] == ["rank", "inquire", "reconsider", "verify"]
    queries = [e for e in outcome.events if isinstance(e, CostEntry) and e.step.startswith("inquire.")]
    assert [entry.step for entry in queries] == ["inquire.kpis"]


async def test_what_it_asked_for_is_in_its_next_prompt_as_evidence() -> None:
    outcome = await told("ideal", bad_deploy())

    again = outcome.server.requests[2].body["messages"][1]["content"]
    label = re.search(r"<<<EVIDENCE (E\d+)\nkpis/answer: Asked for the metrics of cart", again)
    assert label is not None
    assert "<<<EVIDENCE asked-before\nthe metrics of cart from " in again


async def test_one_that_asks_the_same_for_ever_is_cut_off_and_the_report_says_so() -> None:
    outcome = await told("looping", bad_deploy())

    assert [one.finding.split("|")[1] for one in outcome.answers] == ["logs"]
    assert [s for s in outcome.asked_models if s.startswith(("rank", "reconsider"))] == ["rank", "reconsider"]
    assert outcome.report.partial == "a model asked again for what it had been shown"
    assert "These findings are partial: a model asked again" in outcome.report.markdown
    assert outcome.report.causes[0].service == "cart"


async def test_one_that_is_never_satisfied_is_stopped_at_the_limit_and_the_report_says_so() -> None:
    outcome = await told("insatiable", bad_deploy())

    turns = [s for s in outcome.asked_models if s.startswith("reconsider")]
    assert turns == ["reconsider", *(f"reconsider.{n}" for n in range(2, MOST_TURNS + 1))]
    assert f"a model asked for more than {MOST_TURNS} further looks allow" in outcome.report.partial
    assert any(
        one.startswith("Not looked at any more: the metrics of cart") for one in outcome.report.missing
    )
    assert (
        "Nothing more can be asked of the data" in outcome.server.requests[-2].body["messages"][1]["content"]
    )


@pytest.mark.parametrize("level", [BudgetLevel.MODERATE, BudgetLevel.AGGRESSIVE])
async def test_a_short_budget_answers_no_query_and_says_so(level: BudgetLevel) -> None:
    outcome = await told("insatiable", bad_deploy(), admission=Door(Admitted(level), level))

    assert outcome.answers == []
    assert "the budget allows a model no further look" in outcome.report.partial


async def test_one_that_argues_for_the_loudest_symptom_does_not_overrule_who_explains_it() -> None:
    outcome = await told("stubborn", bad_deploy())

    assert outcome.report.causes[0].service == "cart"
    assert "frontend" not in {cause.service for cause in outcome.report.causes}
    assert "frontend" in {one.service for one in outcome.report.ruled_out}
    assert outcome.report.headline.startswith("cart")


async def test_an_injected_one_publishes_nothing_of_what_it_was_told() -> None:
    outcome = await told("injected", bad_deploy())

    traces = (EVIL, "evil.example", "curl", "DROP TABLE", "UNION SELECT", "other-tenant", "1=1", "API key")
    assert _said(traces, outcome.report, *outcome.answers) == []
    assert outcome.report.verdict is Verdict.CAUSE_FOUND
    assert outcome.report.causes[0].service == "cart"
    assert "false alarm" not in outcome.report.model_dump_json().lower()


class _DiesAfter(CollectingPublisher):
    """Loses the run at the word that a step is done: what it made is published, its checkpoint is not written."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step

    async def publish(self, *events: Any) -> None:
        if any(isinstance(event, InvestigationStatus) and event.step == self._step for event in events):
            raise LeaseLostError("another worker has it")
        await super().publish(*events)


@pytest.mark.parametrize("victim", ["rank", "inquire", "reconsider"])
async def test_a_run_that_is_taken_up_again_pays_for_no_turn_twice(tmp_path: Path, victim: str) -> None:
    data, journal = bad_deploy(), InMemoryJournal()
    with start_openai_server(personality("ideal")) as server:
        async with (
            running_gateway([provider_config(server.base_url)], journal=journal) as bench,
            open_checkpoints(tmp_path / "c.sqlite") as saver,
        ):
            investigations = Investigations(quick(data), saver)
            base = replace(memory_ports(data, quick(data)), gateway=bench.gateway)
            first = replace(base, publisher=_DiesAfter(victim))
            with pytest.raises(LeaseLostError):
                await investigations.investigate(request_for(data), first)
            second = replace(base, publisher=CollectingPublisher())
            outcome = await investigations.investigate(request_for(data), second)
    assert isinstance(outcome, Reported)
    assert outcome.report.headline == "cart is the cause (deploy)"
    assert len(server.requests) == 4
    assert isinstance(first.publisher, CollectingPublisher)
    assert isinstance(second.publisher, CollectingPublisher)
    said = {e.event_id: e for e in first.publisher.order if isinstance(e, Evidence)}
    again = {e.event_id: e for e in second.publisher.order if isinstance(e, Evidence)}
    assert all(said[name] == again[name] for name in said.keys() & again.keys())
    assert bool(said.keys() & again.keys()) == (victim == "inquire")


def test_a_personality_can_be_run_as_a_server() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.personalities", "lazy"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        base_url = child.stdout.readline().strip()
        answer = httpx.post(
            f"{base_url}/chat/completions",
            json={
                "model": "lazy",
                "messages": [{"role": "user", "content": "hi"}],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "AnswererOutput",
                        "schema": {"type": "object", "properties": {"answer": {"type": "string"}}},
                    },
                },
            },
            timeout=30,
        )
        models = httpx.get(f"{base_url}/models", timeout=30).json()
    finally:
        child.terminate()
        assert child.wait(timeout=30) == 0
    assert answer.json()["choices"][0]["message"]["content"] == '{"answer": "?"}'
    assert models["data"][0]["id"] == "lazy"
