from __future__ import annotations

from schemas.events import InvestigationState, RequestKind
from sinks.citations import cited_evidence
from sinks.topic_facts import TopicFacts
from tests.fakes.full_events import alarm, decision, everything, evidence, report, request, status


def test_a_report_cites_causes_what_was_ruled_out_and_the_timeline() -> None:
    assert cited_evidence(report("t")) == {"ev_1", "ev_2", "ev_3", "ev_4"}


def test_a_timeline_entry_without_evidence_cites_nothing() -> None:
    bare = report(
        "t", causes=(), ruled_out=(), timeline=({"at": "2026-01-01T00:00:00Z", "service": "a", "what": "b"},)
    )

    assert cited_evidence(bare) == frozenset()


def test_facts_are_gathered_by_what_they_are_about() -> None:
    raw, found, concluded = alarm("t"), evidence("t"), report("t")
    facts = TopicFacts()

    for offset, event in enumerate([raw, raw, decision(raw), request("t"), found, concluded]):
        facts.note(event, (0, offset))

    assert facts.alarms == {raw.event_id: {(0, 0), (0, 1)}}
    assert facts.decided == {raw.event_id}
    assert facts.requested == {"inv_1"}
    assert facts.evidence == {found.event_id}
    assert facts.citations == {concluded.event_id: cited_evidence(concluded)}
    assert facts.cited() == cited_evidence(concluded)


def test_a_cancellation_asks_for_nothing() -> None:
    facts = TopicFacts()

    facts.note(request("t", kind=RequestKind.CANCEL), (0, 0))

    assert facts.requested == set()


def test_states_are_gathered_by_investigation() -> None:
    facts = TopicFacts()
    states = (InvestigationState.QUEUED, InvestigationState.FAILED)

    for offset, state in enumerate(states):
        facts.note(status("t", state=state), (0, offset))

    assert facts.states == {"inv_1": set(states)}


def test_an_alarm_is_valid_while_one_of_its_messages_is() -> None:
    once, twice = alarm("t", fingerprint="once"), alarm("t", fingerprint="twice")
    facts = TopicFacts()
    for offset, event in enumerate([once, twice, twice]):
        facts.note(event, (0, offset))

    assert facts.valid_alarms({(0, 0), (0, 1)}) == {twice.event_id}
    assert facts.valid_alarms(()) == {once.event_id, twice.event_id}


def test_every_event_can_be_noted() -> None:
    facts = TopicFacts()

    for offset, event in enumerate(everything("t")):
        facts.note(event, (0, offset))

    assert len(facts.alarms) == len(facts.requested) == len(facts.evidence) == 1
