"""`tocsin dlq`: the messages that could not be handled: which, why, what is in them, and once more with them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from infra.cli.bytes_view import dump_lines, hex_or_none, preview
from infra.cli.console import emit, err, out, plain, table, when
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir, Limit
from infra.cli.publishing import open_publisher
from infra.cli.reading import open_topics
from infra.cli.tables import Since, ask, since
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from schemas.envelope import Headers
from schemas.errors import InvalidRequestError, TerminalError
from schemas.events import Audit, DeadLetter
from schemas.pages.words import many
from schemas.topics import CATALOGUE
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.dead_letters import DeadLetterRow, get_dead_letter, list_dead_letters
from streams.dead_letters import RETRIES_HEADER
from streams.producer import EventProducer
from streams.reader import ReadEvent

__all__ = ["app", "why_not", "without_repeats"]

app = typer.Typer(help="Messages that could not be handled: list, show, retry.", no_args_is_help=True)

_ACTION = "dead-letter.retry"
_ALL = 10_000

OneTenant = Annotated[
    str | None,
    typer.Option(
        "--tenant", help="Only of this tenant; `unknown` where none could be told.", show_default="all"
    ),
]
Reasons = Annotated[
    list[str] | None, typer.Option("--reason", "-r", help="Only of this reason; may be given several times.")
]


@app.command("list")
def list_(
    reason: Reasons = None,
    window: Since = "7d",
    limit: Limit = 100,
    tenant: OneTenant = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first: what, from where, and why."""
    rows = _rows(load_settings(data), reason, window, limit, tenant)
    if as_json:
        for one in rows:
            emit(_brief(one))
        return
    columns = ("id", "when", "reason", "stage", "from", "tenant", "retries")
    out.print(table("Dead letters", columns, [_cells(one) for one in rows], whole=("id",)))
    if rows:
        counted = Counter(one.reason for one in rows)
        out.print(", ".join(f"{reason}: {count}" for reason, count in counted.most_common()), highlight=False)
    else:
        out.print("none in this time", highlight=False)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="The dead letter's id.", show_default=False)],
    whole: Annotated[bool, typer.Option("--whole", help="All bytes instead of the first 512.")] = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: the message byte by byte, what can be read of it, and why it was not handled."""
    found = ask(load_settings(data), lambda clickhouse: get_dead_letter(clickhouse, letter))
    if as_json:
        emit({**_brief(found), **_message(found)})
        return
    facts = {**_brief(found), "key": preview(found.message_key)}
    facts |= {f"header {one.name}": preview(one.value) for one in found.headers}
    out.print(table("Dead letter", ("", ""), facts.items()))
    value = found.message_value
    out.print(f"\nmessage, {'none' if value is None else f'{len(value)} bytes'}:", highlight=False)
    for line in dump_lines(value or b"", None if whole else 512):
        typer.echo(line)


@app.command()
def retry(
    letters: Annotated[
        list[str] | None, typer.Argument(help="Ids of dead letters.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every one of --reason and --since that was not sent back before.")
    ] = False,
    reason: Reasons = None,
    window: Since = "7d",
    tenant: OneTenant = None,
    max_retries: Annotated[
        int, typer.Option(min=1, help="Refuse what has been sent back this many times.")
    ] = 5,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send messages back to the topics they came from, byte by byte, to be handled once more.

    A message is sent once, however many ids name it (two stages may have given it up). Each is noted in the topic
    `audit`, by which `--all` knows what it has sent back before.
    """
    if bool(letters) == everything:
        raise InvalidRequestError(
            "which dead letters?", cure="Name their ids, or take --all of a --reason; not both."
        )
    settings = load_settings(data)
    rows = _rows(settings, reason, window, _ALL, tenant) if everything else ()
    wanted = tuple(letters or (one.event_id for one in rows))
    found = ask(settings, lambda clickhouse: _letters(clickhouse, wanted))
    outcomes = asyncio.run(_retry(load_installation(settings), found, max_retries, only_new=everything))
    _tell(outcomes, as_json)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`refused` says why the message was not sent; empty, it was."""

    letter: DeadLetter
    refused: str


def without_repeats(letters: Iterable[DeadLetter]) -> tuple[DeadLetter, ...]:
    """Return one letter of each message: the first; several stages may have given the same one up."""
    first: dict[tuple[str, int, int], DeadLetter] = {}
    for one in letters:
        first.setdefault((one.source_topic, one.source_partition, one.source_offset), one)
    return tuple(first.values())


def why_not(letter: DeadLetter, sent_before: int, max_retries: int) -> str:
    """Return why the message cannot be sent back, or an empty text. `sent_before` counts this letter's retries."""
    if letter.source_topic not in CATALOGUE:
        return f"{letter.source_topic} is not one of our topics"
    if letter.message_value is None and letter.reason != "empty":
        return "its bytes were too many to be kept"
    if letter.retries + sent_before >= max_retries:
        return f"sent back {letter.retries + sent_before} times already"
    return ""


async def _letters(clickhouse: ClickHouse, wanted: Sequence[str]) -> tuple[DeadLetter, ...]:
    return without_repeats([await get_dead_letter(clickhouse, one) for one in dict.fromkeys(wanted)])


async def _retry(
    installation: Installation, letters: Sequence[DeadLetter], max_retries: int, *, only_new: bool
) -> tuple[_Outcome, ...]:
    before = await _sent_before(installation)
    chosen = [one for one in letters if not (only_new and before[one.event_id])]
    outcomes = []
    async with open_publisher(installation, "cli/dlq") as producer:
        for one in chosen:
            refused = why_not(one, before[one.event_id], max_retries)
            if not refused:
                refused = await _send(producer, one, one.retries + before[one.event_id] + 1)
            outcomes.append(_Outcome(one, refused))
    return tuple(outcomes)


async def _sent_before(installation: Installation) -> Counter[str]:
    """Count by letter how often it was sent back, as the audit says."""
    async with open_topics(installation) as reader:
        return Counter(
            [
                read.event.resource
                async for read in reader.events([Audit.TOPIC])
                if isinstance(read, ReadEvent)
                and isinstance(read.event, Audit)
                and read.event.action == _ACTION
            ]
        )


async def _send(producer: EventProducer, letter: DeadLetter, retries: int) -> str:
    """Send one back and note it. Returns why the broker refuses it for good, or an empty text."""
    headers: Headers = [(one.name, one.value or b"") for one in letter.headers if one.name != RETRIES_HEADER]
    headers.append((RETRIES_HEADER, str(retries).encode()))
    try:
        await producer.send_raw(letter.source_topic, letter.message_key, letter.message_value, headers)
    except TerminalError as error:
        return str(error)
    await producer.publish(
        Audit(
            tenant=letter.tenant,
            occurred_at=SystemClock().now(),
            principal="cli",
            action=_ACTION,
            resource=letter.event_id,
            allowed=True,
            reason=f"sent back to {letter.source_topic}, number {retries}",
        )
    )
    return ""


def _tell(outcomes: Sequence[_Outcome], as_json: bool) -> None:
    sent = [one.letter.event_id for one in outcomes if not one.refused]
    refused = {one.letter.event_id: one.refused for one in outcomes if one.refused}
    if as_json:
        emit({"sent": sent, "refused": refused})
    else:
        out.print(f"sent {many(len(sent), 'message')} back", highlight=False)
        for letter, because in refused.items():
            err.print(f"[yellow]not sent:[/] {letter}: {plain(because)}", highlight=False)
    if refused:
        raise typer.Exit(ExitCode.NEGATIVE)


def _rows(
    settings: Settings, reasons: Sequence[str] | None, window: str, limit: int, tenant: str | None
) -> tuple[DeadLetterRow, ...]:
    scope = WideScope(None if tenant is None else (tenant,), *since(window))
    found = ask(
        settings,
        lambda clickhouse: list_dead_letters(clickhouse, scope, reasons=reasons or None, limit=limit),
    )
    return found.rows


def _cells(one: DeadLetterRow) -> tuple[object, ...]:
    where = f"{one.source_topic}:{one.source_partition}:{one.source_offset}"
    at = when(one.occurred_at)
    return one.event_id, at, one.reason, one.stage, where, one.tenant, one.retries


def _brief(one: DeadLetterRow | DeadLetter) -> dict[str, object]:
    return {
        "id": one.event_id,
        "tenant": one.tenant,
        "occurred_at": one.occurred_at.isoformat(),
        "source": f"{one.source_topic}:{one.source_partition}:{one.source_offset}",
        "stage": one.stage,
        "reason": one.reason,
        "detail": one.detail,
        "retries": one.retries,
    }


def _message(letter: DeadLetter) -> dict[str, object]:
    return {
        "key_hex": hex_or_none(letter.message_key),
        "value_hex": hex_or_none(letter.message_value),
        "value_text": preview(letter.message_value),
        "headers": [{"name": one.name, "value_hex": hex_or_none(one.value)} for one in letter.headers],
    }
