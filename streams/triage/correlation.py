"""Which alarms belong together: the open incidents of this worker, indexed so that each alarm costs the same.

An alarm joins the open incident of its own service, and every open incident that is near in time and either has
alarms in a neighbouring service or was the last to have one on the same host. Where it joins several they are
merged into the one opened first. The rule is symmetric in the alarms, so their order of arrival does not matter
as long as their starts lie within the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.events import AlarmChanged, AlarmStatus, Decision, IncidentTransition
from streams.triage.agenda import Agenda
from streams.triage.alarm_state import alarm_key
from streams.triage.cases import Case, Cause
from streams.triage.component_index import ComponentIndex
from streams.triage.effects import Effects, Transition
from streams.triage.incidents import (
    Head,
    Member,
    Phase,
    due_at,
    event_of,
    is_newer,
    is_past,
    member_of,
    opened,
    worse_of,
)
from streams.triage.settings import CorrelationRules
from streams.triage.topology import Neighbourhoods

__all__ = ["Correlation", "Effects", "Transition"]

_HEAD, _MEMBER = b"h|", b"m|"
_GROWTHS = 10
"""So many incidents' growth is told at a time: with 200 alarms each it takes 10 ms to write them."""


class Correlation:
    """All incidents of the partitions owned here. In memory, no I/O: `take` hands over what is to be made durable."""

    def __init__(self, rules: CorrelationRules) -> None:
        self._rules = rules
        self._window = timedelta(seconds=rules.window_s)
        self._growth_every = timedelta(seconds=rules.growth_every_s)
        self._cases: dict[str, Case] = {}
        self._case_of: dict[bytes, str] = {}
        self._index = ComponentIndex()
        self._agenda = Agenda()
        self._transitions: list[Transition] = []
        self._growing: dict[str, Cause] = {}
        self._dirty_heads: dict[str, int] = {}
        self._dirty_members: dict[bytes, int] = {}
        self._open = 0

    @property
    def open_count(self) -> int:
        """Incidents that are not over."""
        return self._open

    def load(self, entries: Iterator[tuple[int, bytes, bytes]]) -> None:
        """Take over what was made durable, into an empty correlation."""
        members: list[tuple[bytes, Member]] = []
        for _, key, value in entries:
            if key.startswith(_HEAD):
                self._load_head(Head.model_validate_json(value))
            else:
                members.append((key.removeprefix(_MEMBER), Member.model_validate_json(value)))
        for key, member in sorted(members, key=lambda one: one[1].alarm.started_at):
            self._load_member(key, member)
        for case in [one for one in self._cases.values() if not one.members and not one.head.phase.is_over]:
            self._open -= 1  # its alarms were not written before a crash: they come again and open it again
            self._forget(case)

    def apply(
        self, change: AlarmChanged, near: Neighbourhoods, partition: int, now: datetime, traceparent: str = ""
    ) -> str:
        """Take an alarm's change into account; returns the incident concerned, or empty where there is none."""
        key = alarm_key(change.tenant, change.source, change.fingerprint)
        case = self._cases.get(self._case_of.get(key, ""))
        if case is not None and not is_newer(change, case.members[key]):
            return case.name
        cause = Cause(change.occurred_at, now, traceparent)
        if change.decision is Decision.CLEARED:
            return self._clear(case, key, change, cause)
        if change.decision not in (Decision.OPENED, Decision.UPDATED):
            return ""
        self._close_past(key, change, cause)
        host = near.host_of(change.service, change.entity, change.host)
        found = self._candidates(key, change, near, host)
        joined = self._merged(found, cause) or self._new_case(opened(change, partition, now))
        self._join(joined, key, member_of(change, joined.name, partition, host), cause)
        return joined.name

    def advance(self, now: datetime) -> None:
        """Close what has been quiet, and forget what has been closed, long enough at wall-clock time `now`."""
        for incident in self._agenda.pop_due(now):
            case = self._cases[incident]
            if due_at(case.head, self._rules) > now:
                self._reschedule(case)
            elif case.head.phase.is_over:
                self._forget(case)
            else:
                self._turn(case, IncidentTransition.CLOSED, Phase.CLOSED, Cause(now, now))

    def take(self, now: datetime) -> Effects:
        """Hand over, once, what has happened since the last call.

        Growth of an incident that has just been told of is kept back for a while, and a few incidents' is told at a time:
        an event carries the incident whole, and other alarms wait meanwhile.
        """
        for incident in self._due_growth(now)[:_GROWTHS]:
            self._publish_growth(incident)
            self._cases[incident].told_at = now
        effects = Effects(transitions=self._transitions)
        for incident, partition in self._dirty_heads.items():
            case = self._cases.get(incident)
            value = case.head.model_dump_json().encode() if case else None
            effects.writes.setdefault(partition, {})[_HEAD + incident.encode()] = value
        for key, partition in self._dirty_members.items():
            effects.writes.setdefault(partition, {})[_MEMBER + key] = self._member_bytes(key)
        self._transitions, self._dirty_heads, self._dirty_members = [], {}, {}
        return effects

    def has_due_growth(self, now: datetime) -> bool:
        """Whether `take` has more to tell at this moment."""
        return bool(self._due_growth(now))

    def _due_growth(self, now: datetime) -> list[str]:
        told = ((incident, self._cases[incident].told_at) for incident in self._growing)
        return [incident for incident, at in told if at is None or now - at >= self._growth_every]

    def _close_past(self, key: bytes, change: AlarmChanged, cause: Cause) -> None:
        """Close what would take the alarm for its own though it was over long before."""
        for incident in self._own(key, change):
            case = self._cases[incident]
            if is_past(case.head, change.occurred_at, self._rules):
                self._turn(case, IncidentTransition.CLOSED, Phase.CLOSED, cause)

    def _own(self, key: bytes, change: AlarmChanged) -> tuple[str, ...]:
        """The last incident of the alarm itself, and that of its service."""
        own = self._case_of.get(key), self._index.of_service(change.tenant, change.service)
        return tuple(dict.fromkeys(one for one in own if one))

    def _candidates(self, key: bytes, change: AlarmChanged, near: Neighbourhoods, host: str) -> list[Case]:
        """The incidents, none of them over, that the alarm belongs to."""
        own = self._own(key, change)
        related = self._index.related(change.tenant, near.of(change.service), host)
        names = dict.fromkeys([*own, *related])
        cases = [self._cases[one] for one in names if not self._cases[one].head.phase.is_over]
        return [one for one in cases if one.name in own or one.head.covers(change.started_at, self._window)]

    def _merged(self, found: list[Case], cause: Cause) -> Case | None:
        """The first opened of the cases, with the others merged into it; None where there is none."""
        first = min(found, key=lambda one: (one.head.opened_at, one.name), default=None)
        for other in found:
            if first is not None and other is not first:
                self._merge(other, first, cause)
        return first

    def _merge(self, loser: Case, winner: Case, cause: Cause) -> None:
        self._publish_growth(loser.name)
        loser.head = loser.head.model_copy(update={"merged_into": winner.name})
        self._turn(loser, IncidentTransition.MERGED, Phase.MERGED, cause)
        for key, member in list(loser.members.items()):
            self._put_member(winner, key, member.model_copy(update={"incident_id": winner.name}))

    def _join(self, case: Case, key: bytes, member: Member, cause: Cause) -> None:
        is_first = not case.members
        self._put_member(case, key, member)
        if is_first:
            self._publish(case, IncidentTransition.OPENED, cause)
        else:
            self._grow(case, cause)

    def _clear(self, case: Case | None, key: bytes, change: AlarmChanged, cause: Cause) -> str:
        if case is None or case.head.phase.is_over:
            return ""
        known = case.members[key]
        cleared = {"status": AlarmStatus.CLEARED, "started_at": change.started_at}
        alarm = known.alarm.model_copy(update=cleared)
        self._put_member(case, key, known.model_copy(update={"alarm": alarm, "as_of": change.occurred_at}))
        if case.active == 0 and case.head.phase is Phase.OPEN:
            self._turn(case, IncidentTransition.CLEARED, Phase.CLEARED, cause)
        else:
            self._revise(case, cause.now)
        return case.name

    def _new_case(self, head: Head) -> Case:
        case = self._cases[head.incident_id] = Case(head)
        self._open += 1
        self._touch(case)
        self._reschedule(case)
        return case

    def _put_member(self, case: Case, key: bytes, member: Member) -> None:
        """Make the alarm a member of this case, and of no other."""
        self._drop_member(key)
        self._dirty_members[key] = member.partition
        self._count_in(case, key, member)
        head, alarm = case.head, member.alarm
        services = head.services if alarm.service in head.services else (*head.services, alarm.service)
        case.head = head.model_copy(
            update={
                "services": services,
                "severity": worse_of(head.severity, alarm.severity),
                "first_start": min(head.first_start, alarm.started_at),
                "last_start": max(head.last_start, alarm.started_at),
                "latest_at": max(head.latest_at or head.last_start, member.as_of),
            }
        )
        self._touch(case)

    def _drop_member(self, key: bytes) -> None:
        case = self._cases.get(self._case_of.pop(key, ""))
        if case is not None:
            case.active -= case.members.pop(key).alarm.status is AlarmStatus.FIRING

    def _count_in(self, case: Case, key: bytes, member: Member) -> None:
        case.members[key] = member
        self._case_of[key] = case.name
        case.active += member.alarm.status is AlarmStatus.FIRING
        if not case.head.phase.is_over:
            self._index.add(case.head.tenant, member.alarm, case.name)

    def _grow(self, case: Case, cause: Cause) -> None:
        """Note the growth; it is published once for all alarms up to the next transition or until it is due."""
        phase, self._growing[case.name] = case.head.phase, cause
        case.head = case.head.model_copy(update={"phase": Phase.OPEN, "grew_at": cause.occurred_at})
        self._revise(case, cause.now)
        if phase is not Phase.OPEN:
            self._reschedule(case)

    def _turn(self, case: Case, transition: IncidentTransition, phase: Phase, cause: Cause) -> None:
        self._publish_growth(case.name)
        if phase.is_over:
            self._open -= 1
            self._index.remove(case.head.tenant, (one.alarm for one in case.members.values()), case.name)
        case.head = case.head.model_copy(update={"phase": phase})
        self._revise(case, cause.now)
        self._reschedule(case)
        self._publish(case, transition, cause)

    def _revise(self, case: Case, now: datetime) -> None:
        head = case.head
        case.head = head.model_copy(update={"revision": head.revision + 1, "updated_at": now})
        self._touch(case)

    def _publish_growth(self, incident: str) -> None:
        cause, case = self._growing.pop(incident, None), self._cases.get(incident)
        if cause is not None and case is not None:
            case.head = case.head.model_copy(update={"grew_at": None})
            self._touch(case)
            self._publish(case, IncidentTransition.GREW, cause)

    def _publish(self, case: Case, transition: IncidentTransition, cause: Cause) -> None:
        case.told_at = cause.now
        alarms = (member.alarm for member in case.members.values())
        counts = (len(case.members), case.active)
        event = event_of(case.head, alarms, transition, cause.occurred_at, counts=counts)
        self._transitions.append(Transition(event, cause.trace))

    def _touch(self, case: Case) -> None:
        self._dirty_heads[case.name] = case.head.partition

    def _reschedule(self, case: Case) -> None:
        self._agenda.put(case.name, due_at(case.head, self._rules))

    def _forget(self, case: Case) -> None:
        self._touch(case)
        self._agenda.drop(case.name)
        self._growing.pop(case.name, None)
        del self._cases[case.name]
        for key, member in case.members.items():
            del self._case_of[key]
            self._dirty_members[key] = member.partition

    def _load_head(self, head: Head) -> None:
        case = self._cases[head.incident_id] = Case(head)
        self._open += not head.phase.is_over
        self._reschedule(case)
        if head.grew_at is not None:
            self._growing[case.name] = Cause(head.grew_at, head.updated_at)

    def _load_member(self, key: bytes, member: Member) -> None:
        case = self._cases.get(member.incident_id)
        while case is not None and case.head.merged_into:  # the move was not written before a crash
            case = self._cases.get(case.head.merged_into)
        if case is not None:
            self._count_in(case, key, member.model_copy(update={"incident_id": case.name}))

    def _member_bytes(self, key: bytes) -> bytes | None:
        case = self._cases.get(self._case_of.get(key, ""))
        return case.members[key].model_dump_json().encode() if case else None
