from __future__ import annotations

import os
import random
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.buckets import BucketRule, LocalBuckets
from infra.runtime.security import ApiKeys, MintedKey, StoredKey, derived, load_pepper, mint, parse
from schemas.access import PERMISSIONS, ApiKey, Permission, Principal, Role
from schemas.errors import ConfigurationError
from tests.fakes.api import ManualClock
from tests.fakes.events import EPOCH

PEPPER = b"0123456789abcdef"


def made(seed: int = 1) -> MintedKey:
    return mint("live", random.Random(seed).randbytes)


@dataclass
class KeysInMemory:
    """Satisfies KeyStore."""

    keys: dict[str, StoredKey] = field(default_factory=dict)
    asked: int = 0

    def add(self, minted: MintedKey, **changed: object) -> None:
        key = ApiKey.model_validate(
            {"key_id": minted.presented.key_id, "tenant": "acme", "roles": [Role.SRE], "created_at": EPOCH}
            | changed
        )
        self.keys[key.key_id] = StoredKey(key, minted.presented.digest(PEPPER))

    async def find(self, key_id: str) -> StoredKey | None:
        self.asked += 1
        return self.keys.get(key_id)


def ring(store: KeysInMemory, clock: ManualClock, pepper: bytes = PEPPER) -> ApiKeys:
    return ApiKeys(store, pepper, now=clock.now, monotonic=clock.monotonic)


@given(st.integers(), st.sampled_from(["live", "test"]))
def test_a_key_says_what_it_is_and_comes_back(seed: int, environment: str) -> None:
    minted = mint(environment, random.Random(seed).randbytes)  # type: ignore[arg-type]  # one of the two
    brand, found, key_id, secret, crc = minted.text.split("_")
    assert (brand, found, len(key_id), len(secret), len(crc)) == ("tocsin", environment, 16, 52, 8)
    assert parse(minted.text) == minted.presented
    assert secret not in repr(minted)
    assert secret not in repr(minted.presented)


@given(st.data())
def test_a_key_with_a_slip_is_no_key(data: st.DataObject) -> None:
    text = made().text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda one: one != text[place]))
    assert parse(text[:place] + other + text[place + 1 :]) is None


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    assert parse(text) is None


def test_what_is_kept_depends_on_all_of_the_key_and_on_the_pepper() -> None:
    digests = {
        made(seed).presented.digest(pepper) for seed in range(5) for pepper in (PEPPER, b"another one!!!!!")
    }
    assert len(digests) == 10
    assert made().presented.digest(PEPPER) == made().presented.digest(PEPPER)


async def test_a_key_proves_its_tenant_and_roles() -> None:
    store, minted = KeysInMemory(), made()
    store.add(minted)
    principal = await ring(store, ManualClock()).authenticate(minted.text)
    assert principal == Principal(
        name=f"key:{minted.presented.key_id}", tenant="acme", roles=frozenset({Role.SRE})
    )


async def test_what_proves_nobody() -> None:
    store, clock, minted = KeysInMemory(), ManualClock(), made()
    keys = ring(store, clock)
    for text in ("", "x", minted.text.upper(), minted.text + " ", minted.text[:-1]):
        assert await keys.authenticate(text) is None
    assert store.asked == 0, "what does not have the form asks nobody"
    assert await keys.authenticate(minted.text) is None
    assert store.asked == 1
    store.add(made(2))
    id_of_two = made(2).presented.key_id
    forged = mint("live", lambda count: random.Random(2 if count == 10 else 3).randbytes(count))
    assert forged.presented.key_id == id_of_two
    assert await keys.authenticate(forged.text) is None
    assert await ring(store, clock, b"another pepper!!").authenticate(made(2).text) is None


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({"revoked_at": EPOCH}, False),
        ({"expires_at": EPOCH}, False),
        ({"expires_at": EPOCH - timedelta(days=1)}, False),
        ({"expires_at": EPOCH + timedelta(days=1)}, True),
    ],
)
async def test_a_key_holds_while_it_holds(changed: dict[str, object], holds: bool) -> None:
    store, minted = KeysInMemory(), made()
    store.add(minted, **changed)
    assert (await ring(store, ManualClock()).authenticate(minted.text) is not None) == holds


async def test_a_revoked_key_is_refused_within_five_seconds() -> None:
    store, clock, minted = KeysInMemory(), ManualClock(), made()
    store.add(minted)
    keys = ring(store, clock)
    for _ in range(10):
        assert await keys.authenticate(minted.text)
    assert store.asked == 1
    store.add(minted, revoked_at=EPOCH)
    clock.pass_s(5.0)
    assert await keys.authenticate(minted.text) is None


async def test_an_expiry_needs_no_new_look() -> None:
    store, clock, minted = KeysInMemory(), ManualClock(), made()
    store.add(minted, expires_at=EPOCH + timedelta(seconds=1))
    keys = ring(store, clock)
    assert await keys.authenticate(minted.text)
    clock.pass_s(1.0)
    assert await keys.authenticate(minted.text) is None


def test_the_pepper_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pepper"
    with ThreadPoolExecutor(8) as pool:
        made_at_once = set(pool.map(lambda _: load_pepper(path, os.urandom), range(8)))
    assert made_at_once == {load_pepper(path, os.urandom)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made_at_once.pop()) == 64
    assert [one.name for one in path.parent.iterdir()] == ["pepper"]


def test_a_pepper_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    path.write_text("short\n")
    with pytest.raises(ConfigurationError, match="fewer than 16"):
        load_pepper(path, os.urandom)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        load_pepper(tmp_path, os.urandom)


def test_secrets_for_other_purposes_are_others() -> None:
    assert len({PEPPER, derived(PEPPER, "a"), derived(PEPPER, "b"), derived(b"x", "a")}) == 4


def test_the_roles_of_the_design() -> None:
    assert PERMISSIONS[Role.ADMIN] == frozenset(Permission)
    assert PERMISSIONS[Role.VIEWER] == {Permission.READ}
    assert PERMISSIONS[Role.DEVELOPER] == {Permission.READ, Permission.EVIDENCE}
    assert PERMISSIONS[Role.FINOPS] == {Permission.COSTS}
    assert PERMISSIONS[Role.INGEST] == {Permission.INGEST}
    assert {Permission.INVESTIGATE, Permission.READ, Permission.EVIDENCE, Permission.REPORT} <= PERMISSIONS[
        Role.SRE
    ]
    assert set(PERMISSIONS) == set(Role)
    both = Principal(name="p", tenant="t", roles=frozenset({Role.FINOPS, Role.INGEST}))
    assert [one for one in Permission if both.may(one)] == [Permission.COSTS, Permission.INGEST]


@given(
    st.integers(1, 20),
    st.floats(0.5, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
async def test_a_bucket_gives_no_more_than_its_rule(burst: int, per_s: float, waits: list[float]) -> None:
    clock = ManualClock()
    buckets = LocalBuckets(BucketRule(per_s, burst), clock.monotonic)
    given_out = 0
    for wait in waits:
        clock.pass_s(wait)
        taken = await buckets.take("a")
        given_out += taken.allowed
        assert given_out <= burst + clock.monotonic() * per_s + 1e-6
        if not taken.allowed:
            assert 0 < taken.retry_after_s <= 1 / per_s + 1e-9
            assert taken.remaining == 0
    assert (await buckets.take("b")).allowed, "another's bucket is another"


async def test_after_the_wait_that_was_told_there_is_a_token() -> None:
    clock = ManualClock()
    buckets = LocalBuckets(BucketRule(2.0, 1), clock.monotonic)
    assert (await buckets.take("a")).allowed
    refused = await buckets.take("a")
    assert not refused.allowed
    clock.pass_s(refused.retry_after_s)
    assert (await buckets.take("a")).allowed
