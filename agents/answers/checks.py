"""What a model's sentence must show before anybody reads it: it cites evidence, is about it, and says nothing beyond it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agents.answers.material import Material
from agents.answers.reply import Sentence, said
from agents.answers.role import AnsweredSentence
from agents.investigation.figures import Figures, unsupported
from agents.knowledge.similarity import words_of
from schemas.events.evidence import Evidence

__all__ = ["Borne", "borne_out", "harmless"]

_LABEL = re.compile(r"\s*\[?\bE\d+\b(?:\s*,\s*E\d+)*\]?")
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://|\bwww\.|[\w.+-]+@[\w-]+\.\w|`|<[a-zA-Z/!]", re.IGNORECASE)
_CLAUSE = re.compile(r"[;,:]|\bbut\b|\bwhile\b|\binstead\b|\.\s", re.IGNORECASE)
_BLAME = re.compile(
    r"\b(cause[ds]?|causing|culprit|guilty|to blame|responsible|fault of|origin|because of|due to|triggered|broke)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(not|no|never|nor|neither|isn't|wasn't|ruled out|innocent|cannot|can't|unlikely|rather than)\b|n't\b",
    re.IGNORECASE,
)
_SHARED = 2


@dataclass(frozen=True, slots=True)
class Borne:
    """The sentences that stand, and why each of the others does not."""

    sentences: tuple[Sentence, ...]
    removed: tuple[str, ...]


def borne_out(
    told: Sequence[AnsweredSentence],
    labels: Mapping[str, Evidence],
    material: Material,
    names: Collection[str],
) -> Borne:
    """Return the sentences that the evidence under their labels bears out. `names` are all services known."""
    kept: list[Sentence] = []
    removed: list[str] = []
    for one in told:
        text = _LABEL.sub("", one.text).strip()
        cited = [labels[label] for label in one.evidence_ids if label in labels]
        flaw = _flaw(text, one, cited, material, names)
        if flaw:
            removed.append(flaw)
        else:
            kept.append(said(text, *(found.event_id for found in cited)))
    return Borne(tuple(kept), tuple(removed))


def harmless(question: str, material: Material) -> bool:
    """Return whether a question that a model would put to the data may be shown: no link, no number of its own."""
    return not _LINK.search(question) and not unsupported(question, Figures(material.evidence))


def _flaw(
    text: str, one: AnsweredSentence, cited: Sequence[Evidence], material: Material, names: Collection[str]
) -> str:
    """What is wrong with a sentence; empty if nothing."""
    if not text or _LINK.search(text):
        return "it says nothing, or holds a link or markup"
    if not cited or len(cited) < len(set(one.evidence_ids)):
        return "it cites evidence that does not exist"
    return _beyond(text, cited, names) or _contradiction(text, material, names)


def _beyond(text: str, cited: Sequence[Evidence], names: Collection[str]) -> str:
    """What it says that the evidence under it does not; empty if nothing."""
    made_up = unsupported(text, Figures(cited))
    if made_up:
        return f"its numbers stand in no evidence: {', '.join(made_up)}"
    strange = {name for name in names if _names(text, name)} - _spoken_of(cited, names)
    if strange:
        return f"what it cites does not speak of {', '.join(sorted(strange))}"
    return "" if _about(text, cited) else "what it cites says nothing of the kind"


def _spoken_of(cited: Sequence[Evidence], names: Collection[str]) -> set[str]:
    texts = [f"{one.service} {one.statement} {one.data}" for one in cited]
    return {name for name in names if any(_names(text, name) for text in texts)}


def _about(text: str, cited: Sequence[Evidence]) -> bool:
    """Whether it shares a name, or some words, with what it cites."""
    if any(name and _names(text, name) for one in cited for name in (one.service, one.indicator)):
        return True
    words = set(words_of(text))
    return any(len(words & set(words_of(one.statement))) >= _SHARED for one in cited)


def _contradiction(text: str, material: Material, names: Collection[str]) -> str:
    """Whom it blames though the report does not, or acquits though the report names it; empty if nobody."""
    accused = {one.service for one in material.report.causes}
    cleared = {one.service for one in material.report.ruled_out} - accused
    cause = material.cause.service if material.cause else ""
    for clause in _CLAUSE.split(text):
        if not _BLAME.search(clause):
            continue
        denied = _DENIAL.search(clause) is not None
        subjects = {name for name in names if _names(clause, name)}
        if not denied and subjects and not subjects & accused:
            return f"the report does not accuse {', '.join(sorted(subjects))}"
        if not denied and subjects & cleared and not subjects & {cause}:
            return f"the report has ruled out {', '.join(sorted(subjects & cleared))}"
        if denied and subjects == {cause}:
            return f"the report names {cause}"
    return ""


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None
