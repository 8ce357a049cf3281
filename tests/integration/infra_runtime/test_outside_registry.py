"""Our client against a registry over real HTTP."""

from __future__ import annotations

import asyncio
import copy
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from infra.runtime.clock import SystemClock
from infra.runtime.schema_registry import (
    RegistryAddress,
    RegistryPolicy,
    open_schema_registry,
    open_schemas_by_id,
)
from schemas.codec import decode, encode
from schemas.errors import ConfigurationError, InvalidEventError, UnavailableError
from schemas.events import Evidence
from schemas.registry import RegisteredSchema, SchemaRegistry, builtin_registry
from schemas.registry_reading import read_event, read_event_as
from schemas.topics import CATALOGUE, TopicNames
from tests.fakes.certificates import make_authority
from tests.fakes.full_events import evidence
from tests.fakes.registry_server import RegistryServer, start_registry

OURS = builtin_registry().current["evidence"]
NAMES = TopicNames("blue.")
SUBJECT = "blue.evidence-value"
IMPATIENT = RegistryPolicy(patience_s=0.0, reading_patience_s=0.0)


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with start_registry(first_id=100_001) as server:
        yield server


def _at(server: RegistryServer, **more: Any) -> RegistryAddress:
    return RegistryAddress((server.url,), **more)


async def _opened(
    address: RegistryAddress, policy: RegistryPolicy = IMPATIENT, names: TopicNames = NAMES
) -> SchemaRegistry:
    """What a process that starts now knows; what it learns later is lost with its connection."""
    async with open_schema_registry(address, names, SystemClock(), policy) as schemas:
        return schemas


def _with_field(**changed: Any) -> str:
    """Evidence as a release to come might write it."""
    schema = copy.deepcopy(OURS.schema)
    return json.dumps(
        {**schema, "fields": [*schema["fields"], {"name": "more", "type": "string", **changed}]}
    )


def _newer(schema_id: int, text: str) -> SchemaRegistry:
    """The registry of a producer that writes this schema."""
    schema = json.loads(text)
    current = RegisteredSchema(schema_id, "evidence", schema, schema)
    return SchemaRegistry({schema_id: current}, {**builtin_registry().current, "evidence": current})


def _message_of_tomorrow(server: RegistryServer, text: str | None = None) -> tuple[Evidence, bytes]:
    text = text or _with_field(default="news")
    registered = server.register(SUBJECT, text)
    found = evidence("acme")
    return found, encode(found, _newer(registered.id, text))


async def test_what_is_missing_is_put_there_once_and_takes_the_registrys_ids(
    registry: RegistryServer,
) -> None:
    first, second = await asyncio.gather(_opened(_at(registry)), _opened(_at(registry)))
    registered = registry.asked("POST", f"/subjects/{SUBJECT}/versions")
    third = await _opened(_at(registry))

    assert sorted(registry.subjects) == sorted(f"blue.{topic}-value" for topic in CATALOGUE)
    assert all(len(versions) == 1 for versions in registry.subjects.values())
    assert registry.asked("POST", f"/subjects/{SUBJECT}/versions") == registered
    ids = {topic: registry.subjects[f"blue.{topic}-value"][0].id for topic in CATALOGUE}
    for schemas in (first, second, third):
        assert {topic: one.id for topic, one in schemas.current.items()} == ids
        assert {one.version for one in schemas.current.values()} == {1}


async def test_the_registry_has_our_schema_to_the_letter_but_for_what_apicurio_takes_for_an_object(
    registry: RegistryServer,
) -> None:
    await _opened(_at(registry))

    text = registry.subjects[SUBJECT][0].schema
    assert json.loads(text) == OURS.schema
    assert '"{}"' not in text


async def test_events_carry_the_registrys_id_and_both_kinds_of_id_are_read(registry: RegistryServer) -> None:
    schemas = await _opened(_at(registry))
    found = evidence("acme")

    data = encode(found, schemas)

    assert int.from_bytes(data[1:5], "big") == registry.subjects[SUBJECT][0].id
    assert decode("evidence", data, schemas) == found
    assert decode("evidence", encode(found), schemas) == found
    assert registry.asked("GET", "/schemas") == 0


async def test_two_installations_share_a_registry_and_its_ids(registry: RegistryServer) -> None:
    blue = await _opened(_at(registry))
    green = await _opened(_at(registry), names=TopicNames("green."))

    assert {one.id for one in blue.current.values()} == {one.id for one in green.current.values()}
    assert len(registry.subjects) == 2 * len(CATALOGUE)


async def test_past_versions_are_known_from_the_start(registry: RegistryServer) -> None:
    past = registry.register(SUBJECT, json.dumps({**OURS.schema, "fields": OURS.schema["fields"][:-1]}))
    registry.register(SUBJECT, json.dumps({**OURS.schema, "doc": "mine"}))
    registry.forget(SUBJECT, 2)
    registry.register(SUBJECT, json.dumps({"type": "record", "name": "Other", "fields": []}))
    future = registry.register(SUBJECT, _with_field(default="news"))
    registry.register(SUBJECT, json.dumps(OURS.schema))

    schemas = await _opened(_at(registry))

    assert schemas.with_id(past.id).version == 1
    assert schemas.with_id(future.id).version == 4
    assert schemas.current["evidence"].version == 5
    assert {one.version for one in schemas.by_id.values() if one.topic == "evidence"} == {None, 1, 4, 5}


async def test_without_history_past_versions_are_asked_for_by_id(registry: RegistryServer) -> None:
    found, data = _message_of_tomorrow(registry)
    policy = replace(IMPATIENT, history=False)

    async with open_schema_registry(_at(registry), NAMES, SystemClock(), policy) as schemas:
        assert registry.asked("GET") == 0
        assert await read_event_as(Evidence, data, schemas) == found
    assert registry.asked("GET") == registry.asked("GET", "/schemas/ids/") == 1


async def test_a_newer_producers_schema_is_learned_once_for_all_who_wait(registry: RegistryServer) -> None:
    async with open_schema_registry(_at(registry), NAMES, SystemClock(), IMPATIENT) as schemas:
        found, data = _message_of_tomorrow(registry)
        registry.open.clear()
        reading = [asyncio.create_task(read_event("evidence", data, schemas)) for _ in range(20)]
        await asyncio.sleep(0)
        reading[0].cancel()
        registry.open.set()
        read = await asyncio.gather(*reading, return_exceptions=True)

        assert isinstance(read[0], asyncio.CancelledError)
        assert read[1:] == [found] * 19
        assert decode("evidence", data, schemas) == found
    assert registry.asked("GET", "/schemas/ids/") == 1


async def test_reading_alone_asks_only_for_what_messages_bring(registry: RegistryServer) -> None:
    found, data = _message_of_tomorrow(registry)

    async with open_schemas_by_id(_at(registry), SystemClock()) as schemas:
        assert await read_event("evidence", data, schemas) == found
        assert await read_event("evidence", encode(found), schemas) == found

    assert [path for _, path in registry.requests] == [f"/schemas/ids/{registry.subjects[SUBJECT][0].id}"]


@pytest.mark.parametrize(
    ("schema", "more", "told"),
    [
        (json.dumps({"type": "record", "name": "Parcel", "fields": []}), {}, "is a Parcel"),
        ('"string"', {}, "cannot be parsed"),
        ("{", {}, "cannot be parsed"),
        ("[" * 2_000 + "]" * 2_000, {}, "cannot be parsed"),
        ('syntax = "proto3";', {"kind": "PROTOBUF"}, "is PROTOBUF"),
        (
            _with_field(default="elsewhere"),
            {"references": ({"name": "a.B", "subject": "b", "version": 1},)},
            "refers to other schemas",
        ),
    ],
)
async def test_a_schema_that_is_none_of_ours_is_told_and_not_asked_for_again(
    schema: str, more: dict[str, Any], told: str, registry: RegistryServer
) -> None:
    async with open_schema_registry(_at(registry), NAMES, SystemClock(), IMPATIENT) as schemas:
        strange = registry.register("parcels-value", schema, **more)
        data = b"\0" + strange.id.to_bytes(4, "big") + b"\2x"
        for _ in range(3):
            with pytest.raises(InvalidEventError, match=told) as refused:
                await read_event("evidence", data, schemas)
            assert refused.value.reason == "unknown_schema"
    assert registry.asked("GET", "/schemas/ids/") == 1


async def test_ids_that_nobody_knows_are_asked_for_once_and_impossible_ones_never(
    registry: RegistryServer,
) -> None:
    async with open_schema_registry(_at(registry), NAMES, SystemClock(), IMPATIENT) as schemas:
        for schema_id in (7, 7, 0, 2**31, 2**32 - 1):
            with pytest.raises(InvalidEventError) as refused:
                await read_event("evidence", b"\0" + schema_id.to_bytes(4, "big") + b"\2x", schemas)
            assert refused.value.reason == "unknown_schema"
    assert registry.asked("GET", "/schemas/ids/") == 1


async def test_a_schema_of_another_topic_is_no_event_of_this_one(registry: RegistryServer) -> None:
    async with open_schemas_by_id(_at(registry), SystemClock()) as schemas:
        _, data = _message_of_tomorrow(registry)
        with pytest.raises(InvalidEventError) as refused:
            await read_event("reports", data, schemas)
        assert refused.value.reason == "wrong_topic"


async def test_a_message_is_no_poison_while_the_registry_is_away(registry: RegistryServer) -> None:
    async with open_schema_registry(_at(registry), NAMES, SystemClock(), IMPATIENT) as schemas:
        found, data = _message_of_tomorrow(registry)
        registry.ailing = [503]
        with pytest.raises(UnavailableError, match="HTTP 503"):
            await read_event("evidence", data, schemas)

        assert await read_event("evidence", data, schemas) == found


async def test_the_start_waits_for_a_registry_that_is_away(registry: RegistryServer) -> None:
    registry.ailing = [500, 503, 429, 502]

    schemas = await _opened(_at(registry), RegistryPolicy(patience_s=30))

    assert len(schemas.current) == len(CATALOGUE)


async def test_no_registry_is_told_with_its_address_and_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    nowhere = RegistryAddress((f"http://127.0.0.1:{port}",))

    with pytest.raises(UnavailableError, match=rf"127\.0\.0\.1:{port}: ConnectError") as refused:
        await _opened(nowhere, RegistryPolicy(patience_s=0.3))

    assert "kafka.schema_registry_url" in refused.value.cure


async def test_the_second_address_answers_where_the_first_does_not(registry: RegistryServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"

    schemas = await _opened(RegistryAddress((nobody, registry.url)))

    assert len(schemas.current) == len(CATALOGUE)


async def test_a_registry_that_never_answers_is_given_up(registry: RegistryServer) -> None:
    registry.open = threading.Event()
    try:
        with pytest.raises(UnavailableError, match="ReadTimeout"):
            await _opened(_at(registry, timeout_s=0.2))
    finally:
        registry.open.set()


async def test_a_schema_that_must_not_be_put_there_is_named(registry: RegistryServer) -> None:
    with pytest.raises(ConfigurationError, match=r"alarms\.raw under blue\.alarms\.raw-value") as refused:
        await _opened(_at(registry), replace(IMPATIENT, register=False))

    assert "tocsin topics" in refused.value.cure
    assert registry.subjects == {}
    await _opened(_at(registry))
    await _opened(_at(registry), replace(IMPATIENT, register=False))


async def test_an_incompatible_past_is_told_field_by_field(registry: RegistryServer) -> None:
    fields = [{"name": "event_id", "type": "int"}, *OURS.schema["fields"][1:]]
    registry.register(SUBJECT, json.dumps({**OURS.schema, "fields": fields}))

    with pytest.raises(ConfigurationError) as refused:
        await _opened(_at(registry))

    assert f"does not take the schema of {SUBJECT}" in str(refused.value)
    assert "incompatible with an earlier one" in str(refused.value)
    assert "event.event_id: int became string" in str(refused.value)
    assert len(registry.subjects[SUBJECT]) == 1


async def test_a_registry_that_is_only_read_says_so(registry: RegistryServer) -> None:
    registry.read_only = True

    with pytest.raises(ConfigurationError, match=r"read-only mode \(42205\)"):
        await _opened(_at(registry))


async def test_a_login_is_needed_and_never_shown() -> None:
    with start_registry(login=("tocsin", "s3cret")) as registry:
        good = _at(registry, user="tocsin", password="s3cret")
        bad = _at(registry, user="tocsin", password="other-s3cret")

        assert len((await _opened(good)).current) == len(CATALOGUE)
        with pytest.raises(ConfigurationError, match=r"refuses tocsin \(401\)") as refused:
            await _opened(bad)
        with pytest.raises(ConfigurationError, match=r"refuses us \(401\)"):
            await _opened(_at(registry))

    assert "SCHEMA_REGISTRY_PASSWORD" in refused.value.cure
    assert "s3cret" not in f"{refused.value}{refused.value!r}{bad!r}{good}"


async def test_over_tls_the_authority_must_be_trusted(tmp_path: Path) -> None:
    ours, theirs = make_authority(tmp_path / "ours", "ours"), make_authority(tmp_path / "theirs", "theirs")
    with start_registry(authority=ours) as registry:
        good = _at(registry, cafile=str(ours.file))
        assert len((await _opened(good)).current) == len(CATALOGUE)
        with pytest.raises(ConfigurationError, match="CERTIFICATE_VERIFY_FAILED") as refused:
            await _opened(_at(registry, cafile=str(theirs.file)), RegistryPolicy(patience_s=60))
        with pytest.raises(ConfigurationError, match="cannot be read"):
            await _opened(_at(registry, cafile=str(tmp_path / "nothing.pem")))

    assert "schema_registry_ssl_cafile" in refused.value.cure


async def test_a_certificate_of_our_own_is_shown_where_it_is_wanted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "ours")
    me = authority.issue("tocsin")
    key = load_pem_private_key(me.key.read_bytes(), me.password.encode())
    opened = tmp_path / "opened.key"
    opened.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    both = tmp_path / "both.pem"
    both.write_bytes(me.certificate.read_bytes() + opened.read_bytes())
    with start_registry(authority=authority, mutual=True) as registry:
        anonymous = _at(registry, cafile=str(authority.file))

        shown: list[dict[str, Any]] = [
            {"certfile": str(me.certificate), "keyfile": str(opened)},
            {"certfile": str(both)},
        ]
        for certificates in shown:
            assert len((await _opened(replace(anonymous, **certificates))).current) == len(CATALOGUE)
        with pytest.raises(UnavailableError):
            await _opened(anonymous)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            await _opened(replace(anonymous, certfile=str(me.certificate)))


async def test_a_path_before_the_api_is_kept() -> None:
    with start_registry(path="/apis/ccompat/v7") as registry:
        assert len((await _opened(_at(registry))).current) == len(CATALOGUE)
        root = RegistryAddress((registry.url.removesuffix("/apis/ccompat/v7"),))

        with pytest.raises(ConfigurationError, match="answers 404: Not Found") as refused:
            await _opened(root)

    assert "/apis/ccompat/v7" in refused.value.cure
