"""Who is ruled out, what the summary says, and which moments the timeline keeps: at their borders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import CauseKind, FindingKind, Ruling, Source
from agents.investigation.nodes.plan import first_window
from agents.investigation.state import Claim, Conclusion, GraphState, Plan, RankedState, Recalled, marks
from agents.investigation.suspects import ruled_out
from agents.investigation.timeline import timeline
from agents.investigation.wording import headline, noted, summary
from schemas.events.evidence import Evidence
from schemas.events.incident import Incident
from schemas.events.report import Verdict
from schemas.pages.words import KIND_WORDS
from tests.fakes.evidence import AT, claim, evidence
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import context_for, state_for
from tests.fakes.node_orders import changed

CPU = evidence("cart", indicator="cpu", statement="cart cpu rose")
DEPLOY = evidence("cart", FindingKind.RECENT_CHANGE, Source.CHANGES, statement="deployed", title="cart 1.4.2")
NO_CHANGE = evidence(
    "", FindingKind.NO_DATA, Source.CHANGES, onset_s=None, statement="No change was recorded"
)


def normal(service: str, step: Source = Source.KPIS, score: float = 0.4) -> Evidence:
    return evidence(
        service, FindingKind.NORMAL, step, score=score, onset_s=None, statement=f"{service}: all normal"
    )


def state(
    *known: Evidence, services: tuple[str, ...] = ("frontend",), alarms: int = 1, **fields: Any
) -> GraphState:
    plain = context_for(healthy())
    incident = Incident.model_validate(
        {**plain.request.incident.model_dump(), "services": services, "alarm_count": alarms}
    )
    context = context_for(healthy(), request=changed(plain.request, incident=incident))
    fields.setdefault("plan", Plan(window=first_window(context), tasks=()))
    return state_for(context, evidence=known, gathered=marks(1, known), **fields)


def found(*claims: Claim) -> Conclusion:
    return Conclusion(verdict=Verdict.CAUSE_FOUND, confidence=0.8, claims=claims, concluded_at=AT)


class TestSpread:
    @pytest.mark.parametrize(
        ("when_asked", "told"),
        [
            (1, "1 alarm on frontend since 10:00:00 UTC, 9 alarms from 4 services within 30 s in all."),
            (9, "9 alarms on frontend since 10:00:00 UTC."),
            (12, "12 alarms on frontend since 10:00:00 UTC."),
        ],
    )
    def test_a_storm_that_went_on_after_the_investigation_was_asked_for_is_told_whole(
        self, when_asked: int, told: str
    ) -> None:
        storm = evidence(
            "frontend",
            FindingKind.ALARM_STORM,
            Source.ALARMS,
            statement="9 alarms from 4 services within 30 s",
            alarms=9,
        )
        opened = f"{state().request.incident.opened_at:%H:%M:%S}"
        said = summary(found(claim("cart", CPU)), state(CPU, storm, alarms=when_asked))
        assert told.replace("10:00:00", opened) in said


class TestRuledOut:
    def test_the_accused_is_not_ruled_out_whatever_the_ranking_says(self) -> None:
        ranked = RankedState(rulings=(Ruling(service="cart", reason="r"), Ruling(service="web", reason="r")))
        told = ruled_out(state(CPU), ranked, [claim("cart", CPU), claim("web", CPU)])
        assert [one.service for one in told] == ["web"]

    @pytest.mark.parametrize(
        ("known", "told"),
        [
            ([normal("frontend")], True),
            ([normal("frontend", Source.LOGS)], False),
            ([normal("web")], False),
            ([normal("frontend"), evidence("frontend", score=0.99)], True),
            ([normal("frontend"), evidence("frontend", score=1.0)], False),
            (
                [
                    normal("frontend"),
                    evidence("frontend", FindingKind.METRIC_ALARM, Source.ALARMS, score=9.0),
                ],
                True,
            ),
            ([normal("frontend"), evidence("web", score=9.0)], True),
        ],
    )
    def test_who_alarmed_is_ruled_out_by_measurements_of_its_own_that_are_normal(
        self, known: list[Evidence], told: bool
    ) -> None:
        assert bool(ruled_out(state(*known), RankedState(), [])) is told

    def test_who_is_explained_is_told_once_and_ten_at_most(self) -> None:
        names = tuple(f"s{number:02}" for number in range(14))
        rulings = tuple(Ruling(service=name, reason="r") for name in names[:3])
        ranked = RankedState(rulings=rulings, abnormal=True)
        told = ruled_out(state(*(normal(name) for name in names), services=names), ranked, [])
        assert [one.service for one in told] == list(names[:10])

    def test_of_many_who_alarmed_and_who_is_loud_is_told_whatever_their_names(self) -> None:
        names = tuple(f"s{number:02}" for number in range(14))
        loud = [evidence(name, score=float(number)) for number, name in enumerate(names)]
        rulings = tuple(Ruling(service=name, reason="r") for name in names)
        ranked = RankedState(rulings=rulings, abnormal=True)
        told = [one.service for one in ruled_out(state(*loud, services=("s00", "s02")), ranked, [])]
        assert told == ["s02", "s00", *(f"s{number:02}" for number in range(13, 5, -1))]

    def test_where_all_is_normal_nobody_has_symptoms_that_another_explains(self) -> None:
        ranked = RankedState(rulings=(Ruling(service="web", reason="shows symptoms of db"),))
        known = state(normal("frontend"))
        assert [one.service for one in ruled_out(known, ranked, [])] == ["frontend"]
        abnormal = ranked.model_copy(update={"abnormal": True})
        assert [one.service for one in ruled_out(known, abnormal, [])] == ["web", "frontend"]

    def test_a_ruling_cites_the_findings_of_its_own_service(self) -> None:
        other = evidence("web", indicator="cpu").model_copy(update={"finding": CPU.finding})
        ranked = RankedState(
            rulings=(Ruling(service="web", reason="r", findings=(CPU.finding,)),), abnormal=True
        )
        (one,) = ruled_out(state(CPU, other), ranked, [])
        assert one.evidence_ids == (other.event_id,)


class TestSummary:
    @pytest.mark.parametrize(
        ("services", "alarms", "said"),
        [
            (("web",), 1, "1 alarm on web since"),
            (("web", "db"), 5, "5 alarms on web, db since"),
            (("a", "b", "c"), 3, "3 alarms on a, b, c since"),
            (("a", "b", "c", "d"), 4, "4 alarms on 4 services since"),
            (("-",), 2, "2 alarms since"),
            (("web", "-"), 9, "9 alarms on web since"),
        ],
    )
    def test_it_says_how_far_the_alarms_spread(
        self, services: tuple[str, ...], alarms: int, said: str
    ) -> None:
        told = summary(found(claim("cart", CPU)), state(CPU, services=services, alarms=alarms))
        assert told.startswith(f"cart broke. {said} ")
        assert told.endswith(" UTC.")

    @pytest.mark.parametrize(
        ("known", "cited", "said"),
        [
            ([CPU, NO_CHANGE], [CPU], True),
            ([CPU, DEPLOY, NO_CHANGE], [CPU, DEPLOY], False),
            ([CPU, DEPLOY], [CPU], False),
            ([CPU], [CPU], False),
        ],
    )
    def test_that_nothing_changed_is_said_unless_a_change_did_it(
        self, known: list[Evidence], cited: list[Evidence], said: bool
    ) -> None:
        told = summary(found(claim("cart", *cited)), state(*known))
        assert ("No change was recorded." in told) is said

    @pytest.mark.parametrize(
        ("known", "said"),
        [
            ([normal("web")], "All that 1 service measured between"),
            ([normal("web"), normal("db")], "All that 2 services measured between"),
            ([normal("web"), normal("db", Source.LOGS)], "All that 1 service measured between"),
            ([], "All that 0 services measured between"),
        ],
    )
    def test_a_harmless_alarm_says_how_much_was_looked_at(self, known: list[Evidence], said: str) -> None:
        calm = Conclusion(verdict=Verdict.BENIGN, confidence=0.9, concluded_at=AT)
        assert summary(calm, state(*known)).startswith(said)
        assert "between" not in summary(calm, state(plan=None))

    def test_memory_speaks_only_where_it_still_holds(self) -> None:
        calm = Conclusion(verdict=Verdict.BENIGN, confidence=0.9, concluded_at=AT)
        stale = Recalled(
            investigation_id="i", answered_at=AT, still_holds=False, verdict=Verdict.BENIGN, note=""
        )
        assert "harmless on" not in summary(calm, state(recalled=stale))

    @pytest.mark.parametrize(
        ("statement", "said"), [("it broke", "it broke."), ("it broke!", "it broke!"), ("why?", "why?")]
    )
    def test_a_sentence_ends_once(self, statement: str, said: str) -> None:
        assert summary(found(claim("cart", CPU, statement=statement)), state(CPU)).startswith(f"{said} ")

    def test_a_request_taken_back_is_noted_at_the_end(self) -> None:
        plain = found(claim("cart", CPU))
        assert noted("It broke.", plain, state(CPU)) == "It broke."
        back = plain.model_copy(update={"taken_back": "cleared"})
        assert noted("It broke.", back, state(CPU)) == (
            "It broke. The request was taken back while this was investigated: cleared."
        )


class TestHeadline:
    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            (CauseKind.DEPLOY, "cart - broken by a deploy: cart 1.4.2 (80 % sure)"),
            (CauseKind.CONFIG, "cart - broken by a configuration or flag change: cart 1.4.2 (80 % sure)"),
            (CauseKind.CPU, "cart - out of CPU, seen in cpu (80 % sure)"),
        ],
    )
    def test_a_change_is_named_where_a_change_did_it(self, kind: CauseKind, said: str) -> None:
        given = claim("cart", CPU, DEPLOY, kind=kind, indicator="cpu")
        assert headline(found(given), state(CPU, DEPLOY)) == said

    def test_three_services_are_named_and_the_rest_counted(self) -> None:
        open_ = Conclusion(verdict=Verdict.INCONCLUSIVE, confidence=None, concluded_at=AT)
        assert "on a, b, c is" in headline(open_, state(services=("a", "b", "c")))
        assert "on a, b, c and 1 more is" in headline(open_, state(services=("a", "b", "c", "d")))


def dated(service: str, at_s: float, **more: Any) -> Evidence:
    return evidence(service, onset_s=at_s, statement=f"{service} at {at_s}", **more)


class TestTimeline:
    def test_it_is_in_order_of_time_and_the_storm_after_single_things(self) -> None:
        storm = evidence("web", FindingKind.ALARM_STORM, Source.ALARMS, score=None)
        first = evidence("web", FindingKind.FIRST_ALARM, Source.ALARMS, score=None)
        told = timeline([storm, dated("cart", -5.0), first], [])
        assert [entry.evidence_id for entry in told][1:] == [first.event_id, storm.event_id]
        assert [entry.at for entry in told] == [AT - timedelta(seconds=5), AT, AT]

    @pytest.mark.parametrize(("alarms", "told"), [(1, 1), (2, 2)])
    def test_one_alarm_is_told_once(self, alarms: int, told: int) -> None:
        storm = evidence("web", FindingKind.ALARM_STORM, Source.ALARMS, score=None, alarms=alarms)
        first = evidence("web", FindingKind.FIRST_ALARM, Source.ALARMS, score=None)
        assert len(timeline([storm, first], [])) == told

    @pytest.mark.parametrize(
        "unwanted",
        [
            dated("cart", 1.0, score=0.99),
            dated("cart", 1.0, score=None),
            evidence("cart", onset_s=None),
            evidence("cart", FindingKind.METRIC_ALARM, Source.ALARMS, onset_s=1.0),
            evidence("cart", FindingKind.SYMPTOM, Source.TOPOLOGY, onset_s=1.0),
            evidence("cart", FindingKind.UPSTREAM_ANOMALY, Source.TOPOLOGY, onset_s=1.0),
            evidence("cart", FindingKind.PAST_INCIDENT, Source.KNOWLEDGE, onset_s=1.0),
        ],
    )
    def test_what_is_no_moment_of_this_incident_is_left_out(self, unwanted: Evidence) -> None:
        assert timeline([unwanted], []) == ()

    def test_what_a_claim_cites_is_in_it_however_weak(self) -> None:
        weak = dated("cart", 1.0, score=0.2)
        assert len(timeline([weak], [claim("cart", weak)])) == 1

    def test_of_a_service_only_its_first_anomaly_is_told(self) -> None:
        late, early = dated("cart", 9.0, indicator="b"), dated("cart", 1.0, indicator="a")
        assert [entry.evidence_id for entry in timeline([late, early], [])] == [early.event_id]

    def test_of_many_the_cited_then_the_changes_then_the_strongest_are_kept(self) -> None:
        many = [dated(f"s{n:02}", float(n), score=1.0 + n) for n in range(20)]
        change = evidence("cart", FindingKind.RECENT_CHANGE, Source.CHANGES, onset_s=-99.0)
        told = timeline([*many, change], [claim("s00", many[0])])
        kept = {entry.service for entry in told}
        assert len(told) == 12
        assert {"s00", "cart"} <= kept
        assert kept - {"s00", "cart"} == {f"s{n:02}" for n in range(10, 20)}

    def test_nothing_dated_is_no_timeline(self) -> None:
        assert timeline([], []) == ()


def test_every_kind_of_cause_has_words() -> None:
    assert {kind.value for kind in CauseKind} == set(KIND_WORDS)
