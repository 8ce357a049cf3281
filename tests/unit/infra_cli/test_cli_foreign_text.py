"""Text from outside on the terminal: whatever it looks like, it is shown as it is and breaks nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents.evaluation.compiling import compiled
from agents.evaluation.results import About, CaseResult
from infra.cli import console, dlq, send, up
from infra.cli.demo.screen import Screen
from infra.cli.evaluation import told
from infra.cli.rows import BadRow, Parsed
from infra.local.events import Exited, GaveUp, ProcessEvent, Ready, Restarting, Started, Stopped
from schemas.errors import UnavailableError
from schemas.events import AlarmRaw, Event, InvestigationState, RequestKind
from tests.fakes import full_events as full
from tests.fakes.events import alarm, incident_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
AWKWARD = ("[/x]", "[red]x", r"\[/x]", "[link=a]", "\\", "[[/b]]", "[bold", "a]b[c", r"\\[red]", "[/]")
texts = st.text(alphabet="ab[]/\\= red", max_size=25).map(lambda text: f"<{text}>")


def shown(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> io.StringIO:
    """Catch what a module prints to the console that it calls `name`."""
    stream = io.StringIO()
    monkeypatch.setattr(module, name, Console(file=stream, width=500))
    return stream


@given(texts)
def test_a_table_shows_any_text(text: str) -> None:
    stream = io.StringIO()
    Console(file=stream, width=200).print(console.table("T", ("a", "b"), [(text, 1)]))
    assert text in stream.getvalue()


@given(texts, texts)
def test_any_two_texts_in_a_line_break_nothing(first: str, second: str) -> None:
    """What opens in one may close in the other."""
    stream = io.StringIO()
    line = f"[bold]{console.plain(first)}[/] said {console.plain(second)}"
    Console(file=stream, width=200).print(line, highlight=False)
    for text in (first, second):
        assert text.replace("\\", "") in stream.getvalue().replace("\\", "")


@pytest.mark.parametrize("text", AWKWARD)
def test_an_error_shows_any_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = shown(monkeypatch, console, "err")
    console.print_error(UnavailableError(f"<{text}>", cure=f"do <{text}>"))
    assert stream.getvalue().count(f"<{text}>") == 2


@pytest.mark.parametrize("text", AWKWARD)
def test_a_process_that_gave_up_may_have_said_anything(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = shown(monkeypatch, up, "err")
    up.show_event(GaveUp("land", AT, 8, f"<{text}>"))
    assert f"land stays down after 8 attempts: <{text}>" in stream.getvalue()


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Started("land", 1, AT), ""),
        (Stopped("land", 1, AT, forced=False), ""),
        (Stopped("land", 1, AT, forced=True), "  land was stopped by force\n"),
        (Ready("land", 1, AT, 1.26), "  land is ready (1.3 s)\n"),
        (Exited("land", 1, AT, -9, "bye"), "  land died (-9)\n"),
        (Restarting("land", AT, 3, 0.55, "x"), "  land is restarted in 0.6 s (attempt 3)\n"),
    ],
)
def test_what_the_supervisor_tells_is_a_line(
    event: ProcessEvent, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = shown(monkeypatch, up, "err")
    up.show_event(event)
    assert stream.getvalue().replace("0.5 s", "0.6 s") == line


@pytest.mark.parametrize("text", AWKWARD)
def test_a_bad_row_is_quoted_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = shown(monkeypatch, send, "err")
    send._tell_left_out(Parsed((alarm(),), (BadRow(1, f"labels <{text}>"),)))
    assert f"labels <{text}>" in stream.getvalue()


@pytest.mark.parametrize("text", AWKWARD)
def test_why_a_letter_was_not_sent_is_quoted_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = shown(monkeypatch, dlq, "err")
    with pytest.raises(typer.Exit):
        dlq._tell([dlq._Outcome(full.dead_letter("acme"), f"<{text}>")], as_json=False)
    assert f"<{text}>" in stream.getvalue()


@pytest.mark.parametrize("text", AWKWARD)
def test_why_a_case_failed_is_quoted_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = shown(monkeypatch, told, "err")
    failed = CaseResult(case="set/case", dataset="set", error=f"<{text}>")
    told.tell(compiled(About(made_at=AT, command="tocsin eval"), cases=[failed]), as_json=True)
    assert f"<{text}>" in stream.getvalue()


def _screen() -> tuple[Screen, io.StringIO]:
    stream = io.StringIO()
    return Screen(Console(file=stream, width=500)), stream


def _from_the_shop(text: str) -> list[Event]:
    return [
        alarm(name=text, summary=text),
        alarm(service=text, fingerprint="2"),
        full.change("acme", service=text, title=text),
    ]


def _from_tocsin(text: str) -> list[Event]:
    named: AlarmRaw = alarm(name=text)
    return [
        incident_of(named, title=text),
        full.decision(full.alarm("acme", source="detect", summary=text)),
        full.request("acme", kind=RequestKind.CANCEL, reason=text),
        full.status("acme", state=InvestigationState.RUNNING, step="kpis", message=text),
        full.evidence("acme", statement=text, score=9.0),
    ]


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("made", [_from_the_shop, _from_tocsin])
def test_the_demo_shows_names_as_they_are(made: Callable[[str], list[Event]], text: str) -> None:
    """A recorded incident is replayed on the same screen: its names are anybody's."""
    for event in made(f"<{text}>"):
        screen, stream = _screen()
        screen.shop_event(event)
        screen.tocsin_event(event)
        assert f"<{text}>" in stream.getvalue(), type(event).__name__
