"""`investigate.embedding`: what it gives an investigation, and what the doctor says of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agents.analysis.findings import Source
from agents.investigation.memory import MemoryRunbooks, request_for
from agents.investigation.nodes.gather_knowledge import gather_knowledge
from agents.knowledge.meaning import Meaning
from agents.knowledge.similarity import similarities
from agents.ports import Likeness
from infra.cli import doctor as doctor_command
from infra.cli.compose import likeness as composing
from infra.cli.compose.likeness import likeness_for
from infra.cli.exit_codes import ExitCode
from infra.runtime.settings import InvestigateSection
from schemas.control import Runbook
from schemas.errors import ConfigurationError
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import collected, context_for, evidence_in
from tests.fakes.node_orders import changed, order_for
from tests.unit.infra_cli.test_cli_stack_told import run


def installed(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    for module in (composing, doctor_command):
        monkeypatch.setattr(module, "embedding_installed", lambda: answer)


def chosen(setting: str) -> Likeness:
    return likeness_for(InvestigateSection.model_validate({"embedding": setting}))


def test_whoever_sets_nothing_gets_it_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert InvestigateSection().embedding == "auto"
    installed(monkeypatch, answer=True)
    assert isinstance(chosen("auto"), Meaning)
    assert isinstance(chosen("on"), Meaning)
    installed(monkeypatch, answer=False)
    assert chosen("auto") is similarities


@pytest.mark.parametrize("answer", [True, False])
def test_off_is_off(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    installed(monkeypatch, answer=answer)
    assert chosen("off") is similarities


def test_on_without_it_is_an_error_that_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, answer=False)
    with pytest.raises(ConfigurationError, match="not installed") as raised:
        chosen("on")
    assert "pip install tocsin[embedding]" in raised.value.cure


def test_nothing_is_loaded_before_there_is_something_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    installed(monkeypatch, answer=True)
    likeness = chosen("on")
    assert likeness("pool exhausted", []) == ()


async def test_an_investigation_cites_a_runbook_in_other_words_than_its_alarm_s() -> None:
    pytest.importorskip("wordllama", reason="the extra `embedding` is not installed")
    data = bad_deploy()
    renew = Runbook(runbook_id="tls", tenant="local", title="Renew a certificate", body="Handshakes fail.")
    leave = Runbook(
        runbook_id="mail", tenant="local", title="Mails are not delivered", body="The relay is away."
    )
    request = request_for(data)
    about = request.incident.alarms[0].model_copy(update={"name": "SSL cert expires", "indicator": ""})
    incident = request.incident.model_copy(update={"title": "SSL cert expires", "alarms": (about,)})
    cited: dict[str, list[str]] = {}
    for setting in ("off", "on"):
        context = context_for(data, runbooks=MemoryRunbooks((renew, leave)), likeness=chosen(setting))
        context = replace(context, request=changed(request, incident=incident))
        await gather_knowledge(order_for(context, Source.KNOWLEDGE), context)
        cited[setting] = [one.statement for one in evidence_in(collected(context))]
    assert cited["off"] == ["No runbook and no past incident is like this one"]
    assert cited["on"] == ['The runbook "Renew a certificate" speaks of this']


@pytest.mark.parametrize(
    ("setting", "answer", "words"),
    [
        ("auto", True, "what they mean, too"),
        ("auto", False, "pip install tocsin[embedding]"),
        ("on", False, "pip install tocsin[embedding]"),
        ("off", True, "off: runbooks are compared by their words"),
    ],
)
def test_the_doctor_says_what_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, answer: bool, words: str
) -> None:
    installed(monkeypatch, answer=answer)
    monkeypatch.setattr(doctor_command, "examine", lambda *_args, **_more: ())
    monkeypatch.setenv("TOCSIN_INVESTIGATE__EMBEDDING", setting)
    failed = setting == "on" and not answer
    for told in (run("doctor", tmp_path), run("doctor", tmp_path, "--json")):
        assert told.exit_code == (ExitCode.NEGATIVE if failed else ExitCode.OK)
        assert words in told.output
