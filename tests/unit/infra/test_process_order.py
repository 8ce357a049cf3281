from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.process import ProcessSpec, dependents_of, ended_before, start_order
from schemas.errors import ConfigurationError


def _spec(name: str, *needs: str) -> ProcessSpec:
    return ProcessSpec(name=name, argv=("true",), log_file=Path("log"), depends_on=needs)


def _names(specs: tuple[ProcessSpec, ...]) -> list[str]:
    return [spec.name for spec in specs]


def test_a_process_comes_after_what_it_needs() -> None:
    order = _names(start_order([_spec("role", "broker", "redis"), _spec("redis"), _spec("broker")]))

    assert order.index("role") == 2


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40), st.randoms())
def test_any_acyclic_set_is_ordered(edges: list[tuple[int, int]], rng: object) -> None:
    needs = {n: {f"p{b}" for a, b in edges if a == n and b < n} for n in range(13)}
    specs = [_spec(f"p{n}", *needs[n]) for n in reversed(range(13))]

    order = _names(start_order(specs))

    assert sorted(order) == sorted(spec.name for spec in specs)
    for spec in specs:
        assert all(order.index(need) < order.index(spec.name) for need in spec.depends_on)


def test_dependents_are_found_through_others() -> None:
    specs = [
        _spec("broker"),
        _spec("redis"),
        _spec("land", "broker"),
        _spec("api", "land"),
        _spec("x", "redis"),
    ]

    assert _names(dependents_of("broker", specs)) == ["land", "api"]
    assert dependents_of("api", specs) == ()


def test_a_cycle_is_refused_with_its_names() -> None:
    with pytest.raises(ConfigurationError, match=r"depend on each other: (a -> b -> a|b -> a -> b)"):
        start_order([_spec("a", "b"), _spec("b", "a")])


def test_an_unknown_dependency_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="process a depends on ghost, which is not there"):
        start_order([_spec("a", "ghost")])


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="two processes share a name: a"):
        start_order([_spec("a"), _spec("b"), _spec("a")])


def test_an_end_after_one_that_ends_after_it_is_refused() -> None:
    broker, role = _spec("broker"), _spec("role", "broker")
    with pytest.raises(ConfigurationError, match="depend on each other"):
        start_order([replace(broker, ends_after=("role",)), replace(role, ends_after=("broker",))])
    with pytest.raises(ConfigurationError, match="depends on ghost, which is not there"):
        start_order([broker, replace(role, ends_after=("ghost",))])


def test_dependents_and_those_named_end_before() -> None:
    broker, role = _spec("broker"), _spec("role", "broker")
    land = replace(_spec("land", "broker"), ends_after=("role",))
    specs = start_order([broker, land, role])
    assert sorted(_names(ended_before(broker, specs))) == ["land", "role"]
    assert ended_before(land, specs) == (role,)
    assert ended_before(role, specs) == ()
