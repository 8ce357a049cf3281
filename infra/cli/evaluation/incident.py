"""A declared scenario, played with a seed: what an investigation would find in the tables, and what it should answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agents.analysis.findings import CauseKind, Source
from agents.analysis.signals import AlarmRecord, IncidentData, Topology, Window
from agents.evaluation.expectations import AcceptedCause, Expectation, ForbiddenClaim, RequiredEvidence
from infra.cli.compose.windows import topology_of
from infra.cli.evaluation.declared import Expect, LateAlarm, Scenario, Shows, Skewed, Unreachable
from infra.cli.evaluation.impairments import impaired
from infra.cli.evaluation.recorded import Recorded, after_earlier, measured, recorded
from infra.local.shop.staging import Role, Staged, above, stage
from infra.local.shop.topology import ENTRY, shop_topology

__all__ = ["TENANT", "PlayedIncident", "play", "seed_of"]

TENANT = "evaluation"
LEAD_S, BASELINE_S, OBSERVE_S = 120.0, 1_800.0, 20.0
"""As an installation has them by default."""
_START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_HISTORY_S = 2_700.0


@dataclass(frozen=True, slots=True)
class PlayedIncident:
    """What is known of it, what is not, and what is true."""

    data: IncidentData
    unreachable: frozenset[Source]
    expected: Expectation
    cast: Mapping[Role, str]
    alarmed: bool
    """An alarm opened it; otherwise somebody asked."""
    told_at: float
    """When that was by our own clock, in unix seconds; the alarm's may be another."""


def seed_of(scenario: Scenario, seed: int) -> int:
    """Return the draw of this scenario in the set of this seed: another number for each pair."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{scenario.name}".encode()).digest()[:4], "big")


def play(scenario: Scenario, seed: int) -> PlayedIncident:
    """Simulate the scenario. The same arguments give the same incident. Takes about a second, does no I/O."""
    draw = seed_of(scenario, seed)
    staged = stage(scenario.happens, draw, TENANT, _START)
    late_s = sum(one.seconds for one in scenario.seen if isinstance(one, LateAlarm))
    told = recorded(staged, scenario, _HISTORY_S, late_s + OBSERVE_S)
    onset = _START.timestamp() + staged.onset_s
    told = impaired(_with_earlier(told, scenario, draw), scenario.seen, staged.cast, onset, draw)
    opening = _opening(told, onset)
    alarm_at = (opening.time if opening else onset + scenario.asked_s) + late_s
    alarmed = opening.service if opening else ENTRY
    told_at = alarm_at - _clock_of(alarmed, scenario, staged)
    return PlayedIncident(
        data=_data(told, alarm_at, told_at, opening or AlarmRecord(time=alarm_at, service=ENTRY, name="")),
        unreachable=frozenset(
            source for one in scenario.seen if isinstance(one, Unreachable) for source in one.sources
        ),
        expected=_expected(scenario.expect, staged, alarmed),
        cast=staged.cast,
        alarmed=opening is not None,
        told_at=told_at,
    )


def _with_earlier(told: Recorded, scenario: Scenario, draw: int) -> Recorded:
    """What was measured on earlier days before what is known of today, the latest of them last."""
    kpis = told.kpis
    for day in sorted(scenario.earlier, key=lambda one: one.ago):
        staged = stage(day.happens, draw + day.ago, TENANT, _START - timedelta(days=day.ago))
        kpis = after_earlier(kpis, measured(staged, _HISTORY_S, scenario.length_s))
    return replace(told, kpis=kpis)


def _opening(told: Recorded, onset: float) -> AlarmRecord | None:
    """The first alarm since the scene began, by the alarm's own clock or ours: whichever is kinder to a skewed one.

    A repeat of one that fired before that opens nothing: it is about something else.
    """
    since = onset - told.skew_s
    known = {(one.service, one.name): one for one in told.alarms if one.time < since}
    firing = [one for one in told.alarms if not one.cleared and one.time >= since]
    fresh = [
        one for one in firing if (one.service, one.name) not in known or known[one.service, one.name].cleared
    ]
    return min(fresh, key=lambda one: one.time, default=None)


def _clock_of(service: str, scenario: Scenario, staged: Staged) -> float:
    """By how much the clock that stamps its alarms is ahead; negative where it is behind."""
    skews = [one for one in scenario.seen if isinstance(one, Skewed) and one.alarms]
    return sum(one.seconds for one in skews if staged.cast[one.of] == service)


def _data(told: Recorded, alarm_at: float, told_at: float, opening: AlarmRecord) -> IncidentData:
    start = alarm_at - LEAD_S
    window = Window(start - BASELINE_S, start, alarm_at + OBSERVE_S, alarm_at)
    topology = topology_of(shop_topology(TENANT)) if told.topology else Topology()
    return IncidentData(
        window=window,
        alarm_service=opening.service,
        alarm_indicator=opening.indicator,
        kpis=told.kpis,
        alarms=tuple(one for one in told.alarms if one.time <= max(alarm_at, told_at) + OBSERVE_S),
        logs=told.logs,
        changes=told.changes,
        topology=topology,
    )


def _expected(expect: Expect, staged: Staged, alarmed: str) -> Expectation:
    cast = staged.cast
    names = [cast[role] for role in expect.of if role in cast] if expect.causes else []
    callers = above(names[0]) if names else frozenset[str]()
    cleared = (alarmed,) if expect.cleared and alarmed in callers else ()
    return Expectation(
        verdicts=frozenset(expect.verdicts),
        causes=tuple(_accepted(dict.fromkeys(names), expect.causes)),
        also=tuple(cast[role] for role in expect.also),
        evidence=tuple(_required(one, cast) for one in expect.evidence),
        forbidden=tuple(
            ForbiddenClaim(service=cast[role], because=role.value) for role in expect.innocent if role in cast
        ),
        forbidden_words=expect.never_says,
        cleared=cleared,
        missing=expect.missing,
        max_steps=expect.max_steps,
    )


def _accepted(names: Mapping[str, None], kinds: Sequence[CauseKind]) -> list[AcceptedCause]:
    return [AcceptedCause(service=name, kinds=frozenset(kinds)) for name in names]


def _required(shows: Shows, cast: Mapping[Role, str]) -> RequiredEvidence:
    service = cast[shows.of] if shows.of is not None else ""
    return RequiredEvidence(
        source=shows.source, service=service, kinds=frozenset(shows.kinds), cited=shows.cited
    )
