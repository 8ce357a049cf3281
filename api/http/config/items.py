"""One kind of configuration: read, made, replaced and removed, each change audited before it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import Field

from api.http.cursors import Cursors
from api.http.deps import deps_of, options_of, traceparent_of
from api.http.etags import matches, quoted, require_match, stale
from api.http.principal import principal_of
from api.http.problem import Problem
from api.ports import StoredDocument
from schemas.events import Audit
from schemas.events.base import Record

__all__ = ["ConfigItems", "Cursor", "Found", "Page", "PageSize", "tell", "tell_if_new"]

_R = TypeVar("_R", bound=Record)

PageSize = Annotated[int, Query(alias="limit", ge=1, le=500, description="At most this many.")]
Cursor = Annotated[
    str | None, Query(max_length=2_048, description="`next_cursor` of the page before this one.")
]


class Page(Record, Generic[_R]):
    """Some of what there is, in order of id."""

    items: tuple[_R, ...]
    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]


@dataclass(frozen=True, slots=True)
class Found(Generic[_R]):
    """A value and the tag of its state."""

    value: _R
    etag: str


def tell(response: Response, found: Found[_R]) -> _R:
    """Put the tag into the response, and return the value."""
    response.headers["ETag"] = quoted(found.etag)
    return found.value


def tell_if_new(response: Response, found: Found[_R], if_none_match: str | None) -> _R | Response:
    """Return the value with its tag, or 304 to a caller who has this state already."""
    if if_none_match is not None and matches(if_none_match, found.etag):
        return Response(status_code=304, headers={"ETag": quoted(found.etag)})
    return tell(response, found)


class ConfigItems(Generic[_R]):
    """The items of one kind that belong to the tenant of one request, or to another `owner`."""

    def __init__(self, request: Request, kind: str, model: type[_R], *, owner: str | None = None) -> None:
        self._request = request
        self._kind = kind
        self._model = model
        self._deps = deps_of(request)
        self._principal = principal_of(request)
        self._owner = self._principal.tenant if owner is None else owner

    async def page(self, cursor: str | None, limit: int) -> Page[_R]:
        """Return the items after the cursor. Raises Problem."""
        return await self._page(
            cursor,
            limit,
            lambda after: self._deps.documents.page(self._kind, self._owner, after=after, limit=limit + 1),
        )

    async def page_of_all(self, cursor: str | None, limit: int) -> Page[_R]:
        """Return the items of every tenant after the cursor. Raises Problem."""
        return await self._page(
            cursor,
            limit,
            lambda after: self._deps.documents.page_of_all(self._kind, after=after, limit=limit + 1),
        )

    async def _page(
        self,
        cursor: str | None,
        limit: int,
        ask: Callable[[str], Awaitable[Sequence[StoredDocument]]],
    ) -> Page[_R]:
        tenant = self._principal.tenant
        cursors = Cursors(options_of(self._request).cursor_secret, self._kind, {"tenant": tenant})
        stored = await ask(str(cursors.decode(cursor)[0]) if cursor else "")
        shown, more = stored[:limit], len(stored) > limit
        return Page(
            items=tuple(self._model.model_validate_json(one.body) for one in shown),
            next_cursor=cursors.encode((shown[-1].id,)) if more else None,
        )

    async def get(self, name: str) -> Found[_R]:
        """Return the item. Raises a 404 problem; a foreign item is as good as none."""
        # PostgreSQL refuses a question that holds the character 0; nothing has such a name.
        known = "\0" not in name
        stored = await self._deps.documents.get(self._kind, self._owner, name) if known else None
        if stored is None:
            raise Problem(404, "not-found", f"There is no {self._kind} {name}.")
        return Found(self._model.model_validate_json(stored.body), stored.etag)

    async def create(self, name: str, value: _R) -> Found[_R]:
        """Keep a new item. Raises a 409 problem where there is one of this name."""
        documents, tenant = self._deps.documents, self._owner
        if await documents.get(self._kind, tenant, name) is not None:
            raise self._exists(name)
        await self._audit("create", name)
        if not await documents.create(self._kind, tenant, name, _version(value), value.model_dump_json()):
            raise self._exists(name)
        return await self.get(name)

    async def replace(
        self, name: str, if_match: str | None, changed: Callable[[_R], _R], *, action: str = "replace"
    ) -> Found[_R]:
        """Put what `changed` makes of the item in its place; the audit calls it `action`. Raises 404, 412 and 428 problems."""
        current = await self.get(name)
        require_match(if_match, current.etag)
        value = changed(current.value)
        await self._audit(action, name)
        done = await self._deps.documents.replace(
            self._kind,
            self._owner,
            name,
            etag=current.etag,
            version=_version(value),
            body=value.model_dump_json(),
        )
        if not done:
            raise stale()
        return await self.get(name)

    async def delete(self, name: str, if_match: str | None) -> None:
        """Remove the item. Raises 404, 412 and 428 problems."""
        current = await self.get(name)
        require_match(if_match, current.etag)
        await self._audit("delete", name)
        if not await self._deps.documents.delete(self._kind, self._owner, name, etag=current.etag):
            raise stale()

    async def _audit(self, action: str, name: str) -> None:
        """Before the change: what cannot be audited is not done."""
        event = Audit(
            tenant=self._principal.tenant,
            occurred_at=self._deps.clock.now(),
            principal=self._principal.name,
            action=f"{self._kind}.{action}",
            resource=f"{self._kind}/{name}",
            allowed=True,
        )
        await self._deps.publisher.publish(event, traceparent=traceparent_of(self._request))

    def _exists(self, name: str) -> Problem:
        cure = "Choose another id, or replace that one with PUT."
        return Problem(409, "exists", f"There is a {self._kind} {name} already.", cure=cure)


def _version(value: Record) -> int:
    """Return the version that a value carries; what is not versioned stays at 1."""
    return int(getattr(value, "version", 1))
