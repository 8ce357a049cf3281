"""What people configure per tenant, and the tree of errors that everything raises."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from schemas import errors
from schemas.control import (
    DEFAULT_POLICY,
    TIERS,
    Matcher,
    MatchOperator,
    Policy,
    PolicyAction,
    Silence,
    Tenant,
    TenantLimits,
    Tier,
)
from schemas.errors import (
    IntegrityError,
    InvalidEventError,
    RateLimitedError,
    RetryableError,
    TerminalError,
    TocsinError,
    UnknownSchemaError,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)
USD = 1_000_000_000


@pytest.mark.parametrize(
    ("tier", "per_day", "at_once", "days", "usd"),
    [(Tier.FREE, 10, 1, 7, 10), (Tier.PRO, 100, 5, 30, 500), (Tier.ENTERPRISE, 1000, 20, 90, 5000)],
)
def test_a_tier_gives_what_the_design_says(
    tier: Tier, per_day: int, at_once: int, days: int, usd: int
) -> None:
    limits = Tenant(tenant="acme", tier=tier).effective_limits
    assert limits == TenantLimits(
        investigations_per_day=per_day,
        concurrent_investigations=at_once,
        retention_days=days,
        monthly_budget_nano_usd=usd * USD,
    )


def test_every_tier_has_limits_and_a_tenant_may_have_its_own() -> None:
    assert set(TIERS) == set(Tier)
    own = TIERS[Tier.FREE].model_copy(update={"retention_days": 400})
    assert Tenant(tenant="acme", tier=Tier.PRO, limits=own).effective_limits is own
    assert Tenant(tenant="acme").tier is Tier.ENTERPRISE


@pytest.mark.parametrize(
    ("field", "lowest"),
    [
        ("investigations_per_day", 0),
        ("concurrent_investigations", 1),
        ("retention_days", 1),
        ("monthly_budget_nano_usd", 0),
    ],
)
def test_limits_have_a_floor(field: str, lowest: int) -> None:
    values = TIERS[Tier.FREE].model_dump()
    assert getattr(TenantLimits(**{**values, field: lowest}), field) == lowest
    with pytest.raises(ValidationError, match=field):
        TenantLimits(**{**values, field: lowest - 1})


def test_without_a_policy_everything_is_investigated_last_of_all() -> None:
    assert (DEFAULT_POLICY.tenant, DEFAULT_POLICY.condition) == ("*", "")
    assert DEFAULT_POLICY.action is PolicyAction.INVESTIGATE
    assert DEFAULT_POLICY.enabled
    assert DEFAULT_POLICY.rank > Policy(policy_id="p", tenant="acme").rank


@pytest.mark.parametrize(
    ("field", "allowed", "refused"),
    [
        ("priority", [0, 100], [-1, 101]),
        ("version", [1], [0]),
        ("observe_s", [0], [-1]),
        ("baseline_s", [0.1], [0, -1]),
        ("lead_s", [0], [-1]),
        ("cooldown_s", [0], [-1]),
        ("defer_s", [0], [-1]),
    ],
)
def test_a_policys_figures_stay_in_their_range(
    field: str, allowed: list[float], refused: list[float]
) -> None:
    base = {"policy_id": "p", "tenant": "acme"}
    for value in allowed:
        assert getattr(Policy.model_validate({**base, field: value}), field) == value
    for value in refused:
        with pytest.raises(ValidationError, match=field):
            Policy.model_validate({**base, field: value})


def test_a_silence_names_what_it_silences() -> None:
    matcher = Matcher(field="service", value="cart")
    assert matcher.operator is MatchOperator.EQUAL
    values = {"silence_id": "s", "tenant": "acme", "starts_at": AT, "ends_at": AT}
    assert Silence.model_validate({**values, "matchers": [matcher]}).matchers == (matcher,)
    with pytest.raises(ValidationError, match="matchers"):
        Silence.model_validate({**values, "matchers": []})
    with pytest.raises(ValidationError, match="Extra inputs"):
        Silence.model_validate({**values, "matchers": [matcher], "regex": "x"})


def _tree() -> list[tuple[int, str]]:
    """The drawing in the module's docstring: depth and name of each error."""
    found = []
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"^([│ ├└─]*)(\w+Error)\b", line)
        if drawn:
            found.append((len(drawn[1]) // 4, drawn[2]))
    return found


def test_the_drawn_tree_is_the_tree() -> None:
    path: list[str] = []
    for depth, name in _tree():
        del path[depth:]
        kind = getattr(errors, name)
        if path:
            assert issubclass(kind, getattr(errors, path[-1])), f"{name} is drawn below {path[-1]}"
        path.append(name)
    drawn = {name for _, name in _tree()}
    assert drawn == {name for name, _ in inspect.getmembers(errors, inspect.isclass)} == set(errors.__all__)


def test_what_may_be_tried_again_never_is_final() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert not (issubclass(kind, RetryableError) and issubclass(kind, TerminalError))
        assert kind is TocsinError or issubclass(kind, RetryableError | TerminalError)


def test_errors_carry_what_helps() -> None:
    assert TocsinError("x").cure == ""
    assert IntegrityError("x", cure="look").cure == "look"
    slow = RateLimitedError("slow down", retry_after_s=2.5, cure="wait")
    assert (slow.retry_after_s, slow.cure, str(slow)) == (2.5, "wait", "slow down")
    assert RateLimitedError("x").retry_after_s is None
    bad = InvalidEventError("x", reason="empty", cure="fill")
    assert (bad.reason, bad.cure) == ("empty", "fill")
    assert UnknownSchemaError(7).reason == "unknown_schema"
