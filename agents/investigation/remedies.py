"""What to do about a cause: looking before touching, what can be undone before what cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.findings import CauseKind, FindingKind
from agents.analysis.stay_findings import stays_away
from agents.investigation.evidence import finding_of
from agents.investigation.state import Claim
from schemas.events.evidence import Evidence
from schemas.events.report import NextStep

__all__ = ["change_title", "next_steps"]


@dataclass(frozen=True, slots=True)
class _Remedies:
    """What to do about one kind of cause, by `Safety`."""

    looks: tuple[str, ...]
    undoable: tuple[str, ...]
    lasting: tuple[str, ...] = ()


_REMEDIES: Mapping[CauseKind, _Remedies] = {
    CauseKind.CPU: _Remedies(
        ("See which process of {service} or its host takes the CPU (top, profiler)",),
        (
            "Add instances of {service}, or raise its CPU limit",
            "Move what runs beside {service} off its host",
        ),
        ("Restart the busy instance of {service}",),
    ),
    CauseKind.MEMORY: _Remedies(
        ("See whether the memory of {service} still grows (resident size, heap, collections)",),
        ("Raise the memory limit of {service}, or add instances, to win time",),
        ("Take a heap dump of {service}, then restart its instances one by one",),
    ),
    CauseKind.DISK: _Remedies(
        ("See what fills or slows the disk of {service} (df, du, iostat)",),
        ("Grow the volume of {service}, or move its load elsewhere",),
        ("Delete what may go (old logs, temporary files) on {service}",),
    ),
    CauseKind.NETWORK: _Remedies(
        ("Measure loss and delay between {service} and those it talks to (ping, mtr, interface counters)",),
        (
            "Undo the latest network or policy change near {service}",
            "Route calls around the slow path of {service}, or move its instances to another node",
        ),
    ),
    CauseKind.LATENCY: _Remedies(
        ("See which operation of {service} is slow, and what it waits for (traces, slow query log)",),
        (
            "Add instances of {service}",
            "Shorten the time-outs of its callers, or shed load, so that they do not wait with it",
        ),
        ("Restart the slow instance of {service}, if it is one alone",),
    ),
    CauseKind.ERRORS: _Remedies(
        ("Read the newest error lines of {service}",),
        ("Take its failing instances out of the balancing, or fall back where callers can",),
        ("Restart {service}, if one instance alone fails",),
    ),
    CauseKind.SATURATION: _Remedies(
        ("See who holds the connections, threads or queue slots of {service}",),
        ("Raise the pool or queue limit of {service}, or add instances",),
        ("Restart the instances of {service} one by one, to free what is stuck",),
    ),
    CauseKind.DEPLOY: _Remedies(
        ("Compare the error lines of {service} before and after {change}",),
        (
            "Roll back {change}",
            "If it cannot be rolled back, take the new instances of {service} out of the balancing",
        ),
    ),
    CauseKind.CONFIG: _Remedies(
        ("Ask who made {change} whether it was meant to do this",),
        ("Put back the value from before {change}",),
    ),
    CauseKind.TRAFFIC: _Remedies(
        ("See where the load on {service} comes from (clients, a batch, an attack, a retry storm)",),
        ("Add instances of {service}", "Limit the rate of the loudest client"),
    ),
    CauseKind.UNKNOWN: _Remedies(
        ("Look at {service} first: it is where things began",),
        ("Undo what was changed last on {service}, if anything was",),
    ),
}

_STAYED_AWAY = _Remedies(
    (
        "See whether what comes to {service} at this hour reaches it (name service, certificates, load balancer, queue)",
        "See whether what starts the load on {service} at this hour did run (a schedule, a batch, a campaign)",
    ),
    ("Undo what was changed last on {service} or before it, if anything was",),
)


def next_steps(claim: Claim, evidence: Sequence[Evidence]) -> tuple[NextStep, ...]:
    """Return what to do about a cause, the safest first. The first step carries the query that shows the cause."""
    known = {one.event_id: one for one in evidence}
    cited = [known[i] for i in claim.evidence_ids if i in known]
    change = change_title(claim, evidence)
    words = {"service": claim.service, "change": f'"{change}"' if change else "the last change"}
    stayed = claim.kind is CauseKind.TRAFFIC and any(stays_away(finding_of(one)) for one in cited)
    remedies = _STAYED_AWAY if stayed else _REMEDIES[claim.kind]
    query = next((one.query for one in cited if one.query and one.service == claim.service), "")
    books = [
        one for one in evidence if one.kind == FindingKind.RUNBOOK and one.service in {"", claim.service}
    ]
    read = [NextStep(action=f"Read {_book(one)}") for one in books[:1]]
    first, *rest = [NextStep(action=text.format(**words)) for text in remedies.looks]
    touching = [NextStep(action=text.format(**words)) for text in (*remedies.undoable, *remedies.lasting)]
    return (first.model_copy(update={"query": query}), *rest, *read, *touching)


def change_title(claim: Claim, evidence: Sequence[Evidence]) -> str:
    """Return what was changed, by the evidence the claim cites; empty where it cites no change."""
    cited = [one for one in evidence if one.event_id in claim.evidence_ids]
    changes = [json.loads(one.data) for one in cited if one.kind == FindingKind.RECENT_CHANGE]
    return str(changes[0].get("title", "")) if changes else ""


def _book(one: Evidence) -> str:
    data = json.loads(one.data)
    title, url = data.get("title", ""), data.get("url", "")
    return f'the runbook "{title}"' + (f" ({url})" if url else "")
