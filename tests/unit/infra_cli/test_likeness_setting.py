"""`investigate.embedding`: what it gives an investigation, and what the doctor says of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agents.knowledge.meaning import Meaning
from agents.knowledge.similarity import similarities
from agents.ports import Likeness
from infra.cli import doctor as doctor_command
from infra.cli.compose import likeness as composing
from infra.cli.compose.likeness import likeness_for
from infra.cli.exit_codes import ExitCode
from infra.runtime.settings import InvestigateSection
from schemas.errors import ConfigurationError
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
