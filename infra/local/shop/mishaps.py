"""What else may befall a service of the shop, beside the nine faults of the demo: for scenarios of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from infra.local.shop.lines import Line
from infra.local.shop.stress import CALM, Stress
from schemas.events import LogSeverity

__all__ = ["MISHAPS", "Mishap", "MishapKind", "joined", "scaled"]

_WARN, _ERROR = LogSeverity.WARN, LogSeverity.ERROR
_FACTORS = ("slow", "memory", "threads", "calls")


class MishapKind(StrEnum):
    POISON_INPUT = "poison-input"
    CRASH = "crash"
    RESTART = "restart"
    BUSY_BATCH = "busy-batch"
    LONG_COLLECTIONS = "long-collections"
    NEW_WARNINGS = "new-warnings"
    LOST_PACKETS = "lost-packets"
    READ_PEAK = "read-peak"


@dataclass(frozen=True, slots=True)
class Mishap:
    """Its stress at full force, what the service then writes, and over how many seconds it comes up."""

    description: str
    stress: Stress = CALM
    lines: tuple[Line, ...] = ()
    ramp_s: float = 3.0
    more_reads: float = 0.0
    """Light requests on top, as a share of the service's normal rate."""


MISHAPS: Mapping[MishapKind, Mishap] = MappingProxyType(
    {
        MishapKind.POISON_INPUT: Mishap(
            "Some requests carry what the service cannot read; nobody has changed anything.",
            Stress(errors=0.5),
            (Line("could not parse message {id}: unexpected byte at offset {n}", 1.0, _ERROR),),
        ),
        MishapKind.CRASH: Mishap(
            "The service dies and is not started again: those that call it get no answer.",
            Stress(errors=0.97),
            (Line("segmentation fault in worker {n}, core dumped", 0.5, LogSeverity.FATAL),),
            ramp_s=1.0,
        ),
        MishapKind.RESTART: Mishap(
            "Planned work: instances are restarted one after the other and warm up.",
            Stress(errors=0.15, slow=2.5, cpu=0.2),
            (
                Line("shutting down for planned maintenance, {n} requests drained", 0.4),
                Line("warming caches of worker {n} after restart", 0.4, _WARN),
            ),
        ),
        MishapKind.BUSY_BATCH: Mishap(
            "A batch job takes what CPU is left over; requests come first, and nobody feels it.",
            Stress(batch=0.4, threads=1.3),
            (Line("nightly batch {id}: step {n} done in {ms} ms", 0.6),),
        ),
        MishapKind.LONG_COLLECTIONS: Mishap(
            "The garbage collector works more than usual and disturbs nobody.",
            Stress(gc_ms=4.0, memory=1.2),
        ),
        MishapKind.NEW_WARNINGS: Mishap(
            "The service warns of something that is weeks away.",
            lines=(Line("certificate for {ip} expires in 21 days, serial {id}", 0.8, _WARN),),
        ),
        MishapKind.LOST_PACKETS: Mishap(
            "A few packets are sent twice; too few to slow anything.",
            Stress(retransmits=5.0),
        ),
        MishapKind.READ_PEAK: Mishap(
            "More people look; answers come from memory and cost little.",
            more_reads=1.1,
        ),
    }
)
"""What each is."""


def scaled(stress: Stress, level: float) -> Stress:
    """Return the stress at `level` 0 (none) to 1 (full): shares and additions in proportion, factors from 1 on."""
    parts = {
        name: 1.0 + (getattr(stress, name) - 1.0) * level
        if name in _FACTORS
        else getattr(stress, name) * level
        for name in Stress.__dataclass_fields__
    }
    return replace(CALM, **parts)


def joined(one: Stress, other: Stress) -> Stress:
    """Return what both do to a service at once."""
    parts = {
        name: getattr(one, name) * getattr(other, name)
        if name in _FACTORS
        else getattr(one, name) + getattr(other, name)
        for name in Stress.__dataclass_fields__
    }
    return replace(CALM, **parts)
