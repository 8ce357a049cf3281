"""Which incident that is not over has alarms in a service or on a host: found at the same cost however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.events import IncidentAlarm

__all__ = ["ComponentIndex"]

_Place = tuple[str, str]
"""Tenant and service, or tenant and host."""


class ComponentIndex:
    """A service has one such incident at most; of a host, the last one that had an alarm there is known."""

    def __init__(self) -> None:
        self._by_service: dict[_Place, str] = {}
        self._by_host: dict[_Place, str] = {}

    def add(self, tenant: str, alarm: IncidentAlarm, incident: str) -> None:
        self._by_service[tenant, alarm.service] = incident
        if alarm.host:
            self._by_host[tenant, alarm.host] = incident

    def remove(self, tenant: str, alarms: Iterable[IncidentAlarm], incident: str) -> None:
        """Forget an incident that had these alarms."""
        for alarm in alarms:
            for index, name in ((self._by_service, alarm.service), (self._by_host, alarm.host)):
                if index.get((tenant, name)) == incident:
                    del index[tenant, name]

    def of_service(self, tenant: str, service: str) -> str | None:
        return self._by_service.get((tenant, service))

    def related(self, tenant: str, services: Iterable[str], host: str) -> Iterator[str]:
        """Incidents in any of the services or on the host; one may come several times."""
        for service in services:
            if (incident := self._by_service.get((tenant, service))) is not None:
                yield incident
        if host and (incident := self._by_host.get((tenant, host))) is not None:
            yield incident
