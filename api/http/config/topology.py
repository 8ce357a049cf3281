# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""The tenant's topology: one document, who calls whom and what runs where."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import Field

from api.http.config.items import ConfigItems, tell, tell_if_new
from api.http.etags import IfMatch, IfNoneMatch
from api.http.principal import Configurer, Reader
from api.http.problem import Problem
from api.http.route import api_router, problems
from schemas.control import ServiceTopology
from schemas.events.base import Name, Record

__all__ = ["TopologyDraft", "router"]

router = api_router("/topology", "topology")

_ONLY: Final = "topology"
_SERVICES: Final = 20_000


class TopologyDraft(Record):
    """A topology as its author writes it."""

    calls: Annotated[dict[Name, tuple[Name, ...]], Field(max_length=_SERVICES, default_factory=dict)]
    """`calls[a]` are the services that a calls."""
    hosts: Annotated[dict[Name, Name], Field(max_length=_SERVICES, default_factory=dict)]
    """Service or entity to host."""


async def _items(request: Request) -> ConfigItems[ServiceTopology]:
    return ConfigItems(request, "topology", ServiceTopology)


_Items = Annotated[ConfigItems[ServiceTopology], Depends(_items)]


@router.get("", response_model=ServiceTopology, responses=problems(304, 404))
async def get_topology(
    response: Response, _by: Reader, items: _Items, known: IfNoneMatch = None
) -> ServiceTopology | Response:
    """Return the topology, with its ETag; 404 where none was ever given."""
    return tell_if_new(response, await items.get(_ONLY), known)


@router.put(
    "",
    responses={201: {"model": ServiceTopology, "description": "The first one"}, **problems(412, 415, 428)},
)
async def put_topology(
    draft: TopologyDraft,
    response: Response,
    by: Configurer,
    items: _Items,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> ServiceTopology:
    """Give the topology: the first with `If-None-Match: *`, a later one with the `If-Match` of the one it replaces."""
    if if_none_match is not None and if_none_match.strip() == "*":
        first = ServiceTopology(tenant=by.tenant, **dict(draft))
        response.status_code = 201
        try:
            return tell(response, await items.create(_ONLY, first))
        except Problem as problem:
            raise _there_already() if problem.status_code == 409 else problem from problem
    if if_match is None:
        raise _condition_missing()

    def changed(old: ServiceTopology) -> ServiceTopology:
        return old.model_copy(update={**dict(draft), "version": old.version + 1})

    try:
        return tell(response, await items.replace(_ONLY, if_match, changed))
    except Problem as problem:
        raise _nothing_there() if problem.status_code == 404 else problem from problem


@router.delete("", status_code=204, responses=problems(404, 412, 428))
async def delete_topology(_by: Configurer, items: _Items, if_match: IfMatch = None) -> None:
    """Forget the topology."""
    await items.delete(_ONLY, if_match)


def _condition_missing() -> Problem:
    cure = "Send `If-None-Match: *` for the first, or the ETag of the one that is there as `If-Match`."
    return Problem(428, "if-match-required", "A change must say what it changes.", cure=cure)


def _there_already() -> Problem:
    return Problem(412, "stale", "There is a topology already.", cure="Read it, and send its ETag.")


def _nothing_there() -> Problem:
    return Problem(412, "stale", "There is no topology to replace.", cure="Send `If-None-Match: *`.")
