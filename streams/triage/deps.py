"""What the stages of triage share."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.metrics import NullRecorder, Recorder
from schemas.registry import SchemaRegistry
from schemas.tracing import NullTracing, Tracing
from streams.ports import Clock, DeadLetterOffice, Publisher
from streams.triage.ports import Admission, ControlPlane

__all__ = ["TriageDeps"]


@dataclass(frozen=True, slots=True)
class TriageDeps:
    """What triage needs from outside. The caller opens and closes all of it."""

    publisher: Publisher
    dead_letters: DeadLetterOffice
    control: ControlPlane
    admission: Admission
    clock: Clock
    recorder: Recorder = field(default_factory=NullRecorder)
    tracing: Tracing = field(default_factory=NullTracing)
    registry: SchemaRegistry | None = None
