"""Changes people make to the shop: harmless ones all the time, and the one that breaks it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from infra.local.shop.faults import Fault, FaultKind
from infra.local.shop.kpis import SOURCE
from infra.local.shop.topology import SHOP
from schemas.events import ChangeKind, ChangeRaw

__all__ = ["PlannedChange", "breaking_change", "harmless_changes", "raise_change"]

_AUTHORS = ("a.lindqvist", "j.okafor", "m.tanaka", "release-bot", "s.ferrari")
_CONFIG_KEYS = ("log.sampling", "cache.ttl_s", "http.keepalive_s", "batch.size", "feature.refresh_s")
_FLAGS = ("fresh-checkout-banner", "dark-theme", "expanded-lookups", "compact-list", "early-hints")
_LEAD_S = 4.0
_MADE_BY = {FaultKind.BAD_DEPLOY: ChangeKind.DEPLOY, FaultKind.CONFIG_FLAG: ChangeKind.FLAG}


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change at `at_s` seconds after the simulation's start."""

    at_s: float
    service: str
    kind: ChangeKind
    title: str
    version: str
    author: str


def harmless_changes(seed: int, fault: Fault | None) -> tuple[PlannedChange, ...]:
    """Three to five changes within half an hour that break nothing, one of them often just before the fault.

    None is made to the fault's own service.
    """
    rng = Random(f"changes:{seed}")
    count = rng.randint(2, 4)
    times = [rng.uniform(-1700.0, -30.0) for _ in range(count)]
    near = rng.random() < 0.6
    offset, free = rng.uniform(-25.0, -2.0), [name for name in SHOP if not SHOP[name].store]
    if near:
        times.append((fault.starts_s if fault else 25.0) + offset)
    busy = fault.service if fault else ""
    return tuple(
        _planned(rng, at, rng.choice([name for name in free if name != busy]), rng.choice(tuple(_WORDING)))
        for at in sorted(times)
    )


def breaking_change(
    fault: Fault, seed: int, heal_at_s: float | None, again_at_s: float | None
) -> tuple[PlannedChange, ...]:
    """The change that makes the fault, some seconds before it shows, and what takes it back and repeats it.

    Empty for faults that nobody made on purpose.
    """
    kind = _MADE_BY.get(fault.kind)
    if kind is None:
        return ()
    rng = Random(f"breaking:{seed}:{fault.kind}")
    lead_s = rng.uniform(0.5, _LEAD_S)
    made = _planned(rng, fault.starts_s - lead_s, fault.service, kind)
    changes = [made]
    if heal_at_s is not None:
        changes.append(replace(made, at_s=heal_at_s, title=f"roll back: {made.title}"))
    if again_at_s is not None:
        changes.append(replace(made, at_s=again_at_s - lead_s))
    return tuple(changes)


def _planned(rng: Random, at_s: float, service: str, kind: ChangeKind) -> PlannedChange:
    version = f"{rng.randint(1, 4)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}"
    name = rng.choice(_FLAGS if kind is ChangeKind.FLAG else _CONFIG_KEYS)
    title = _WORDING[kind].format(service=service, version=version, name=name, n=rng.randint(2, 60))
    deployed = version if kind is ChangeKind.DEPLOY else ""
    return PlannedChange(at_s, service, kind, title, deployed, rng.choice(_AUTHORS))


_WORDING = {
    ChangeKind.DEPLOY: "deploy {service} {version}",
    ChangeKind.CONFIG: "set {name}={n} for {service}",
    ChangeKind.FLAG: "flag {name} on for {n} % of users in {service}",
    ChangeKind.SCALE: "autoscaler limits of {service} reviewed, at most {n} instances",
}


def raise_change(planned: PlannedChange, tenant: str, start: datetime) -> ChangeRaw:
    """The change as an event."""
    return ChangeRaw(
        tenant=tenant,
        occurred_at=start + timedelta(seconds=planned.at_s),
        source=SOURCE,
        service=planned.service,
        kind=planned.kind,
        title=planned.title,
        version=planned.version,
        author=planned.author,
        labels={"host": SHOP[planned.service].host},
    )
