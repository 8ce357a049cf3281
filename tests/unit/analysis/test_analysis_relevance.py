from __future__ import annotations

import numpy as np
import pytest

from agents.analysis.clues import Clue, clues_of, strength_of
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.instances import lifted, rolled_up
from agents.analysis.kpi import analyse_kpis
from agents.analysis.relevance import felt, relevant
from agents.analysis.signals import KpiSeries, Topology, Window

GRAPH = Topology(calls={"web": frozenset({"db"})}, nodes=frozenset({"web", "db"}))


def latency(service: str, before: float, after: float, level: float, unit: str = "ms") -> Finding:
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.LEVEL_SHIFT,
        service=service,
        indicator="latency_p95_ms",
        subject=f"{service}|latency_p95_ms|level_shift",
        statement="slow",
        score=10.0,
        direction=1,
        data={
            "metric_kind": "latency",
            "before": before,
            "after": after,
            "unit": unit,
            "latency_level": level,
            "latency_unit": unit,
        },
    )


def strength(clues: dict[str, tuple[Clue, ...]], service: str) -> float:
    return strength_of(clues[service])


def test_what_callers_hardly_feel_weighs_little() -> None:
    clues = clues_of([latency("web", 1000, 1500, 1000), latency("db", 2, 4, 2)])
    weighed = felt(clues, GRAPH)
    assert strength(weighed, "db") == pytest.approx(strength(clues, "db") * 2 / 50)
    assert strength(weighed, "web") == strength(clues, "web")


def test_what_callers_feel_keeps_its_weight() -> None:
    clues = clues_of([latency("web", 100, 150, 100), latency("db", 2, 40, 2)])
    assert felt(clues, GRAPH) == clues


def test_the_most_sensitive_caller_counts() -> None:
    graph = Topology(
        calls={"web": frozenset({"db"}), "api": frozenset({"db"})}, nodes=frozenset({"web", "api", "db"})
    )
    clues = clues_of([latency("web", 1000, 1500, 1000), latency("api", 10, 15, 10), latency("db", 2, 4, 2)])
    assert strength(felt(clues, graph), "db") == strength(clues, "db")


@pytest.mark.parametrize(
    "caller", [latency("web", 1000, 1500, 1000, "s"), latency("other", 1000, 1500, 1000)]
)
def test_without_a_comparable_caller_everything_is_felt(caller: Finding) -> None:
    clues = clues_of([caller, latency("db", 2, 4, 2)])
    assert strength(felt(clues, GRAPH), "db") == strength(clues, "db")


def test_symptoms_of_another_kind_than_the_alarms_weigh_less() -> None:
    clues = clues_of([latency("db", 2, 40, 2)])
    assert strength(relevant(clues, CauseKind.ERRORS), "db") == pytest.approx(0.7 * strength(clues, "db"))
    assert relevant(clues, CauseKind.LATENCY) == clues
    assert relevant(clues, CauseKind.CPU) == clues


def test_findings_carry_what_a_service_usually_takes() -> None:
    times = np.arange(0.0, 1000.0, 10.0)
    window = Window(0.0, 800.0, 990.0, 900.0)
    kpis = [
        KpiSeries("db", metric, times, np.full(times.size, level), "ms")
        for metric, level in (("latency_p50_ms", 5.0), ("latency_p95_ms", 9.0), ("latency_client_ms", 99.0))
    ]
    (finding,) = analyse_kpis(kpis, window)
    assert (finding.data["latency_level"], finding.data["latency_unit"]) == (9.0, "ms")
    assert finding.data["instrumented"] is False


def test_a_log_or_a_change_is_a_clue_but_normal_life_is_hardly_one() -> None:
    normal = latency("db", 2, 2.1, 2).model_copy(update={"kind": FindingKind.NORMAL, "score": 0.9})
    assert strength_of(clues_of([normal])["db"]) < 0.25
    nothing = Finding(
        source=Source.LOGS, kind=FindingKind.NO_DATA, service="", subject="||no_data", statement="none"
    )
    assert clues_of([nothing]) == {}


def test_views_of_one_thing_count_once() -> None:
    one = clues_of([latency("db", 2, 40, 2)])["db"]
    assert strength_of([*one, *one]) == strength_of(one)
    assert strength_of([]) == 0.0


def test_a_graph_without_instances_stays_itself() -> None:
    assert lifted(GRAPH) is GRAPH
    clues = clues_of([latency("db", 2, 40, 2)])
    assert rolled_up(clues, GRAPH) == clues


def test_two_of_three_instances_make_a_service_suspect_one_does_not() -> None:
    parts = {f"db-{i}": "db" for i in range(3)}
    graph = Topology(calls=GRAPH.calls, nodes=frozenset({"web", "db", *parts}), instance_of=parts)
    one = clues_of([latency("db-0", 2, 40, 2)])
    two = clues_of([latency("db-0", 2, 40, 2), latency("db-2", 2, 40, 2)])
    assert "db" not in rolled_up(one, graph)
    assert strength_of(rolled_up(two, graph)["db"]) > 0
    assert lifted(graph).calls["web"] == {"db", *parts}
