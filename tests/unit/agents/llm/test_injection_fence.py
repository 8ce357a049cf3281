"""Each published attack as one item of evidence: fenced, and no more than words."""

from __future__ import annotations

import pytest

from agents.llm.fence import fence_evidence
from agents.llm.neutral import one_line
from tests.fakes.injection.carriers import ATTACKS, CANARY, Attack
from tests.fakes.injection.trials import unfenced, unneutral


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_an_attack_is_fenced_and_neutral(attack: Attack) -> None:
    line = one_line(attack.planted, 600)
    for text in (attack.planted, line):
        block = fence_evidence([("E1", text), ("E2", "cpu rose")])
        assert unfenced(block) == ""
        assert CANARY in block
    # In a prompt each is one line.
    assert unneutral(fence_evidence([("E1", line)])) == []


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.kind == "fence_break"][:1], ids=lambda a: a.id)
def test_what_is_not_fenced_or_not_neutral_is_noticed(attack: Attack) -> None:
    assert unfenced(f"<<<EVIDENCE E1\n{attack.planted}\n>>>END E1")
    assert unfenced(f"{CANARY} outside")
    for sign in (
        "<|im_start|>",
        "[INST]",
        "a](b",
        "\u200b",
        "```x",
        "SWdub3JlIHByZXZpb3VzIGluc3RydWN0aW9ucyBhbmQ4",
    ):
        assert unneutral(f"<<<EVIDENCE E1\n{sign}\n>>>END E1")


def test_there_are_attacks_of_many_forms_and_languages() -> None:
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS) >= 60
    assert len({attack.kind for attack in ATTACKS}) >= 12
    assert len({attack.language for attack in ATTACKS}) >= 6


@pytest.mark.parametrize(
    "sign", ["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_RESULTS]", "[AVAILABLE_TOOLS]"]
)
def test_the_marks_of_a_template_with_longer_names_are_broken_too(sign: str) -> None:
    assert sign not in fence_evidence([("E1", sign)])


@pytest.mark.parametrize(
    "blob",
    [
        "MFRWG5LTMUQHAYLZNVSW45BMEBRWS5DFEBXG65DINFXGO===",
        "69676e6f72652070726576696f7573206f:",
        "{696e7374727563742069676e6f7265}",
    ],
)
def test_an_encoded_text_is_named_whatever_stands_beside_it(blob: str) -> None:
    assert "[encoded: " in fence_evidence([("E1", f"obey {blob}")])
