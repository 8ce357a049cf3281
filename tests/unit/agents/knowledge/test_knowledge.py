from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.analysis.findings import Finding, FindingKind, Source
from agents.investigation.memory import request_for
from agents.knowledge.past import past_findings
from agents.knowledge.recurrence import checkable, services_to_check, supporting
from agents.knowledge.runbooks import runbook_findings
from agents.knowledge.similarity import similarities, words_of
from schemas.control import Runbook
from schemas.events.incident import Incident
from schemas.events.report import Report, ReportedCause, Verdict
from tests.fakes.incident_data import bad_deploy

AT = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)


def incident(**changes: Any) -> Incident:
    base = request_for(bad_deploy()).incident
    return base.model_copy(update={"title": "HighErrorRate on frontend", **changes})


def report(name: str, *, service: str = "cart", text: str = "", **changes: Any) -> Report:
    cause = ReportedCause(service=service, kind="cpu", indicator="cpu_usage", confidence=0.8, statement=text)
    base: dict[str, Any] = {
        "tenant": "local",
        "occurred_at": AT,
        "investigation_id": name,
        "incident_id": "inc",
        "verdict": Verdict.CAUSE_FOUND,
        "headline": text,
        "causes": (cause,),
        "services": ("frontend",),
        "started_at": AT,
        "finished_at": AT,
    }
    return Report(**{**base, **changes})


def finding(service: str = "cart", indicator: str = "cpu_usage", **changes: Any) -> Finding:
    base: dict[str, Any] = {
        "source": Source.KPIS,
        "kind": FindingKind.LEVEL_SHIFT,
        "service": service,
        "subject": f"{service}|{indicator}",
        "statement": "s",
        "indicator": indicator,
        "score": 3.0,
    }
    return Finding(**{**base, **changes})


def test_words_are_split_as_people_write_names() -> None:
    assert words_of("HighErrorRate on cart_service-2: HTTP 500s") == (
        *("high", "error", "rate", "cart", "service", "http"),
    )


def test_the_same_words_are_alike_and_others_are_not() -> None:
    same, other, empty = similarities("cart pool exhausted", ["pool of cart exhausted", "disk full", ""])

    assert same > 0.9
    assert other == empty == 0.0


def test_a_rare_word_weighs_more_than_one_that_all_share() -> None:
    rare, common = similarities("service leak", ["leak of heap", "service of heap", "service", "service it"])[
        :2
    ]

    assert rare > common


def test_the_most_alike_past_incident_comes_first() -> None:
    close = report("inv_close", text="frontend HighErrorRate because of cart")
    far = report("inv_far", text="disk of the mail server", services=("frontend", "mail", "dns"))

    found = past_findings(incident(), [far, close])

    assert found[0].data["investigation_id"] == "inv_close"
    assert "2026-01-01 03:00" in found[0].statement


@pytest.mark.parametrize(
    "past",
    [
        report("inv", verdict=Verdict.BENIGN, causes=()),
        report("inv", verdict=Verdict.INCONCLUSIVE),
        report("inv", text="mail", services=("mail",)),
    ],
)
def test_what_found_no_cause_or_was_elsewhere_teaches_nothing(past: Report) -> None:
    assert past_findings(incident(), [past]) == ()


def test_at_most_three_past_incidents_are_told() -> None:
    assert len(past_findings(incident(), [report(f"inv_{n}") for n in range(9)])) == 3


def runbook(name: str, title: str, *services: str) -> Runbook:
    return Runbook(runbook_id=name, tenant="local", title=title, body="do", services=services)


def test_a_runbook_of_the_service_is_found_and_one_of_another_is_not() -> None:
    found = runbook_findings(
        incident(), [runbook("a", "frontend is slow", "frontend"), runbook("b", "frontend is slow", "mail")]
    )

    assert [one.data["runbook_id"] for one in found] == ["a"]
    assert found[0].service == "frontend"


def test_a_general_runbook_is_found_by_its_words() -> None:
    found = runbook_findings(incident(), [runbook("a", "High error rate"), runbook("b", "Renew the lease")])

    assert [one.data["runbook_id"] for one in found] == ["a"]


def test_without_runbooks_and_reports_nothing_is_found() -> None:
    assert runbook_findings(incident(), []) == ()
    assert past_findings(incident(), []) == ()


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.CAUSE_FOUND, True),
        (Verdict.BENIGN, True),
        (Verdict.INCONCLUSIVE, False),
        (Verdict.DATA_UNAVAILABLE, False),
    ],
)
def test_only_an_answer_can_be_checked(verdict: Verdict, expected: bool) -> None:
    assert checkable(report("inv", verdict=verdict)) is expected


def test_the_service_that_decides_is_the_cause_s_or_the_alarmed_ones() -> None:
    assert services_to_check(report("inv")) == ("cart",)
    assert services_to_check(report("inv", causes=())) == ("frontend",)


@pytest.mark.parametrize(
    ("today", "holds"),
    [
        (finding(), True),
        (finding(indicator="memory"), False),
        (finding(service="checkout"), False),
        (finding(score=0.5), False),
        (finding(kind=FindingKind.NORMAL), False),
        (finding(source=Source.ALARMS), False),
    ],
)
def test_an_answer_holds_if_the_same_measurement_is_abnormal_again(today: Finding, holds: bool) -> None:
    assert bool(supporting(report("inv"), [today])) is holds


@pytest.mark.parametrize(
    ("kind", "indicator", "holds"),
    [
        ("cpu", "cpu_seconds", True),
        ("cpu", "heap_bytes", False),
        ("deploy", "heap_bytes", True),
        ("unknown", "x", True),
    ],
)
def test_without_a_named_measurement_the_kind_decides(kind: str, indicator: str, holds: bool) -> None:
    past = report("inv", causes=(ReportedCause(service="cart", kind=kind, statement="s"),))

    assert bool(supporting(past, [finding(indicator=indicator)])) is holds


def test_the_strongest_support_comes_first() -> None:
    weak, strong = finding(score=2.0, subject="a"), finding(score=5.0, subject="b")

    assert supporting(report("inv"), [weak, strong]) == (strong, weak)


def test_a_harmless_alarm_has_no_cause_to_support() -> None:
    assert supporting(report("inv", causes=(), verdict=Verdict.BENIGN), [finding()]) == ()
