"""What is out of the ordinary and hurts nobody; and who is gone explains all that its callers suffer."""

from __future__ import annotations

import pytest

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.signals import Topology
from tests.fakes.clues import measured

CHAIN = Topology(
    calls={"web": frozenset({"cart"}), "cart": frozenset({"db"})}, nodes=frozenset({"web", "cart", "db"})
)
WELL = tuple(
    measured(name, "latency", 0.2, kind=FindingKind.NORMAL, indicator="p95", latency_level=20.0)
    for name in ("web", "cart", "db")
)
BUSY = measured("cart", "cpu", 15.0, latency_level=20.0)
SLOW = measured("cart", "latency", 15.0, latency_level=20.0)
ALARM = Finding(
    source=Source.ALARMS,
    kind=FindingKind.SYMPTOM,
    service="web",
    subject="web|symptom|symptom",
    statement="web raised an alarm",
    score=1.0,
)


def gone(service: str, *, metrics: int = 9, regular: int = 9, client: bool = False) -> Finding:
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.MISSING_DATA,
        service=service,
        indicator="cpu",
        subject=f"{service}|cpu|missing_data",
        statement=f"{service} stopped reporting",
        score=2.0,
        data={"metrics": metrics, "regular": regular, "metric_kind": "unknown", "client": client},
    )


def asked(*findings: Finding, topology: Topology = CHAIN, alarmed: bool = False) -> Ranking:
    """As if somebody asked by hand, unless somebody was alarmed."""
    return rank_causes(findings, topology, "web", "", frozenset(), alarmed=alarmed)


def others(*names: str) -> tuple[Finding, ...]:
    return tuple(one for one in WELL if one.service not in names)


def test_a_busy_service_that_nobody_feels_accuses_nobody_where_somebody_only_asks() -> None:
    calm = asked(BUSY, *WELL)
    assert not calm.abnormal
    assert {cause.confidence for cause in calm.causes} == {0.0}
    assert calm.causes[0].service == "cart"


def test_who_was_alarmed_wants_to_know_of_it() -> None:
    assert asked(BUSY, *WELL, alarmed=True).abnormal
    assert asked(BUSY, ALARM, *WELL).abnormal


def test_where_nobody_measures_latency_nobody_can_tell() -> None:
    assert asked(measured("cart", "cpu", 15.0)).abnormal


def test_a_slow_service_whose_callers_are_all_well_hurts_nobody() -> None:
    assert not asked(SLOW, *others("cart")).abnormal


@pytest.mark.parametrize(
    "felt",
    [
        (measured("web", "latency", 3.0, latency_level=20.0), *others("cart", "web")),
        others("cart", "web"),
    ],
    ids=["the caller is slow too", "the caller is not measured"],
)
def test_a_slow_service_hurts_where_a_caller_feels_it_or_may(felt: tuple[Finding, ...]) -> None:
    assert asked(SLOW, *felt).abnormal


def test_who_is_called_by_nobody_is_felt_by_users() -> None:
    assert asked(measured("web", "latency", 15.0, latency_level=20.0), *others("web")).abnormal
    assert asked(SLOW, *others("cart"), topology=Topology()).abnormal


def test_who_is_gone_explains_all_that_its_caller_suffers() -> None:
    failing = measured("cart", "errors", 31.0, latency_level=20.0)
    ranking = asked(gone("db"), failing, alarmed=True)
    assert ranking.causes[0].service == "db"
    assert [(one.service, "100 %" in one.reason) for one in ranking.rulings] == [("cart", True)]


@pytest.mark.parametrize("silence", [gone("db", metrics=3), gone("db", client=True)])
def test_some_metrics_that_stopped_explain_little(silence: Finding) -> None:
    failing = measured("cart", "errors", 31.0, latency_level=20.0)
    ranking = asked(silence, failing, alarmed=True)
    assert (ranking.causes[0].service, ranking.causes[0].kind) == ("cart", CauseKind.ERRORS)
    assert not ranking.rulings
