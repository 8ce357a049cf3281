"""What one worker does: one incident, from its declaration or folder to a result. Nothing here leaves an error unanswered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agents.evaluation.answers import Answer, answer
from agents.evaluation.cases import load_case
from agents.evaluation.judging import correct, judge
from agents.evaluation.predictions import Prediction, predict
from agents.evaluation.results import CaseResult, NamedCause, ScenarioResult, Spent
from agents.evaluation.unreachable import UnreachableWindows
from agents.investigation.inquiries.asking import ASKED
from agents.investigation.memory import memory_ports
from agents.investigation.settings import InvestigationSettings
from agents.investigation.verification import CODE
from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.incident import TENANT, PlayedIncident, play
from infra.cli.evaluation.models import ChosenModel, open_model
from infra.cli.evaluation.suite import SCENARIOS
from infra.cli.logs_aside import logs_aside
from infra.local.shop.staging import Role
from schemas.errors import TocsinError
from schemas.events import Report
from schemas.pages import cited_ids, report_html

__all__ = ["CaseTask", "Done", "ScenarioTask", "Task", "perform"]

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
_SETTINGS = InvestigationSettings(fetch_backoff_s=0.01)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ScenarioTask:
    """A scenario of the suite, by name: a worker process has the suite itself."""

    scenario: str
    seed: int
    model: ChosenModel | None = None


@dataclass(frozen=True, slots=True)
class CaseTask:
    folder: Path
    late_s: float = 0.0
    model: ChosenModel | None = None


Task = ScenarioTask | CaseTask


@dataclass(frozen=True, slots=True)
class Done:
    """A result and the HTML page of the report behind it, empty where there was an error. Of a case, everybody suspected."""

    result: ScenarioResult | CaseResult
    page: str = ""
    services: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    folder: Path | None = None


def perform(task: Task) -> Done:
    """Investigate one incident in an event loop of its own. Does not raise: what goes wrong is in the result's `error`."""
    try:
        with logs_aside():
            return asyncio.run(_performed(task))
    except TocsinError as error:
        return _broken(task, str(error))
    except Exception as error:  # noqa: BLE001 - the edge: a defect met by one incident must not hide what others show
        return _broken(task, f"{type(error).__name__}: {error}")


async def _performed(task: Task) -> Done:
    async with open_model(task.model) as gateway:
        match task:
            case CaseTask(folder, late_s):
                case = load_case(folder, late_s=late_s)
                return _of_case(folder, await predict(case, gateway=gateway))
            case ScenarioTask(name, seed):
                scenario = _BY_NAME[name]
                incident = play(scenario, seed)
                ports = replace(memory_ports(incident.data, _SETTINGS), gateway=gateway)
                if incident.unreachable:
                    away = UnreachableWindows(ports.windows, incident.unreachable)
                    ports = replace(ports, windows=away)
                told = await answer(
                    incident.data,
                    ports,
                    tenant=TENANT,
                    case=f"{name}/{seed}",
                    alarmed=incident.alarmed,
                    told_at=datetime.fromtimestamp(incident.told_at, tz=UTC),
                )
                return _of_scenario(scenario, seed, incident, told)


def _of_scenario(scenario: Scenario, seed: int, incident: PlayedIncident, told: Answer) -> Done:
    report = told.report
    result = ScenarioResult(
        name=scenario.name,
        group=scenario.group,
        title=scenario.title,
        seed=seed,
        truth=_truth(incident),
        verdict=report.verdict,
        confidence=report.confidence,
        headline=report.headline,
        causes=_named(report),
        checks=judge(told, incident.expected),
        correct=correct(report, incident.expected),
        spent=_spent(told),
    )
    return Done(result, _page(told))


def _of_case(folder: Path, prediction: Prediction) -> Done:
    report = prediction.report
    result = CaseResult(
        case=prediction.case,
        dataset=prediction.case.partition("/")[0],
        verdict=report.verdict,
        confidence=report.confidence,
        services=prediction.services[:_SHOWN],
        indicators=prediction.indicators[:_SHOWN],
        spent=_spent(prediction.answer),
    )
    return Done(result, _page(prediction.answer), prediction.services, prediction.indicators, folder)


def _page(told: Answer) -> str:
    cited = set(cited_ids(told.report))
    return report_html(told.report, [one for one in told.evidence if one.event_id in cited])


def _broken(task: Task, error: str) -> Done:
    match task:
        case CaseTask(folder):
            place = folder.resolve()
            case = CaseResult(
                case=f"{place.parent.name}/{place.name}", dataset=place.parent.name, error=error
            )
            return Done(case, folder=folder)
        case ScenarioTask(name, seed):
            known = _BY_NAME[name]
            return Done(
                ScenarioResult(name=name, group=known.group, title=known.title, seed=seed, error=error)
            )


def _truth(incident: PlayedIncident) -> str:
    """Who plays what, of those that the expectation is about."""
    shown = (Role.CULPRIT, Role.SECOND, Role.HERRING)
    cast = [f"{role}: {incident.cast[role]}" for role in shown if role in incident.cast]
    opened = f"alarm of {incident.data.alarm_service}" if incident.alarmed else "no alarm, asked by hand"
    return "; ".join([*cast, opened])


def _named(report: Report) -> tuple[NamedCause, ...]:
    return tuple(
        NamedCause(service=o.service, kind=o.kind, indicator=o.indicator, confidence=o.confidence)
        for o in report.causes
    )


def _spent(told: Answer) -> Spent:
    claims = [one for one in told.ranking.claims if one.author not in CODE]
    published = {(cause.service, cause.statement) for cause in told.report.causes}
    sure = {one.service: one.confidence for one in told.report.causes if one.confidence is not None}
    answered = sum(one.finding.startswith(ASKED) for one in told.evidence)
    return Spent(
        steps=told.steps,
        seconds=told.seconds,
        attempts=len(told.attempts),
        failed_attempts=sum(one.outcome != "ok" for one in told.attempts),
        input_tokens=told.tokens.input,
        output_tokens=told.tokens.output,
        cost_nano_usd=told.report.cost_nano_usd,
        claims=len(claims),
        published_claims=sum((one.service, one.statement) in published for one in claims),
        capped_claims=sum(sure.get(one.service, one.confidence) < one.confidence for one in claims),
        queries=told.ranking.wishes,
        refused_queries=told.ranking.wishes - answered,
    )
