"""Whole investigations with a model over real HTTP: what a good one adds, and what a hallucinating one cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agents.investigation.checkpoints import open_checkpoints
from agents.investigation.context import InvestigationPorts
from agents.investigation.memory import CollectingPublisher, memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.llm.gateway import LlmGateway
from agents.llm.journal import InMemoryJournal
from agents.llm.ports import CallJournal
from agents.ports import Admitted, BudgetLevel
from schemas.errors import LeaseLostError
from schemas.events.ledger import CostEntry, CostKind
from schemas.events.report import Report, Verdict
from tests.fakes.incident_data import bad_deploy, healthy
from tests.fakes.incident_ports import Door, LeaseUntil, quick
from tests.fakes.llm import provider_config, running_gateway
from tests.fakes.openai_server import (
    Answer,
    ModelText,
    OpenAiServer,
    Recorded,
    Status,
    start_openai_server,
    structured,
)

_EVIDENCE = re.compile(r"<<<EVIDENCE (E\d+)\n(.*?)\n(?:>>>)?END ", re.DOTALL)


@dataclass
class Model:
    """A model by its three roles; each is given the prompt and answers as it likes."""

    planner: Callable[[str], Any] = field(default=lambda _: {"tasks": []})
    reasoner: Callable[[str], Any] = field(default=lambda _: {"causes": [], "ruled_out": [], "missing": []})
    writer: Callable[[str], Any] = field(
        default=lambda _: {"headline": "none", "summary": "none", "next_steps": []}
    )

    def __call__(self, request: Recorded) -> Answer:
        system, user = (message["content"] for message in request.body["messages"][:2])
        if "Decide what to look at next" in system:
            answer = self.planner(user)
        elif "Rank the possible root causes" in system:
            answer = self.reasoner(user)
        else:
            answer = self.writer(user)
        return answer if isinstance(answer, ModelText | Status) else structured(answer)


def labels_about(prompt: str, word: str) -> list[str]:
    return [label for label, text in _EVIDENCE.findall(prompt) if word in text]


def cause(service: str, evidence: list[str], **changes: Any) -> dict[str, Any]:
    base = {
        "service": service,
        "indicator": None,
        "kind": "bad_deploy",
        "statement": f"{service} broke after its deploy.",
        "evidence_ids": evidence,
        "confidence": 0.9,
    }
    return {**base, **changes}


def reasoned(*causes: dict[str, Any]) -> dict[str, Any]:
    return {"causes": list(causes), "ruled_out": [], "missing": []}


async def investigated(
    model: Model, *, journal: CallJournal | None = None, **changes: Any
) -> tuple[Report, list[Any], OpenAiServer]:
    data = changes.pop("data", None) or bad_deploy()
    with start_openai_server(model) as server:
        async with running_gateway([provider_config(server.base_url)], journal=journal) as bench:
            ports = _ports(data, bench.gateway, **changes)
            outcome = await Investigations(ports.settings).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    assert isinstance(ports.publisher, CollectingPublisher)
    return outcome.report, ports.publisher.order, server


def _ports(data: Any, gateway: LlmGateway, **changes: Any) -> InvestigationPorts:
    return replace(memory_ports(data, quick(data)), gateway=gateway, **changes)


def _entries(events: list[Any]) -> list[CostEntry]:
    return [event for event in events if isinstance(event, CostEntry) and event.kind is not CostKind.QUERY]


async def test_a_good_model_words_the_report_and_each_call_is_in_the_ledger() -> None:
    def write(prompt: str) -> Any:
        shown = labels_about(prompt, "deploy cart 1.4.2")
        return {
            "headline": "cart broke with deploy cart 1.4.2",
            "summary": f"cart began to fail right after its deploy [{shown[0]}].",
            "next_steps": [
                {"action": "Call the owner of cart", "reason": "they deployed", "evidence_ids": shown[:1]}
            ],
        }

    model = Model(
        reasoner=lambda prompt: reasoned(cause("cart", labels_about(prompt, "cart")[:3])), writer=write
    )

    report, events, _ = await investigated(model)

    assert report.mode == "gpt-4o"
    assert report.headline == "cart broke with deploy cart 1.4.2"
    assert report.causes[0].statement == "cart broke after its deploy."
    assert any("Call the owner of cart" in step.action for step in report.next_steps)
    assert "Roll back" in " ".join(step.action for step in report.next_steps)
    entries = _entries(events)
    assert {entry.step for entry in entries} == {"plan", "rank", "summarise"}
    assert all(entry.cost_nano_usd for entry in entries)
    spent = [event.cost_nano_usd for event in events if isinstance(event, CostEntry)]
    assert report.cost_nano_usd == sum(cost or 0 for cost in spent)
    assert "3 model calls" in report.markdown


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        pytest.param(
            lambda p: cause("payment", ["E1", "E999"]), "says nothing against", id="others' evidence"
        ),
        pytest.param(
            lambda p: cause("payment", ["ev_made_up"]), "no existing evidence", id="invented evidence"
        ),
        pytest.param(
            lambda p: cause("mainframe", labels_about(p, "cart")), "says nothing", id="invented service"
        ),
        pytest.param(lambda p: cause("payment", []), "no existing evidence", id="no evidence"),
        pytest.param(
            lambda p: cause("frontend", labels_about(p, "frontend latency")), "ruled out", id="loud symptom"
        ),
    ],
)
async def test_a_hallucinated_cause_does_not_appear(claim: Callable[[str], Any], why: str) -> None:
    model = Model(reasoner=lambda prompt: reasoned(claim(prompt)))

    report, _, _ = await investigated(model)

    assert [one.service for one in report.causes] == ["cart"]
    assert report.mode == "gpt-4o"
    assert report.causes[0].statement.startswith("cart cpu_usage rose")


async def test_a_claim_with_made_up_numbers_does_not_appear() -> None:
    def reason(prompt: str) -> Any:
        shown = labels_about(prompt, "cart")
        return reasoned(cause("cart", shown, statement="cart threw 7777 errors at 03:33:33."))

    report, _, _ = await investigated(Model(reasoner=reason))

    assert "7777" not in report.markdown
    assert report.causes[0].service == "cart"


async def test_a_writer_that_makes_things_up_is_not_quoted() -> None:
    def write(prompt: str) -> Any:
        shown = labels_about(prompt, "cart")
        return {
            "headline": "cart and catalogue lost 90210 orders",
            "summary": f"catalogue is the real culprit [{shown[0]}].",
            "next_steps": [
                {"action": "Delete catalogue", "reason": "no reason", "evidence_ids": shown[:1]},
                {"action": "Reboot cart 17 times", "reason": "luck", "evidence_ids": shown[:1]},
                {"action": "Restart cart", "reason": "uncited", "evidence_ids": []},
            ],
        }

    report, _, _ = await investigated(Model(writer=write))

    for invention in ("90210", "culprit", "Delete catalogue", "17 times", "uncited"):
        assert invention not in report.markdown


async def test_a_model_cannot_be_surer_than_its_evidence() -> None:
    model = Model(
        reasoner=lambda p: reasoned(cause("cart", labels_about(p, "cart cpu_usage")[:1], confidence=1.0))
    )

    report, _, _ = await investigated(model)

    assert report.mode == "gpt-4o"
    assert report.causes[0].statement == "cart broke after its deploy."
    assert report.confidence is not None
    assert report.confidence < 1.0


async def test_a_planner_reaches_further_back_and_names_no_unknown_service() -> None:
    def plan(_: str) -> Any:
        task = {"source": "logs", "services": ["mainframe"], "question": "why", "minutes_before": 50}
        return {"tasks": [task]}

    report, events, _ = await investigated(Model(planner=plan))

    assert report.verdict is Verdict.CAUSE_FOUND
    windows = {event.window_end - event.window_start for event in events if hasattr(event, "window_start")}
    assert max(windows).total_seconds() >= 50 * 60


async def test_a_model_that_is_down_leaves_the_statistics() -> None:
    def down(_: str) -> Any:
        return Status(500, "down")

    report, events, _ = await investigated(Model(down, down, down))

    assert report.mode == "deterministic"
    assert report.causes[0].service == "cart"
    assert {entry.outcome for entry in _entries(events)} == {"server_error"}


async def test_a_benign_alarm_asks_no_model_to_reason_or_write() -> None:
    report, events, _ = await investigated(Model(), data=healthy())

    assert report.verdict is Verdict.BENIGN
    assert {entry.step for entry in _entries(events)} == {"plan"}


@pytest.mark.parametrize(
    ("level", "steps"),
    [
        (BudgetLevel.MODERATE, {"rank", "summarise"}),
        (BudgetLevel.AGGRESSIVE, {"rank", "summarise"}),
        (BudgetLevel.DETERMINISTIC, set()),
    ],
)
async def test_the_budget_level_decides_what_a_model_is_asked(level: BudgetLevel, steps: set[str]) -> None:
    report, events, _ = await investigated(Model(), admission=Door(Admitted(level), level))

    assert {entry.step for entry in _entries(events)} == steps
    assert report.causes[0].service == "cart"


async def test_a_run_that_is_taken_up_again_pays_for_no_call_twice(tmp_path: Path) -> None:
    data, journal = bad_deploy(), InMemoryJournal()
    model = Model(reasoner=lambda prompt: reasoned(cause("cart", labels_about(prompt, "cart"))))
    with start_openai_server(model) as server:
        async with (
            running_gateway([provider_config(server.base_url)], journal=journal) as bench,
            open_checkpoints(tmp_path / "c.sqlite") as saver,
        ):
            investigations = Investigations(quick(data), saver)
            first = _ports(data, bench.gateway, lease=LeaseUntil(10), publisher=_FailsAtVerify())
            with pytest.raises(LeaseLostError):
                await investigations.investigate(request_for(data), first)
            asked = len(server.requests)
            assert asked == 2
            second = _ports(data, bench.gateway)
            outcome = await investigations.investigate(request_for(data), second)

            assert isinstance(outcome, Reported)
            assert len(server.requests) == asked + 1
            assert isinstance(second.publisher, CollectingPublisher)
            kinds = {(e.step, e.kind) for e in _entries(list(second.publisher.order))}
            assert kinds == {
                ("rank", CostKind.LLM),
                ("rank", CostKind.CACHE_HIT),
                ("summarise", CostKind.LLM),
            }
            assert isinstance(first.publisher, CollectingPublisher)
            before = {e.event_id for e in _entries(list(first.publisher.order))}
            again = {e.event_id for e in _entries(list(second.publisher.order)) if e.step == "rank"}
            assert len(again & before) == 1


class _FailsAtVerify(CollectingPublisher):
    """Loses the run after the model was asked to reason, before that step's checkpoint."""

    async def publish(self, *events: Any) -> None:
        if any(getattr(event, "step", "") == "rank" and not isinstance(event, CostEntry) for event in events):
            raise LeaseLostError("another worker has it")
        await super().publish(*events)
