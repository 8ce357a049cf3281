"""What each fault does to its owner, figure by figure."""

from __future__ import annotations

import pytest

from infra.local.shop.faults import FAULTS, Fault, FaultKind
from infra.local.shop.stress import CALM, Stress, stresses
from infra.local.shop.topology import SHOP

OWNER = SHOP["catalog"]
STORE = SHOP["orders-db"]


def at(kind: FaultKind, level: float = 1.0, strength: float = 1.0, service: str = "catalog") -> Stress:
    fault = Fault(kind, service, starts_s=30.0, ramp_s=5.0, strength=strength)
    return stresses(fault, level)[service]


@pytest.mark.parametrize(
    ("kind", "full"),
    [
        (FaultKind.CPU_HOG, Stress(cpu=0.95, threads=1.6)),
        (FaultKind.MEMORY_LEAK, Stress(memory=2.4, gc_ms=900.0, cpu=0.22, slow=3.0)),
        (FaultKind.BAD_DEPLOY, Stress(errors=0.5, slow=1.5, cpu=0.05)),
        (FaultKind.SLOW_DEPENDENCY, Stress(slow=1 + 50.0 / OWNER.own_ms, threads=1.8, io_wait=0.02)),
        (FaultKind.CONNECTION_POOL, Stress(held=1.3, threads=1.7)),
        (FaultKind.NETWORK_DELAY, Stress(delay_ms=260.0, retransmits=60.0, errors=0.03)),
        (FaultKind.CONFIG_FLAG, Stress(calls=2.8, cpu=0.25, slow=1 + 80.0 / OWNER.own_ms, memory=1.15)),
    ],
)
def test_a_fault_at_full_force(kind: FaultKind, full: Stress) -> None:
    assert at(kind) == full


# A disk fills by the level alone, and a noisy neighbour has no stress of its own: see below.
_PROPORTIONAL = [one for one in FaultKind if one not in (FaultKind.NOISY_NEIGHBOUR, FaultKind.DISK_FULL)]


@pytest.mark.parametrize("kind", _PROPORTIONAL)
def test_half_way_up_is_half_the_strength(kind: FaultKind) -> None:
    assert at(kind, level=0.5) == at(kind, strength=0.5)
    assert at(kind, level=0.0) == CALM


@pytest.mark.parametrize(
    ("level", "disk", "errors"),
    [(0.3, 0.39, 0.0), (0.6, 0.78, 0.0), (0.8, 1.0, 0.225), (1.0, 1.0, 0.45)],
)
def test_a_disk_fills_before_its_writes_fail(level: float, disk: float, errors: float) -> None:
    stress = at(FaultKind.DISK_FULL, level, service=STORE.name)
    room = 0.995 - STORE.disk
    assert stress.disk == pytest.approx(room * disk)
    assert stress.errors == pytest.approx(errors)
    assert stress.io_wait == pytest.approx(0.55 * level)


def test_a_weak_disk_fault_fills_the_disk_all_the_same() -> None:
    weak, full = (at(FaultKind.DISK_FULL, strength=one, service=STORE.name) for one in (0.5, 1.0))
    assert weak.disk == full.disk
    assert (weak.errors, weak.io_wait) == (full.errors / 2, full.io_wait / 2)


def test_a_leaks_pauses_come_late() -> None:
    half, full = at(FaultKind.MEMORY_LEAK, 0.5), at(FaultKind.MEMORY_LEAK)
    assert half.gc_ms == pytest.approx(full.gc_ms * 0.5**1.5)
    assert half.memory - 1 == pytest.approx((full.memory - 1) / 2)


def test_a_noisy_neighbour_works_and_its_host_waits() -> None:
    fault = Fault(FaultKind.NOISY_NEIGHBOUR, "search-index", starts_s=30.0, ramp_s=5.0, strength=0.5)
    assert stresses(fault, 1.0) == {
        "search-index": Stress(batch=0.35, threads=1.75, memory=1.25, io_wait=0.06),
        "orders-db": Stress(steal=0.36, delay_ms=17.5),
    }


def test_a_starved_store_waits_fewer_turns_than_a_service() -> None:
    under = stresses(Fault(FaultKind.NOISY_NEIGHBOUR, "recommendation", 30.0, 5.0, 1.0), 1.0)
    assert under["api-gateway"] == Stress(steal=0.72, delay_ms=140.0)
    cache = stresses(Fault(FaultKind.NOISY_NEIGHBOUR, "inventory", 30.0, 5.0, 1.0), 1.0)["session-cache"]
    assert cache == Stress(steal=0.72, delay_ms=35.0)


def test_a_fault_elsewhere_starves_what_is_there() -> None:
    fault = Fault(FaultKind.NOISY_NEIGHBOUR, "shipping", 30.0, 5.0, 1.0, host="node-1")
    assert set(stresses(fault, 1.0)) == {"shipping", "web-frontend", "user"}


@pytest.mark.parametrize("kind", FaultKind)
def test_ramps_are_longer_than_nothing_and_in_order(kind: FaultKind) -> None:
    low, high = FAULTS[kind].ramp_s
    assert 0 < low < high
