"""What the model's roles are asked. Whatever others wrote is fenced, one line an item, named by short labels, and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from agents.analysis.findings import FindingKind, Ruling
from agents.investigation.inquiries.asking import MOST_AT_ONCE, MOST_TURNS, Inquiring, told
from agents.investigation.state import Claim, Conclusion, KnownTopology, LookWindow
from agents.llm.fence import fence_evidence
from agents.llm.neutral import one_line
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested
from schemas.pages.words import many as counted

__all__ = [
    "Ruled",
    "further",
    "known_names",
    "labelled",
    "planner_prompt",
    "reasoner_prompt",
    "writer_prompt",
]

_MOST_ALARMS = 30
_MOST_SERVICES = 50
_MOST_EVIDENCE = 60
_MOST_EDGES = 300
_MOST_RANKED = 40
_ITEM_CHARS = 400
_NAME_CHARS = 256
_EVIDENCE_CHARS = 600
_ANSWER_CHARS = 1200
_BLOCK_CHARS = 12_000


class Ruled(Protocol):
    """Whatever tells whom the statistics ruled out."""

    @property
    def rulings(self) -> tuple[Ruling, ...]: ...


def known_names(request: InvestigationRequested, topology: KnownTopology) -> frozenset[str]:
    """Return the names of services and metrics: they are never masked."""
    called = (name for targets in topology.calls.values() for name in targets)
    alarms = request.incident.alarms
    indicators = (alarm.indicator for alarm in alarms if alarm.indicator)
    return frozenset([*request.incident.services, *topology.nodes, *topology.calls, *called, *indicators])


def labelled(evidence: Sequence[Evidence]) -> tuple[tuple[str, Evidence], ...]:
    """Return the evidence a model is shown, as E1, E2, ...: the strongest first, of what is normal nothing.

    What it asked for comes last, in the order in which it was asked, so that the labels before it stay.
    """
    found = [one for one in evidence if one.kind not in {FindingKind.NORMAL, FindingKind.ANSWER}]
    strongest = sorted(found, key=lambda one: (-(one.score or 0.0), one.event_id))[:_MOST_EVIDENCE]
    answers = [one for one in evidence if one.kind == FindingKind.ANSWER]
    return tuple((f"E{number}", one) for number, one in enumerate([*strongest, *answers], start=1))


def planner_prompt(request: InvestigationRequested, window: LookWindow, topology: KnownTopology) -> str:
    """Return what the planner is asked."""
    edges = [f"{caller} -> {', '.join(called)}" for caller, called in topology.calls.items()]
    return "\n".join(
        [
            _incident(request),
            f"Planned window: {window.baseline_start:%Y-%m-%d %H:%M:%S} to {window.end:%H:%M:%S} UTC.",
            "Who calls whom:",
            _list({"topology": edges[:_MOST_EDGES] or ["not known"]}),
            "What should be looked at beyond that, or further back?",
        ]
    )


def reasoner_prompt(
    request: InvestigationRequested,
    claims: Sequence[Claim],
    ranking: Ruled,
    evidence: Sequence[Evidence],
    may_be_asked: str = "",
) -> str:
    """Return what the reasoner is asked, each turn the whole: there is no conversation that data could join."""
    ranks = [f"{c.service} ({c.kind}, confidence {c.confidence:.2f}): {c.statement}" for c in claims]
    ruled = [f"{ruling.service}: {ruling.reason}" for ruling in ranking.rulings[:_MOST_RANKED]]
    return "\n".join(
        [
            _incident(request),
            "Evidence:",
            _fenced(labelled(evidence)),
            "Ranking by statistics, and whom it ruled out:",
            _list({"ranking": ranks or ["none"], "ruled-out": ruled or ["none"]}),
            may_be_asked or further(Inquiring(), may_ask=False),
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
            _list({"causes": causes or ["none"], "ruled-out": ruled or ["none"]}),
            "Evidence that may be cited:",
            _fenced(cited),
        ]
    )


def further(inquiring: Inquiring, *, may_ask: bool) -> str:
    """Return what the reasoner may still ask of the data, and what it has asked."""
    left = MOST_TURNS - inquiring.turns
    asked = [told(one) for one in inquiring.asked]
    before = [_list({"asked-before": asked})] if asked else []
    if not may_ask or left <= 0:
        rule = "Nothing more can be asked of the data: leave `queries` empty and decide on this evidence."
    else:
        rule = (
            f"If this does not tell two suspects apart, ask the data by `queries`, at most {MOST_AT_ONCE} at a time and "
            f"{counted(left, 'more time')}; otherwise leave `queries` empty. Never ask what was asked before."
        )
    return "\n".join([*before, rule])


def _fenced(evidence: Sequence[tuple[str, Evidence]]) -> str:
    return fence_evidence(
        ((label, one_line(f"{one.step}/{one.kind}: {one.statement}", _chars(one))) for label, one in evidence)
    )


def _chars(one: Evidence) -> int:
    return _ANSWER_CHARS if one.kind == FindingKind.ANSWER else _EVIDENCE_CHARS


def _incident(request: InvestigationRequested) -> str:
    incident = request.incident
    alarms = [
        f"{a.started_at:%H:%M:%S} {a.severity} {a.service} {a.name} {a.summary}"
        for a in incident.alarms[:_MOST_ALARMS]
    ]
    services = [one_line(name, _NAME_CHARS) for name in incident.services[:_MOST_SERVICES]]
    head = f"{counted(incident.alarm_count, 'alarm')} since {incident.opened_at:%Y-%m-%d %H:%M:%S} UTC."
    return "\n".join([head, _list({"services": services or ["none"], "alarms": alarms or ["none"]})])


def _list(blocks: Mapping[str, Sequence[str]]) -> str:
    """Lists, one line an item: what others wrote can make no line of its own."""
    return fence_evidence(
        ((name, "\n".join(one_line(item, _ITEM_CHARS) for item in items)) for name, items in blocks.items()),
        max_chars=_BLOCK_CHARS,
    )
