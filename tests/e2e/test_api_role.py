"""The role `api` of the running stack: reached over HTTP with the key that `tocsin up` made."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.cli.key_ring import admin_key_file, make_first_key, read_admin_key
from infra.local.reachability import why_no_api
from infra.runtime.settings import Settings
from schemas.errors import NotFoundError
from tests.e2e.stack import RunningStack, until

pytestmark = pytest.mark.e2e


def url_of(stack: RunningStack) -> str:
    url = stack.state().addresses.api_url
    assert url is not None
    return url


@pytest.fixture
def admin(stack: RunningStack) -> Iterator[httpx.Client]:
    key = read_admin_key(stack.data_dir)
    assert key is not None
    with httpx.Client(
        base_url=url_of(stack), headers={"Authorization": f"Bearer {key}"}, timeout=20
    ) as client:
        yield client


def test_up_shows_the_first_key_once_and_keeps_it_for_its_user(stack: RunningStack) -> None:
    key = read_admin_key(stack.data_dir)
    assert key is not None
    shown = stack.data_dir / "up.log"
    # All is ready a moment before `up` has read it and says so.
    until(lambda: key in shown.read_text() and url_of(stack) in shown.read_text(), "the key", 60)
    assert shown.read_text().count(key) == 1
    assert stat.S_IMODE(admin_key_file(stack.data_dir).stat().st_mode) == 0o600
    assert asyncio.run(make_first_key(Settings(data_dir=stack.data_dir))) is None, "the first is made once"
    for log in (stack.data_dir / "logs").iterdir():
        assert key not in log.read_text(errors="replace"), log


def test_it_is_ready_and_says_how_each_part_is(stack: RunningStack, admin: httpx.Client) -> None:
    until(lambda: admin.get("/ready").status_code == 200, "the API's readiness", 120)
    parts = admin.get("/health/detailed").json()["parts"]
    assert set(parts) >= {"broker", "clickhouse", "redis", "sql", "lag", "memory"}
    assert "tocsin.land" in parts["lag"]["detail"]
    assert all(part["ready"] and part["latency_ms"] >= 0 for part in parts.values())
    assert why_no_api(url_of(stack)) is None
    assert "tocsin_api_requests_total" in admin.get("/metrics").text


def test_keys_are_made_listed_and_revoked(stack: RunningStack) -> None:
    (made,) = stack.tocsin(
        "keys", "create", "grafana", "--role", "viewer", "--role", "finops", "--tenant", "keys"
    )
    with httpx.Client(base_url=url_of(stack), headers={"X-API-Key": made["key"]}, timeout=20) as client:
        me = client.get("/v1/me").json()
        assert (me["tenant"], me["roles"]) == ("keys", ["finops", "viewer"])
        (listed,) = stack.tocsin("keys", "list", "--tenant", "keys")
        assert [(one["label"], one["revoked_at"]) for one in listed] == [("grafana", None)]
        assert made["key"] not in str(listed)
        assert stack.tocsin("keys", "revoke", made["key_id"], "--tenant", "keys") == [
            {"revoked": made["key_id"]}
        ]
        until(lambda: client.get("/v1/me").status_code == 401, "the refusal", 30)
    with pytest.raises(NotFoundError):
        stack.tocsin("keys", "revoke", made["key_id"], "--tenant", "keys")


def test_a_silence_given_over_http_silences(stack: RunningStack, admin: httpx.Client) -> None:
    now = datetime.now(UTC)
    silence: dict[str, Any] = {
        "matchers": [{"field": "service", "value": "quiet"}],
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
    }
    before = stack.messages("audit")
    made = admin.post("/v1/silences", json=silence)
    assert made.status_code == 201, made.text
    until(lambda: stack.messages("audit") > before, "the audit event")
    number = iter(range(10_000))

    def is_silenced() -> bool:
        """Triage reads silences every few seconds: an alarm sent later meets it."""
        stack.tocsin("send", "alarm", f"Loud{next(number)}", "-s", "quiet")
        found = admin.get("/v1/alarms", params={"service": "quiet"})
        assert found.status_code == 200, found.text
        return made.json()["silence_id"] in found.text or "silenced" in found.text

    until(is_silenced, "a silenced alarm", 60)
    gone = admin.delete(made.headers["location"], headers={"If-Match": made.headers["etag"]})
    assert gone.status_code == 204


def test_killed_it_comes_back_at_its_place_with_the_same_keys(
    stack: RunningStack, admin: httpx.Client
) -> None:
    place = url_of(stack)
    stack.kill("api")
    assert url_of(stack) == place
    until(lambda: admin.get("/v1/me").status_code == 200, "the API")


def test_the_log_of_the_role_is_one_line_a_request(stack: RunningStack, admin: httpx.Client) -> None:
    admin.get("/v1/me", headers={"X-Request-Id": "seen-in-the-log"})
    log = Path(stack.data_dir / "logs" / "api.log")
    lines = until(
        lambda: [one for one in log.read_text().splitlines() if "seen-in-the-log" in one], "the line"
    )
    assert len(lines) == 1
    assert '"route": "/v1/me"' in lines[0]
