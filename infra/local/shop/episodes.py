"""When what happens in the shop: the fault, its healing and return, a harmless peak, an unrelated oddity."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infra.local.shop.faults import Fault
from infra.local.shop.lines import FAULT_LINES, Writing
from infra.local.shop.stress import Stress, stresses
from infra.local.shop.topology import CALLERS, NOMINAL_RATE, SHOP

__all__ = ["Script", "script", "trapeze", "unrelated"]

_RECOVERY_S = 6.0
_PEAK_S = 60.0
_PEAK_RAMP_S = 3.0
_PEAK_FACTOR = 1.1
_ODDITY_CHANCE = 0.35


@dataclass(frozen=True, slots=True)
class _Oddity:
    """A mild departure of an unrelated service that explains nothing."""

    service: str
    stress: Stress
    starts_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """What happens when; all times are seconds after the simulation's start."""

    fault: Fault | None
    spells: tuple[tuple[float, float], ...]
    """Begin and end of each stretch in which the fault is present."""
    harmless_at_s: float | None
    oddity: _Oddity | None

    def level(self, t: float) -> float:
        """How far the fault has come up at `t`, 0 to 1."""
        ramp = self.fault.ramp_s if self.fault else 1.0
        return max((trapeze(t, begin, end, ramp, _RECOVERY_S) for begin, end in self.spells), default=0.0)

    def load(self, t: float) -> float:
        """The load at `t` relative to that of an ordinary day; nobody comes in numbers here."""
        del t
        return 1.0

    def writing(self, t: float) -> tuple[Writing, ...]:
        """What the owner of the fault writes at `t`."""
        level = self.level(t)
        if self.fault is None or level <= 0:
            return ()
        return (Writing(self.fault.service, FAULT_LINES[self.fault.kind], level * self.fault.strength),)

    def stress(self, t: float) -> dict[str, Stress]:
        """The stress of every service that is not calm at `t`."""
        under: dict[str, Stress] = {}
        if self.oddity is not None and t >= self.oddity.starts_s:
            under[self.oddity.service] = self.oddity.stress
        if self.harmless_at_s is not None:
            peak = trapeze(t, self.harmless_at_s, self.harmless_at_s + _PEAK_S, _PEAK_RAMP_S, _PEAK_RAMP_S)
            if peak > 0:
                extra = _PEAK_FACTOR * peak * NOMINAL_RATE["recommendation"]
                under["recommendation"] = Stress(extra_rate=extra)
        level = self.level(t)
        if self.fault is not None and level > 0:
            under |= stresses(self.fault, level)
        return under


def script(
    seed: int,
    fault: Fault | None,
    heal_at_s: float | None = None,
    again_at_s: float | None = None,
    harmless_at_s: float | None = None,
) -> Script:
    """Arrange a simulation. The fault ends at `heal_at_s`, and is back for good from `again_at_s`."""
    spells: list[tuple[float, float]] = []
    if fault is not None:
        spells.append((fault.starts_s, float("inf") if heal_at_s is None else heal_at_s))
        if again_at_s is not None:
            spells.append((again_at_s, float("inf")))
    return Script(fault, tuple(spells), harmless_at_s, _oddity(seed, fault) if fault else None)


def _oddity(seed: int, fault: Fault) -> _Oddity | None:
    rng = Random(f"oddity:{seed}")
    stress = rng.choice((Stress(cpu=0.1), Stress(gc_ms=8.0), Stress(slow=1.25), Stress(retransmits=1.0)))
    starts_s = fault.starts_s + rng.uniform(-40.0, 5.0)
    free = unrelated(fault)
    if rng.random() >= _ODDITY_CHANCE or not free:
        return None
    return _Oddity(rng.choice(free), stress, starts_s)


def unrelated(fault: Fault) -> list[str]:
    """Return services that neither call the faulty one, nor are called by it, nor share its host; no stores."""
    below = {call.callee for call in SHOP[fault.service].calls}
    near = {fault.service, *CALLERS[fault.service], *below}
    return [s.name for s in SHOP.values() if s.name not in near and s.host != fault.host and not s.store]


def trapeze(t: float, begin: float, end: float, up_s: float, down_s: float) -> float:
    """Return 0 before `begin`, 1 from `begin + up_s` to `end`, 0 after `end + down_s`, straight between."""
    rising = min(1.0, max(0.0, (t - begin) / up_s))
    falling = 1.0 if t <= end else max(0.0, 1.0 - (t - end) / down_s)
    return min(rising, falling)
