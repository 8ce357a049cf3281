"""Answers of reads, given again while nothing has landed that could change them.

Many who look at the same thing cost the tables as much as one. An answer belongs to a tenant and a set of roles, which
come from the principal that the gate has let in, and to everything in the request that it may depend on. Only whole
answers with status 200 are kept, in memory, of bounded size. Each has an ETag, so that who has it already is told so
instead (304), and an Age once it is given again (RFC 9111); caches on the way must ask again each time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.etags import matches, quoted
from api.http.kept_answers import Kept, Question, Shelf
from api.http.landed_marks import LandedMarks, depends_on
from api.options import ApiOptions
from api.ports import Deps

__all__ = ["ReadCache"]

_log = structlog.get_logger(__name__)

_LONGEST_S: Final = 15.0
"""What expires, and a range that ends now, change an answer though nothing lands."""
_AT_ONCE: Final = 2
"""Answers made anew at once: when something lands many are due, and who waits for another must not wait for all of them."""
_OURS: Final = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, X-API-Key"))


class ReadCache:
    """ASGI middleware, inside the gate.

    The tables are looked at every `read_keep_s`: an answer lags behind them by at most that, or by twice that where it is
    given once more while it is made anew. What is older is waited for.
    """

    def __init__(self, app: ASGIApp, deps: Deps, options: ApiOptions) -> None:
        self._app = app
        self._keep_s = options.read_keep_s
        self._monotonic = deps.clock.monotonic
        self._marks = LandedMarks(deps.reads.tables, self._monotonic, options.read_keep_s)
        self._shelf = Shelf()
        self._asking: dict[Question, asyncio.Future[Kept | None]] = {}
        self._renewing: dict[Question, asyncio.Task[None]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        question = _question(scope)
        if question is None:
            await self._app(scope, receive, send)
            return
        kept = await self._known(question, scope)
        if kept is None and question in self._asking:
            # Shielded: who waits and leaves must not end the wait of the others.
            kept = await asyncio.shield(self._asking[question])
            if kept is None:
                await self._app(scope, receive, send)
                return
        if kept is None:
            await self._ask(question, scope, receive, send)
        else:
            scope["route"] = kept.route
            await _give(kept, scope, send, age=self._monotonic() - kept.at)

    async def _known(self, question: Question, scope: Scope) -> Kept | None:
        """What may be given now; what has changed lately is given once more, and made anew meanwhile."""
        kept = self._shelf.get(question)
        if kept is None or await self._holds(question, kept):
            return kept
        if self._monotonic() - kept.checked_at >= 2 * self._keep_s:
            return None
        if question not in self._asking and question not in self._renewing:
            self._renewing[question] = task = asyncio.create_task(self._renew(question, scope))
            task.add_done_callback(lambda _: self._renewing.pop(question, None))
        return kept

    async def _holds(self, question: Question, kept: Kept) -> bool:
        """Whether nothing has landed since that changes the answer, as far as is known."""
        now = self._monotonic()
        if now - kept.checked_at < self._keep_s:
            return True
        seen = await self._marks.now(question.path)
        if seen is None or seen.marks != kept.marks or now - kept.at >= _LONGEST_S:
            return False
        kept.checked_at = seen.at
        return True

    async def _renew(self, question: Question, scope: Scope) -> None:
        alone: Scope = {**scope, "state": dict(scope["state"])}
        try:
            async with self._few:
                if question not in self._asking:  # somebody may have asked while this one waited
                    await self._ask(question, alone, _no_body, _nobody)
        except Exception as error:  # noqa: BLE001 - an edge: nobody waits for it, and who asks next sees it
            _log.warning("answer_not_renewed", path=question.path, error=repr(error))

    async def _ask(self, question: Question, scope: Scope, receive: Receive, send: Send) -> None:
        """Have it answered, and keep the answer for those who wait and those who come."""
        asking = self._asking[question] = asyncio.get_running_loop().create_future()
        kept, whole = None, _Whole()
        try:
            # Looked at first: what lands while the answer is made must count as landed since.
            seen = await self._marks.now(question.path)
            await self._app(scope, receive, whole)
            if seen is not None and whole.status == 200:
                kept = whole.kept(self._monotonic(), scope.get("route"), seen.marks, seen.at)
                self._shelf.put(question, kept)
        finally:
            asking.set_result(kept)
            if self._asking.get(question) is asking:
                del self._asking[question]
        if kept is None:
            await whole.pass_on(send)
        else:
            await _give(kept, scope, send)


@dataclass(slots=True)
class _Whole:
    """Takes a response as it is sent, and holds it."""

    messages: list[Message] = field(default_factory=list)

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0].get("status", 0)) if self.messages else 0

    async def pass_on(self, send: Send) -> None:
        for message in self.messages:
            await send(message)

    def kept(self, at: float, route: object, marks: tuple[int, ...], checked_at: float) -> Kept:
        body = b"".join(message.get("body", b"") for message in self.messages[1:])
        etag = blake2b(body, digest_size=16).hexdigest()
        headers = (*self.messages[0]["headers"], (b"etag", quoted(etag).encode()), *_OURS)
        return Kept(at, headers, body, etag, route, marks, checked_at)


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nobody(_message: Message) -> None:
    pass


def _question(scope: Scope) -> Question | None:
    """What is asked, None where the answer is not kept."""
    principal = scope.get("state", {}).get("principal")
    if scope["type"] != "http" or scope["method"] != "GET" or principal is None:
        return None
    if depends_on(scope["path"]) is None:
        return None
    accept = Headers(scope=scope).get("accept", "")
    return Question(principal.tenant, principal.roles, scope["path"], scope["query_string"], accept)


async def _give(kept: Kept, scope: Scope, send: Send, age: float | None = None) -> None:
    headers = list(kept.headers) if age is None else [*kept.headers, (b"age", b"%d" % age)]
    status, body = 200, kept.body
    if matches(Headers(scope=scope).get("if-none-match", ""), kept.etag):
        status, body = 304, b""
        headers = [pair for pair in headers if pair[0] not in {b"content-length", b"content-type"}]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
