"""What Alertmanager's webhook and Grafana's, which grew from it, have in common.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from api.intake.json_text import as_object, media_type, read_json
from api.intake.labels import check_labels, entity_of, host_of, service_of, severity_of
from api.intake.limits import EARLIEST
from api.intake.moments import instant
from api.intake.parsed import Arrival, Item, Parsed, check_count, sort_out
from api.intake.refusal import ItemError, ItemReason, RefusalKind, RefusedError
from schemas.events import AlarmRaw, AlarmStatus, Severity
from schemas.ids import stable_id

__all__ = ["WebhookAlert", "alarm_of", "parse_webhook"]

_FRESH: Final = timedelta(hours=1)
_TEXT: Final = 32_768
_UNNAMED: Final = "unnamed"
_ENVIRONMENT: Final = ("env", "deployment_environment", "stage")


class WebhookAlert(BaseModel):
    """One alert as both send it; what else they send is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: str = Field(alias="startsAt")
    ends_at: str | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = ""


_A = TypeVar("_A", bound=WebhookAlert)


def parse_webhook(
    body: bytes,
    content_type: str,
    arrival: Arrival,
    kind: type[_A],
    convert: Callable[[_A, Arrival], AlarmRaw],
) -> Parsed:
    """Return the alarms of a notification. An item is an alert.

    Raises:
        RefusedError: MEDIA_TYPE, MALFORMED, TOO_DEEP, TOO_MANY, INVALID where it is no notification.
    """
    named = media_type(content_type)
    if named != "application/json":
        raise RefusedError(
            RefusalKind.MEDIA_TYPE, f"The body is {named[:80] or 'of no named type'}, not JSON."
        )
    value = read_json(body, arrival.limits)
    alerts = value.get("alerts") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(alerts, list):
        raise RefusedError(RefusalKind.INVALID, "A notification is an object with a list `alerts`.")
    check_count(len(alerts), arrival.limits)
    items = [Item(index, f"/alerts/{index}", one) for index, one in enumerate(alerts)]
    good, bad = sort_out(
        items,
        lambda item: convert(kind.model_validate(as_object(item, arrival.limits)), arrival),
        arrival.limits,
    )
    return Parsed(tuple(good), len(good), tuple(bad), _truncated(value.get("truncatedAlerts")))


def _truncated(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def alarm_of(alert: WebhookAlert, arrival: Arrival, *, url: str = "", value: float | None = None) -> AlarmRaw:
    """Return the alarm of an alert; `url` and `value` where the format tells them. Raises ItemError, ValidationError."""
    started_at = instant(alert.starts_at, arrival.at, pointer="/startsAt")
    check_labels(alert.labels, arrival.limits)
    resolved = alert.status == "resolved"
    return AlarmRaw(
        tenant=arrival.tenant,
        source=arrival.source,
        fingerprint=alert.fingerprint or _fingerprint(alert),
        name=alert.labels.get("alertname", "")[:256] or _UNNAMED,
        service=service_of(alert.labels),
        status=AlarmStatus.CLEARED if resolved else AlarmStatus.FIRING,
        severity=Severity.CLEARED if resolved else severity_of(alert.labels),
        started_at=started_at,
        occurred_at=_ended_at(alert, arrival.at) if resolved else _told_at(started_at, arrival.at),
        received_at=arrival.at,
        entity=entity_of(alert.labels),
        host=host_of(alert.labels),
        indicator=alert.labels.get("indicator") or alert.labels.get("metric", ""),
        value=value if value is not None else _number(alert.annotations.get("value", "")),
        summary=_summary(alert),
        labels=_with_environment(alert.labels, arrival.limits.labels),
        url=url or alert.generator_url,
    )


def _told_at(started_at: datetime, received_at: datetime) -> datetime:
    """A fresh alarm happened when it started; one told again long after is told now."""
    return started_at if received_at - started_at <= _FRESH else received_at


def _ended_at(alert: WebhookAlert, received_at: datetime) -> datetime:
    """Alertmanager writes the year 1 for an end that it does not know."""
    if not alert.ends_at or alert.ends_at.startswith("0001-"):
        return received_at
    return min(max(instant(alert.ends_at, received_at, pointer="/endsAt"), EARLIEST), received_at)


def _fingerprint(alert: WebhookAlert) -> str:
    if not alert.labels:
        raise ItemError(ItemReason.MISSING_FIELD, "neither a fingerprint nor labels", pointer="/fingerprint")
    return stable_id("fp", *(part for pair in sorted(alert.labels.items()) for part in pair))


def _summary(alert: WebhookAlert) -> str:
    told = (alert.annotations.get(key, "") for key in ("summary", "message", "description"))
    return "\n".join(dict.fromkeys(text for text in told if text))[:_TEXT]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _with_environment(labels: dict[str, str], most: int) -> dict[str, str]:
    """Call the environment by one name, so that policies and silences can."""
    named = next((labels[name] for name in _ENVIRONMENT if labels.get(name)), "")
    if "environment" in labels or not named or len(labels) >= most:
        return labels
    return {**labels, "environment": named}
