from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from infra.cli import console
from infra.cli.bytes_view import dump_lines, hex_or_none, preview
from infra.cli.context import load_installation, load_settings
from infra.cli.dlq import why_not, without_repeats
from infra.cli.investigate import request_by_hand
from infra.cli.manual import manual_request
from infra.cli.verify import queued_requests
from infra.runtime.settings import KafkaSection, Settings
from schemas.errors import ConfigurationError, UnavailableError
from schemas.events import DeadLetter, RequestKind
from tests.fakes.events import EPOCH, alarm


def _letter(**changes: object) -> DeadLetter:
    values: dict[str, object] = {
        "tenant": "acme",
        "occurred_at": EPOCH,
        "source_topic": "alarms.raw",
        "source_partition": 1,
        "source_offset": 7,
        "message_key": b"acme|1",
        "message_value": b"\x01{}",
        "stage": "intake",
        "reason": "bad_magic",
        **changes,
    }
    return DeadLetter.model_validate(values)


def _printed(thing: object, width: int = 80) -> str:
    text = io.StringIO()
    Console(file=text, width=width).print(thing)
    return text.getvalue()


def test_a_message_is_sent_back_once_whoever_gave_it_up() -> None:
    intake, land, other = _letter(), _letter(stage="land"), _letter(source_offset=8)
    assert without_repeats([intake, land, other, intake]) == (intake, other)


@pytest.mark.parametrize(
    ("letter", "sent_before", "because"),
    [
        (_letter(), 0, ""),
        (_letter(), 4, ""),
        (_letter(), 5, "sent back 5 times already"),
        (_letter(retries=3), 2, "sent back 5 times already"),
        (_letter(message_value=None), 0, "its bytes were too many to be kept"),
        (_letter(message_value=None, reason="empty"), 0, ""),
        (_letter(source_topic="another.topic"), 0, "another.topic is not one of our topics"),
    ],
)
def test_what_cannot_be_sent_back_says_why(letter: DeadLetter, sent_before: int, because: str) -> None:
    assert why_not(letter, sent_before, 5) == because


@given(st.binary(max_size=100), st.none() | st.integers(0, 100))
def test_a_dump_shows_every_byte_up_to_the_limit(data: bytes, limit: int | None) -> None:
    lines = list(dump_lines(data, limit))
    shown = data if limit is None else data[:limit]
    rows = [one for one in lines if not one.startswith("...")]
    assert bytes.fromhex("".join(one[10:57] for one in rows)) == shown
    assert "".join(one[59:] for one in rows) == "".join(chr(b) if 32 <= b < 127 else "." for b in shown)
    more = f"... {len(data) - len(shown)} bytes more"
    assert (more in lines) == (len(shown) < len(data))


@given(st.binary(max_size=100))
def test_a_preview_is_one_printable_line(data: bytes) -> None:
    assert preview(data).isprintable()


def test_text_is_previewed_as_text() -> None:
    assert preview('{"größe": 1}\n'.encode()) == '{"größe": 1}.'
    assert preview(None) == ""
    assert hex_or_none(None) is None
    assert hex_or_none(b"\x00\xff") == "00ff"


def test_each_request_by_hand_is_an_investigation_of_its_own() -> None:
    incident = manual_request("acme", "cart", EPOCH).incident
    first, again = request_by_hand(incident, EPOCH), request_by_hand(incident, EPOCH)
    later = request_by_hand(incident, EPOCH + timedelta(microseconds=1))
    assert first == again
    assert first.investigation_id != later.investigation_id
    assert first.incident == later.incident
    assert (first.kind, first.key) == (RequestKind.MANUAL, f"acme|{incident.incident_id}")


def test_a_queued_investigation_is_not_a_lost_one() -> None:
    requests = {"finished": (0, 1), "silent": (0, 2), "running": (0, 5), "queued": (0, 6), "unread": (1, 0)}
    heard_of = {"finished", "running"}
    assert queued_requests(requests, heard_of, {0: 5}) == {"queued", "unread"}


def test_json_is_one_value_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.emit({"alarm": alarm(), "names": {"a"}, "pair": (1, 2), "path": Path("x"), 1: None})
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    value = json.loads(line)
    assert value["alarm"]["service"] == "cart"
    assert (value["names"], value["pair"], value["path"], value["1"]) == (["a"], [1, 2], "x", None)


def test_a_table_shows_brackets_as_they_are_and_ids_whole() -> None:
    key = "dl_52hixhrze5j6vzoapf3mm7xiwg"
    made = console.table(
        "Title", ("id", "what", "count"), [(key, "[red]x[/] " * 9, 12), (key, None, 3)], whole=("id",)
    )
    shown = _printed(made, 60)
    assert shown.count(key) == 2
    assert "[red]x[/]" in shown
    assert [one.justify for one in made.columns] == ["left", "left", "right"]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unpriced"),
        (0, "$0.000000"),
        (1, "<$0.000001"),
        (999, "<$0.000001"),
        (1_000, "$0.000001"),
        (55_000, "$0.000055"),
        (1_234_567_890_000, "$1,234.567890"),
    ],
)
def test_money_without_a_price_is_not_free(amount: int | None, text: str) -> None:
    assert console.nano_usd(amount) == text


def test_an_error_is_printed_with_its_cure(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_error(UnavailableError("no [broker]", cure="Start it."))
    said = capsys.readouterr().err
    assert "no [broker]" in said
    assert "Start it." in said


def test_instants_are_read_to_the_second() -> None:
    assert console.when(datetime(2026, 3, 1, 12, 0, 1, 999_999, UTC)) == "2026-03-01 12:00:01"


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_TENANT", "beta")
    assert load_settings().tenant == "beta"
    settings = load_settings(tmp_path, "acme")
    assert (settings.tenant, settings.data_dir) == ("acme", tmp_path)


def test_addresses_that_are_set_need_no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("TOCSIN_REDIS__URL", "redis://redis:6379/0")
    monkeypatch.setenv("TOCSIN_CLICKHOUSE__URL", "http://clickhouse:8123")
    found = load_installation(load_settings(tmp_path))
    assert (found.kafka.bootstrap_servers, found.kafka.idempotent) == ("kafka:9092", True)
    assert (found.redis_url, found.clickhouse_url) == ("redis://redis:6379/0", "http://clickhouse:8123")


def test_an_embedded_broker_is_told_by_the_settings(tmp_path: Path) -> None:
    section = KafkaSection(bootstrap_servers="localhost:1", embedded=True, topic_prefix="t.")
    settings = Settings(data_dir=tmp_path, kafka=section)
    with pytest.raises(UnavailableError) as missing:
        load_installation(settings)
    assert str(tmp_path) in str(missing.value)


def test_a_state_that_is_not_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ConfigurationError) as wrong:
        load_installation(load_settings(tmp_path))
    assert "delete that file" in wrong.value.cure
