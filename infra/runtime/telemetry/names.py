"""Names of spans and their attributes, in one place: OpenTelemetry's messaging conventions where they exist."""

from __future__ import annotations

from typing import Final

__all__ = ["HANDLE", "INCIDENT", "INVESTIGATION", "LAND", "PUBLISH", "SERVICE", "TENANT", "TOPIC"]

PUBLISH: Final = "publish"
HANDLE: Final = "process"
LAND: Final = "land"
INVESTIGATION: Final = "investigate"

TOPIC: Final = "messaging.destination.name"
SERVICE: Final = "service.name"
TENANT: Final = "tocsin.tenant"
INCIDENT: Final = "tocsin.incident"
