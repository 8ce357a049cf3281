from __future__ import annotations

from collections.abc import Iterable

import pytest

from agents.analysis.changes import analyse_changes
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.metrics import nature_of
from agents.analysis.signals import ChangeRecord, Topology, Window
from agents.analysis.topology import analyse_topology, distances
from tests.fakes.clues import logged

CHAIN = Topology(
    calls={"web": frozenset({"cart"}), "cart": frozenset({"db"}), "other": frozenset({"db"})},
    nodes=frozenset({"web", "cart", "db", "other", "batch"}),
)
NOBODY: frozenset[str] = frozenset()


def shift(
    service: str,
    metric: str,
    before: float,
    after: float,
    score: float = 10.0,
    **data: str | float | bool,
) -> Finding:
    nature = nature_of(metric)
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.LEVEL_SHIFT,
        service=service,
        indicator=metric,
        subject=f"{service}|{metric}|level_shift",
        statement=f"{service} {metric} rose from {before} to {after}",
        score=score,
        direction=1 if after > before else -1,
        data={
            "metric_kind": nature.kind.value,
            "good_high": nature.good_high,
            "client": nature.client,
            "starved": nature.starved,
            "before": before,
            "after": after,
            "ratio": after / before,
            **data,
        },
    )


def alarm(service: str, metric: str, score: float = 1.0) -> Finding:
    return Finding(
        source=Source.ALARMS,
        kind=FindingKind.METRIC_ALARM,
        service=service,
        indicator=metric,
        subject=f"{service}|{metric}|metric_alarm",
        statement=f"{service} raised {metric}",
        score=score,
        direction=1,
        data={"metric_kind": nature_of(metric).kind.value},
    )


def change(service: str, kind: str = "deploy") -> Finding:
    window = Window(0.0, 3000.0, 3600.0, 3300.0)
    return analyse_changes([ChangeRecord(3200.0, service, kind, f"{kind} {service}")], window)[0]


def ranked(
    findings: Iterable[Finding], topology: Topology = CHAIN, alarmed: str = "web", indicator: str = ""
) -> Ranking:
    return rank_causes(tuple(findings), topology, alarmed, indicator, NOBODY)


def first(ranking: Ranking) -> str:
    return ranking.causes[0].service


def slow(service: str, after: float, before: float = 20.0) -> Finding:
    return shift(service, "latency_p95_ms", before, after)


def test_the_quiet_resource_below_beats_the_loud_symptom_above() -> None:
    found = [slow("web", 900), slow("cart", 800), slow("db", 600), shift("db", "cpu_usage", 0.3, 0.9, 4.0)]
    ranking = ranked(found)
    assert first(ranking) == "db"
    assert ranking.causes[0].kind is CauseKind.CPU
    assert ranking.causes[0].indicator == "cpu_usage"
    assert [r.service for r in ranking.rulings] == ["cart", "web"]
    assert "cart shows symptoms, but it calls db" in ranking.rulings[0].reason


def test_a_callee_that_barely_slowed_does_not_explain_its_caller() -> None:
    ranking = ranked([slow("cart", 900), shift("db", "latency_p95_ms", 2, 4, 3.0)])
    assert first(ranking) == "cart"


def test_a_queue_multiplies_what_a_slow_callee_does() -> None:
    found = [
        slow("cart", 2000),
        shift("cart", "pool_wait_ms", 0.1, 900, 100.0),
        shift("db", "latency_p95_ms", 5, 60),
    ]
    assert first(ranked(found)) == "db"


def test_an_exhausted_pool_over_a_healthy_callee_is_its_owners() -> None:
    ranking = ranked([slow("cart", 2000), shift("cart", "pool_in_use", 0.2, 1.0, 12.0)])
    assert first(ranking) == "cart"
    assert ranking.causes[0].kind is CauseKind.SATURATION


def test_errors_are_not_explained_away_by_a_little_latency_below() -> None:
    found = [shift("cart", "error_rate", 0.001, 0.5, 20.0), shift("db", "latency_p95_ms", 5, 8, 1.2)]
    assert first(ranked(found)) == "cart"


def test_a_greedy_neighbour_explains_who_starves_on_its_host() -> None:
    placed = Topology(calls=CHAIN.calls, nodes=CHAIN.nodes, hosted_on={"cart": "node-1", "batch": "node-1"})
    found = [
        slow("web", 300),
        slow("cart", 250),
        shift("cart", "cpu_steal", 0.01, 0.5, 20.0),
        shift("batch", "cpu_usage", 0.2, 0.95, 8.0),
    ]
    ranking = ranked(found, placed)
    assert first(ranking) == "batch"
    assert any("shares node-1 with batch" in r.reason for r in ranking.rulings)


def test_hosts_are_known_from_labels_too() -> None:
    found = [
        shift("cart", "cpu_steal", 0.01, 0.5, 20.0, host="node-1"),
        shift("cart", "latency_p95_ms", 20.0, 250.0, host="node-1"),
        shift("batch", "cpu_usage", 0.2, 0.95, 8.0, host="node-1"),
    ]
    assert first(ranked(found)) == "batch"


def test_who_floods_a_callee_is_to_blame_for_its_load() -> None:
    found = [
        slow("web", 120),
        slow("cart", 90),
        change("cart", "flag"),
        slow("db", 70, before=5),
        shift("db", "request_rate", 100, 600, 20.0),
    ]
    ranking = ranked(found)
    assert first(ranking) == "cart"
    assert ranking.causes[0].kind is CauseKind.CONFIG
    assert any("db shows symptoms, but it is flooded by cart" in r.reason for r in ranking.rulings)


def test_a_change_just_before_tips_the_balance_and_names_the_kind() -> None:
    even = [shift("web", "error_rate", 0.001, 0.3), shift("other", "error_rate", 0.001, 0.3)]
    ranking = ranked([*even, change("other")])
    assert first(ranking) == "other"
    assert ranking.causes[0].kind is CauseKind.DEPLOY


def test_a_change_alone_convicts_nobody() -> None:
    ranking = ranked([change("cart")])
    assert not ranking.abnormal
    assert all(cause.confidence == 0 for cause in ranking.causes)


def test_a_client_side_latency_is_a_weak_symptom() -> None:
    found = [shift("web", "latency_client_p95_ms", 20, 500, 30.0), slow("db", 90)]
    assert first(ranked(found)) == "db"


def test_one_borderline_series_is_chance_two_are_not() -> None:
    one = shift("cart", "gc_pause_ms", 5, 9, 1.2)
    assert not ranked([one]).abnormal
    assert ranked([one, shift("cart", "latency_p95_ms", 20, 29, 1.1)]).abnormal
    assert ranked([shift("cart", "gc_pause_ms", 5, 12, 1.6)]).abnormal


@pytest.mark.parametrize(
    "finding",
    [
        shift("cart", "request_rate", 100, 250, 9.0),
        shift("cart", "latency_p95_ms", 90, 20, 9.0),
        shift("cart", "cpu_usage", 0.3, 0.6, 3.0, load_explained=True),
    ],
)
def test_traffic_improvement_and_load_are_not_abnormal(finding: Finding) -> None:
    assert not ranked([finding]).abnormal


def test_alarms_decide_only_where_nothing_was_measured() -> None:
    assert ranked([alarm("cart", "cpu_usage")]).abnormal
    calm = shift("cart", "cpu_usage", 0.3, 0.31, 0.1).model_copy(update={"kind": FindingKind.NORMAL})
    assert not ranked([alarm("cart", "cpu_usage"), calm]).abnormal


def test_nothing_at_all_is_ranked_without_confidence() -> None:
    ranking = rank_causes((), Topology(), "", "", frozenset({"a", "b"}))
    assert not ranking.abnormal
    assert [(c.service, c.confidence, c.score) for c in ranking.causes] == [("a", 0.0, 0.0), ("b", 0.0, 0.0)]
    assert ranking.causes[0].statement == "Nothing was found against a"
    assert rank_causes((), Topology(), "", "", NOBODY).causes == ()


@pytest.mark.parametrize(("sooner", "later"), [("a", "b"), ("b", "a")])
def test_of_equals_who_showed_it_first_comes_first_whatever_the_names(sooner: str, later: str) -> None:
    found = [
        shift(name, "cpu_usage", 0.2, 0.8).model_copy(update={"onset": at})
        for name, at in ((sooner, 100.0), (later, 130.0))
    ]
    causes = ranked(found, Topology()).causes
    assert causes[0].score == causes[1].score
    assert [one.service for one in causes] == [sooner, later]


@pytest.mark.parametrize(("more", "less"), [("a", "b"), ("b", "a")])
def test_of_equals_of_one_moment_who_shows_more_comes_first(more: str, less: str) -> None:
    found = [shift(name, "cpu_usage", 0.2, 0.8) for name in (more, less)]
    causes = ranked([*found, shift(more, "cpu_seconds", 0.2, 0.8)], Topology()).causes
    assert causes[0].score == causes[1].score
    assert [one.service for one in causes] == [more, less]


def test_every_candidate_is_ranked_and_nobody_else() -> None:
    ranking = rank_causes((slow("db", 90),), CHAIN, "web", "", frozenset({"db", "zeta"}))
    assert [c.service for c in ranking.causes] == ["db", "zeta"]


def test_confidences_sum_to_at_most_one_and_follow_the_order() -> None:
    causes = ranked([slow("web", 900), slow("other", 600), shift("db", "cpu_usage", 0.3, 0.9)]).causes
    sure = [c.confidence for c in causes]
    assert sum(sure) <= 1.0
    assert sure == sorted(sure, reverse=True)


def test_the_alarms_kind_of_symptom_counts_more() -> None:
    found = [shift("cart", "error_rate", 0.001, 0.2), shift("other", "latency_p95_ms", 20.0, 200.0)]
    flat = Topology(calls={"web": frozenset({"cart", "other"})}, nodes=frozenset({"web", "cart", "other"}))
    assert first(ranked(found, flat, indicator="availability")) == "cart"
    assert first(ranked(found, flat, indicator="latency_p95_ms")) == "other"


def test_an_endpoint_known_only_from_outside_yields_to_a_measured_service() -> None:
    graph = Topology(
        calls={"web": frozenset({"cart", "edge"}), "other": frozenset({"cart"})},
        nodes=frozenset({"web", "cart", "edge"}),
    )
    found = [
        shift("edge", "latency_p95_ms", 20, 300, 12.0, instrumented=False),
        shift("cart", "latency_p95_ms", 20, 260, 9.0, instrumented=False),
    ]
    assert first(ranked(found, graph)) == "cart"


def test_a_service_without_traffic_is_an_unlikely_cause() -> None:
    found = [shift("idle", "disk_writes", 60, 300), shift("db", "cpu_usage", 0.3, 0.6, 4.0)]
    assert first(ranked(found)) == "db"


def test_a_fault_of_most_instances_is_the_services() -> None:
    parts = {f"cart-{i}": "cart" for i in range(3)}
    grouped = Topology(
        calls={"web": frozenset({"cart"})}, nodes=frozenset({"web", "cart", *parts}), instance_of=parts
    )
    everyone = [alarm(part, "cpu_usage") for part in parts]
    assert first(ranked(everyone, grouped)) == "cart"
    assert first(ranked([alarm("cart-1", "cpu_usage")], grouped)) == "cart-1"


def test_instances_call_what_their_services_call() -> None:
    parts = {"web-1": "web", "cart-1": "cart", "cart-2": "cart"}
    grouped = Topology(calls={"web": frozenset({"cart"})}, nodes=frozenset(parts), instance_of=parts)
    found = [
        alarm("web-1", "latency_p95_ms", 1.5),
        alarm("cart-1", "cpu_usage", 1.5),
        alarm("cart-1", "latency_ms", 1.5),
    ]
    assert first(ranked(found, grouped)) == "cart-1"


def test_coverage_says_which_sources_had_data() -> None:
    nothing = Finding(
        source=Source.LOGS, kind=FindingKind.NO_DATA, service="", subject="||no_data", statement="none"
    )
    assert ranked([slow("db", 90), nothing]).coverage == {Source.KPIS: True, Source.LOGS: False}


def test_indicators_are_named_by_service_and_metric() -> None:
    ranking = ranked([slow("db", 90), shift("db", "cpu_usage", 0.3, 0.9)])
    assert ranking.indicators[:2] == ("db_cpu_usage", "db_latency_p95_ms")


def test_causes_cite_findings_by_subject() -> None:
    found = [slow("db", 90), shift("db", "cpu_usage", 0.3, 0.9)]
    assert set(ranked(found).causes[0].findings) == {f.subject for f in found}


def test_distances_follow_calls() -> None:
    assert distances(CHAIN, "web") == {"web": 0, "cart": 1, "db": 2}
    assert distances(CHAIN, "nobody") == {}


def test_loops_in_the_graph_end() -> None:
    loop = Topology(calls={"a": frozenset({"b"}), "b": frozenset({"a"})}, nodes=frozenset("ab"))
    assert distances(loop, "a") == {"a": 0, "b": 1}
    assert len(ranked([slow("a", 90), slow("b", 90)], loop, "a").causes) == 2


def test_topology_findings_name_symptoms_and_the_deepest() -> None:
    found = analyse_topology([slow("web", 900), slow("cart", 850), slow("db", 800)], CHAIN, "web", NOBODY)
    deepest = [f for f in found if f.kind is FindingKind.UPSTREAM_ANOMALY]
    symptoms = [f for f in found if f.kind is FindingKind.SYMPTOM]
    assert [f.service for f in deepest] == ["db"]
    assert deepest[0].statement == (
        "db is the deepest anomalous service on its path, 2 calls from web: nothing it depends on explains it"
    )
    assert {f.service for f in symptoms} == {"web", "cart"}


def test_candidates_restrict_the_deepest() -> None:
    found = analyse_topology([slow("cart", 850), slow("db", 800)], CHAIN, "web", frozenset({"web"}))
    assert all(f.kind is not FindingKind.UPSTREAM_ANOMALY for f in found)


def test_no_topology_is_a_finding() -> None:
    assert [f.kind for f in analyse_topology([slow("a", 9)], Topology(), "a", NOBODY)] == [
        FindingKind.NO_DATA
    ]


def test_a_flooded_store_that_logs_less_of_one_line_is_still_flooded() -> None:
    fewer = logged("db", 1.2, FindingKind.LOG_RATE_CHANGE, direction=-1)
    found = [
        slow("cart", 900),
        change("cart", "flag"),
        slow("db", 70, before=5),
        shift("db", "request_rate", 100, 600, 20.0),
    ]
    assert first(ranked([*found, fewer])) == "cart"


def test_a_little_contrast_in_logs_is_chance() -> None:
    assert not ranked([logged("cart", 1.1), logged("db", 1.2)]).abnormal
    assert ranked([logged("cart", 1.6)]).abnormal
