"""Alertmanager's webhook, version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from api.intake.parsed import Arrival, Parsed
from api.intake.webhook import WebhookAlert, alarm_of, parse_webhook

__all__ = ["parse"]


def parse(body: bytes, content_type: str, arrival: Arrival) -> Parsed:
    """Return the alarms of a notification that is not compressed. An item is an alert.

    The fingerprint is Alertmanager's; a resolved alert clears. Raises RefusedError like `parse_webhook`.
    """
    return parse_webhook(body, content_type, arrival, WebhookAlert, alarm_of)
