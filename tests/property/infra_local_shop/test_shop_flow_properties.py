"""However the shop is loaded and stressed, its vitals stay what vitals can be."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.shop.faults import FaultKind, choose_fault
from infra.local.shop.flow import NOMINAL, Flow, Vitals
from infra.local.shop.stress import Stress, stresses
from infra.local.shop.topology import ENTRY, ENTRY_RATE, SHOP

shares = st.floats(0, 1)
stress = st.builds(
    Stress,
    cpu=shares,
    batch=shares,
    steal=st.floats(0, 0.9),
    slow=st.floats(1, 50),
    delay_ms=st.floats(0, 5_000),
    errors=shares,
    memory=st.floats(1, 4),
    gc_ms=st.floats(0, 2_000),
    disk=shares,
    io_wait=shares,
    retransmits=st.floats(0, 100),
    held=st.floats(0, 2),
    threads=st.floats(1, 4),
    calls=st.floats(1, 5),
    extra_rate=st.floats(0, 500),
)
stressed = st.dictionaries(st.sampled_from(sorted(SHOP)), stress, max_size=5)
loads = st.floats(0.05, 3)


def sane(name: str, vitals: Vitals) -> bool:
    figures = [vitals.rate, vitals.memory, vitals.gc_ms, vitals.retransmits, vitals.threads]
    return (
        all(math.isfinite(one) and one >= 0 for one in figures)
        and -1e-9 <= vitals.errors <= 1
        and 0 < vitals.p50_ms <= vitals.p95_ms
        and 0 <= vitals.cpu <= 1
        and 0 <= vitals.disk <= 1
        and 0 <= vitals.pool <= 1
        and 0.4 <= vitals.pool_wait_ms <= 600.4
        and set(vitals.timeouts) == {call.callee for call in SHOP[name].calls}
        and all(0 <= share <= 0.98 for share in vitals.timeouts.values())
    )


@given(st.lists(st.tuples(loads, stressed), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_vitals_are_always_possible(steps: list[tuple[float, dict[str, Stress]]]) -> None:
    flow = Flow()
    for load, under in steps:
        vitals = flow.step(load, under)
        assert list(vitals) == list(SHOP)
        assert [name for name, one in vitals.items() if not sane(name, one)] == []


@given(loads, stressed)
@settings(max_examples=40, deadline=None)
def test_the_same_steps_give_the_same_vitals(load: float, under: dict[str, Stress]) -> None:
    one, other = Flow(), Flow()
    for _ in range(3):
        assert one.step(load, under) == other.step(load, under)


@given(loads)
@settings(max_examples=40, deadline=None)
def test_calm_rates_follow_the_load_exactly_in_the_first_step(load: float) -> None:
    vitals = Flow().step(load, {})
    assert vitals[ENTRY].rate == load * ENTRY_RATE
    for name, one in vitals.items():
        assert math.isclose(one.rate, load * NOMINAL[name].rate, rel_tol=0.01)


@given(st.sampled_from(sorted(SHOP)), st.floats(5, 2_000))
@settings(max_examples=40, deadline=None)
def test_a_delay_shows_at_once_at_its_place_and_only_above_it(name: str, delay_ms: float) -> None:
    slow = Flow().step(1.0, {name: Stress(delay_ms=delay_ms)})
    rise = {one: slow[one].p50_ms - NOMINAL[one].p50_ms for one in SHOP}
    assert math.isclose(rise[name], delay_ms, rel_tol=0.05, abs_tol=1.0)
    below = {call.callee for call in SHOP[name].calls}
    assert all(abs(rise[one]) < 0.5 for one in below)


@given(st.sampled_from(FaultKind), st.integers(0, 5_000), st.floats(0.2, 1), st.floats(0, 0.19))
@settings(max_examples=100, deadline=None)
def test_more_of_a_fault_never_hurts_less(kind: FaultKind, seed: int, more: float, less: float) -> None:
    """What is hurt is slower or fails more; a service that fails at once may even be quicker."""
    fault = choose_fault(kind, seed)

    def hurt(level: float) -> float:
        under = stresses(fault, level)
        vitals = Flow().step(1.0, under)
        return max(max(vitals[n].p95_ms / NOMINAL[n].p95_ms, 1 + vitals[n].errors) for n in under)

    assert hurt(more) >= hurt(less)
