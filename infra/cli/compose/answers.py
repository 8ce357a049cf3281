"""The API's answers: what agents make of the landed evidence, with the same models, budgets and ledger as investigations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from api.answer_ports import AnsweredSentence, AnswerView
from infra.cli.compose.process import RoleProcess
from schemas.errors import NotFoundError
from schemas.events import InvestigationRequested, Report
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, costs_by
from sinks.clickhouse.queries.investigation_log import get_request
from sinks.clickhouse.queries.investigations import evidence_of
from sinks.clickhouse.queries.reports import get_report

if TYPE_CHECKING:
    from agents.answers.answerer import Answerer
    from agents.answers.material import Ledger, Material
    from agents.answers.reply import Reply
    from infra.runtime.redis.client import Redis
    from infra.runtime.sql import Database
    from streams.producer import EventProducer

__all__ = ["CheckedAnswers", "LandedMaterials", "open_answers"]

_EVIDENCE: Final = 2_000
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_BEFORE: Final = timedelta(days=1)
"""Entries are as old as the run; clocks of workers may differ."""


async def open_answers(
    process: RoleProcess, producer: EventProducer, database: Database, redis: Redis, clickhouse: ClickHouse
) -> CheckedAnswers:
    """Return who answers; what it opens is closed with the role."""
    # Imported here: prices and providers of models take a while, and the other roles of this root do without.
    from agents.answers.answerer import Answerer  # noqa: PLC0415 - as above
    from agents.answers.ports import AnswerPorts  # noqa: PLC0415 - as above
    from infra.cli.compose.models import open_gateway  # noqa: PLC0415 - as above
    from infra.cli.compose.publishing import BrokerPublisher  # noqa: PLC0415 - as above
    from infra.cli.compose.tenancy import InvestigationAdmission, monthly_limit  # noqa: PLC0415 - as above
    from infra.runtime.redis import RedisAdmission, RedisBudget  # noqa: PLC0415 - as above
    from infra.runtime.sql import ControlStore  # noqa: PLC0415 - as above

    control, prefix = ControlStore(database), process.installation.settings.redis.prefix
    budget = RedisBudget(
        redis, prefix=prefix, limit_of=lambda scope: monthly_limit(control, scope), now=process.clock.now
    )
    ports = AnswerPorts(
        materials=LandedMaterials(clickhouse),
        publisher=BrokerPublisher(producer),
        budgets=InvestigationAdmission(control, RedisAdmission(redis, prefix=prefix), budget, process.clock),
        gateway=await open_gateway(process, budget, database),
    )
    return CheckedAnswers(Answerer(ports))


@dataclass(frozen=True, slots=True)
class LandedMaterials:
    """Satisfies agents.answers.ports.Materials, over the tables."""

    clickhouse: ClickHouse

    async def material(self, tenant: str, investigation_id: str) -> Material:
        from agents.answers.material import Material  # noqa: PLC0415 - as in open_answers

        report = await get_report(self.clickhouse, tenant=tenant, investigation_id=investigation_id)
        found = await evidence_of(
            self.clickhouse, tenant=tenant, investigation_id=investigation_id, limit=_EVIDENCE
        )
        return Material(
            report=report,
            evidence=found.rows,
            ledger=await self._ledger(report),
            request=await self._request(tenant, investigation_id),
        )

    async def _request(self, tenant: str, investigation_id: str) -> InvestigationRequested | None:
        try:
            return await get_request(self.clickhouse, tenant=tenant, investigation_id=investigation_id)
        except NotFoundError:
            return None

    async def _ledger(self, report: Report) -> Ledger:
        from agents.answers.material import CostLine, Ledger  # noqa: PLC0415 - as in open_answers

        only = CostFilter(investigation_id=report.investigation_id)
        scope = WideScope((report.tenant,), report.started_at - _BEFORE, _LATEST)
        found = await costs_by(self.clickhouse, CostDimension.STEP, scope, only, 1_000)
        lines = tuple(
            CostLine(group.key, group.entries, group.cost_nano_usd, group.unpriced) for group in found.groups
        )
        return Ledger(lines, found.info.sql)


@dataclass(frozen=True, slots=True)
class CheckedAnswers:
    """Satisfies api.answer_ports.Answers."""

    answerer: Answerer

    async def answer(self, tenant: str, investigation_id: str, question: str) -> AnswerView:
        return _view(await self.answerer.answer(tenant, investigation_id, question))


def _view(reply: Reply) -> AnswerView:
    return AnswerView(
        investigation_id=reply.investigation_id,
        question=reply.question,
        known=reply.known,
        sentences=tuple(
            AnsweredSentence(text=one.text, evidence_ids=one.evidence_ids, query=one.query)
            for one in reply.sentences
        ),
        unknown=reply.unknown,
        next_steps=reply.next_steps,
        mode=reply.mode,
        why_no_model=reply.why_no_model,
        removed=reply.removed,
        cost_nano_usd=reply.cost_nano_usd,
    )
