"""What every intake route does: decompress, parse, publish, and only then answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.http.deps import deps_of, options_of, traceparent_of
from api.http.problem import Problem
from api.intake.bodies import ENCODINGS, Inflate, inflated
from api.intake.counters import CounterBook
from api.intake.letters import letters_of
from api.intake.limits import Limits
from api.intake.parsed import Arrival, Parsed
from api.intake.refusal import RefusalKind, RefusedError
from schemas.access import Principal
from schemas.events import DeadLetter
from schemas.metrics import DEAD_LETTERS, MESSAGES

__all__ = ["Counters", "Parser", "Received", "Sender", "receive", "told_why"]

_STAGE: Final = "intake"
_DEEPEST: Final = 128
"""However deep JSON may nest elsewhere: what is not taken is written as JSON again, which nests less than 256."""
_LARGE: Final = 8 * 1024
"""A larger body is parsed beside the event loop."""

_STATUS: Final = {
    RefusalKind.MALFORMED: 400,
    RefusalKind.INVALID: 422,
    RefusalKind.TOO_DEEP: 422,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.TOO_MANY: 413,
    RefusalKind.MEDIA_TYPE: 415,
    RefusalKind.ENCODING: 415,
}

Parser = Callable[[bytes, Arrival], Parsed]
"""Raises RefusedError. Reads only its arguments: it may run in another thread."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends in which format. `source` is what the events call their source."""

    principal: Principal
    format: str
    source: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a request; all of it is with the broker."""

    parsed: Parsed
    content_type: str


async def counters_of(request: Request) -> CounterBook:
    return cast("CounterBook", request.app.state.counters)


Counters = Annotated[CounterBook, Depends(counters_of)]


async def receive(
    request: Request,
    sender: Sender,
    parse: Parser,
    *,
    allowed: Inflate = ENCODINGS,
    encoding: str = "identity",
) -> Received:
    """Return what became of the body once the broker has its events, and its bad items as dead letters.

    Args:
        request: its body is read here.
        sender: who sends it, in which format.
        parse: makes events of the body once it is decompressed.
        allowed: the Content-Encodings that the format knows.
        encoding: the one that is meant where the request does not say.

    Raises:
        Problem: the body is refused as a whole.
        UnavailableError: the broker did not acknowledge; the sender may send all of it again.
    """
    deps, headers = deps_of(request), request.headers
    limits = Limits(depth=min(options_of(request).max_json_depth, _DEEPEST))
    arrival = Arrival(
        tenant=sender.principal.tenant, source=sender.source, at=deps.clock.now(), limits=limits
    )
    body = await request.body()

    def work() -> Parsed:
        plain = inflated(body, headers.get("content-encoding", encoding), limits, allowed=allowed)
        return parse(plain, arrival)

    with told_why():
        parsed = await run_in_threadpool(work) if len(body) > _LARGE else work()
    content_type = headers.get("content-type", "")
    await _handed_over(request, parsed, letters_of(parsed, f"http/{sender.format}", content_type, arrival))
    _count(request, parsed)
    return Received(parsed, content_type)


async def _handed_over(request: Request, parsed: Parsed, letters: Sequence[DeadLetter]) -> None:
    deps = deps_of(request)
    if parsed.events or letters:
        await deps.publisher.publish_all([*parsed.events, *letters], traceparent=traceparent_of(request))
    for letter in letters:
        deps.recorder.count(DEAD_LETTERS, stage=_STAGE, reason=letter.reason)


def _count(request: Request, parsed: Parsed) -> None:
    recorder = deps_of(request).recorder
    for outcome, amount in (("accepted", parsed.accepted), ("rejected", len(parsed.problems))):
        if amount:
            recorder.count(MESSAGES, amount, stage="http", outcome=outcome)


@contextmanager
def told_why() -> Iterator[None]:
    """Tell a caller why a body was refused."""
    try:
        yield
    except RefusedError as error:
        extensions = {"limit": error.limit, "value": error.value}
        raise Problem(
            _STATUS[error.kind],
            error.kind.value,
            str(error),
            cure=error.cure,
            extensions={name: value for name, value in extensions.items() if value is not None},
        ) from error
