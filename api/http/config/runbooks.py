# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Runbooks: what people know about services, for investigations to find and cite."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request, Response
from pydantic import Field

from api.http.config.items import ConfigItems, Cursor, Page, PageSize, tell, tell_if_new
from api.http.deps import DepsOf
from api.http.etags import IfMatch, IfNoneMatch
from api.http.idempotency import IdempotencyKey, name_for
from api.http.principal import Configurer, Reader
from api.http.problem import Problem
from api.http.route import api_router, problems
from schemas.control import Runbook
from schemas.events.base import Name, Record, Text

__all__ = ["RunbookDraft", "router"]

router = api_router("/runbooks", "runbooks")


class RunbookDraft(Record):
    """A runbook as its author writes it."""

    title: Annotated[Text, Field(min_length=1)]
    body: Text
    services: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """The services that it is about."""
    url: Annotated[str, Field(max_length=2_048)] = ""


_Id = Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


async def _items(request: Request) -> ConfigItems[Runbook]:
    return ConfigItems(request, "runbook", Runbook)


_Items = Annotated[ConfigItems[Runbook], Depends(_items)]


@router.get("")
async def list_runbooks(
    _by: Reader, items: _Items, limit: PageSize = 50, cursor: Cursor = None
) -> Page[Runbook]:
    """List the runbooks."""
    return await items.page(cursor, limit)


@router.post("", status_code=201, responses=problems(409, 415))
async def create_runbook(
    draft: RunbookDraft,
    response: Response,
    by: Configurer,
    items: _Items,
    deps: DepsOf,
    key: IdempotencyKey = None,
) -> Runbook:
    """Keep a runbook."""
    name = name_for("rbk", by.tenant, key, deps.ids.new)
    response.headers["Location"] = f"/v1/runbooks/{name}"
    return tell(response, await items.create(name, Runbook(runbook_id=name, tenant=by.tenant, **dict(draft))))


@router.get("/{runbook_id}", response_model=Runbook, responses=problems(304, 404))
async def get_runbook(
    runbook_id: str, response: Response, _by: Reader, items: _Items, known: IfNoneMatch = None
) -> Runbook | Response:
    """Return one runbook, with its ETag."""
    return tell_if_new(response, await items.get(runbook_id), known)


@router.put(
    "/{runbook_id}",
    responses={201: {"model": Runbook, "description": "A new one"}, **problems(404, 412, 415, 428)},
)
async def replace_runbook(
    runbook_id: _Id,
    draft: RunbookDraft,
    response: Response,
    by: Configurer,
    items: _Items,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Runbook:
    """Change a runbook; with `If-None-Match: *`, keep a new one under an id of the caller's own."""
    if if_none_match is not None and if_none_match.strip() == "*":
        first = Runbook(runbook_id=runbook_id, tenant=by.tenant, **dict(draft))
        response.status_code = 201
        try:
            return tell(response, await items.create(runbook_id, first))
        except Problem as problem:
            raise _there_already(runbook_id) if problem.status_code == 409 else problem from problem
    changed = await items.replace(runbook_id, if_match, lambda old: old.model_copy(update=dict(draft)))
    return tell(response, changed)


def _there_already(runbook_id: str) -> Problem:
    return Problem(
        412, "stale", f"There is a runbook {runbook_id} already.", cure="Read it, and send its ETag."
    )


@router.delete("/{runbook_id}", status_code=204, responses=problems(404, 412, 428))
async def delete_runbook(runbook_id: str, _by: Configurer, items: _Items, if_match: IfMatch = None) -> None:
    """Remove a runbook."""
    await items.delete(runbook_id, if_match)
