"""What answering needs from outside, as protocols; the composition root joins them to sinks, streams and Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agents.answers.material import Material
from agents.llm.gateway import LlmGateway
from agents.ports import BudgetLevel, Publisher

__all__ = ["AnswerPorts", "Budgets", "Materials"]


class Materials(Protocol):
    async def material(self, tenant: str, investigation_id: str) -> Material:
        """Return what is known of an investigation of the tenant.

        Raises:
            NotFoundError: it has no report, or is another tenant's.
            UnavailableError: the tables do not answer.
        """


class Budgets(Protocol):
    async def level(self, tenant: str) -> BudgetLevel:
        """Return what the tenant's budget allows now. Raises UnavailableError."""


@dataclass(frozen=True, slots=True)
class AnswerPorts:
    materials: Materials
    publisher: Publisher
    budgets: Budgets
    gateway: LlmGateway | None = None
    """The way to a model; None answers by code alone."""
