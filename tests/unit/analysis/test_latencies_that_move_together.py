"""Calls learned from latencies: who is told to call whom, how certainly, and who is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.comovement import analyse_comovement, learned_calls
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import FloatArray, KpiSeries, Topology, Window
from agents.analysis.topology import analyse_topology
from tests.fakes.clues import measured

SAMPLES = 120
TIMES: FloatArray = np.arange(SAMPLES, dtype=np.float64) * 15.0
WINDOW = Window(0.0, 1500.0, 1785.0, 1600.0)
NOBODY: frozenset[str] = frozenset()


def noise(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=SAMPLES)


def latency(service: str, values: FloatArray, metric: str = "latency_ms", unit: str = "ms") -> KpiSeries:
    return KpiSeries(service, metric, TIMES, values, unit)


def chain(weight: float = 1.0) -> list[KpiSeries]:
    """`web` waits for `db`: its latency is that of `db`, so many times, and some of its own."""
    db = 20.0 + noise(1)
    return [latency("db", db), latency("web", 100.0 + weight * db + 0.2 * noise(2))]


def pairs(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(str(f.data["caller"]), f.service) for f in findings]


def test_the_slower_is_told_to_call_the_quicker() -> None:
    (told,) = analyse_comovement(chain(), WINDOW)
    assert (told.source, told.kind, told.service) == (Source.TOPOLOGY, FindingKind.LEARNED_CALL, "db")
    assert told.data["caller"] == "web"
    assert told.data["samples"] == SAMPLES - 1
    assert told.statement.startswith("web seems to call db: their latencies move together (correlation 0.9")
    assert told.statement.endswith(f"over 119 samples); learned, {100 * (told.score or 0.0):.0f} % certain")


def test_it_is_never_more_certain_than_a_half() -> None:
    same = [latency("db", 20.0 + noise(1)), latency("web", 100.0 + noise(1))]
    assert learned_calls(analyse_comovement(same, WINDOW)) == {("web", "db"): pytest.approx(0.5)}


def test_the_less_they_move_together_the_less_certain() -> None:
    certainties = [
        learned_calls(analyse_comovement(chain(weight), WINDOW)).get(("web", "db"), 0.0)
        for weight in (1.0, 0.4, 0.25, 0.02)
    ]
    assert certainties == sorted(certainties, reverse=True)
    assert certainties[-1] == 0.0


def test_those_that_have_nothing_to_do_with_one_another_are_not_told_to() -> None:
    crowd = [latency(f"s{n}", 20.0 + n + noise(n)) for n in range(40)]
    assert analyse_comovement(crowd, WINDOW) == ()


def test_what_all_do_at_once_ties_nobody() -> None:
    wave = 5.0 * np.cumsum(noise(99))
    crowd = [latency(f"s{n}", 200.0 + n + wave + noise(n)) for n in range(6)]
    assert analyse_comovement(crowd, WINDOW) == ()


def test_one_that_many_could_call_has_two_callers_at_most() -> None:
    db = noise(1)
    many = [latency(f"s{n}", 100.0 + n + db + 0.1 * noise(n + 2)) for n in range(3)]
    told = analyse_comovement([latency("db", 20.0 + db), *many], WINDOW)
    assert sum(callee == "db" for _, callee in pairs(told)) == 2


@pytest.mark.parametrize(
    "kpis",
    [
        [],
        chain()[:1],
        [latency("db", 20.0 + noise(1), metric="cpu"), latency("web", 100.0 + noise(1))],
        [latency("db", 20.0 + noise(1), metric="client_latency"), latency("web", 100.0 + noise(1))],
        [latency("db", 20.0 + noise(1), unit="s"), latency("web", 100.0 + noise(1))],
        [latency("db", np.full(SAMPLES, 20.0)), latency("web", 100.0 + noise(1))],
        [latency("db", np.full(SAMPLES, math.nan)), latency("web", 100.0 + noise(1))],
        [latency("db", 20.0 + noise(1)), latency("web", 20.0 + noise(1))],
    ],
)
def test_without_two_latencies_of_one_unit_that_differ_nothing_is_learned(kpis: list[KpiSeries]) -> None:
    assert analyse_comovement(kpis, WINDOW) == ()


def test_a_short_time_teaches_nothing() -> None:
    assert analyse_comovement(chain(), Window(1500.0, 1600.0, 1785.0, 1700.0)) == ()


def test_samples_at_other_times_and_holes_are_bridged() -> None:
    db, web = chain()
    odd = KpiSeries(
        "db",
        "latency_ms",
        TIMES + np.float64(1.0),
        np.where(np.arange(SAMPLES) % 9 == 4, np.nan, db.values),
        "ms",
    )
    assert pairs(analyse_comovement([odd, web], WINDOW)) == [("web", "db")]


def test_the_slowest_latency_speaks_for_a_service() -> None:
    db, web = chain()
    quick = latency("web", 1.0 + noise(7), metric="latency_cache_ms")
    assert pairs(analyse_comovement([db, quick, web], WINDOW)) == [("web", "db")]


def learned(certainty: float = 0.5) -> Finding:
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.LEARNED_CALL,
        service="db",
        subject="db|web|learned_call",
        statement="web seems to call db",
        score=certainty,
        data={"caller": "web", "certainty": certainty},
    )


def test_a_learned_call_explains_no_more_than_is_certain() -> None:
    found = [measured("web", "latency", 3.0), measured("db", "cpu", 31.0), learned(0.5)]
    told = {f.kind: f for f in analyse_topology(found, Topology(), "web", NOBODY)}
    assert told[FindingKind.SYMPTOM].score == 0.5
    assert told[FindingKind.SYMPTOM].statement == (
        "web moves with db, whose anomaly accounts for 50 % of its symptoms (a learned tie)"
    )
    assert told[FindingKind.UPSTREAM_ANOMALY].service == "db"


def test_a_given_call_needs_no_learning() -> None:
    given = Topology(calls={"web": frozenset({"db"})})
    found = [measured("web", "latency", 3.0), measured("db", "cpu", 31.0), learned(0.1)]
    (symptom,) = [f for f in analyse_topology(found, given, "web", NOBODY) if f.kind is FindingKind.SYMPTOM]
    assert symptom.score == 1.0
    assert symptom.statement.startswith("web calls db")


def test_what_is_not_a_certainty_is_not_learned() -> None:
    odd = [
        learned().model_copy(update={"data": data})
        for data in (
            {},
            {"caller": "web"},
            {"caller": "", "certainty": 0.4},
            {"caller": "web", "certainty": "high"},
        )
    ]
    assert learned_calls(odd) == {}
