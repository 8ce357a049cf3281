"""`tocsin dlq` on a real broker: what is listed, shown byte by byte, sent back once, and refused."""

from __future__ import annotations

import asyncio

import pytest

from schemas.envelope import read_envelope
from schemas.errors import NotFoundError
from schemas.events import Audit, DeadLetter, Header
from streams.reader import open_reader
from tests.fakes import full_events as full
from tests.integration.infra_cli.installed import LONG_AGO, Installed

pytestmark = [pytest.mark.clickhouse, pytest.mark.broker]

SINCE = ("--since", LONG_AGO)


def partition(installed: Installed) -> int:
    """One of the test's own: a letter's id follows from its message's place, and the table is shared."""
    return int(installed.tenant[1:], 16) % 2**31


def letter(installed: Installed, offset: int, **changes: object) -> DeadLetter:
    values = {
        "source_partition": partition(installed),
        "source_offset": offset,
        "message_value": b"\x01\xffbytes",
        "message_key": b"acme|f",
        "retries": 0,
    }
    return full.dead_letter(installed.tenant, **{**values, **changes})


def raw_messages(
    installed: Installed, topic: str
) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    async def read() -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
        async with open_reader(installed.kafka) as reader:
            return [
                (one.key, one.value, {name: value or b"" for name, value in one.headers})
                async for one in reader.messages([topic])
            ]

    return asyncio.run(read())


def test_letters_are_listed_counted_and_filtered(tables: Installed) -> None:
    tables.land(
        letter(tables, 1),
        letter(tables, 2, reason="truncated", stage="land"),
        letter(tables, 3, reason="truncated"),
    )
    mine = ("--tenant", tables.tenant, *SINCE)
    rows = tables.json("dlq", "list", *mine)
    place = f"alarms.raw:{partition(tables)}"
    assert {(one["source"], one["reason"], one["stage"]) for one in rows} == {
        (f"{place}:1", "avro_decode", "intake"),
        (f"{place}:2", "truncated", "land"),
        (f"{place}:3", "truncated", "intake"),
    }
    shown = tables.run("dlq", "list", *mine).stdout
    assert "truncated: 2, avro_decode: 1" in shown
    assert all(one["id"] in shown for one in rows), "ids are shown whole"
    assert len(tables.json("dlq", "list", "--reason", "avro_decode", *mine)) == 1
    assert len(tables.json("dlq", "list", "-r", "avro_decode", "-r", "truncated", *mine)) == 3
    assert len(tables.json("dlq", "list", "--limit", "2", *mine)) == 2


def test_where_nothing_failed_that_is_said(tables: Installed) -> None:
    assert "none in this time" in tables.run("dlq", "list", "--tenant", tables.tenant, *SINCE).stdout


def test_a_letter_is_shown_byte_by_byte(tables: Installed) -> None:
    value = bytes(range(256)) * 3
    one = letter(tables, 1, message_value=value, headers=(Header(name="ce_id", value=b"x\xff"),))
    tables.land(one)
    shown = tables.run("dlq", "show", one.event_id).stdout
    assert f"message, {len(value)} bytes:" in shown
    assert "00000000  00 01 02 03" in shown
    assert "... 256 bytes more" in shown
    assert "header ce_id" in shown
    assert "x." in shown
    whole = tables.run("dlq", "show", one.event_id, "--whole").stdout
    assert "bytes more" not in whole
    assert "000002f0  f0 f1" in whole
    (told,) = tables.json("dlq", "show", one.event_id)
    assert told["value_hex"] == value.hex()
    assert told["key_hex"] == b"acme|f".hex()
    assert told["headers"] == [{"name": "ce_id", "value_hex": "78ff"}]


def test_a_letter_without_a_message_says_so(tables: Installed) -> None:
    one = letter(tables, 1, message_value=None, message_key=None)
    tables.land(one)
    assert "message, none:" in tables.run("dlq", "show", one.event_id).stdout
    (told,) = tables.json("dlq", "show", one.event_id)
    assert (told["value_hex"], told["value_text"], told["key_hex"]) == (None, "", None)


def test_a_letter_nobody_wrote_is_not_found(tables: Installed) -> None:
    with pytest.raises(NotFoundError) as refused:
        tables.run("dlq", "show", "dl_none")
    assert "tocsin dlq list" in refused.value.cure


def test_a_message_goes_back_as_it_was_and_that_is_noted(whole: Installed) -> None:
    one = letter(
        whole, 1, headers=(Header(name="ce_id", value=b"e1"), Header(name="tocsin_retries", value=b"2"))
    )
    whole.land(one.model_copy(update={"retries": 2}))
    assert "sent 1 message back" in whole.run("dlq", "retry", one.event_id).stdout
    ((key, value, headers),) = raw_messages(whole, "alarms.raw")
    assert (key, value) == (one.message_key, one.message_value)
    assert headers == {"ce_id": b"e1", "tocsin_retries": b"3"}
    (audit,) = whole.consume("audit")
    assert isinstance(audit, Audit)
    assert (audit.action, audit.resource, audit.principal) == ("dead-letter.retry", one.event_id, "cli")
    assert (audit.tenant, audit.allowed) == (whole.tenant, True)
    assert audit.reason == "sent back to alarms.raw, number 3"


def test_two_stages_gave_one_message_up_and_it_goes_back_once(whole: Installed) -> None:
    intake, land = letter(whole, 1), letter(whole, 1, stage="land")
    whole.land(intake, land)
    (told,) = whole.json("dlq", "retry", intake.event_id, land.event_id, intake.event_id)
    assert told == {"sent": [intake.event_id], "refused": {}}
    assert len(raw_messages(whole, "alarms.raw")) == 1


def test_what_cannot_go_back_is_told_and_the_others_go(whole: Installed) -> None:
    good, lost = letter(whole, 1), letter(whole, 2, message_value=None)
    foreign, often = letter(whole, 3, source_topic="their.topic"), letter(whole, 4, retries=5)
    whole.land(good, lost, foreign, often)
    ids = [one.event_id for one in (good, lost, foreign, often)]
    (told,) = whole.json("dlq", "retry", *ids, status=6)
    assert told["sent"] == [good.event_id]
    assert told["refused"] == {
        lost.event_id: "its bytes were too many to be kept",
        foreign.event_id: "their.topic is not one of our topics",
        often.event_id: "sent back 5 times already",
    }
    again = whole.run("dlq", "retry", lost.event_id, status=6)
    assert f"not sent: {lost.event_id}: its bytes were too many" in again.stderr


def test_all_of_a_reason_go_back_once_and_earlier_attempts_count(whole: Installed) -> None:
    chosen = [letter(whole, offset, reason="truncated") for offset in (1, 2)]
    whole.land(*chosen, letter(whole, 3))
    every = ("dlq", "retry", "--all", "--reason", "truncated", "--tenant", whole.tenant, *SINCE)
    (first,) = whole.json(*every)
    assert set(first["sent"]) == {one.event_id for one in chosen}
    (second,) = whole.json(*every)
    assert second == {"sent": [], "refused": {}}
    (by_name,) = whole.json("dlq", "retry", chosen[0].event_id)
    assert by_name["sent"] == [chosen[0].event_id], "a name is sent again"
    (refused,) = whole.json("dlq", "retry", chosen[0].event_id, "--max-retries", "2", status=6)
    assert refused["refused"] == {chosen[0].event_id: "sent back 2 times already"}
    assert len(raw_messages(whole, "alarms.raw")) == 3


def test_an_empty_message_goes_back_empty(whole: Installed) -> None:
    one = letter(whole, 1, message_value=None, reason="empty", headers=())
    whole.land(one)
    whole.run("dlq", "retry", one.event_id)
    ((_, value, headers),) = raw_messages(whole, "alarms.raw")
    assert value is None
    assert read_envelope(list(headers.items())).event_id == ""
    assert headers == {"tocsin_retries": b"1"}
