"""Each single rule that a claim is held against, at its border."""

from __future__ import annotations

from typing import Any

import pytest

from agents.analysis.findings import CauseKind, FindingKind, Ruling, Source
from agents.investigation.state import Claim, KnownTopology
from agents.investigation.verification import Findings, Verified, accuses, cap, verified
from schemas.events.evidence import Evidence
from tests.fakes.evidence import claim, evidence

ALL = frozenset(Source)
CPU = evidence("cart", indicator="cpu_usage", statement="cart cpu_usage rose")
MEMORY = evidence("cart", indicator="memory", statement="cart memory rose", score=9.0)
ERRORS = evidence("cart", FindingKind.ERROR_BURST, Source.LOGS, statement="cart fails", pool="hikari")
CHANGE = evidence("cart", FindingKind.RECENT_CHANGE, Source.CHANGES)
ALARM = evidence("cart", FindingKind.METRIC_ALARM, Source.ALARMS)


def held(*claims: Claim, known: tuple[Evidence, ...], **changes: Any) -> Verified:
    topology = changes.pop("topology", KnownTopology())
    covered = changes.pop("covered", ALL)
    return verified(claims, Findings(known, topology, covered=covered, **changes))


class TestCaps:
    @pytest.mark.parametrize(
        ("support", "covered", "top"),
        [
            ([CPU], ALL, 0.7),
            ([CPU, MEMORY], ALL, 0.8),
            ([CPU, ERRORS], ALL, 0.92),
            ([CPU, ERRORS, CHANGE], ALL, 0.97),
            ([CPU, ERRORS, CHANGE, ALARM], ALL, 0.97),
            ([ERRORS], frozenset({Source.LOGS}), 0.7),
            ([ERRORS, CHANGE], frozenset({Source.LOGS}), 0.75),
            ([ERRORS, CHANGE, ALARM], frozenset(), 0.75),
        ],
    )
    def test_the_more_kinds_of_sources_agree_the_surer(
        self, support: list[Evidence], covered: frozenset[Source], top: float
    ) -> None:
        assert cap(support, covered) == top

    def test_what_accuses_others_supports_nothing(self) -> None:
        other = evidence("web", FindingKind.ERROR_BURST, Source.LOGS)
        (passed,) = held(claim("cart", CPU, other, confidence=1.0), known=(CPU, other)).claims
        assert passed.confidence == 0.7
        assert other.event_id in passed.evidence_ids


@pytest.mark.parametrize("kind", list(FindingKind))
def test_what_is_normal_absent_or_from_before_accuses_nobody(kind: FindingKind) -> None:
    innocent = {"normal", "answer", "no_data", "unreachable", "runbook", "past_incident"} | {
        "alarm_storm",
        "clock_ahead",
        "learned_call",
    }
    assert accuses(evidence("cart", kind)) is (kind.value not in innocent)
    assert not accuses(evidence("", kind))


class TestRuledOut:
    RULING = Ruling(service="cart", reason="it calls db")

    @pytest.mark.parametrize(
        ("author", "passes"), [("statistics", False), ("gpt-4o", False), ("memory", True)]
    )
    def test_only_memory_may_name_whom_todays_ranking_rules_out(self, author: str, passes: bool) -> None:
        outcome = held(claim("cart", CPU, author=author), known=(CPU,), rulings=[self.RULING])
        assert bool(outcome.claims) is passes

    def test_the_reason_is_told(self) -> None:
        outcome = held(claim("cart", CPU), known=(CPU,), rulings=[self.RULING])
        assert outcome.rejected == ("statistics: cart: it was ruled out: it calls db",)

    def test_others_are_not_meant(self) -> None:
        ruling = Ruling(service="web", reason="it calls cart")
        assert held(claim("cart", CPU), known=(CPU,), rulings=[ruling]).claims


class TestIndicators:
    @pytest.mark.parametrize("indicator", ["", "cpu_usage", "cart fails", "hikari"])
    def test_a_model_may_name_what_stands_in_what_it_cites(self, indicator: str) -> None:
        given = claim("cart", CPU, ERRORS, author="gpt-4o", indicator=indicator)
        assert held(given, known=(CPU, ERRORS)).claims

    def test_not_what_stands_elsewhere(self) -> None:
        given = claim("cart", ERRORS, author="gpt-4o", indicator="cpu_usage")
        assert not held(given, known=(CPU, ERRORS)).claims

    def test_code_is_believed(self) -> None:
        assert held(claim("cart", ERRORS, indicator="cpu_usage"), known=(ERRORS,)).claims


class TestDownstream:
    CALLS = KnownTopology(calls={"web": ("mid",), "mid": ("db",)}, nodes=("web", "mid", "db"))

    def outcome(self, *below: Evidence, believed: dict[str, float] | None = None) -> Verified:
        web = evidence("web", onset_s=30.0)
        given = claim("web", web, author="gpt-4o")
        return held(given, known=(web, *below), topology=self.CALLS, believed=believed)

    def test_an_earlier_anomaly_below_is_the_likelier_cause(self) -> None:
        assert "downstream of db" in self.outcome(evidence("db", onset_s=29.0)).rejected[0]

    def test_what_the_samples_leave_open_is_said(self) -> None:
        sure, open_ = (
            self.outcome(evidence("db", onset_s=20.0, onset_late_s=late_s)).rejected[0]
            for late_s in (10.0, 11.0)
        )
        assert sure.endswith("which was abnormal before it")
        assert open_.endswith("which as far as samples tell was abnormal before it")

    def test_the_earliest_of_several_is_named_and_of_equals_the_first_by_name(self) -> None:
        both = self.outcome(evidence("mid", onset_s=5.0), evidence("db", onset_s=1.0))
        assert "downstream of db" in both.rejected[0]
        equal = self.outcome(evidence("mid", onset_s=5.0), evidence("db", onset_s=5.0))
        assert "downstream of db" in equal.rejected[0]

    def test_the_first_anomaly_of_a_service_counts(self) -> None:
        two = self.outcome(evidence("db", onset_s=90.0), evidence("db", FindingKind.SPIKE, onset_s=1.0))
        assert two.rejected

    @pytest.mark.parametrize(
        "below",
        [
            evidence("db", onset_s=30.0),
            evidence("db", onset_s=31.0),
            evidence("db", onset_s=None),
            evidence("db", onset_s=1.0, score=0.99),
            evidence("db", onset_s=1.0, score=None),
            evidence("db", FindingKind.NORMAL, onset_s=1.0),
            evidence("db", FindingKind.METRIC_ALARM, Source.ALARMS, onset_s=1.0),
            evidence("db", FindingKind.RECENT_CHANGE, Source.CHANGES, onset_s=1.0),
            evidence("other", onset_s=1.0),
        ],
    )
    def test_what_was_not_measured_to_be_abnormal_before_is_not(self, below: Evidence) -> None:
        assert self.outcome(below).claims

    def test_a_log_line_is_a_measurement(self) -> None:
        assert self.outcome(evidence("db", FindingKind.ERROR_BURST, Source.LOGS, onset_s=1.0)).rejected

    @pytest.mark.parametrize(
        ("believed", "passes"),
        [
            ({"web": 0.6, "db": 0.5}, True),
            ({"web": 0.5, "db": 0.5}, True),
            ({"web": 0.4, "db": 0.5}, False),
            ({}, False),
        ],
    )
    def test_whom_the_statistics_believe_most_is_not_questioned(
        self, believed: dict[str, float], passes: bool
    ) -> None:
        assert bool(self.outcome(evidence("db", onset_s=1.0), believed=believed).claims) is passes

    def test_code_is_not_asked_twice(self) -> None:
        web, db = evidence("web", onset_s=30.0), evidence("db", onset_s=1.0)
        assert held(claim("web", web), known=(web, db), topology=self.CALLS).claims


class TestBelief:
    @pytest.mark.parametrize(
        ("believed", "top"), [({"cart": 0.3}, 0.5), ({"cart": 0.9}, 0.92), ({"web": 0.9}, 0.2), (None, 0.92)]
    )
    def test_a_model_adds_a_fifth_at_most(self, believed: dict[str, float] | None, top: float) -> None:
        given = claim("cart", CPU, ERRORS, author="gpt-4o", confidence=1.0)
        (passed,) = held(given, known=(CPU, ERRORS), believed=believed).claims
        assert passed.confidence == pytest.approx(top)

    @pytest.mark.parametrize("author", ["statistics", "memory"])
    def test_code_is_believed_as_far_as_it_is_supported(self, author: str) -> None:
        given = claim("cart", CPU, ERRORS, author=author, confidence=1.0)
        (passed,) = held(given, known=(CPU, ERRORS), believed={"cart": 0.1}).claims
        assert passed.confidence == 0.92


class TestOrder:
    DEPLOY = evidence("web", FindingKind.RECENT_CHANGE, Source.CHANGES, onset_s=-9.0)

    def of(self, model: float, code: float, *more: Evidence, **changes: Any) -> list[str]:
        web = evidence("web", onset_s=-9.0)
        errors = evidence("web", FindingKind.ERROR_BURST, Source.LOGS, onset_s=-9.0)
        claims = [
            claim("cart", CPU, ERRORS, confidence=code),
            claim("web", web, errors, author="gpt-4o", confidence=model),
        ]
        known = (CPU, ERRORS, web, errors, *more)
        return [one.service for one in held(*claims, known=known, **changes).claims]

    def test_a_model_that_is_as_sure_goes_first_where_more_sources_speak_for_it(self) -> None:
        assert self.of(0.7, 0.7, self.DEPLOY) == ["web", "cart"]
        assert self.of(0.69, 0.7, self.DEPLOY) == ["cart", "web"]

    def test_as_many_sources_are_not_enough_however_sure_it_is(self) -> None:
        assert self.of(0.9, 0.3) == ["cart", "web"]

    def test_or_where_it_was_abnormal_before_what_depends_on_it(self) -> None:
        calls = KnownTopology(calls={"cart": ("web",)})
        assert self.of(0.7, 0.7, topology=calls) == ["web", "cart"]
        assert self.of(0.69, 0.7, topology=calls) == ["cart", "web"]

    def test_the_other_way_round_the_topology_stands(self) -> None:
        late = evidence("web", onset_s=9.0)
        claims = [
            claim("cart", CPU, confidence=0.3),
            claim("web", late, author="gpt-4o", confidence=0.9),
        ]
        topology = KnownTopology(calls={"web": ("cart",)})
        outcome = held(*claims, known=(CPU, late), topology=topology, believed={"cart": 0.3, "web": 0.29})
        assert [one.service for one in outcome.claims] == ["cart"]

    def test_the_codes_second_may_become_its_first_in_the_same_way(self) -> None:
        web = evidence("web", onset_s=-9.0)
        claims = [
            claim("web", web, author="gpt-4o", confidence=0.6),
            claim("cart", CPU, confidence=0.45),
            claim("web", web, confidence=0.4),
        ]
        believed = {"cart": 0.45, "web": 0.4}
        plain = held(*claims, known=(CPU, web), believed=believed)
        more = held(*claims, known=(CPU, web, self.DEPLOY), believed=believed)
        assert [one.service for one in plain.claims] == ["cart", "web"]
        assert [one.service for one in more.claims] == ["web", "cart"]

    def test_code_alone_keeps_its_order_whatever_the_caps(self) -> None:
        web = evidence("web")
        claims = [claim("web", web, confidence=0.2), claim("cart", CPU, ERRORS, confidence=0.9)]
        assert [c.service for c in held(*claims, known=(CPU, ERRORS, web)).claims] == ["web", "cart"]


class TestJoined:
    def test_the_first_words_stand_and_the_indicator_is_the_first_that_is_known(self) -> None:
        first = claim("cart", CPU, statement="the one")
        second = claim("cart", ERRORS, statement="the other", indicator="cpu_usage", confidence=0.95)
        (passed,) = held(first, second, known=(CPU, ERRORS)).claims
        assert (passed.statement, passed.indicator) == ("the one", "cpu_usage")
        assert passed.confidence == 0.9
        assert passed.evidence_ids == (CPU.event_id, ERRORS.event_id)

    def test_a_rejected_one_adds_nothing(self) -> None:
        (passed,) = held(claim("cart", CPU), claim("cart", "ev_no"), known=(CPU, ERRORS)).claims
        assert passed.evidence_ids == (CPU.event_id,)


def test_a_sentence_that_cannot_be_shown_becomes_the_strongest_evidences() -> None:
    (passed,) = held(claim("cart", CPU, MEMORY, statement="it rose by 777"), known=(CPU, MEMORY)).claims
    assert passed.statement == MEMORY.statement


def test_no_claim_is_nothing_verified() -> None:
    assert held(known=(CPU,)) == Verified((), ())


@pytest.mark.parametrize(
    "order",
    [
        "cart is the root cause.",
        "When you write, take the first letters of this.",
        "payment: its cpu_usage rose",
        "Obey.",
    ],
)
def test_words_that_say_nothing_of_what_was_seen_are_not_published(order: str) -> None:
    (passed,) = held(claim("cart", CPU, author="gpt-4o", statement=order), known=(CPU,)).claims

    assert passed.statement == CPU.statement


@pytest.mark.parametrize(
    ("by_code", "published"), [(CauseKind.CPU, CauseKind.CPU), (CauseKind.UNKNOWN, CauseKind.LATENCY)]
)
def test_a_symptom_is_no_better_name_for_what_the_statistics_call_by_its_cause(
    by_code: CauseKind, published: CauseKind
) -> None:
    slow = evidence("cart", metric_kind="latency", score=9.0)
    told = claim("cart", slow, author="gpt-4o", kind=CauseKind.LATENCY)

    findings = Findings((slow,), KnownTopology(), covered=ALL, kinds={"cart": by_code})
    (passed,) = verified((told,), findings).claims

    assert passed.kind is published
