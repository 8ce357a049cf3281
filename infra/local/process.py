"""What one supervised process is, and the order in which a set of them starts."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from infra.local.probes import AlwaysReady, Probe
from schemas.errors import ConfigurationError

__all__ = ["ProcessSpec", "dependents_of", "ended_before", "start_order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One child process.

    `env` is added to the supervisor's own environment. `cure` is the sentence shown when it does not become ready.
    `memory_only` says that its state dies with it, so what depends on it is restarted after it came back.
    It is asked to stop when those in `ends_after` have ended: it still takes in what they leave. Times are seconds. Secrets belong into files named by `argv`, never into `argv`: every user can read it.
    """

    name: str
    argv: tuple[str, ...]
    log_file: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Probe = field(default_factory=AlwaysReady)
    ready_deadline_s: float = 30.0
    depends_on: tuple[str, ...] = ()
    ends_after: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    stop_deadline_s: float = 5.0
    ports: tuple[int, ...] = ()
    cure: str = ""
    memory_only: bool = False


def start_order(specs: Sequence[ProcessSpec]) -> tuple[ProcessSpec, ...]:
    """`specs` with every process after those it depends on; otherwise in the given order.

    Raises:
        ConfigurationError: a name is used twice, a dependency is unknown, or they form a cycle.
    """
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) != len(specs):
        raise ConfigurationError(f"two processes share a name: {_repeated(s.name for s in specs)}")
    for spec in specs:
        for name in (*spec.depends_on, *spec.ends_after):
            if name not in by_name:
                raise ConfigurationError(f"process {spec.name} depends on {name}, which is not there")
    try:
        names = tuple(TopologicalSorter({s.name: s.depends_on for s in specs}).static_order())
        TopologicalSorter({s.name: [o.name for o in ended_before(s, specs)] for s in specs}).prepare()
    except CycleError as error:
        raise ConfigurationError(f"processes depend on each other: {' -> '.join(error.args[1])}") from error
    return tuple(by_name[name] for name in names)


def ended_before(spec: ProcessSpec, specs: Iterable[ProcessSpec]) -> tuple[ProcessSpec, ...]:
    """Those that must have ended before this one is asked to."""
    return tuple(one for one in specs if spec.name in one.depends_on or one.name in spec.ends_after)


def dependents_of(name: str, specs: Sequence[ProcessSpec]) -> tuple[ProcessSpec, ...]:
    """All processes that need `name`, directly or through others, in start order."""
    needing = {name}
    found = []
    for spec in start_order(specs):
        if needing & set(spec.depends_on):
            needing.add(spec.name)
            found.append(spec)
    return tuple(found)


def _repeated(names: Iterable[str]) -> str:
    return ", ".join(sorted(name for name, count in Counter(names).items() if count > 1))
