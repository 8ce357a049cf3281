"""Alarms that start within one window are grouped the same in any order, however often they come, over restarts."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.control import ServiceTopology
from schemas.events import AlarmChanged, AlarmStatus, Decision, Incident, IncidentTransition, Severity
from streams.triage.alarm_state import alarm_key
from streams.triage.correlation import Correlation
from streams.triage.memory_store import MemoryStore
from streams.triage.settings import CorrelationRules
from streams.triage.topology import Neighbourhoods
from tests.fakes.events import EPOCH, alarm

RULES = CorrelationRules(growth_every_s=0, window_s=100, max_hops=2, quiet_s=60, idle_s=3600, keep_s=600)
SERVICES = tuple("abcdefgh")


@st.composite
def _topology(draw: st.DrawFn) -> ServiceTopology:
    pairs = st.tuples(st.sampled_from(SERVICES), st.sampled_from(SERVICES))
    calls: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for caller, callee in draw(st.lists(pairs, max_size=8)):
        calls[caller] = (*calls[caller], callee)
    return ServiceTopology(tenant="acme", calls=dict(calls))


@st.composite
def _opening(draw: st.DrawFn) -> AlarmChanged:
    return _change(draw(st.sampled_from(SERVICES)), draw(st.integers(0, 2)), draw(st.integers(0, 100)))


def _change(service: str, number: int, seconds: int, decision: Decision = Decision.OPENED) -> AlarmChanged:
    started = EPOCH + timedelta(seconds=number)
    status = AlarmStatus.CLEARED if decision is Decision.CLEARED else AlarmStatus.FIRING
    raw = alarm(
        f"A{number}",
        service,
        occurred_at=EPOCH + timedelta(seconds=seconds),
        started_at=started,
        status=status,
    )
    return AlarmChanged(
        **raw.model_dump(exclude={"event_id", "received_at", "url"}),
        alarm_event_id=raw.event_id,
        decision=decision,
        decided_at=EPOCH,
    )


class _Run:
    """A correlation that restarts from its store whenever told to."""

    def __init__(self, topology: ServiceTopology) -> None:
        self.near = Neighbourhoods(topology, RULES.max_hops)
        self.store = MemoryStore()
        self.events: list[Incident] = []
        self.correlation = Correlation(RULES)

    def apply(self, changes: list[AlarmChanged], *, lost: bool = False) -> None:
        """Handle one batch; `lost`: the worker dies after it has published and before it has written."""
        for one in changes:
            self.correlation.apply(one, self.near, 0, EPOCH)
        effects = self.correlation.take(EPOCH)
        self.events += [one.event for one in effects.transitions]
        if lost:
            self.restart()
            return
        for partition, writes in effects.writes.items():
            self.store.write(partition, writes)

    def restart(self) -> None:
        self.correlation = Correlation(RULES)
        self.correlation.load(self.store.entries())

    def groups(self) -> set[frozenset[bytes]]:
        """The alarms of each incident that is not over."""
        cases = self.correlation._cases.values()
        return {frozenset(one.members) for one in cases if not one.head.phase.is_over}

    def last(self) -> dict[str, Incident]:
        latest: dict[str, Incident] = {}
        for one in self.events:
            known = latest.get(one.incident_id)
            if known is None or one.revision >= known.revision:
                latest[one.incident_id] = one
        return latest


def _expected(changes: list[AlarmChanged], topology: ServiceTopology) -> set[frozenset[bytes]]:
    """The connected components of "same or neighbouring service"."""
    near = Neighbourhoods(topology, RULES.max_hops)
    groups: list[tuple[set[str], set[bytes]]] = []
    for one in changes:
        services, keys = {one.service}, {alarm_key(one.tenant, one.source, one.fingerprint)}
        around = near.of(one.service) | services
        for group in [group for group in groups if group[0] & around]:
            groups.remove(group)
            services |= group[0]
            keys |= group[1]
        groups.append((services, keys))
    return {frozenset(keys) for _, keys in groups}


OPENINGS = st.lists(_opening(), min_size=1, max_size=14)


@given(changes=OPENINGS, topology=_topology(), data=st.data())
def test_groups_are_the_connected_components_in_any_order(
    changes: list[AlarmChanged], topology: ServiceTopology, data: st.DataObject
) -> None:
    run = _Run(topology)
    for one in data.draw(st.permutations(changes)):
        run.apply([one])
    assert run.groups() == _expected(changes, topology)


@given(changes=OPENINGS, topology=_topology(), data=st.data())
@settings(max_examples=200)
def test_crashes_and_redelivery_change_nothing(
    changes: list[AlarmChanged], topology: ServiceTopology, data: st.DataObject
) -> None:
    calm, shaken = _Run(topology), _Run(topology)
    for one in changes:
        calm.apply([one])
    at = 0
    while at < len(changes):
        size = data.draw(st.integers(1, 5))
        lost = data.draw(st.booleans())
        shaken.apply(changes[at : at + size], lost=lost)
        if lost:
            continue
        if data.draw(st.booleans()):
            shaken.restart()
            at = max(0, at - data.draw(st.integers(0, 3)))
        at += size
    assert shaken.groups() == calm.groups()
    assert set(shaken.last()) == set(calm.last())
    for name, incident in calm.last().items():
        again = shaken.last()[name]
        assert (again.merged_into, again.alarm_count) == (incident.merged_into, incident.alarm_count)


@given(changes=OPENINGS, topology=_topology())
def test_an_incident_event_id_always_says_the_same(
    changes: list[AlarmChanged], topology: ServiceTopology
) -> None:
    """However the batches are cut, one id never has two meanings."""
    single, whole = _Run(topology), _Run(topology)
    for one in changes:
        single.apply([one])
    whole.apply(changes)
    meanings = {one.event_id: one for one in single.events}
    for event in whole.events:
        assert meanings[event.event_id] == event


@given(changes=OPENINGS, topology=_topology(), data=st.data())
def test_an_incident_clears_exactly_when_its_last_alarm_does(
    changes: list[AlarmChanged], topology: ServiceTopology, data: st.DataObject
) -> None:
    run = _Run(topology)
    run.apply(changes)
    unique = {one.fingerprint: one for one in changes}
    for one in data.draw(st.permutations(list(unique.values()))):
        number = int(one.name.removeprefix("A"))
        run.apply([_change(one.service, number, 200, Decision.CLEARED)])
    alive = [one for one in run.last().values() if not one.merged_into]
    assert {one.transition for one in alive} == {IncidentTransition.CLEARED}
    assert all(one.active_count == 0 for one in alive)
    assert sum(one.alarm_count for one in alive) == len(unique)


@given(changes=OPENINGS, topology=_topology())
def test_everything_is_forgotten_in_the_end(changes: list[AlarmChanged], topology: ServiceTopology) -> None:
    run = _Run(topology)
    run.apply(changes)
    for hours in range(1, 6):
        run.correlation.advance(EPOCH + timedelta(hours=hours))
        run.apply([])
    assert list(run.store.entries()) == []
    assert run.correlation.open_count == 0
    assert {one.severity for one in run.events} <= set(Severity)


_SHORT, _LONG = st.integers(1, 50), st.integers(3_700, 10**6)
NEWS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["new", "worse"]), st.one_of(_SHORT, _LONG)),
        st.tuples(st.just("cleared"), _SHORT),
    ),
    max_size=12,
)


def _as_it_came(news: list[tuple[str, int]]) -> list[AlarmChanged]:
    """One service's alarms: one more fires, the last one gets worse, or all that fire clear, so long after each other."""
    told, firing, at = list[AlarmChanged](), dict[int, int](), 0
    for number, (what, gap) in enumerate(news):
        at += gap if firing or what != "cleared" else 0
        if what == "cleared":
            told += [_fired(one, began, at, Decision.CLEARED) for one, began in firing.items()]
            firing = {}
        elif what == "worse" and firing:
            last, began = max(firing.items())
            told.append(_fired(last, began, at, Decision.UPDATED))
        else:
            firing[number] = at
            told.append(_fired(number, at, at))
    return told


def _fired(number: int, began: int, at: int, decision: Decision = Decision.OPENED) -> AlarmChanged:
    worse = {"severity": Severity.CRITICAL} if decision is Decision.UPDATED else {}
    moment = {"started_at": EPOCH + timedelta(seconds=began), "decided_at": EPOCH + timedelta(seconds=at)}
    return _change("a", number, at, decision).model_copy(update={**moment, **worse})


@given(news=NEWS, restarts=st.booleans())
def test_a_backlog_makes_the_incidents_that_it_would_have_made_as_it_came(
    news: list[tuple[str, int]], restarts: bool
) -> None:
    near = Neighbourhoods(ServiceTopology(tenant="acme", calls={}), RULES.max_hops)
    live, store, late = Correlation(RULES), MemoryStore(), Correlation(RULES)
    for one in _as_it_came(news):
        live.advance(one.occurred_at)
        expected = live.apply(one, near, 0, one.occurred_at)
        assert late.apply(one, near, 0, EPOCH) == expected
        assert late.open_count <= 1
        if restarts:
            for partition, writes in late.take(EPOCH).writes.items():
                store.write(partition, writes)
            late = Correlation(RULES)
            late.load(store.entries())
