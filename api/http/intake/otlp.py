"""OTLP over HTTP: metrics and logs, protobuf and JSON."""

from __future__ import annotations

from typing import Final

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from starlette.requests import Request
from starlette.responses import Response

from api.http.intake import examples
from api.http.intake.answer import body_of
from api.http.intake.receive import Counters, Sender, receive, told_why
from api.http.principal import Ingester
from api.http.route import api_router, problems
from api.intake import otlp_logs, otlp_metrics
from api.intake.otlp import Encoding, encoding_of
from api.intake.parsed import Arrival, Parsed

__all__ = ["router"]

router = api_router("/otlp/v1", "intake")

_MEDIA_TYPES: Final = ("application/x-protobuf", "application/json")
_ANSWERS: Final = {
    200: {"content": {name.value: {"schema": {}} for name in Encoding}, "description": "Taken"},
    **problems(415),
}
_TOLD: Final = 3


@router.post(
    "/metrics",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=body_of(*_MEDIA_TYPES, example=examples.OTLP_METRICS),
)
async def take_otlp_metrics(request: Request, by: Ingester, counters: Counters) -> Response:
    """Take metrics of OpenTelemetry; what could not be taken is told as partial success."""
    reading = counters.reading(by.tenant)
    encoding = _encoding(request)

    def parse(body: bytes, arrival: Arrival) -> Parsed:
        return otlp_metrics.parse(body, encoding, arrival, reading)

    received = await receive(request, Sender(by, "otlp-metrics", "otlp"), parse)
    reading.keep()
    response = ExportMetricsServiceResponse()
    if received.parsed.problems:
        rejected = len(received.parsed.problems)
        response.partial_success.CopyFrom(
            ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=_why(received.parsed))
        )
    return _answer(response, encoding)


@router.post(
    "/logs",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=body_of(*_MEDIA_TYPES, example=examples.OTLP_LOGS),
)
async def take_otlp_logs(request: Request, by: Ingester) -> Response:
    """Take log records of OpenTelemetry; what could not be taken is told as partial success."""
    encoding = _encoding(request)

    def parse(body: bytes, arrival: Arrival) -> Parsed:
        return otlp_logs.parse(body, encoding, arrival)

    received = await receive(request, Sender(by, "otlp-logs", "otlp"), parse)
    response = ExportLogsServiceResponse()
    if received.parsed.problems:
        rejected = len(received.parsed.problems)
        response.partial_success.CopyFrom(
            ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=_why(received.parsed))
        )
    return _answer(response, encoding)


def _why(parsed: Parsed) -> str:
    told = [f"{one.pointer}: {one.reason}: {one.detail}" for one in parsed.problems[:_TOLD]]
    more = [f"and {len(parsed.problems) - _TOLD} more"] if len(parsed.problems) > _TOLD else []
    return "; ".join([*told, *more])


def _encoding(request: Request) -> Encoding:
    with told_why():
        return encoding_of(request.headers.get("content-type", ""))


def _answer(response: Message, encoding: Encoding) -> Response:
    """Answer in the encoding of the request, as OTLP wants it."""
    if encoding is Encoding.JSON:
        return Response(MessageToJson(response, indent=None), media_type=encoding.value)
    return Response(response.SerializeToString(), media_type=encoding.value)
