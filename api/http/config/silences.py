# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Silences: maintenance windows, in which alarms are recorded and not raised."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import Depends, Request, Response
from pydantic import ConfigDict, Field, model_validator

from api.http.config.items import ConfigItems, Cursor, Page, PageSize, tell, tell_if_new
from api.http.deps import DepsOf
from api.http.etags import IfMatch, IfNoneMatch
from api.http.exact import Moment
from api.http.idempotency import IdempotencyKey, name_for
from api.http.principal import Configurer, Reader
from api.http.problem import FieldProblem, Problem
from api.http.route import api_router, problems
from api.ports import ConfigRules
from schemas.control import Matcher, MatchOperator, Silence
from schemas.events.base import Record, Text

__all__ = ["SilenceDraft", "router"]

router = api_router("/silences", "silences")

_PATTERNS = frozenset({MatchOperator.REGEX, MatchOperator.NOT_REGEX})


class SilenceDraft(Record):
    """A silence as its author writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "matchers": [{"field": "service", "operator": "=~", "value": "cart|checkout"}],
                "starts_at": "2026-03-01T22:00:00Z",
                "ends_at": "2026-03-02T02:00:00Z",
                "comment": "database upgrade",
            }
        }
    )

    matchers: Annotated[tuple[Matcher, ...], Field(min_length=1, max_length=64)]
    """An alarm is silenced where all of them hold."""
    starts_at: Moment
    ends_at: Moment
    comment: Text = ""

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        return self


async def _items(request: Request) -> ConfigItems[Silence]:
    return ConfigItems(request, "silence", Silence)


_Items = Annotated[ConfigItems[Silence], Depends(_items)]


@router.get("")
async def list_silences(
    _by: Reader, items: _Items, limit: PageSize = 50, cursor: Cursor = None
) -> Page[Silence]:
    """List the silences, also those that are over."""
    return await items.page(cursor, limit)


@router.post("", status_code=201, responses=problems(409, 415))
async def create_silence(
    draft: SilenceDraft,
    response: Response,
    by: Configurer,
    items: _Items,
    deps: DepsOf,
    key: IdempotencyKey = None,
) -> Silence:
    """Begin or plan a maintenance window. Triage follows within seconds."""
    _check(draft, deps.rules)
    name = name_for("sil", by.tenant, key, deps.ids.new)
    silence = Silence(silence_id=name, tenant=by.tenant, created_by=by.name, **dict(draft))
    response.headers["Location"] = f"/v1/silences/{name}"
    return tell(response, await items.create(name, silence))


@router.get("/{silence_id}", response_model=Silence, responses=problems(304, 404))
async def get_silence(
    silence_id: str, response: Response, _by: Reader, items: _Items, known: IfNoneMatch = None
) -> Silence | Response:
    """Return one silence, with its ETag."""
    return tell_if_new(response, await items.get(silence_id), known)


@router.put("/{silence_id}", responses=problems(404, 412, 415, 428))
async def replace_silence(
    silence_id: str,
    draft: SilenceDraft,
    response: Response,
    _by: Configurer,
    items: _Items,
    deps: DepsOf,
    if_match: IfMatch = None,
) -> Silence:
    """Change a silence; to end it now, set `ends_at`."""
    _check(draft, deps.rules)
    changed = await items.replace(silence_id, if_match, lambda old: old.model_copy(update=dict(draft)))
    return tell(response, changed)


@router.delete("/{silence_id}", status_code=204, responses=problems(404, 412, 428))
async def delete_silence(silence_id: str, _by: Configurer, items: _Items, if_match: IfMatch = None) -> None:
    """Remove a silence, as if it had never been."""
    await items.delete(silence_id, if_match)


def _check(draft: SilenceDraft, rules: ConfigRules) -> None:
    faults = [
        FieldProblem(pointer=f"#/matchers/{number}/value", detail=problem)
        for number, matcher in enumerate(draft.matchers)
        if matcher.operator in _PATTERNS and (problem := rules.pattern_problem(matcher.value))
    ]
    if faults:
        raise Problem(422, "invalid-request", "A pattern cannot be understood.", errors=faults)
