"""Alarms from webhooks, CloudEvents, and our own rows as JSON and NDJSON."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from api.http.idempotency import IdempotencyKey
from api.http.intake import examples
from api.http.intake.answer import Accepted, accepted_of, body_of
from api.http.intake.receive import Parser, Sender, receive
from api.http.principal import Ingester
from api.http.route import api_router, problems
from api.intake import alertmanager, cloudevents, generic, grafana
from api.intake.generic import Kind

__all__ = ["router"]

router = api_router("/intake", "intake")

_API: Final = "api"
_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"


@router.post(
    "/alertmanager",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(_JSON, example=examples.ALERTMANAGER),
)
async def take_alertmanager_notification(
    request: Request, by: Ingester, _key: IdempotencyKey = None
) -> Accepted:
    """Take a notification of Alertmanager's webhook (version 4)."""
    sender = Sender(by, "alertmanager", "alertmanager")
    kind = request.headers.get("content-type", "")
    return await _take(request, sender, lambda body, arrival: alertmanager.parse(body, kind, arrival))


@router.post(
    "/grafana",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(_JSON, example=examples.GRAFANA),
)
async def take_grafana_notification(request: Request, by: Ingester, _key: IdempotencyKey = None) -> Accepted:
    """Take a notification of a webhook contact point of Grafana's alerting."""
    sender = Sender(by, "grafana", "grafana")
    kind = request.headers.get("content-type", "")
    return await _take(request, sender, lambda body, arrival: grafana.parse(body, kind, arrival))


@router.post(
    "/cloudevents",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        _JSON,
        example=examples.CLOUDEVENT,
    ),
)
async def take_cloudevents(request: Request, by: Ingester, _key: IdempotencyKey = None) -> Accepted:
    """Take CloudEvents 1.0 with events of ours as data: binary, structured, or a batch."""
    headers = dict(request.headers)
    return await _take(
        request,
        Sender(by, "cloudevents", _API),
        lambda body, arrival: cloudevents.parse(body, headers, arrival),
    )


@router.post(
    "/alarms",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(_JSON, _LINES, example=examples.ALARM),
)
async def take_alarms(request: Request, by: Ingester, _key: IdempotencyKey = None) -> Accepted:
    """Take alarms: an object, an array of objects, or an object a line."""
    return await _take_rows(request, by, Kind.ALARMS)


@router.post(
    "/kpis",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(_JSON, _LINES, example=examples.KPI),
)
async def take_kpis(request: Request, by: Ingester, _key: IdempotencyKey = None) -> Accepted:
    """Take KPI samples, one an object, or batches with columns: an object, an array of objects, or an object a line."""
    return await _take_rows(request, by, Kind.KPIS)


@router.post(
    "/logs",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(_JSON, _LINES, example=examples.LOG),
)
async def take_logs(request: Request, by: Ingester, _key: IdempotencyKey = None) -> Accepted:
    """Take log records, one an object, or batches: an object, an array of objects, or an object a line."""
    return await _take_rows(request, by, Kind.LOGS)


@router.post(
    "/changes",
    status_code=202,
    responses=problems(415),
    openapi_extra=body_of(_JSON, _LINES, example=examples.CHANGE),
)
async def take_changes(request: Request, by: Ingester, _key: IdempotencyKey = None) -> Accepted:
    """Take changes (deploy, config, flag, scale): an object, an array of objects, or an object a line."""
    return await _take_rows(request, by, Kind.CHANGES)


async def _take_rows(request: Request, by: Ingester, kind: Kind) -> Accepted:
    content_type = request.headers.get("content-type", "")
    return await _take(
        request,
        Sender(by, kind.value, _API),
        lambda body, arrival: generic.parse(kind, body, content_type, arrival),
    )


async def _take(request: Request, sender: Sender, parse: Parser) -> Accepted:
    return accepted_of((await receive(request, sender, parse)).parsed)
