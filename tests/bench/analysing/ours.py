"""Our two ways to the cause from measurements: the statistics by themselves, and the whole investigation."""

from __future__ import annotations

from dataclasses import replace

from agents.analysis.comovement import analyse_comovement
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.fusion import rank_causes
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import IncidentData, Topology
from agents.analysis.topology import analyse_topology
from agents.evaluation.cases import Case
from agents.evaluation.predictions import predict

__all__ = ["analysed", "investigated", "unrelated"]


def unrelated(data: IncidentData) -> IncidentData:
    """The incident as one sees it who was never told who calls whom."""
    return replace(data, topology=Topology())


def analysed(data: IncidentData) -> tuple[str, ...]:
    """Services by the measurements alone, the likeliest first: the steps of an investigation without topology.

    The alarm says where to look from; that it was raised is no evidence here.
    """
    findings = analyse_kpis(data.kpis, data.window)
    named = {data.alarm_service, *(one.service for one in findings if _is_notable(one))}
    findings += analyse_comovement([one for one in data.kpis if one.service in named], data.window)
    findings += analyse_topology(findings, Topology(), data.alarm_service, data.candidates)
    found = rank_causes(findings, Topology(), data.alarm_service, data.alarm_indicator, data.candidates)
    return tuple(cause.service for cause in found.causes)


async def investigated(data: IncidentData) -> tuple[str, ...]:
    """Services as the investigation graph ranks them, with all that the data holds; what it publishes is kept in memory."""
    return (await predict(Case("bench/one", data))).services


def _is_notable(finding: Finding) -> bool:
    return finding.kind is not FindingKind.NORMAL and (finding.score or 0.0) >= 1.0
