"""One question from its text to its answer: by code always, by a model on top where one may be asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from agents.answers.by_code import answer_by_code
from agents.answers.by_model import checked, labelled, names_of, prompt_of
from agents.answers.checks import harmless
from agents.answers.ledger import entry_of
from agents.answers.material import Material
from agents.answers.ports import AnswerPorts
from agents.answers.reply import DO_NOT_KNOW, Reply
from agents.answers.role import ANSWERER, AnswererOutput
from agents.llm.attempt import AttemptOutcome, LlmAttempt
from agents.llm.gateway import Call, LlmGateway
from agents.llm.ledger import InMemoryLedger
from agents.llm.outcomes import Answered, Deterministic, Outcome, Refused
from agents.ports import BudgetLevel
from schemas.errors import UnavailableError
from schemas.events.report import NextStep
from schemas.ids import stable_id

__all__ = ["Answerer"]

_log = structlog.get_logger(__name__)

_PATIENCE_S: Final = 45.0


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers questions about investigations that have a report. Any number at a time."""

    ports: AnswerPorts
    patience_s: float = _PATIENCE_S
    """How long a model may take; after that the answer is that of the code."""

    async def answer(self, tenant: str, investigation_id: str, question: str) -> Reply:
        """Return the answer. What a model cost is published to the ledger before this returns, also when it is cancelled.

        The same question about the same evidence is answered from the journal, for nothing.

        Raises:
            NotFoundError: there is no report of this investigation, or not for this tenant.
            UnavailableError: the tables do not answer, or the ledger cannot be written.
        """
        material = await self.ports.materials.material(tenant, investigation_id)
        own = await asyncio.to_thread(answer_by_code, question, material)
        gateway = await self._gateway(tenant)
        return own if gateway is None else await self._modelled(own, material, gateway)

    async def _gateway(self, tenant: str) -> LlmGateway | None:
        """The way to a model, where one is configured and the tenant's budget allows it and is known."""
        if self.ports.gateway is None:
            return None
        try:
            level = await self.ports.budgets.level(tenant)
        except UnavailableError:
            return None
        return None if level is BudgetLevel.DETERMINISTIC else self.ports.gateway

    async def _modelled(self, own: Reply, material: Material, gateway: LlmGateway) -> Reply:
        shown = labelled(material, own)
        if not shown:
            return own
        call = Call(
            investigation_id=own.investigation_id,
            step=f"ask.{stable_id('q', own.question)[2:12]}",
            role=ANSWERER,
            prompt=prompt_of(own.question, material, own, shown),
            scopes=(f"tenant:{material.report.tenant}", f"investigation:{own.investigation_id}"),
            keep=names_of(material),
        )
        outcome, cost = await self._ask(call, material, gateway)
        if not isinstance(outcome, Answered):
            return own.model_copy(update={"why_no_model": _why(outcome), "cost_nano_usd": cost})
        stands = checked(outcome.value, material, shown)
        if stands.removed:
            _log.info("answer_sentences_removed", investigation=own.investigation_id, why=stands.removed)
        update = {"cost_nano_usd": cost, "removed": len(stands.removed)}
        if not stands.sentences:
            return own.model_copy(
                update={**update, "next_steps": (*_questions(outcome.value, material), *own.next_steps)}
            )
        told = {
            "sentences": stands.sentences,
            "mode": outcome.model,
            **_open(own, _questions(outcome.value, material)),
        }
        return own.model_copy(update={**update, **told})

    async def _ask(
        self, call: Call[AnswererOutput], material: Material, gateway: LlmGateway
    ) -> tuple[Outcome[AnswererOutput] | None, int | None]:
        """The outcome, None where the model took too long, and what it cost."""
        ledger, outcome = InMemoryLedger(), None
        try:
            async with asyncio.timeout(self.patience_s):
                outcome = await gateway.ask(call, ledger)
        except TimeoutError:
            _log.warning("answer_took_too_long", investigation=call.investigation_id)
        finally:
            # A cancelled call may have cost money all the same.
            entries = [entry_of(one, material) for one in ledger.attempts]
            if entries:
                await self.ports.publisher.publish(*entries)
        return outcome, _spent(ledger.attempts)


def _spent(attempts: tuple[LlmAttempt, ...]) -> int | None:
    """What this answer cost; what an earlier one has paid is told again with a journal hit, and costs nothing now."""
    if any(one.outcome is AttemptOutcome.JOURNAL_HIT for one in attempts):
        return 0
    costs = [one.cost_nano_usd for one in attempts]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _why(outcome: Deterministic | Refused | None) -> str:
    match outcome:
        case None:
            return "it took too long"
        case Refused():
            return outcome.reason
        case Deterministic():
            return outcome.reason.value
        case _:
            assert_never(outcome)


def _open(own: Reply, questions: tuple[NextStep, ...]) -> dict[str, object]:
    """What the model leaves open beside its sentences."""
    if not questions:
        return {"unknown": "", "next_steps": ()}
    return {"unknown": f"{DO_NOT_KNOW} all that was asked.", "next_steps": (*questions, *own.next_steps)}


def _questions(told: AnswererOutput, material: Material) -> tuple[NextStep, ...]:
    """What the model would look at: shown as questions, never as facts."""
    return tuple(
        NextStep(action=f"To be looked at: {question}")
        for question in told.missing
        if harmless(question, material)
    )
