"""What the model's roles are asked. Evidence is fenced, named by short labels, and bounded."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import FindingKind
from agents.analysis.fusion import Ranking
from agents.investigation.state import Claim, Conclusion, KnownTopology, LookWindow
from agents.llm.fence import fence_evidence
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested

__all__ = ["known_names", "labelled", "planner_prompt", "reasoner_prompt", "writer_prompt"]

_MOST_ALARMS = 30
_MOST_EVIDENCE = 60
_MOST_EDGES = 300
_EVIDENCE_CHARS = 600


def known_names(request: InvestigationRequested, topology: KnownTopology) -> frozenset[str]:
    """Return the names of services and metrics: they are never masked."""
    called = (name for targets in topology.calls.values() for name in targets)
    alarms = request.incident.alarms
    indicators = (alarm.indicator for alarm in alarms if alarm.indicator)
    return frozenset([*request.incident.services, *topology.nodes, *topology.calls, *called, *indicators])


def labelled(evidence: Sequence[Evidence]) -> tuple[tuple[str, Evidence], ...]:
    """Return the evidence a model is shown, as E1, E2, ...: the strongest first, of what is normal nothing."""
    shown = sorted(
        (one for one in evidence if one.kind != FindingKind.NORMAL),
        key=lambda one: (-(one.score or 0.0), one.event_id),
    )
    return tuple((f"E{number}", one) for number, one in enumerate(shown[:_MOST_EVIDENCE], start=1))


def planner_prompt(request: InvestigationRequested, window: LookWindow, topology: KnownTopology) -> str:
    """Return what the planner is asked."""
    edges = [f"{caller} -> {', '.join(called)}" for caller, called in topology.calls.items()]
    return "\n".join(
        [
            _incident(request),
            f"Planned window: {window.baseline_start:%Y-%m-%d %H:%M:%S} to {window.end:%H:%M:%S} UTC.",
            "Who calls whom:",
            fence_evidence([("topology", "\n".join(edges[:_MOST_EDGES]) or "not known")], max_chars=12_000),
            "What should be looked at beyond that, or further back?",
        ]
    )


def reasoner_prompt(
    request: InvestigationRequested, claims: Sequence[Claim], ranking: Ranking, evidence: Sequence[Evidence]
) -> str:
    """Return what the reasoner is asked."""
    ranks = [f"{c.service} ({c.kind}, confidence {c.confidence:.2f}): {c.statement}" for c in claims]
    ruled = [f"{ruling.service}: {ruling.reason}" for ruling in ranking.rulings]
    return "\n".join(
        [
            _incident(request),
            "Evidence:",
            _fenced(labelled(evidence)),
            "Ranking by statistics, and whom it ruled out:",
            fence_evidence(
                [("ranking", "\n".join(ranks) or "none"), ("ruled-out", "\n".join(ruled) or "none")]
            ),
            "Which causes explain this incident? Quote numbers only as they stand in the evidence you cite.",
        ]
    )


def writer_prompt(
    request: InvestigationRequested, conclusion: Conclusion, cited: Sequence[tuple[str, Evidence]]
) -> str:
    """Return what the writer is asked; `cited` are the labels it may use."""
    names = {one.event_id: label for label, one in cited}
    causes = [
        f"{claim.service} ({claim.kind}, confidence {claim.confidence:.2f}) "
        f"[{', '.join(names[i] for i in claim.evidence_ids if i in names)}]: {claim.statement}"
        for claim in conclusion.claims
    ]
    ruled = [f"{one.service}: {one.reason}" for one in conclusion.ruled_out]
    return "\n".join(
        [
            _incident(request),
            f"Verified verdict: {conclusion.verdict}",
            fence_evidence(
                [("causes", "\n".join(causes) or "none"), ("ruled-out", "\n".join(ruled) or "none")]
            ),
            "Evidence that may be cited:",
            _fenced(cited),
        ]
    )


def _fenced(evidence: Sequence[tuple[str, Evidence]]) -> str:
    return fence_evidence(
        ((label, f"{one.step}/{one.kind}: {one.statement}") for label, one in evidence),
        max_chars=_EVIDENCE_CHARS,
    )


def _incident(request: InvestigationRequested) -> str:
    incident = request.incident
    alarms = [
        f"{a.started_at:%H:%M:%S} {a.severity} {a.service} {a.name} {a.summary}"
        for a in incident.alarms[:_MOST_ALARMS]
    ]
    head = f"{incident.alarm_count} alarms on {', '.join(incident.services)}, since {incident.opened_at:%Y-%m-%d %H:%M:%S} UTC."
    return "\n".join([head, fence_evidence([("alarms", "\n".join(alarms) or "none")])])
