"""Prometheus remote write, 1.0 and 2.0."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.http.intake.answer import body_of
from api.http.intake.receive import Counters, Sender, receive, told_why
from api.http.principal import Ingester
from api.http.problem import FieldProblem, Problem
from api.http.route import api_router, problems
from api.intake import remote_write
from api.intake.bodies import REMOTE_WRITE
from api.intake.parsed import Arrival, Parsed

__all__ = ["router"]

router = api_router("/intake/prometheus", "intake")

_WRITTEN: Final = "X-Prometheus-Remote-Write"
_BODY: Final = body_of("application/x-protobuf")


@router.post("/write", status_code=204, response_class=Response, responses=problems(415), openapi_extra=_BODY)
async def take_remote_write(request: Request, by: Ingester, counters: Counters) -> Response:
    """Take samples that Prometheus, or what speaks its protocol, writes; snappy as it specifies."""
    return await _take(request, by, counters)


@router.post(
    "/api/v1/write", status_code=204, response_class=Response, responses=problems(415), openapi_extra=_BODY
)
async def take_remote_write_at_usual_path(request: Request, by: Ingester, counters: Counters) -> Response:
    """Take the same at the path that senders append by themselves."""
    return await _take(request, by, counters)


async def _take(request: Request, by: Ingester, counters: Counters) -> Response:
    reading = counters.reading(by.tenant)
    with told_why():
        version = remote_write.version_of(request.headers.get("content-type", ""))

    def parse(body: bytes, arrival: Arrival) -> Parsed:
        return remote_write.parse(body, version, arrival, reading)

    sender = Sender(by, "prometheus", "prometheus")
    received = await receive(request, sender, parse, allowed=REMOTE_WRITE, encoding="snappy")
    reading.keep()
    headers = {
        f"{_WRITTEN}-Samples-Written": str(received.parsed.accepted),
        f"{_WRITTEN}-Histograms-Written": "0",
        f"{_WRITTEN}-Exemplars-Written": "0",
    }
    if received.parsed.problems:
        raise _partial(received.parsed, headers)
    return Response(status_code=204, headers=headers)


def _partial(parsed: Parsed, headers: dict[str, str]) -> Problem:
    """Return 400, which says that not all was written and that sending it again would not help (2.0, Partial Write)."""
    return Problem(
        400,
        "partial-write",
        f"{parsed.accepted} written, {len(parsed.problems)} not.",
        errors=[
            FieldProblem(detail=f"{one.reason}: {one.detail}", pointer=f"#{one.pointer}", item=one.index)
            for one in parsed.problems[:100]
        ],
        headers=headers,
        extensions={"accepted": parsed.accepted, "rejected_count": len(parsed.problems)},
    )
