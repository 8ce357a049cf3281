"""What holds for every ranking: bounds, order, names, and that more evidence never speaks for less."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.clues import Clue, clues_of, strength_of
from agents.analysis.findings import CauseKind, Finding, FindingKind
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.instances import lifted
from agents.analysis.signals import Topology
from agents.analysis.topology import analyse_topology, distances, explanations
from tests.fakes.clues import by_service, clue, measured

SERVICES = ("web", "cart", "db", "pay", "batch")
NOBODY: frozenset[str] = frozenset()
names = st.sampled_from(SERVICES)
kinds = st.sampled_from([kind.value for kind in CauseKind if kind.value not in {"deploy", "config"}])
findings = st.lists(
    st.builds(
        measured,
        names,
        kinds,
        st.floats(0.01, 1e4),
        direction=st.sampled_from([-1, 1]),
        kind=st.sampled_from([FindingKind.LEVEL_SHIFT, FindingKind.SPIKE, FindingKind.NORMAL]),
        before=st.floats(0.1, 100.0),
        after=st.floats(0.1, 1000.0),
    ),
    max_size=12,
)
graphs = st.builds(
    lambda calls, hosts: Topology(
        calls=calls, nodes=frozenset(SERVICES), hosted_on={name: host for name, host in hosts.items() if host}
    ),
    st.dictionaries(names, st.frozensets(names, max_size=3)),
    st.dictionaries(names, st.sampled_from(["", "n1", "n2"])),
)
clues = st.lists(
    st.builds(
        clue,
        names,
        st.sampled_from(CauseKind),
        st.floats(0.01, 5.0),
        own=st.booleans(),
        bad=st.booleans(),
        before=st.floats(0.1, 100.0),
        after=st.floats(0.1, 1000.0),
        ratio=st.floats(0.1, 20.0),
    ),
    max_size=12,
)


def rank(found: list[Finding], graph: Topology, alarmed: str = "web") -> Ranking:
    return rank_causes(found, graph, alarmed, "latency_ms", NOBODY)


@settings(deadline=None, max_examples=50)
@given(findings, graphs, st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(found: list[Finding], graph: Topology, random: object) -> None:
    mixed = list(found)
    assert hasattr(random, "shuffle")
    random.shuffle(mixed)
    plain, other = rank(found, graph), rank(mixed, graph)
    assert [c.service for c in plain.causes] == [c.service for c in other.causes]
    for one, two in zip(plain.causes, other.causes, strict=True):
        assert math.isclose(one.score, two.score, rel_tol=1e-9, abs_tol=1e-12)


@settings(deadline=None, max_examples=50)
@given(findings, graphs)
def test_scores_and_confidences_are_bounded_and_in_order(found: list[Finding], graph: Topology) -> None:
    ranking = rank(found, graph)
    scores = [cause.score for cause in ranking.causes]
    confidences = [cause.confidence for cause in ranking.causes]
    assert scores == sorted(scores, reverse=True)
    assert confidences == sorted(confidences, reverse=True)
    assert all(score >= 0.0 for score in scores)
    assert sum(confidences) <= 1.0 + 1e-9
    assert ranking.abnormal or not any(confidences)
    assert {cause.service for cause in ranking.causes} == set(SERVICES)


@settings(deadline=None, max_examples=50)
@given(findings, graphs)
def test_nobody_is_ruled_out_by_itself_or_though_it_comes_first(
    found: list[Finding], graph: Topology
) -> None:
    ranking = rank(found, graph)
    ruled = [ruling.service for ruling in ranking.rulings]
    assert ranking.causes[0].service not in ruled
    assert len(set(ruled)) == len(ruled)
    explained = explanations(clues_of(found), graph)
    assert all(one.by != one.service for one in explained.values())


@settings(deadline=None, max_examples=50)
@given(findings, names, st.floats(0.5, 1e4))
def test_more_against_a_service_never_lowers_it(found: list[Finding], service: str, score: float) -> None:
    # Without a topology: with one, more against a caller may turn it into a symptom.
    extra = measured(service, "disk", score, indicator="extra_disk")
    alone = Topology(nodes=frozenset(SERVICES))
    before = {cause.service: cause.score for cause in rank(found, alone).causes}
    after = {cause.service: cause.score for cause in rank([*found, extra], alone).causes}
    assert after[service] >= before[service] - 1e-12
    assert all(after[name] == before[name] for name in SERVICES if name != service)


@settings(deadline=None, max_examples=50)
@given(clues, graphs)
def test_no_share_is_more_than_all_or_less_than_nothing(given_: list[Clue], graph: Topology) -> None:
    for service, one in explanations(by_service(*given_), graph).items():
        assert one.service == service
        assert one.by in SERVICES
        assert 0.0 <= one.share <= 1.0


@settings(deadline=None, max_examples=50)
@given(clues)
def test_without_calls_and_hosts_nobody_explains_anybody(given_: list[Clue]) -> None:
    assert explanations(by_service(*given_), Topology(nodes=frozenset(SERVICES))) == {}


@settings(deadline=None, max_examples=50)
@given(clues)
def test_a_combined_strength_lies_between_the_strongest_and_twice_it(given_: list[Clue]) -> None:
    strongest = max((one.strength for one in given_), default=0.0)
    assert strongest <= strength_of(given_) <= 2.0 * strongest


@settings(deadline=None, max_examples=50)
@given(clues, st.floats(0.01, 5.0))
def test_another_clue_never_weakens(given_: list[Clue], strength: float) -> None:
    more = [*given_, clue("web", CauseKind.CPU, strength, own=True)]
    assert strength_of(more) >= strength_of(given_) - 1e-12


@settings(deadline=None, max_examples=50)
@given(graphs, names)
def test_each_step_is_one_call_and_none_is_shorter(graph: Topology, origin: str) -> None:
    steps = distances(graph, origin)
    assert steps[origin] == 0
    for caller, callees in graph.calls.items():
        if caller in steps:
            assert all(steps[callee] <= steps[caller] + 1 for callee in callees)
    for service, many in steps.items():
        if many:
            assert any(
                service in graph.calls.get(before, frozenset()) and steps[before] == many - 1
                for before in steps
            )


@settings(deadline=None, max_examples=50)
@given(findings, graphs)
def test_topology_findings_are_about_services_that_showed_something(
    found: list[Finding], graph: Topology
) -> None:
    known = {finding.service for finding in found}
    related = analyse_topology(found, graph, "web", NOBODY)
    symptoms = {f.service for f in related if f.kind is FindingKind.SYMPTOM}
    deepest = {f.service for f in related if f.kind is FindingKind.UPSTREAM_ANOMALY}
    assert symptoms | deepest <= known
    assert not symptoms & deepest


@settings(deadline=None, max_examples=50)
@given(graphs, st.dictionaries(st.sampled_from(["web-0", "db-0", "db-1"]), st.sampled_from(["web", "db"])))
def test_instances_only_add_calls(graph: Topology, parts: dict[str, str]) -> None:
    whole = lifted(replace(graph, instance_of=parts))
    for caller, callees in graph.calls.items():
        assert callees - {caller} <= whole.calls[caller]
    for caller, callees in whole.calls.items():
        assert not parts or caller not in callees
