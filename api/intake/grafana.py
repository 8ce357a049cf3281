"""Grafana's webhook contact point (unified alerting).

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from api.intake.parsed import Arrival, Parsed
from api.intake.webhook import WebhookAlert, alarm_of, parse_webhook
from schemas.events import AlarmRaw

__all__ = ["parse"]


class _Alert(WebhookAlert):
    values: dict[str, float | None] | None = Field(default=None)
    dashboard_url: str = Field(default="", alias="dashboardURL")
    panel_url: str = Field(default="", alias="panelURL")


def parse(body: bytes, content_type: str, arrival: Arrival) -> Parsed:
    """Return the alarms of a notification that is not compressed. An item is an alert.

    The value is that of the first query or expression by its reference (`A`, `B`, ...): later ones are reductions
    and thresholds of it. The link is the panel's, else the dashboard's, else the rule's.
    Raises RefusedError like `parse_webhook`.
    """
    return parse_webhook(body, content_type, arrival, _Alert, _alarm)


def _alarm(alert: _Alert, arrival: Arrival) -> AlarmRaw:
    url = alert.panel_url or alert.dashboard_url or alert.generator_url
    return alarm_of(alert, arrival, url=url, value=_value(alert.values or {}))


def _value(values: Mapping[str, float | None]) -> float | None:
    return next((values[name] for name in sorted(values) if values[name] is not None), None)
