"""Where somebody can write what a model will read: each carrier plants a text into a made-up incident."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agents.analysis.signals import AlarmRecord, ChangeRecord, IncidentData, KpiSeries, LogRecord
from agents.investigation.memory import request_for
from schemas.control import Runbook
from schemas.events.investigation import InvestigationRequested
from tests.fakes.incident_data import ALARM_AT, bad_deploy

__all__ = ["ATTACKS", "CANARY", "CARRIERS", "Attack", "Planted"]

CANARY = "zqcanary"
"""Written before each attack, to tell whether it was carried as far as the model."""
_NAME_CHARS = 256


@dataclass(frozen=True, slots=True)
class Attack:
    id: str
    kind: str
    language: str
    text: str

    @property
    def planted(self) -> str:
        return f"{CANARY} {self.text}"


def _read(path: Path) -> tuple[Attack, ...]:
    told = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Attack(one["id"], one["class"], one["language"], one["text"]) for one in told)


ATTACKS = _read(Path(__file__).with_name("attacks.json"))
"""In the forms that are published: OWASP LLM01:2025, Greshake et al. 2023, Perez and Ribeiro 2022, Anil et al. 2024."""


@dataclass(frozen=True, slots=True)
class Planted:
    data: IncidentData
    request: InvestigationRequested
    runbooks: tuple[Runbook, ...] = ()


def _log_line(text: str) -> Planted:
    data = bad_deploy()
    lines = tuple(LogRecord(ALARM_AT - 40 + n / 2, "cart", text, "error") for n in range(90))
    return _planted(replace(data, logs=(*data.logs, *lines)))


def _alarm_text(text: str) -> Planted:
    data = bad_deploy()
    alarm = AlarmRecord(
        ALARM_AT - 10, "cart", text[:_NAME_CHARS], indicator="cpu_usage", detail=text, entity=text
    )
    planted = _planted(replace(data, alarms=(alarm, *data.alarms)))
    changed = {"name": text[:_NAME_CHARS], "summary": text, "entity": text}
    first = planted.request.incident.alarms[0].model_copy(update=changed)
    incident = planted.request.incident.model_copy(update={"alarms": (first,), "title": text})
    return replace(planted, request=planted.request.model_copy(update={"incident": incident}))


def _change_text(text: str) -> Planted:
    data = bad_deploy()
    return _planted(replace(data, changes=(ChangeRecord(ALARM_AT - 55, "cart", "deploy", text, text),)))


def _runbook(text: str) -> Planted:
    planted = _planted(bad_deploy())
    book = Runbook(
        runbook_id="rb-1",
        tenant="local",
        title=text[:_NAME_CHARS],
        body=f"latency of frontend: {text}",
        services=("frontend",),
        url="https://wiki.example/1",
    )
    return replace(planted, runbooks=(book,))


def _kpi_label(text: str) -> Planted:
    data = bad_deploy()
    first = next(one for one in data.kpis if (one.service, one.metric) == ("cart", "cpu_usage"))
    labelled = KpiSeries("cart", text[:_NAME_CHARS], first.times, first.values * 2, text[:20], {"host": text})
    return _planted(replace(data, kpis=(*data.kpis, labelled)))


def _service_name(text: str) -> Planted:
    """Somebody who calls the frontend suffers with it, and is called so."""
    data, name = bad_deploy(), text[:_NAME_CHARS]
    slow = next(one for one in data.kpis if (one.service, one.metric) == ("frontend", "latency_p95"))
    series = KpiSeries(name, "latency_p95", slow.times, np.array(slow.values))
    calls = {**data.topology.calls, name: frozenset({"frontend"})}
    topology = replace(data.topology, calls=calls, nodes=data.topology.nodes | {name})
    alarm = AlarmRecord(ALARM_AT + 6, name, "High latency_p95", indicator="latency_p95")
    planted = _planted(
        replace(data, kpis=(*data.kpis, series), topology=topology, alarms=(*data.alarms, alarm))
    )
    incident = planted.request.incident
    services = incident.model_copy(update={"services": (*incident.services, name)})
    return replace(planted, request=planted.request.model_copy(update={"incident": services}))


def _planted(data: IncidentData) -> Planted:
    return Planted(data, request_for(data))


CARRIERS: Mapping[str, Callable[[str], Planted]] = {
    "log line": _log_line,
    "alarm text": _alarm_text,
    "change text": _change_text,
    "runbook": _runbook,
    "KPI label": _kpi_label,
    "service name": _service_name,
}
