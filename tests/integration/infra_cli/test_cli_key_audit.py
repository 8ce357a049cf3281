"""`tocsin keys` on a real broker: each change is in the audit, and what happens where there is no broker."""

from __future__ import annotations

import pytest

from schemas.errors import UnavailableError
from schemas.events import Audit
from tests.integration.infra_cli.installed import Installed

pytestmark = [pytest.mark.clickhouse, pytest.mark.broker]


def test_a_key_made_and_revoked_is_in_the_audit_without_its_secret(whole: Installed) -> None:
    (made,) = whole.json("keys", "create", "ci", "--role", "sre", "--role", "ingest")
    whole.run("keys", "revoke", made["key_id"])
    told = whole.consume("audit")
    assert all(isinstance(one, Audit) for one in told)
    seen = {(one.action, one.resource, one.principal, one.allowed) for one in told if isinstance(one, Audit)}
    resource = f"key/{made['key_id']}"
    assert seen == {("key.create", resource, "cli", True), ("key.revoke", resource, "cli", True)}
    assert {one.tenant for one in told} == {whole.tenant}
    assert {one.reason for one in told if isinstance(one, Audit)} == {"roles: ingest, sre"}
    assert made["key"] not in str(told)


def test_a_key_that_cannot_be_audited_is_not_made(tables: Installed) -> None:
    with pytest.raises(UnavailableError):
        tables.run("keys", "create", "ci")
    assert tables.json("keys", "list") == [[]]


def test_a_leaked_key_is_revoked_whether_or_not_the_broker_answers(
    tables: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOCSIN_KAFKA__BOOTSTRAP_SERVERS")
    made = tables.run("keys", "create", "ci")
    assert "No broker runs" in made.stderr
    ((key,),) = tables.json("keys", "list")
    monkeypatch.setenv("TOCSIN_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(UnavailableError):
        tables.run("keys", "revoke", key["key_id"])
    ((after,),) = tables.json("keys", "list")
    assert after["revoked_at"] is not None
