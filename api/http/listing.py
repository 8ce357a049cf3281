# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""How every list is asked: a time range, an order, a page size, a signed cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypedDict, TypeVar

from fastapi import Depends, Query, Request

from api.http.cursors import Cursors
from api.http.deps import deps_of, options_of
from api.http.exact import Aware
from api.http.principal import principal_of
from api.http.problem import FieldProblem, Problem
from api.http.views import Listing
from api.read_ports import Slice
from schemas.events.base import Record

__all__ = ["Asked", "End", "Filter", "ListRequest", "Lists", "Start", "given", "window"]

_Row = TypeVar("_Row")
_R = TypeVar("_R", bound=Record)

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(hours=1)
"""Clocks of sources may run ahead: the default range ends a little after now."""
DEFAULT_SPAN: Final = timedelta(days=30)
WHOLE_SPAN: Final = timedelta(days=400)
"""Longer than anything is kept."""

Start = Annotated[Aware | None, Query(description="Not before this instant; 30 days ago unless given.")]
End = Annotated[Aware | None, Query(description="Not after this instant; now unless given.")]
Filter = Annotated[str, Query(max_length=256)]

_NOT_SIGNED: Final = frozenset({"cursor", "limit"})


class Asked(TypedDict):
    """The arguments that every query of api.read_ports takes."""

    tenant: str
    start: datetime
    end: datetime
    sort: str
    descending: bool
    after: tuple[str, str] | None
    limit: int


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One request for a page of a list."""

    request: Request
    start: datetime | None
    end: datetime | None
    order: Literal["desc", "asc"]
    limit: int
    cursor: str | None

    def asked(self, sort: str, span: timedelta = DEFAULT_SPAN) -> Asked:
        """Return the page's arguments; a range that was not given is `span` long. Raises Problem."""
        start, end = window(self.request, self.start, self.end, span)
        after = None
        if self.cursor is not None:
            value, name, begun, ended = self._cursors().decode(self.cursor)
            after = (str(value), str(name))
            # The first page fixed what "now" is.
            start, end = datetime.fromisoformat(str(begun)), datetime.fromisoformat(str(ended))
        return Asked(
            tenant=principal_of(self.request).tenant,
            start=start,
            end=end,
            sort=sort,
            descending=self.order == "desc",
            after=after,
            limit=self.limit,
        )

    def listing(self, asked: Asked, found: Slice[_Row], view: Callable[[_Row], _R]) -> Listing[_R]:
        """Return the page as it is answered."""
        cursor = None
        if found.next is not None:
            position = (*found.next, asked["start"].isoformat(), asked["end"].isoformat())
            cursor = self._cursors().encode(position)
        return Listing(items=tuple(view(row) for row in found.rows), next_cursor=cursor)

    def _cursors(self) -> Cursors:
        """Signed for this tenant, path and query: all parameters but the cursor and the page size."""
        question: Mapping[str, Any] = {
            "tenant": principal_of(self.request).tenant,
            "query": sorted(
                pair for pair in self.request.query_params.multi_items() if pair[0] not in _NOT_SIGNED
            ),
        }
        return Cursors(options_of(self.request).cursor_secret, self.request.url.path, question)


async def _list_request(
    request: Request,
    start: Start = None,
    end: End = None,
    order: Annotated[Literal["desc", "asc"], Query(description="Of the sort; ids break ties.")] = "desc",
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=2_048, description="`next_cursor` of the page before this one.")
    ] = None,
) -> ListRequest:
    return ListRequest(request, start, end, order, limit, cursor)


Lists = Annotated[ListRequest, Depends(_list_request)]
"""What the handler of a list writes in its signature."""


def window(
    request: Request, start: datetime | None, end: datetime | None, span: timedelta = DEFAULT_SPAN
) -> tuple[datetime, datetime]:
    """Return the range asked for, within what tables can hold. Raises a 422 problem where it ends before it begins."""
    # To the minute: the same question has the same answer, and so the same ETag, for that long.
    ahead = (deps_of(request).clock.now() + _AHEAD).replace(second=0, microsecond=0)
    last = ahead if end is None else _within(end)
    first = max(last - span, _EARLIEST) if start is None else _within(start)
    if first > last:
        fault = FieldProblem(parameter="start", detail="is after the end")
        raise Problem(422, "invalid-request", "The range ends before it begins.", errors=[fault])
    return first, last


def _within(at: datetime) -> datetime:
    if at < _EARLIEST:
        return _EARLIEST
    return _LATEST if at > _LATEST else at.astimezone(UTC)


def given(values: Sequence[object]) -> tuple[str, ...] | None:
    """Return the values of a repeated filter as texts; None, which asks for nothing, where there is none."""
    return tuple(str(value) for value in values) if values else None
