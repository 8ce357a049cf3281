"""Whatever is asked of whatever was found: each sentence rests on something that is there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.answers.by_code import answer_by_code
from agents.answers.checks import borne_out
from agents.answers.role import AnsweredSentence
from agents.answers.vocabulary import KINDS, SOURCES
from tests.fakes.answer_material import evidence_rows, material

_WORDS = st.sampled_from(
    [
        *(
            "why",
            "not",
            "what",
            "changed",
            "cost",
            "next",
            "sure",
            "when",
            "at",
            "10:42:10",
            "the",
            "database",
            "cart",
        ),
        *(
            "checkout",
            "web-frontend",
            "cpu_usage",
            "missing",
            "before",
            "else",
            "affected",
            "happened",
            "mainframe",
        ),
        *sorted(word for words in (*KINDS.values(), *SOURCES.values()) for word in words),
    ]
)
_QUESTIONS = st.one_of(st.text(max_size=200), st.lists(_WORDS, max_size=10).map(" ".join))
_SOME = st.sets(st.sampled_from(range(len(evidence_rows())))).map(
    lambda kept: tuple(one for number, one in enumerate(evidence_rows()) if number in kept)
)


@settings(max_examples=150, deadline=None)
@given(_QUESTIONS, _SOME)
def test_each_sentence_cites_what_is_there_or_the_ledger(question: str, evidence: tuple[object, ...]) -> None:
    made = material(evidence=evidence)
    reply = answer_by_code(question, made)
    known = {one.event_id for one in made.evidence}
    for sentence in reply.sentences:
        assert sentence.evidence_ids or sentence.query
        assert set(sentence.evidence_ids) <= known
    assert reply.sentences or reply.unknown
    assert not reply.unknown or reply.unknown.startswith("I do not know from this evidence")


@settings(max_examples=50, deadline=None)
@given(_QUESTIONS)
def test_the_same_question_has_the_same_answer(question: str) -> None:
    assert answer_by_code(question, material()) == answer_by_code(question, material())


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.lists(st.sampled_from([f"E{n}" for n in range(15)]), max_size=4))
def test_what_stands_of_a_model_cites_only_what_it_was_shown(text: str, labels: list[str]) -> None:
    shown = {f"E{number}": one for number, one in enumerate(evidence_rows(), start=1)}
    told = AnsweredSentence.model_construct(text=text, evidence_ids=tuple(labels))
    made = material()
    borne = borne_out([told], shown, made, made.services)
    assert len(borne.sentences) + len(borne.removed) == 1
    for sentence in borne.sentences:
        assert sentence.evidence_ids
        assert set(labels) <= set(shown)
