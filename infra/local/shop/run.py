"""One run through a part of the shop's time, with everything that has a memory from tick to tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from infra.local.shop.changes import PlannedChange, raise_change
from infra.local.shop.flow import Flow
from infra.local.shop.kpis import KpiCollector, Meter
from infra.local.shop.lines import Writing
from infra.local.shop.load import DailyLoad, Jitter
from infra.local.shop.logs import LogWriter
from infra.local.shop.rules import RuleEngine, shop_rules
from infra.local.shop.stress import Stress
from infra.local.shop.topology import SHOP
from schemas.events import Event

__all__ = ["Course", "Plan", "Run", "Tick", "played"]

_LOAD_NOISE = 0.03
_LOAD_MEMORY_S = 12.0


class Course(Protocol):
    """What befalls the shop, by seconds after its start."""

    def load(self, t: float) -> float:
        """Return the factor on the load of an ordinary day."""

    def stress(self, t: float) -> Mapping[str, Stress]:
        """Return the stress of every service that is not calm."""

    def writing(self, t: float) -> Sequence[Writing]:
        """Return what services write on top of their everyday lines."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What became known at `at`: measurements and lines come in batches, so most ticks carry few events."""

    at: datetime
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a simulation is to tell: everything in it is settled before the first tick."""

    seed: int
    tenant: str
    start: datetime
    script: Course
    changes: tuple[PlannedChange, ...]


class Run:
    """Steps through time. `part` names the stretch, so that each has noise of its own."""

    def __init__(self, plan: Plan, part: str) -> None:
        self._plan = plan
        self._day = DailyLoad(plan.seed)
        self._flow = Flow()
        self._meter = Meter(Random(f"{part}:kpis:{plan.seed}"))
        self._jitter = Jitter(Random(f"{part}:load:{plan.seed}"), _LOAD_MEMORY_S)
        self._kpis = KpiCollector(plan.tenant)
        self._logs = LogWriter(plan.tenant, Random(f"{part}:logs:{plan.seed}"))
        self._rules = RuleEngine(plan.tenant, shop_rules(plan.seed))

    def step(self, t: float, step_s: float) -> list[Event]:
        """Advance to `t` seconds after the start; return the changes and alarms since the step before."""
        plan = self._plan
        at = plan.start + timedelta(seconds=t)
        load = self._day.at(t) * (1.0 + _LOAD_NOISE * self._jitter.next("load", step_s)) * plan.script.load(t)
        vitals = self._flow.step(load, plan.script.stress(t))
        measured = {name: self._meter.measure(SHOP[name], state, step_s) for name, state in vitals.items()}
        self._kpis.add(at, measured)
        self._logs.write(at, step_s, vitals)
        for more in plan.script.writing(t):
            self._logs.write_more(at, step_s, vitals, more)
        return [*self._changes(t - step_s, t), *self._rules.evaluate(at, measured)]

    def cut(self) -> list[Event]:
        """Return the batches of measurements and lines gathered since the last cut."""
        return [*self._kpis.cut(), *self._logs.cut()]

    def _changes(self, after_s: float, until_s: float) -> list[Event]:
        due = [change for change in self._plan.changes if after_s < change.at_s <= until_s]
        return [raise_change(change, self._plan.tenant, self._plan.start) for change in due]


def played(plan: Plan, part: str, moments: Sequence[float], step_s: float, batch: int) -> Iterator[Tick]:
    """Play the plan at these moments (seconds after its start, `step_s` apart), measurements cut every `batch` ticks."""
    run = Run(plan, part)
    for number, t in enumerate(moments, start=1):
        events = run.step(t, step_s)
        if number % batch == 0 or number == len(moments):
            events += run.cut()
        yield Tick(plan.start + timedelta(seconds=t), tuple(events))
