"""What is wrong with a model's claim, and how what is right of it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.analysis.clues import clues_of
from agents.analysis.findings import CauseKind
from agents.analysis.metrics import OUTWARD
from agents.investigation.evidence import finding_of
from agents.investigation.figures import Figures, unsupported
from agents.investigation.publishable import about, denies, named, unfit, vouched
from agents.investigation.state import Claim
from agents.investigation.support import CODE, Findings, explained_by, onsets
from schemas.events.evidence import Evidence

__all__ = ["flaw", "shown_kind", "told"]

_CITATION = re.compile(r"\s*[\[(]\s*E\d+(?:\s*[,;]\s*E\d+)*\s*[\])]")
_LABEL = re.compile(r"\bE\d+\b")
_UP = re.compile(
    r"\b(?:rose|rise[sn]?|rising|increas\w+|grew|grow\w*|climb\w+|jump\w+|spik\w+|surg\w+|soar\w+)\b",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:fell|fall\w*|dropp?\w*|decreas\w+|declin\w+|sank|shr[aiu]nk\w*|plung\w+|dipp\w+)\b", re.IGNORECASE
)


def flaw(claim: Claim, cited: Sequence[Evidence], support: Sequence[Evidence], findings: Findings) -> str:
    """Return what is wrong with a model's claim; empty if nothing."""
    if findings.candidates and claim.service not in findings.candidates:
        return "it may not be named as a cause here"
    deeper = explained_by(claim.service, findings)
    if deeper and not _believed_most(claim.service, findings):
        since = onsets(findings.evidence)
        sure = since[deeper].surely_before(since[claim.service])
        return f"it is downstream of {deeper}, which {'' if sure else 'as far as samples tell '}was abnormal before it"
    if claim.indicator and not _named(claim.indicator, cited):
        return f"what it cites does not name {claim.indicator}"
    text, shown = plain(claim.statement), _shown(cited)
    made_up = unsupported(text, Figures(cited))
    if made_up:
        return f"its numbers stand in no evidence: {', '.join(made_up)}"
    if denies(text):
        return "it denies what it claims"
    bad = unfit(text, shown) or unfit(claim.indicator, shown)
    return f"its words hold {bad}" if bad else _against(text, support)


def told(claim: Claim, cited: Sequence[Evidence], support: Sequence[Evidence], findings: Findings) -> str:
    """Return the claim's sentence, or where it says what cannot be shown, that of the strongest evidence."""
    text = claim.statement if claim.author in CODE else plain(claim.statement)
    cannot = unsupported(text, Figures(cited)) or (
        claim.author not in CODE and not _says_it(claim, text, cited, findings)
    )
    if text.strip() and not cannot:
        return text
    return max(support, key=lambda one: (one.score or 0.0, one.event_id)).statement


def shown_kind(claim: Claim, support: Sequence[Evidence], findings: Findings) -> CauseKind:
    """Return the kind that a model names if what it cites, or the statistics, say so; else theirs, else the evidence's.

    A symptom is no better name for what the statistics call by its cause.
    """
    by_code = findings.kinds.get(claim.service, CauseKind.UNKNOWN)
    if claim.author in CODE or claim.kind is by_code:
        return claim.kind
    clues = [clue for own in clues_of([finding_of(one) for one in support]).values() for clue in own]
    tells_less = claim.kind in OUTWARD and by_code not in OUTWARD | {CauseKind.UNKNOWN}
    if not clues or (any(clue.kind is claim.kind for clue in clues) and not tells_less):
        return claim.kind
    return max(clues, key=lambda clue: clue.strength).kind if by_code is CauseKind.UNKNOWN else by_code


def plain(text: str) -> str:
    """Return the text without citations: labels are given anew in the report."""
    return _LABEL.sub("", _CITATION.sub("", text))


def _believed_most(service: str, findings: Findings) -> bool:
    believed = findings.believed or {}
    return service in believed and believed[service] >= max(believed.values())


def _named(indicator: str, cited: Sequence[Evidence]) -> bool:
    """Whether it stands there as a whole: `cpu` does not stand in `cpu_usage`."""
    whole = re.compile(rf"(?<!\w){re.escape(indicator)}(?!\w)")
    return any(
        indicator == one.indicator or whole.search(one.statement) or whole.search(one.data) for one in cited
    )


def _says_it(claim: Claim, text: str, cited: Sequence[Evidence], findings: Findings) -> bool:
    """Whether it is a sentence about the accused, of what was seen there: who only repeats an order says neither."""
    if claim.service not in named(text, findings.services) or _others(claim, text, cited, findings):
        return False
    own = " ".join([claim.kind, *(vouched(one) for one in cited)])
    return about(*(one.replace(claim.service, " ") for one in (text, own)))


def _others(claim: Claim, text: str, cited: Sequence[Evidence], findings: Findings) -> bool:
    """Whether it speaks of a service that nothing it cites speaks of: a cause without evidence, by the way."""
    shown = named("\n".join(map(vouched, cited)), findings.services) | findings.alarmed
    return bool(named(text, findings.services) - shown - {claim.service})


def _shown(cited: Sequence[Evidence]) -> str:
    return "\n".join(f"{one.service} {one.indicator} {one.statement} {one.data}" for one in cited)


def _against(text: str, support: Sequence[Evidence]) -> str:
    """Whether it says that something rose where all that was measured fell, or the other way round."""
    ways = {one.direction for one in support if one.direction}
    for words, way, other in ((_UP, 1, "fell"), (_DOWN, -1, "rose")):
        found = words.search(text)
        if found and ways == {-way}:
            return f'it says "{found[0]}" where what it cites {other}'
    return ""
