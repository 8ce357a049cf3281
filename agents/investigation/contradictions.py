"""What speaks against the cause that is named: told beside it, so that nobody has to find it out."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.words import clock
from agents.investigation.state import Claim
from agents.investigation.support import CODE, Findings, explained_by, first_of, onsets, strengths

__all__ = ["contradictions"]

# A fault shows elsewhere within a minute.
_CLEARLY_S = 60.0


def contradictions(claims: Sequence[Claim], findings: Findings) -> tuple[str, ...]:
    """Return what speaks against the first claim, each as a sentence; none where nothing does."""
    if not claims:
        return ()
    told = (_deeper(claims[0], findings), _later(claims[0], findings), _statistics(claims[0], findings))
    return tuple(one for one in told if one)


def _deeper(claim: Claim, findings: Findings) -> str:
    deeper = explained_by(claim.service, findings)
    since = onsets(findings.evidence)
    if not deeper or not since[deeper].surely_before(since[claim.service], _CLEARLY_S):
        return ""
    return (
        f"{deeper}, on which {claim.service} depends, was abnormal before it, "
        f"from {clock(since[deeper].at)} on."
    )


def _later(claim: Claim, findings: Findings) -> str:
    """What depends on the named cause was abnormal well before it."""
    since = onsets(findings.evidence)
    if claim.service not in since:
        return ""
    callers = [name for name, called in findings.topology.calls.items() if claim.service in called]
    own = since[claim.service]
    before = [name for name in callers if name in since and since[name].surely_before(own, _CLEARLY_S)]
    if not before:
        return ""
    first = first_of(before, since, findings.evidence)
    return f"{first}, which calls {claim.service}, was abnormal before it, from {clock(since[first].at)} on."


def _statistics(claim: Claim, findings: Findings) -> str:
    """A model names it, and the statistics believe another more."""
    believed = findings.believed or {}
    if claim.author in CODE or not believed:
        return ""
    shown = strengths(findings.evidence)
    most = max(believed, key=lambda name: (believed[name], shown.get(name, 0.0), name))
    if believed[most] <= believed.get(claim.service, 0.0):
        return ""
    return f"By the statistics alone {most} is likelier."
