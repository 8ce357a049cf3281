"""An answer held against what was expected, criterion by criterion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from agents.analysis.findings import FindingKind, Source
from agents.evaluation.answers import Answer
from agents.evaluation.expectations import AcceptedCause, Expectation, RequiredEvidence
from agents.investigation.figures import Figures, unsupported
from schemas.events import Evidence, Report, ReportedCause, Verdict
from schemas.events.base import Record
from schemas.pages.words import percent

__all__ = ["CLAIMED", "Check", "Criterion", "correct", "judge"]

CLAIMED = 0.3
"""A cause with at least this confidence is an accusation, wherever it stands in the list."""
_SHOWN = 200


class Criterion(StrEnum):
    VERDICT = "verdict"
    CAUSE = "cause"
    KIND = "kind"
    ALSO = "also"
    EVIDENCE = "evidence"
    FORBIDDEN = "forbidden"
    RULED_OUT = "ruled_out"
    MISSING = "missing"
    STEPS = "steps"
    GROUNDED = "grounded"
    """Each cause cites evidence that exists, and the numbers of its sentence stand in it."""


class Check(Record):
    """One criterion that applies: whether it is met, and in words what was expected and what was said."""

    criterion: Criterion
    met: bool
    expected: str
    said: str


def judge(answer: Answer, expected: Expectation) -> tuple[Check, ...]:
    """Return a check for each criterion that applies to this answer."""
    report = answer.report
    checks = [_verdict(report, expected), _steps(answer, expected), _grounded(answer)]
    checks += _forbidden(report, expected)
    if report.verdict is Verdict.CAUSE_FOUND:
        checks += _cause(report, expected)
        checks += _ruled_out(report, expected)
    checks += _evidence(answer, expected)
    if expected.missing:
        told = "; ".join(report.missing)
        checks.append(_check(Criterion.MISSING, bool(told), "what was not there is told", told or "nothing"))
    return tuple(checks)


def correct(report: Report, expected: Expectation) -> bool | None:
    """Return whether what the report is sure of is true; None where it is not sure of anything."""
    match report.verdict:
        case Verdict.CAUSE_FOUND:
            return bool(report.causes) and report.causes[0].service in _names(expected.causes)
        case Verdict.BENIGN:
            return expected.healthy
        case _:
            return None


def _check(criterion: Criterion, met: bool, expected: str, said: str) -> Check:
    return Check(criterion=criterion, met=met, expected=expected[:_SHOWN], said=said[:_SHOWN])


def _verdict(report: Report, expected: Expectation) -> Check:
    allowed = " or ".join(sorted(expected.verdicts))
    return _check(Criterion.VERDICT, report.verdict in expected.verdicts, allowed, report.verdict)


def _steps(answer: Answer, expected: Expectation) -> Check:
    limit = expected.max_steps
    return _check(Criterion.STEPS, answer.steps <= limit, f"at most {limit} steps", f"{answer.steps} steps")


def _grounded(answer: Answer) -> Check:
    known = {one.event_id: one for one in answer.evidence}
    loose = [
        cause.service
        for cause in answer.report.causes
        if not cause.evidence_ids
        or not known.keys() >= set(cause.evidence_ids)
        or unsupported(cause.statement, Figures([known[i] for i in cause.evidence_ids]))
    ]
    said = f"not so of {', '.join(loose)}" if loose else "so it is"
    return _check(Criterion.GROUNDED, not loose, "every cause and number stands in cited evidence", said)


def _cause(report: Report, expected: Expectation) -> Iterator[Check]:
    """The first cause: its service; its kind where the service is right; and the others of several."""
    first = next(iter(report.causes), None)
    names, said = _names(expected.causes), _said(report.causes)
    named = first is not None and first.service in names
    yield _check(Criterion.CAUSE, named, " or ".join(names) or "nobody", said)
    if first is not None and named:
        accepted = next(one for one in expected.causes if one.service == first.service)
        if accepted.kinds:
            kinds = " or ".join(sorted(accepted.kinds))
            yield _check(Criterion.KIND, first.kind in accepted.kinds, kinds, first.kind)
    if expected.also:
        among = {cause.service for cause in report.causes}
        yield _check(Criterion.ALSO, among >= set(expected.also), f"also {', '.join(expected.also)}", said)


def _forbidden(report: Report, expected: Expectation) -> Iterator[Check]:
    accused = [
        cause
        for place, cause in enumerate(report.causes if report.verdict is Verdict.CAUSE_FOUND else ())
        if place == 0 or (cause.confidence or 0.0) >= CLAIMED
    ]
    for one in expected.forbidden:
        against = [cause for cause in accused if cause.service == one.service]
        why = f" ({one.because})" if one.because else ""
        said = _said(against) or "not accused"
        yield _check(Criterion.FORBIDDEN, not against, f"{one.service} is not accused{why}", said)
    words = _own_words(report).lower()
    for text in expected.forbidden_words:
        found = text.lower() in words
        yield _check(
            Criterion.FORBIDDEN, not found, f"does not say {text!r}", "says it" if found else "does not"
        )


def _own_words(report: Report) -> str:
    """What the report says itself; a statement may quote a log line, which is evidence."""
    return "\n".join([report.headline, report.summary, *(step.action for step in report.next_steps)])


def _ruled_out(report: Report, expected: Expectation) -> Iterator[Check]:
    cleared = {one.service for one in report.ruled_out}
    for service in expected.cleared:
        said = ", ".join(sorted(cleared)) or "nobody"
        yield _check(Criterion.RULED_OUT, service in cleared, f"{service} is ruled out", said)


def _evidence(answer: Answer, expected: Expectation) -> Iterator[Check]:
    """Evidence to cite is looked for where a cause is named; the rest always."""
    report = answer.report
    first = next(iter(report.causes), None) if report.verdict is Verdict.CAUSE_FOUND else None
    cited = [one for one in answer.evidence if first and one.event_id in first.evidence_ids]
    for wanted in expected.evidence:
        if wanted.cited and first is None:
            continue
        pool = cited if wanted.cited else answer.evidence
        found = any(_fits(one, wanted) for one in pool)
        said = ", ".join(sorted({f"{o.step} {o.kind} of {o.service or '-'}" for o in pool})) if pool else ""
        yield _check(Criterion.EVIDENCE, found, _described(wanted), said or "nothing")


def _fits(one: Evidence, wanted: RequiredEvidence) -> bool:
    return (
        (wanted.source is None or Source(one.step) is wanted.source)
        and (not wanted.service or one.service == wanted.service)
        and (not wanted.kinds or FindingKind(one.kind) in wanted.kinds)
    )


def _described(wanted: RequiredEvidence) -> str:
    kinds = " or ".join(sorted(wanted.kinds)) or "a finding"
    of = f" of {wanted.service}" if wanted.service else ""
    where = f" in {wanted.source}" if wanted.source else ""
    return f"{kinds}{of}{where}{' is cited' if wanted.cited else ''}"


def _names(causes: Sequence[AcceptedCause]) -> list[str]:
    return [one.service for one in causes]


def _said(causes: Sequence[ReportedCause]) -> str:
    return ", ".join(
        f"{one.service} ({one.kind}{'' if one.confidence is None else f', {percent(one.confidence)}'})"
        for one in causes
    )
