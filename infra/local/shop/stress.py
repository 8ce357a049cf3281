"""What a fault does to the services it touches directly; all else follows from the calls between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from infra.local.shop.faults import Fault, FaultKind
from infra.local.shop.topology import SHOP

__all__ = ["CALM", "Stress", "stresses"]


@dataclass(frozen=True, slots=True)
class Stress:
    """Departures of one service from its normal self.

    `cpu`, `batch`, `steal`, `errors`, `disk`, `io_wait`, `held` are shares added; `slow`, `calls`, `threads` and `memory`
    factors; `delay_ms` and `gc_ms` milliseconds added; `retransmits` and `extra_rate` per second added. `batch` is CPU
    that yields to requests. The work of `extra_rate` is light: answered from memory, without calls.
    """

    cpu: float = 0.0
    batch: float = 0.0
    steal: float = 0.0
    slow: float = 1.0
    delay_ms: float = 0.0
    errors: float = 0.0
    memory: float = 1.0
    gc_ms: float = 0.0
    disk: float = 0.0
    io_wait: float = 0.0
    retransmits: float = 0.0
    held: float = 0.0
    threads: float = 1.0
    calls: float = 1.0
    extra_rate: float = 0.0


CALM = Stress()
_LOCK_WAIT_MS = 50.0
_EXTRA_WORK_MS = 80.0
# A starved thread waits for its turn more than once in a request; a store needs fewer turns.
_TURN_MS = 140.0
_STORE_TURN_MS = 35.0


def stresses(fault: Fault, level: float) -> dict[str, Stress]:
    """The stress of each service that the fault touches directly, at `level` 0 (none) to 1 (full)."""
    if fault.kind is FaultKind.NOISY_NEIGHBOUR:
        return _noisy(fault, level * fault.strength)
    return {fault.service: _own(fault, level, level * fault.strength)}


def _own(fault: Fault, level: float, force: float) -> Stress:  # noqa: PLR0911 - a case a kind
    match fault.kind:
        case FaultKind.CPU_HOG:
            return Stress(cpu=0.95 * force, threads=1 + 0.6 * force)
        case FaultKind.MEMORY_LEAK:
            return Stress(
                memory=1 + 1.4 * force, gc_ms=900 * force**1.5, cpu=0.22 * force, slow=1 + 2 * force
            )
        case FaultKind.BAD_DEPLOY:
            return Stress(errors=0.5 * force, slow=1 + 0.5 * force, cpu=0.05 * force)
        case FaultKind.SLOW_DEPENDENCY:
            waits = _LOCK_WAIT_MS / SHOP[fault.service].own_ms
            return Stress(slow=1 + waits * force, threads=1 + 0.8 * force, io_wait=0.02 * force)
        case FaultKind.CONNECTION_POOL:
            return Stress(held=1.3 * force, threads=1 + 0.7 * force)
        case FaultKind.NETWORK_DELAY:
            return Stress(delay_ms=260 * force, retransmits=60 * force, errors=0.03 * force)
        case FaultKind.DISK_FULL:
            full = max(0.0, level - 0.6) / 0.4
            room = 0.995 - SHOP[fault.service].disk
            return Stress(
                disk=room * min(1.0, level * 1.3), io_wait=0.55 * force, errors=0.45 * full * fault.strength
            )
        case FaultKind.CONFIG_FLAG:
            work = _EXTRA_WORK_MS / SHOP[fault.service].own_ms
            return Stress(
                calls=1 + 1.8 * force, cpu=0.25 * force, slow=1 + work * force, memory=1 + 0.15 * force
            )
        case FaultKind.NOISY_NEIGHBOUR:
            raise ValueError("a noisy neighbour stresses its whole host")
        case _:
            assert_never(fault.kind)


def _noisy(fault: Fault, force: float) -> dict[str, Stress]:
    """The hog works on its batch; who shares its host waits for the CPU."""
    neighbours = [s for s in SHOP.values() if s.host == fault.host and s.name != fault.service]
    starved = {
        s.name: Stress(steal=0.72 * force, delay_ms=force * (_STORE_TURN_MS if s.store else _TURN_MS))
        for s in neighbours
    }
    hog = Stress(batch=0.7 * force, threads=1 + 1.5 * force, memory=1 + 0.5 * force, io_wait=0.12 * force)
    return starved | {fault.service: hog}
