"""A play from a list of what happens: who it happens to is drawn by the seed, so that no answer can be learnt by heart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from random import Random
from typing import assert_never

from infra.local.shop.changes import PlannedChange, breaking_change, harmless_changes
from infra.local.shop.episodes import trapeze, unrelated
from infra.local.shop.faults import Fault, FaultKind, choose_fault
from infra.local.shop.lines import FAULT_LINES, Writing
from infra.local.shop.mishaps import MISHAPS, MishapKind, joined, scaled
from infra.local.shop.run import Plan, Tick, played
from infra.local.shop.stress import CALM, Stress, stresses
from infra.local.shop.topology import CALLERS, ENTRY, NOMINAL_RATE, SHOP
from schemas.events import ChangeKind

__all__ = ["Announced", "Happening", "Role", "Scene", "Staged", "Surge", "above", "stage"]

_RECOVERY_S = 6.0
_SURGE_RAMP_S = 15.0
_TRIES = 60
_HISTORY_STEP_S = 5.0
_HISTORY_BATCH, _BATCH = 60, 10


class Role(StrEnum):
    """Who something happens to, or is said of."""

    CULPRIT = "culprit"
    """Who has the first fault or mishap."""
    SECOND = "second"
    """Who has another, unrelated one."""
    HERRING = "herring"
    """Somebody who looks odd and has nothing to do with it."""
    CALLER = "caller"
    """One of those that call the culprit."""
    ENTRY = "entry"
    """Where users come in."""
    GATEWAY = "gateway"
    """Whom the entry calls."""


@dataclass(frozen=True, slots=True)
class Surge:
    """Users come in numbers: `factor` times as many as on an ordinary day."""

    factor: float


@dataclass(frozen=True, slots=True)
class Announced:
    """A change that is recorded, and does nothing by itself."""

    kind: ChangeKind
    title: str


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens: what, to whom, and when.

    `after_s` counts from the onset of the scene. It lasts for good, or `lasts_s`; with `every_s` it comes again so often,
    for as long. `strength` in (0, 1] and `ramp_s` are drawn where they are not given.
    """

    what: FaultKind | MishapKind | Surge | Announced
    role: Role = Role.CULPRIT
    after_s: float = 0.0
    lasts_s: float | None = None
    every_s: float | None = None
    strength: float | None = None
    ramp_s: float | None = None
    service: str = ""
    """Who plays the role, where it is not drawn."""


@dataclass(frozen=True, slots=True)
class _Episode:
    """A happening with everything drawn. `spells` are begin and end in seconds after the start."""

    what: Fault | MishapKind | Surge
    service: str
    spells: tuple[tuple[float, float], ...]
    ramp_s: float
    strength: float

    def level(self, t: float) -> float:
        return max(trapeze(t, begin, end, self.ramp_s, _RECOVERY_S) for begin, end in self.spells)

    def surge(self, t: float) -> float:
        return 1.0 + (self.what.factor - 1.0) * self.level(t) if isinstance(self.what, Surge) else 1.0

    def stress(self, t: float) -> Mapping[str, Stress]:
        level = self.level(t)
        if level <= 0 or isinstance(self.what, Surge):
            return {}
        if isinstance(self.what, Fault):
            return stresses(self.what, level)
        mishap, force = MISHAPS[self.what], level * self.strength
        reads = mishap.more_reads * NOMINAL_RATE[self.service] * force
        return {self.service: replace(scaled(mishap.stress, force), extra_rate=reads)}

    def writing(self, t: float) -> Writing | None:
        level = self.level(t)
        if level <= 0 or isinstance(self.what, Surge):
            return None
        known = FAULT_LINES[self.what.kind] if isinstance(self.what, Fault) else MISHAPS[self.what].lines
        return Writing(self.service, known, level * self.strength)


@dataclass(frozen=True, slots=True)
class Scene:
    """Several episodes in one shop; satisfies `run.Course`."""

    episodes: tuple[_Episode, ...]

    def load(self, t: float) -> float:
        """Return the factor on the load of an ordinary day."""
        return math.prod(one.surge(t) for one in self.episodes)

    def stress(self, t: float) -> Mapping[str, Stress]:
        """Return the stress of every service that is not calm; what befalls one service at once adds up."""
        under: dict[str, Stress] = {}
        for episode in self.episodes:
            for service, stress in episode.stress(t).items():
                under[service] = joined(under.get(service, CALM), stress)
        return under

    def writing(self, t: float) -> tuple[Writing, ...]:
        """Return what services write on top of their everyday lines."""
        return tuple(more for one in self.episodes if (more := one.writing(t)) is not None)


@dataclass(frozen=True, slots=True)
class Staged:
    """A play whose every choice is made. `onset_s` is when the first thing happens, in seconds after the start."""

    plan: Plan
    cast: Mapping[Role, str]
    onset_s: float

    def history(self, seconds: float) -> Iterator[Tick]:
        """The time before the start, a tick every 5 s; nothing happens in it."""
        count = int(seconds // _HISTORY_STEP_S)
        moments = [-_HISTORY_STEP_S * (count - 1 - i) for i in range(count)]
        return played(self.plan, "history", moments, _HISTORY_STEP_S, _HISTORY_BATCH)

    def ticks(self, seconds: float) -> Iterator[Tick]:
        """The time after the start, a tick a second."""
        return played(self.plan, "ticks", [float(i + 1) for i in range(int(seconds))], 1.0, _BATCH)


def stage(happenings: Sequence[Happening], seed: int, tenant: str, start: datetime) -> Staged:
    """Draw everything that the happenings leave open. The same arguments give the same play; does no I/O."""
    drawn = _Drawing(seed)
    episodes, announced, first = list[_Episode](), list[PlannedChange](), None
    for number, happening in enumerate(happenings):
        if isinstance(happening.what, Announced):
            announced.append(drawn.change(happening.what, happening))
            continue
        episode = drawn.episode(happening, number)
        episodes.append(episode)
        if isinstance(episode.what, Fault):
            first = first or episode.what
            heal = None if happening.lasts_s is None else episode.spells[0][1]
            announced += breaking_change(episode.what, seed, heal, None)
    harmless = [
        one for one in harmless_changes(seed, first) if one.service not in {e.service for e in episodes}
    ]
    changes = sorted([*announced, *harmless], key=lambda one: one.at_s)
    plan = Plan(seed, tenant, start, Scene(tuple(episodes)), tuple(changes))
    return Staged(plan, drawn.cast(), drawn.onset_s)


class _Drawing:
    """Who plays whom, drawn once each."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = Random(f"staging:{seed}")
        self.onset_s = self._rng.uniform(20.0, 35.0)
        self._cast: dict[Role, str] = {}

    def cast(self) -> Mapping[Role, str]:
        """Return who plays each role; where nobody drew the culprit's caller, one of them."""
        culprit = self._cast.get(Role.CULPRIT)
        callers = CALLERS[culprit] if culprit else ()
        chosen = {Role.CALLER: self._rng.choice(callers)} if callers else {}
        return {Role.ENTRY: ENTRY, Role.GATEWAY: SHOP[ENTRY].calls[0].callee, **chosen, **self._cast}

    def episode(self, happening: Happening, number: int) -> _Episode:
        begin, what = self.onset_s + happening.after_s, happening.what
        match what:
            case FaultKind():
                return self._fault(what, happening, begin, number)
            case Surge():
                return _Episode(
                    what, ENTRY, _spells(happening, begin), happening.ramp_s or _SURGE_RAMP_S, 1.0
                )
            case MishapKind():
                strength = happening.strength or self._rng.uniform(0.8, 1.0)
                ramp_s = happening.ramp_s or MISHAPS[what].ramp_s
                return _Episode(what, self._who(happening), _spells(happening, begin), ramp_s, strength)
            case Announced():
                raise ValueError("what is only announced is no episode")
            case _:
                assert_never(what)

    def change(self, announced: Announced, happening: Happening) -> PlannedChange:
        service = self._who(happening)
        title = announced.title.format(service=service)
        at_s = self.onset_s + happening.after_s
        return PlannedChange(at_s, service, announced.kind, title, "", "release-bot")

    def _fault(self, kind: FaultKind, happening: Happening, begin: float, number: int) -> _Episode:
        free = self._free(happening.role)
        drawn = self._try(kind, number, free)
        fault = replace(
            drawn,
            starts_s=begin,
            ramp_s=happening.ramp_s or drawn.ramp_s,
            strength=happening.strength or drawn.strength,
        )
        self._take(happening.role, fault.service)
        return _Episode(fault, fault.service, _spells(happening, begin), fault.ramp_s, fault.strength)

    def _try(self, kind: FaultKind, number: int, free: Callable[[str], bool]) -> Fault:
        """The first fault of this kind whose service is free, by seeds of which the first is the scene's own."""
        seeds = (self._seed + 7919 * (number + _TRIES * again) for again in range(_TRIES))
        tried = [choose_fault(kind, seed) for seed in seeds]
        return next((fault for fault in tried if free(fault.service)), tried[0])

    def _free(self, role: Role) -> Callable[[str], bool]:
        known = self._cast.get(role)
        if known is not None:
            return lambda name: name == known
        others = list(self._cast.values())
        return lambda name: not any(_related(name, other) for other in others)

    def _who(self, happening: Happening) -> str:
        """The role's player; a new one is nobody's caller, callee or neighbour among those who play already."""
        role = happening.role
        if happening.service:
            self._take(role, happening.service)
        if role is Role.CALLER and Role.CULPRIT in self._cast:
            self._cast.setdefault(role, self._rng.choice(CALLERS[self._cast[Role.CULPRIT]]))
        if role not in self._cast:
            inner = [name for name, service in SHOP.items() if not service.store and CALLERS[name]]
            apart = [name for name in inner if all(_apart(name, other) for other in self._cast.values())]
            self._take(role, self._rng.choice(apart or inner))
        return self._cast[role]

    def _take(self, role: Role, service: str) -> None:
        self._cast[role] = service


def _spells(happening: Happening, begin: float) -> tuple[tuple[float, float], ...]:
    if happening.lasts_s is None:
        return ((begin, float("inf")),)
    if happening.every_s is None:
        return ((begin, begin + happening.lasts_s),)
    return tuple(
        (begin + i * happening.every_s, begin + i * happening.every_s + happening.lasts_s) for i in range(20)
    )


def above(service: str) -> frozenset[str]:
    """Return everybody who calls the service, directly or not."""
    reached: set[str] = set()
    waiting = list(CALLERS[service])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += CALLERS[name]
    return frozenset(reached)


def _related(one: str, other: str) -> bool:
    return one == other or one in above(other) or other in above(one) or SHOP[one].host == SHOP[other].host


def _apart(name: str, other: str) -> bool:
    """Neither caller, nor callee, nor neighbour: what befalls one does not show in the other."""
    return name in unrelated(Fault(FaultKind.CPU_HOG, other, 0.0, 1.0, 1.0)) and other not in above(name)
