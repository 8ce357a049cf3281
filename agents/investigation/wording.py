"""The first words of a report, for someone woken at 3 a.m."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import assert_never

from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.investigation.remedies import change_title
from agents.investigation.state import UNKNOWN_SERVICE, Claim, Conclusion, GraphState
from agents.investigation.ties import tie_note
from schemas.events.evidence import Evidence
from schemas.events.report import Verdict
from schemas.pages.words import kind_words, percent, sentence
from schemas.pages.words import many as counted

__all__ = ["headline", "noted", "summary", "sure"]


def sure(confidence: float | None) -> str:
    """Return ` (82 % sure)`, or nothing where that is not known."""
    return "" if confidence is None else f" ({percent(confidence)} sure)"


def headline(conclusion: Conclusion, state: GraphState) -> str:
    """Return one line: what broke and how sure that is, or that it is not known."""
    alarmed = _alarmed(state)
    match conclusion.verdict:
        case Verdict.CAUSE_FOUND:
            claim = conclusion.claims[0]
            again = "same cause as last time: " if state.from_memory else ""
            return f"{again}{claim.service} - {kind_words(claim.kind)}{_shown_by(claim, state)}{sure(conclusion.confidence)}"
        case Verdict.BENIGN:
            return f"Nothing is wrong behind {alarmed}{sure(conclusion.confidence)}"
        case Verdict.DATA_UNAVAILABLE:
            return f"There is nothing to judge {alarmed} by"
        case Verdict.INCONCLUSIVE:
            best = f"; look at {conclusion.claims[0].service} first" if conclusion.claims else ""
            return f"The cause of {alarmed} is not known{best}"
        case _:
            assert_never(conclusion.verdict)


def summary(conclusion: Conclusion, state: GraphState) -> str:
    """Return a few sentences: the cause or the lack of one, what else was seen, and on what it rests."""
    match conclusion.verdict:
        case Verdict.CAUSE_FOUND:
            said = [
                sentence(conclusion.claims[0].statement),
                *_spread(state),
                *_unchanged(conclusion, state),
            ]
        case Verdict.BENIGN:
            said = [_looked(state), *_memory(state)]
        case Verdict.DATA_UNAVAILABLE:
            said = ["Neither measurements nor log lines of the time around the alarm could be read."]
        case Verdict.INCONCLUSIVE:
            said = [_open(conclusion, state), *_spread(state)]
        case _:
            assert_never(conclusion.verdict)
    return " ".join(said)


def noted(summary: str, conclusion: Conclusion, state: GraphState) -> str:
    """Return the summary, whoever wrote it, and what it must not lack.

    That nothing known ties the cause to the alarm; whose times it tells otherwise than they were stamped; and why the request was taken back, where it was meanwhile.
    """
    back = f"The request was taken back while this was investigated: {conclusion.taken_back}"
    ties = tie_note(conclusion.claims, state)
    notes = [*ties, *_clocks(conclusion, state), *([back] if conclusion.taken_back else [])]
    return " ".join([summary, *map(sentence, notes)])


def _clocks(conclusion: Conclusion, state: GraphState) -> list[str]:
    named = {one.service for one in conclusion.claims} | {one.service for one in conclusion.ruled_out}
    clocks = (one for one in state.current_evidence if one.kind == FindingKind.CLOCK_AHEAD)
    return [one.statement for one in clocks if one.service in named]


def _alarmed(state: GraphState) -> str:
    names = [name for name in state.request.incident.services if name != UNKNOWN_SERVICE]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"the alarm on {', '.join(names[:3])}{more}" if names else "this alarm"


def _shown_by(claim: Claim, state: GraphState) -> str:
    """The change that did it, or else the measurement that shows it."""
    change = change_title(claim, state.current_evidence)
    if change and claim.kind in {CauseKind.DEPLOY, CauseKind.CONFIG}:
        return f": {change}"
    return f", seen in {claim.indicator}" if claim.indicator else ""


def _spread(state: GraphState) -> list[str]:
    incident = state.request.incident
    alarms = counted(incident.alarm_count, "alarm")
    names = [name for name in incident.services if name != UNKNOWN_SERVICE]
    where = f"{len(names)} services" if len(names) > 3 else ", ".join(names)
    on = f" on {where}" if where else ""
    return [f"{alarms}{on} since {incident.opened_at:%H:%M:%S} UTC{_in_all(state)}."]


def _in_all(state: GraphState) -> str:
    """The storm, where it went on after the investigation was asked for."""
    storms = (one for one in state.current_evidence if one.kind == FindingKind.ALARM_STORM)
    storm = next(storms, None)
    alarms = json.loads(storm.data).get("alarms", 0) if storm else 0
    return f", {storm.statement} in all" if storm and alarms > state.request.incident.alarm_count else ""


def _unchanged(conclusion: Conclusion, state: GraphState) -> list[str]:
    """Whether somebody changed something: the first thing anybody asks."""
    cited = set(conclusion.claims[0].evidence_ids)
    changes = [one for one in state.current_evidence if one.step == Source.CHANGES]
    if any(one.event_id in cited and one.kind == FindingKind.RECENT_CHANGE for one in changes):
        return []
    none = [one.statement for one in changes if one.kind == FindingKind.NO_DATA]
    return [sentence(none[0])] if none else []


def _looked(state: GraphState) -> str:
    services = {one.service for one in _measured(state.current_evidence)}
    look = state.plan.window if state.plan else None
    when = f" between {look.start:%H:%M:%S} and {look.end:%H:%M:%S} UTC" if look else ""
    return f"All that {counted(len(services), 'service')} measured{when} stayed within its normal range."


def _memory(state: GraphState) -> list[str]:
    if state.recalled is None or not state.from_memory:
        return []
    return [f"The same alarm was harmless on {state.recalled.answered_at:%Y-%m-%d %H:%M} UTC."]


def _measured(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [one for one in evidence if one.step == Source.KPIS and one.service]


def _open(conclusion: Conclusion, state: GraphState) -> str:
    if conclusion.claims:
        claim = conclusion.claims[0]
        return (
            f"The strongest suspect is {claim.service}{sure(claim.confidence)}: {sentence(claim.statement)}"
        )
    abnormal = state.ranked is not None and state.ranked.abnormal
    return (
        "Something is out of its normal range, but nothing explains the alarm."
        if abnormal
        else "Nothing abnormal was seen, but not all data could be seen."
    )
