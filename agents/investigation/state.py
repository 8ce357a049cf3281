"""The state of one investigation: a frozen model whose collections grow through reducers. It is what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import Field

from agents.analysis.findings import Cause, CauseKind, Ruling, Source
from agents.analysis.signals import Topology, Window
from agents.investigation.ahead import Ahead
from agents.investigation.inquiries.asking import Inquiring, Inquiry
from agents.investigation.picture import Picture, latest
from agents.ports import BudgetLevel
from schemas.events.base import Event, Instant, Record
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested
from schemas.events.ledger import CostEntry
from schemas.events.report import NextStep, Report, RuledOut, Verdict

__all__ = [
    "Claim",
    "Conclusion",
    "GatherTask",
    "GraphState",
    "KnownTopology",
    "LookWindow",
    "Plan",
    "RankedState",
    "Recalled",
    "Refusal",
    "Span",
    "by_id",
    "distinct",
]

EventT = TypeVar("EventT", bound=Event)


def by_id(old: Sequence[EventT], new: Sequence[EventT]) -> tuple[EventT, ...]:
    """Reducer: one event an id, in order of first appearance; what came later replaces."""
    return tuple({event.event_id: event for event in (*old, *new)}.values())


def distinct(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Reducer: every text once, in order of first appearance."""
    return tuple(dict.fromkeys((*old, *new)))


class Span(Record):
    """[since, until)."""

    since: Instant
    until: Instant


class LookWindow(Record):
    """The time looked at: a baseline [baseline_start, start) and the incident [start, end]."""

    baseline_start: Instant
    start: Instant
    end: Instant
    alarm_at: Instant
    troubled: tuple[Span, ...] = ()
    """When other incidents were, before `start`: apart, in order."""
    ahead: tuple[Ahead, ...] = ()
    """Whose stamps are read from so much later and put back."""

    @property
    def left_out(self) -> tuple[Span, ...]:
        """What of the baseline is no normal life; nothing where so little else is left that trouble is what is normal."""
        inside = tuple(span for span in self.troubled if span.until > self.baseline_start)
        lost = sum((one.until - max(one.since, self.baseline_start) for one in inside), timedelta())
        return inside if lost <= (self.start - self.baseline_start) / 2 else ()

    def ahead_by(self, source: Source) -> dict[str, float]:
        """Return by how many seconds each service stamps this source ahead; who does not is absent."""
        return {one.service: one.seconds for one in self.ahead if one.source is source}

    def signal(self) -> Window:
        """Return the same in unix seconds, as the analysis takes it."""
        return Window(
            baseline_start=self.baseline_start.timestamp(),
            start=self.start.timestamp(),
            end=self.end.timestamp(),
            alarm_at=self.alarm_at.timestamp(),
            disturbed=tuple((one.since.timestamp(), one.until.timestamp()) for one in self.left_out),
        )

    def wider(self, factor: float, max_lead_s: float) -> LookWindow:
        """Return a window whose lead and baseline are longer by the factor, the lead at most `max_lead_s`."""
        lead = min((self.alarm_at - self.start).total_seconds() * factor, max_lead_s)
        baseline = (self.start - self.baseline_start) * factor
        start = self.alarm_at - timedelta(seconds=lead)
        return self.model_copy(update={"start": start, "baseline_start": start - baseline})


class GatherTask(Record):
    """One source to read. `services` None is all of them."""

    source: Source
    services: tuple[str, ...] | None = None


class Plan(Record):
    window: LookWindow
    tasks: tuple[GatherTask, ...]
    round: Annotated[int, Field(ge=1)] = 1
    """1, and one more each time the investigation looks again."""
    near: tuple[str, ...] = ()
    """The alarmed services, then some of those tied to them, the nearest first."""

    def task(self, source: Source) -> GatherTask | None:
        return next((task for task in self.tasks if task.source is source), None)


class KnownTopology(Record):
    """`analysis.signals.Topology` in a form that a checkpoint keeps."""

    calls: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    hosted_on: dict[str, str] = Field(default_factory=dict)
    instance_of: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, topology: Topology) -> KnownTopology:
        return cls(
            calls={name: tuple(sorted(called)) for name, called in sorted(topology.calls.items())},
            nodes=tuple(sorted(topology.nodes)),
            hosted_on=dict(topology.hosted_on),
            instance_of=dict(topology.instance_of),
        )

    def signal(self) -> Topology:
        return Topology(
            calls={name: frozenset(called) for name, called in self.calls.items()},
            nodes=frozenset(self.nodes),
            hosted_on=self.hosted_on,
            instance_of=self.instance_of,
        )


class Refusal(Record):
    """Why the investigation was not made. `until` is when it may be; None is never."""

    reason: str
    until: Instant | None = None


RECALL_ROUND = 0
"""The round of what is read to check an earlier answer."""


class Claim(Record):
    """A cause that somebody asserts. Nothing of it is published before `verify` has looked at it."""

    service: str
    kind: CauseKind
    indicator: str = ""
    confidence: Annotated[float, Field(ge=0, le=1)]
    statement: str
    evidence_ids: tuple[str, ...] = ()
    author: str = "statistics"
    """`statistics`, `memory`, or the model that says so."""


class RankedState(Record):
    """What ranking by code concluded, and what is claimed on top of it."""

    causes: tuple[Cause, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    abnormal: bool = False
    """Whether anything measured is out of its normal range."""
    covered: tuple[Source, ...] = ()
    """Sources that had data."""
    indicators: tuple[str, ...] = ()
    """`<service>_<metric>`, best first."""
    claims: tuple[Claim, ...] = ()
    """In order of likelihood."""
    questions: tuple[str, ...] = ()
    """What a model would still ask."""
    queries: tuple[Inquiry, ...] = ()
    """What a model asks of the data before it decides; they are put next."""
    wishes: int = 0
    """How many queries a model has wished for, in all its turns."""
    unanswered: tuple[Inquiry, ...] = ()
    """What it asked for and was not given any more."""
    partial: str = ""
    """Why a model had to decide before it had all that it asked for; empty where it had."""


class Recalled(Record):
    """The answer of an earlier investigation, held against today's data."""

    investigation_id: str
    answered_at: Instant
    still_holds: bool
    verdict: Verdict
    note: str
    next_steps: tuple[NextStep, ...] = ()
    """What was advised then."""


class Conclusion(Record):
    """What passed verification. The report is a function of it."""

    verdict: Verdict
    confidence: Annotated[float, Field(ge=0, le=1)] | None
    claims: tuple[Claim, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    missing: tuple[str, ...] = ()
    queries: tuple[NextStep, ...] = ()
    """What would settle it, where it is not settled."""
    partial: str = ""
    """Why these findings are partial; empty where they are not."""
    contradictions: tuple[str, ...] = ()
    """What speaks against the first claim, each as a sentence."""
    rejected: tuple[str, ...] = ()
    """Claims that did not pass, and why: for the log and for tests, not for the report."""
    look_again: bool = False
    taken_back: str = ""
    """Why the request was taken back while it was investigated; empty where it was not."""
    concluded_at: Instant


class GraphState(Record):
    """All that an investigation knows. Nodes return deltas; only the fields with a reducer may be written in parallel."""

    request: InvestigationRequested
    started_at: Instant
    level: BudgetLevel = BudgetLevel.NORMAL
    refusal: Refusal | None = None
    plan: Plan | None = None
    topology: KnownTopology = KnownTopology()
    late: tuple[Source, ...] = ()
    """Sources whose data had not landed when the wait ended."""
    recalled: Recalled | None = None
    evidence: Annotated[tuple[Evidence, ...], by_id] = ()
    costs: Annotated[tuple[CostEntry, ...], by_id] = ()
    gathered: Annotated[tuple[str, ...], distinct] = ()
    """Ids of the evidence of each round, as `round:id`."""
    pictures: Annotated[tuple[Picture, ...], latest] = ()
    """The series behind the strongest measurements, for the report to draw."""
    ranked: RankedState | None = None
    inquiring: Inquiring = Inquiring()
    conclusion: Conclusion | None = None
    report: Report | None = None

    @property
    def from_memory(self) -> bool:
        """Whether an earlier answer was found to hold still."""
        return self.recalled is not None and self.recalled.still_holds

    @property
    def alarm_service(self) -> str:
        """The service of the first alarm; empty where it is not known."""
        return first_service(self.request)

    @property
    def alarm_indicator(self) -> str:
        """The metric of the first alarm that names one on the alarmed service."""
        alarms = self.request.incident.alarms
        return next((a.indicator for a in alarms if a.indicator and a.service == self.alarm_service), "")

    @property
    def current_evidence(self) -> tuple[Evidence, ...]:
        """The evidence of the latest round."""
        look = RECALL_ROUND if self.from_memory else self.plan.round if self.plan else 1
        prefix = f"{look}:"
        ids = {mark.removeprefix(prefix) for mark in self.gathered if mark.startswith(prefix)}
        return tuple(one for one in self.evidence if one.event_id in ids)


UNKNOWN_SERVICE = "-"
"""The service of an alarm that names none."""


def first_service(request: InvestigationRequested) -> str:
    """Return the service that the incident's first alarm is about; empty where it is not known."""
    alarms = request.incident.alarms
    service = alarms[0].service if alarms else next(iter(request.incident.services), "")
    return "" if service == UNKNOWN_SERVICE else service


def first_alarm_at(request: InvestigationRequested) -> datetime:
    """Return the start of the incident's earliest alarm; of the earliest that no earlier investigation has looked at."""
    starts = [alarm.started_at for alarm in request.incident.alarms]
    since = request.looked_until
    if since is None:
        return min(starts, default=request.incident.opened_at)
    return min((start for start in starts if start > since), default=request.incident.occurred_at)


def marks(plan_round: int, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return what goes into `GraphState.gathered`."""
    return tuple(f"{plan_round}:{one.event_id}" for one in evidence)
