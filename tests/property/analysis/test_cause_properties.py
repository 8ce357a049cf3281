"""What a cause's score is made of adds up; and names, clocks and the order of things decide nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.analysis.alarms import analyse_alarms
from agents.analysis.calibration import Calibration, Example, confidences, fitted
from agents.analysis.calls import analyse_calls
from agents.analysis.changes import analyse_changes
from agents.analysis.clues import clues_of
from agents.analysis.comovement import learned_calls
from agents.analysis.findings import CauseKind, Finding, FindingKind, Part
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.nearness import hops
from agents.analysis.signals import AlarmRecord, CallStats, ChangeRecord, Topology, Window
from agents.analysis.topology import explanations
from tests.fakes.clues import changed, learned_call, measured

SERVICES = ("web", "cart", "db", "pay", "batch")
NOBODY: frozenset[str] = frozenset()
names = st.sampled_from(SERVICES)
scores = st.floats(0.05, 1e3)
kinds = st.sampled_from([kind.value for kind in CauseKind if kind.value not in {"deploy", "config"}])
measurements = st.builds(
    measured,
    names,
    kinds,
    scores,
    direction=st.sampled_from([-1, 1]),
    kind=st.sampled_from([FindingKind.LEVEL_SHIFT, FindingKind.SPIKE, FindingKind.NORMAL]),
    before=st.floats(0.1, 100.0),
    after=st.floats(0.1, 1000.0),
    ratio=st.floats(0.1, 20.0),
)


def change(service: str, score: float, at: float) -> Finding:
    return changed(service, min(score, 2.0), onset=at)


findings = st.lists(
    measurements
    | st.builds(change, names, scores, st.floats(0.0, 1e4))
    | st.builds(learned_call, names, names, st.floats(0.01, 0.5)),
    max_size=14,
    unique_by=lambda f: (f.service, f.subject),
)
graphs = st.builds(
    lambda calls, hosts, given_: Topology(
        calls=calls if given_ else {},
        nodes=frozenset(SERVICES),
        hosted_on={name: host for name, host in hosts.items() if host},
    ),
    st.dictionaries(names, st.frozensets(names, max_size=3)),
    st.dictionaries(names, st.sampled_from(["", "n1", "n2"])),
    st.booleans(),
)


def rank(found: list[Finding], graph: Topology, alarmed: str = "web") -> Ranking:
    return rank_causes(found, graph, alarmed, "latency_ms", NOBODY)


@settings(deadline=None, max_examples=100)
@given(findings, graphs)
def test_a_score_is_the_sum_of_what_findings_add(found: list[Finding], graph: Topology) -> None:
    known = {(f.subject, f.service) for f in found}
    for cause in rank(found, graph).causes:
        amounts = [one.amount for one in cause.contributions]
        assert math.isclose(math.fsum(amounts), cause.score, rel_tol=1e-9, abs_tol=1e-12)
        assert all(amount > 0 for amount in amounts)
        assert amounts == sorted(amounts, reverse=True)
        for one in cause.contributions:
            assert (one.finding, one.service) in known
            assert (one.service == cause.service) is (one.part is not Part.EXPLAINS)


@settings(deadline=None, max_examples=100)
@given(findings, graphs, names, st.floats(0.5, 1e3))
def test_more_against_a_service_never_lowers_it(
    found: list[Finding], graph: Topology, accused: str, score: float
) -> None:
    # A resource of its own, that nobody else can explain.
    extra = measured(accused, "disk", score, indicator="extra_disk")
    before = {c.service: c.score for c in rank(found, graph).causes}
    after = {c.service: c.score for c in rank([*found, extra], graph).causes}
    assert after[accused] >= before[accused] - 1e-9


@settings(deadline=None, max_examples=100)
@given(findings, graphs, st.permutations(["zeta", "alpha", "mid", "kilo", "echo"]))
def test_names_decide_nothing(found: list[Finding], graph: Topology, others: list[str]) -> None:
    called = dict(zip(SERVICES, others, strict=True))
    strengths = [c.strength for own in clues_of(found).values() for c in own]
    assume(len({round(s, 6) for s in strengths}) == len(strengths))
    assume(_no_equals(found, graph))
    plain, renamed = (
        rank(found, graph),
        rank([_renamed(f, called) for f in found], _renamed_graph(graph, called), called["web"]),
    )
    ours = {called[c.service]: (c.score, c.confidence) for c in plain.causes}
    theirs = {c.service: (c.score, c.confidence) for c in renamed.causes}
    assert ours.keys() == theirs.keys()
    for name, pair in ours.items():
        assert theirs[name] == pytest.approx(pair, rel=1e-6, abs=1e-9)


def _no_equals(found: list[Finding], graph: Topology) -> bool:
    """Whether no two services are as strong as each other: between equals the name decides who is told first."""
    clues = clues_of(found)
    totals = [round(sum(c.strength for c in own), 6) for own in clues.values()]
    shares = explanations(clues, graph, learned_calls(found))
    credit = [(e.by, round(e.share, 6)) for e in shares.values() if e.share > 0]
    return len(set(totals)) == len(totals) and len(set(credit)) == len(credit)


def _renamed(finding: Finding, called: dict[str, str]) -> Finding:
    data = dict(finding.data)
    if "caller" in data:
        data["caller"] = called[str(data["caller"])]
    name = called[finding.service]
    return finding.model_copy(update={"service": name, "data": data, "subject": f"{name}|{finding.subject}"})


def _renamed_graph(graph: Topology, called: dict[str, str]) -> Topology:
    return Topology(
        calls={called[a]: frozenset(called[b] for b in bs) for a, bs in graph.calls.items()},
        nodes=frozenset(called[n] for n in graph.nodes),
        hosted_on={called[n]: host for n, host in graph.hosted_on.items()},
    )


@settings(deadline=None, max_examples=50)
@given(findings, graphs, st.integers(-(10**6), 10**6))
def test_clocks_decide_nothing(found: list[Finding], graph: Topology, shift: int) -> None:
    moved = [
        f.model_copy(update={"onset": None if f.onset is None else round(f.onset) + shift}) for f in found
    ]
    still = [f.model_copy(update={"onset": None if f.onset is None else round(f.onset)}) for f in found]
    assert [(c.service, c.score) for c in rank(moved, graph).causes] == [
        (c.service, c.score) for c in rank(still, graph).causes
    ]


@settings(deadline=None, max_examples=50)
@given(findings, graphs)
def test_confidences_are_bounded_and_follow_the_scores(found: list[Finding], graph: Topology) -> None:
    causes = rank(found, graph).causes
    told = [c.confidence for c in causes]
    assert all(0.0 <= one <= 1.0 for one in told)
    assert sum(told) <= 1.0 + 1e-9
    assert told == sorted(told, reverse=True)


def test_nothing_found_is_nobody_accused() -> None:
    ranking = rank_causes([], Topology(), "", "", NOBODY)
    assert (ranking.causes, ranking.rulings, ranking.abnormal) == ((), (), False)
    (cause,) = rank_causes([], Topology(), "web", "", frozenset({"web"})).causes
    assert (cause.score, cause.confidence, cause.contributions) == (0.0, 0.0, ())


powers = st.floats(0.0, 6.0)
calibrations = st.builds(Calibration, powers, st.floats(-3.0, 3.0), powers)
rankings = st.lists(st.floats(0.0, 1e3), max_size=60).map(lambda many: sorted(many, reverse=True))


@settings(deadline=None)
@given(rankings, calibrations)
def test_shared_confidence_is_never_more_than_all(ranked: list[float], by: Calibration) -> None:
    told = confidences(ranked, by)
    assert len(told) == len(ranked)
    assert all(0.0 <= one <= 1.0 for one in told)
    assert sum(told) <= 1.0 + 1e-9
    assert all(a >= b - 1e-12 for a, b in pairwise(told))


@given(st.floats(0.01, 50.0), st.floats(0.0, 1.0), st.floats(1.0, 4.0), calibrations)
def test_a_stronger_first_or_a_weaker_second_is_surer(
    first: float, share: float, more: float, by: Calibration
) -> None:
    told = confidences([first, first * share], by)[0]
    assert confidences([first * more, first * share], by)[0] >= told - 1e-12
    assert confidences([first, first * share / more], by)[0] >= told - 1e-12


examples = st.lists(
    st.builds(
        lambda first, share, right: Example(first, first * share, right),
        st.floats(0.01, 10.0),
        st.floats(0.0, 1.0),
        st.booleans(),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=25)
@given(examples)
def test_a_fit_is_a_calibration_whatever_the_examples(told: list[Example]) -> None:
    got = fitted(told)
    assert got.rivalry >= 0.0
    assert got.strength >= 0.0
    assert math.isfinite(got.doubt)


@given(graphs, names)
def test_ties_lead_both_ways(graph: Topology, origin: str) -> None:
    steps = hops(graph, origin)
    for one, many in steps.items():
        if one in SERVICES:
            assert hops(graph, one)[origin] == many


START = 1_700_000_000.0
WINDOW = Window(START - 3600, START, START + 300, START + 120)
offsets = st.integers(-3600, 300).map(float)
alarms = st.lists(
    st.builds(
        lambda at, service, name, metric: AlarmRecord(
            START + at, service, name, indicator=name if metric else "", detail="3 sigma"
        ),
        offsets,
        names,
        st.sampled_from(["cpu_usage", "memory_bytes", "slow", "PD"]),
        st.booleans(),
    ),
    max_size=20,
)
changes = st.lists(
    st.builds(
        lambda at, service, kind: ChangeRecord(START + at, service, kind, f"{kind} of {service}"),
        offsets,
        names,
        st.sampled_from(["deploy", "config", "flag", "scale", "other"]),
    ),
    max_size=8,
)
calls = st.lists(
    st.builds(
        lambda at, service, caller, ms: CallStats(START + at, service, "get", caller, 50.0, ms, ms),
        st.integers(-10, 5).map(lambda n: 60.0 * n),
        names,
        names,
        st.floats(0.1, 1e4),
    ),
    max_size=30,
)


def told_of(
    raised: list[AlarmRecord], made: list[ChangeRecord], answered: list[CallStats], window: Window
) -> list[tuple[Any, ...]]:
    found = [
        *analyse_alarms(raised, window, "web"),
        *analyse_changes(made, window),
        *analyse_calls(answered, window),
    ]
    return sorted((f.kind, f.service, f.indicator, round(f.score or 0.0, 9), f.direction) for f in found)


@settings(deadline=None, max_examples=50)
@given(alarms, changes, calls, st.integers(-1000, 1000))
def test_gathering_does_not_depend_on_the_clock_or_on_order(
    raised: list[AlarmRecord], made: list[ChangeRecord], answered: list[CallStats], hours: int
) -> None:
    by = 3600.0 * hours
    window = Window(*(moment + by for moment in (START - 3600, START, START + 300, START + 120)))
    plain = told_of(raised, made, answered, WINDOW)
    moved = told_of(
        [replace(one, time=one.time + by) for one in raised],
        [replace(one, time=one.time + by) for one in made],
        [replace(one, time=one.time + by) for one in answered],
        window,
    )
    assert plain == moved
    assert told_of(raised[::-1], made[::-1], answered[::-1], WINDOW) == plain


@settings(deadline=None, max_examples=50)
@given(alarms, names)
def test_one_more_alarm_of_a_kind_nobody_else_raises_never_lightens_its_service(
    raised: list[AlarmRecord], service: str
) -> None:
    def weight(of: list[AlarmRecord]) -> float:
        found = analyse_alarms(of, WINDOW, "web")
        return max((f.score or 0.0 for f in found if f.service == service), default=0.0)

    # One that comes last, from one that is in the storm already, changes nobody's rarity or earliness.
    assume(service in {one.service for one in raised if START <= one.time <= WINDOW.end})
    extra = AlarmRecord(WINDOW.end, service, "disk_io", indicator="disk_io", detail="3 sigma")
    assert weight([*raised, extra]) >= weight(raised) - 1e-9
