# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Policies: what is done about an incident. The first that holds, in order of rank, decides."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api.http.config.items import ConfigItems, Cursor, Page, PageSize, tell, tell_if_new
from api.http.deps import DepsOf
from api.http.etags import IfMatch, IfNoneMatch
from api.http.exact import Flag, Number, Whole
from api.http.idempotency import IdempotencyKey
from api.http.principal import Configurer, Reader
from api.http.problem import FieldProblem, Problem
from api.http.route import api_router, problems
from api.ports import ConfigRules
from schemas.control import Policy, PolicyAction
from schemas.events.base import Record, Text

__all__ = ["NewPolicy", "PolicyDraft", "router"]

router = api_router("/policies", "policies")

_LONGEST_S: Final = 31_536_000
"""A year: what is longer is a slip, and may be more than a date can hold."""


_EXAMPLE: Final[JsonDict] = {
    "rank": 10,
    "condition": 'severity in ["critical", "major"] && alarm_count >= 2',
    "action": "investigate",
    "priority": 90,
}


class PolicyDraft(Record):
    """A policy as its author writes it; what the fields mean is said at `Policy`."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    rank: Annotated[Whole, Field(ge=-1_000_000, le=1_000_000)] = 100
    enabled: Flag = True
    condition: Text = ""
    """For example `severity in ["critical", "major"] && alarm_count >= 2`; empty always holds."""
    action: PolicyAction = PolicyAction.INVESTIGATE
    priority: Annotated[Whole, Field(ge=0, le=100)] = 50
    observe_s: Annotated[Number, Field(ge=0, le=_LONGEST_S)] = 20.0
    baseline_s: Annotated[Number, Field(gt=0, le=_LONGEST_S)] | None = None
    lead_s: Annotated[Number, Field(ge=0, le=_LONGEST_S)] | None = None
    cooldown_s: Annotated[Number, Field(ge=0, le=_LONGEST_S)] = 3600.0
    defer_s: Annotated[Number, Field(ge=0, le=_LONGEST_S)] = 0.0


class NewPolicy(PolicyDraft):
    """A policy and the id that its author gives it."""

    model_config = ConfigDict(json_schema_extra={"example": {"policy_id": "loud", **_EXAMPLE}})

    policy_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    """Part of its address, so plain."""


async def _items(request: Request) -> ConfigItems[Policy]:
    return ConfigItems(request, "policy", Policy)


_Items = Annotated[ConfigItems[Policy], Depends(_items)]


@router.get("")
async def list_policies(
    _by: Reader, items: _Items, limit: PageSize = 50, cursor: Cursor = None
) -> Page[Policy]:
    """List the tenant's own policies. Where none holds, everything is investigated."""
    return await items.page(cursor, limit)


@router.post("", status_code=201, responses=problems(409, 415))
async def create_policy(
    draft: NewPolicy,
    response: Response,
    by: Configurer,
    items: _Items,
    deps: DepsOf,
    _key: IdempotencyKey = None,
) -> Policy:
    """Make a policy. Triage follows within seconds."""
    _check(draft, deps.rules)
    policy = Policy(tenant=by.tenant, **dict(draft))
    response.headers["Location"] = f"/v1/policies/{policy.policy_id}"
    return tell(response, await items.create(policy.policy_id, policy))


@router.get("/{policy_id}", response_model=Policy, responses=problems(304, 404))
async def get_policy(
    policy_id: str, response: Response, _by: Reader, items: _Items, known: IfNoneMatch = None
) -> Policy | Response:
    """Return one policy, with its ETag."""
    return tell_if_new(response, await items.get(policy_id), known)


@router.put("/{policy_id}", responses=problems(404, 412, 415, 428))
async def replace_policy(
    policy_id: str,
    draft: PolicyDraft,
    response: Response,
    _by: Configurer,
    items: _Items,
    deps: DepsOf,
    if_match: IfMatch = None,
) -> Policy:
    """Change a policy; its version grows by one."""
    _check(draft, deps.rules)

    def changed(old: Policy) -> Policy:
        return old.model_copy(update={**dict(draft), "version": old.version + 1})

    return tell(response, await items.replace(policy_id, if_match, changed))


@router.delete("/{policy_id}", status_code=204, responses=problems(404, 412, 428))
async def delete_policy(policy_id: str, _by: Configurer, items: _Items, if_match: IfMatch = None) -> None:
    """Remove a policy."""
    await items.delete(policy_id, if_match)


def _check(draft: PolicyDraft, rules: ConfigRules) -> None:
    problem = rules.condition_problem(draft.condition)
    if problem:
        fault = FieldProblem(pointer="#/condition", detail=problem)
        raise Problem(422, "invalid-request", "The condition cannot be understood.", errors=[fault])
