"""Properties of ties: the alarmed is tied to itself, more ties never untie, and names and order do not matter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.connections import connected
from agents.analysis.signals import Topology
from agents.analysis.topology import distances

NAMES = ("web", "cart", "db", "pay", "batch", "n1")
names = st.sampled_from(NAMES)
calls = st.dictionaries(names, st.frozensets(names, max_size=3), max_size=5)
hosts = st.dictionaries(st.sampled_from(NAMES[:5]), st.just("n1"), max_size=3)


@settings(deadline=None, max_examples=60)
@given(calls, hosts, names)
def test_whoever_is_reached_or_reaches_is_tied(
    told: dict[str, frozenset[str]], placed: dict[str, str], alarmed: str
) -> None:
    graph = Topology(calls=told, hosted_on=placed)
    tied = connected((), graph, {alarmed})
    assert alarmed in tied
    assert tied >= distances(graph, alarmed).keys()
    assert tied >= {one for one in told if alarmed in distances(graph, one)}


@settings(deadline=None, max_examples=60)
@given(calls, calls, hosts, names)
def test_more_that_is_known_never_unties(
    told: dict[str, frozenset[str]],
    more: dict[str, frozenset[str]],
    placed: dict[str, str],
    alarmed: str,
) -> None:
    both = {one: told.get(one, frozenset()) | more.get(one, frozenset()) for one in {*told, *more}}
    few = connected((), Topology(calls=told), {alarmed})
    assert few <= connected((), Topology(calls=both, hosted_on=placed), {alarmed})
    assert few <= connected((), Topology(calls=told), {alarmed, "pay"})


@settings(deadline=None, max_examples=60)
@given(calls, hosts, names)
def test_other_names_have_the_same_ties(
    told: dict[str, frozenset[str]], placed: dict[str, str], alarmed: str
) -> None:
    other = {name: f"{name[::-1]}-x" for name in NAMES}
    renamed = Topology(
        calls={other[one]: frozenset(other[callee] for callee in callees) for one, callees in told.items()},
        hosted_on={other[one]: other[host] for one, host in placed.items()},
    )
    tied = connected((), Topology(calls=told, hosted_on=placed), {alarmed})
    assert connected((), renamed, {other[alarmed]}) == {other[one] for one in tied}
