"""Answers held against expectations: what is right, what is not, and what may be left open."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache

import pytest

from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.evaluation.answers import Answer, answer
from agents.evaluation.expectations import AcceptedCause, Expectation, ForbiddenClaim, RequiredEvidence
from agents.evaluation.judging import Check, Criterion, correct, judge
from agents.investigation.graph import InvestigationGraph, build_graph
from agents.investigation.memory import memory_ports
from agents.investigation.settings import InvestigationSettings
from schemas.errors import IntegrityError
from schemas.events import Report, ReportedCause, Verdict
from tests.fakes.incident_data import bad_deploy, healthy
from tests.fakes.incident_ports import quick


@cache
def told(wrong: bool = True) -> Answer:
    data = bad_deploy() if wrong else healthy()
    return asyncio.run(answer(data, memory_ports(data, quick(data))))


def first(one: Answer) -> ReportedCause:
    return one.report.causes[0]


def with_report(**changes: object) -> Answer:
    one = told()
    return replace(one, report=one.report.model_copy(update=changes))


def checks(one: Answer, expected: Expectation) -> dict[Criterion, list[Check]]:
    found: dict[Criterion, list[Check]] = {}
    for check in judge(one, expected):
        found.setdefault(check.criterion, []).append(check)
    return found


def met(one: Answer, expected: Expectation, criterion: Criterion) -> bool:
    return all(check.met for check in checks(one, expected)[criterion])


def accepted(service: str, *kinds: CauseKind) -> Expectation:
    return Expectation(causes=(AcceptedCause(service=service, kinds=frozenset(kinds)),))


def test_the_right_cause_of_the_right_kind() -> None:
    cause = first(told())
    expected = accepted(cause.service, CauseKind(cause.kind))
    assert all(check.met for check in judge(told(), expected))
    assert correct(told().report, expected) is True


def test_another_service_is_not_the_cause_and_its_kind_is_not_asked() -> None:
    found = checks(told(), accepted("nobody", CauseKind.CPU))
    assert not found[Criterion.CAUSE][0].met
    assert Criterion.KIND not in found
    assert first(told()).service in found[Criterion.CAUSE][0].said
    assert correct(told().report, accepted("nobody")) is False


def test_another_kind_is_told_apart_from_another_service() -> None:
    cause = first(told())
    other = next(kind for kind in CauseKind if kind.value != cause.kind)
    found = checks(told(), accepted(cause.service, other))
    assert found[Criterion.CAUSE][0].met
    assert not found[Criterion.KIND][0].met


def test_a_verdict_that_will_do_too_leaves_the_cause_open() -> None:
    open_ended = Expectation(
        verdicts=frozenset({Verdict.CAUSE_FOUND, Verdict.INCONCLUSIVE}),
        causes=(AcceptedCause(service="nobody"),),
        evidence=(RequiredEvidence(source=Source.KPIS, service="nobody"),),
    )
    unsure = with_report(verdict=Verdict.INCONCLUSIVE, confidence=None)
    found = checks(unsure, open_ended)
    assert found[Criterion.VERDICT][0].met
    assert Criterion.CAUSE not in found
    assert Criterion.EVIDENCE not in found
    assert correct(unsure.report, open_ended) is None


def test_a_verdict_that_will_not_do() -> None:
    assert not met(with_report(verdict=Verdict.BENIGN), accepted("cart"), Criterion.VERDICT)


def test_calm_is_right_where_nothing_is_wrong_and_wrong_where_something_is() -> None:
    calm = Expectation(verdicts=frozenset({Verdict.BENIGN}))
    report = told(wrong=False).report
    assert report.verdict is Verdict.BENIGN
    assert all(check.met for check in judge(told(wrong=False), calm))
    assert correct(report, calm) is True
    assert correct(report, accepted("cart")) is False


def test_a_cause_where_nothing_is_wrong_is_false() -> None:
    calm = Expectation(verdicts=frozenset({Verdict.BENIGN}))
    assert correct(told().report, calm) is False
    assert not met(told(), calm, Criterion.CAUSE)


@pytest.mark.parametrize(
    ("place", "confidence", "allowed"), [(0, 0.1, False), (1, 0.29, True), (1, 0.3, False)]
)
def test_who_is_named_first_or_with_confidence_is_accused(
    place: int, confidence: float, allowed: bool
) -> None:
    herring = ReportedCause(service="herring", kind="cpu", statement="it is loud", confidence=confidence)
    causes = list(told().report.causes[:1])
    causes.insert(place, herring)
    expected = Expectation(forbidden=(ForbiddenClaim(service="herring", because="it is only loud"),))
    assert met(with_report(causes=tuple(causes)), expected, Criterion.FORBIDDEN) is allowed


def test_nobody_is_accused_by_a_report_that_names_no_cause() -> None:
    expected = Expectation(forbidden=(ForbiddenClaim(service=first(told()).service),))
    assert not met(told(), expected, Criterion.FORBIDDEN)
    assert met(with_report(verdict=Verdict.INCONCLUSIVE), expected, Criterion.FORBIDDEN)


@pytest.mark.parametrize("where", ["headline", "summary"])
def test_words_that_must_not_be_said(where: str) -> None:
    expected = Expectation(forbidden_words=("DROP table",))
    assert met(told(), expected, Criterion.FORBIDDEN)
    assert not met(with_report(**{where: "now drop TABLE users"}), expected, Criterion.FORBIDDEN)


def test_a_log_line_that_is_quoted_as_evidence_is_not_said() -> None:
    cause = first(told()).model_copy(update={"statement": "new line: drop table"})
    expected = Expectation(forbidden_words=("drop table",))
    assert met(with_report(causes=(cause,)), expected, Criterion.FORBIDDEN)


def test_evidence_must_be_cited_or_only_found() -> None:
    one = told()
    cause = first(one)
    cited = {e.event_id: e for e in one.evidence}[cause.evidence_ids[0]]
    uncited = next(e for e in one.evidence if e.event_id not in cause.evidence_ids)

    def wanted(step: str, service: str, kind: str, *, must: bool) -> Expectation:
        kinds = frozenset({FindingKind(kind)})
        return Expectation(
            evidence=(RequiredEvidence(source=Source(step), service=service, kinds=kinds, cited=must),)
        )

    assert met(one, wanted(cited.step, cited.service, cited.kind, must=True), Criterion.EVIDENCE)
    assert met(one, wanted(uncited.step, uncited.service, uncited.kind, must=False), Criterion.EVIDENCE)
    assert not met(one, wanted("kpis", "nobody", "trend", must=True), Criterion.EVIDENCE)
    assert not met(one, wanted("kpis", "nobody", "trend", must=False), Criterion.EVIDENCE)


def test_several_faults_are_all_to_be_named() -> None:
    names = tuple(cause.service for cause in told().report.causes)
    assert met(told(), Expectation(also=names[:1]), Criterion.ALSO)
    assert not met(told(), Expectation(also=(*names[:1], "nobody")), Criterion.ALSO)


def test_who_must_be_ruled_out() -> None:
    assert not met(told(), Expectation(cleared=("nobody",)), Criterion.RULED_OUT)
    for one in told().report.ruled_out[:1]:
        assert met(told(), Expectation(cleared=(one.service,)), Criterion.RULED_OUT)


def test_what_is_missing_must_be_told() -> None:
    expected = Expectation(missing=True)
    assert met(with_report(missing=("no metrics",)), expected, Criterion.MISSING)
    assert not met(with_report(missing=()), expected, Criterion.MISSING)


def test_steps_are_counted_and_bounded() -> None:
    steps = told().steps
    assert 10 <= steps <= 24
    assert met(told(), Expectation(max_steps=steps), Criterion.STEPS)
    assert not met(told(), Expectation(max_steps=steps - 1), Criterion.STEPS)


@pytest.mark.parametrize(
    "changes",
    [{"evidence_ids": ()}, {"evidence_ids": ("ev_made_up",)}, {"statement": "it rose to 987654.321"}],
)
def test_a_cause_without_ground_is_told_whatever_was_expected(changes: dict[str, object]) -> None:
    assert met(told(), Expectation(), Criterion.GROUNDED)
    loose = first(told()).model_copy(update=changes)
    assert not met(with_report(causes=(loose,)), Expectation(), Criterion.GROUNDED)


async def test_ports_that_keep_nothing_are_of_no_use() -> None:
    class Nowhere:
        async def publish(self, *events: object) -> None:
            """Forget them."""

    data = healthy()
    with pytest.raises(IntegrityError, match="keep what is published"):
        await answer(data, replace(memory_ports(data), publisher=Nowhere()))


def test_an_answer_without_a_model_spends_no_tokens() -> None:
    assert told().attempts == ()
    assert (told().tokens.input, told().tokens.output) == (0, 0)
    assert isinstance(told().report, Report)


def test_the_graph_is_compiled_once_for_all_incidents_whatever_loop_they_run_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[InvestigationSettings] = []

    def build(settings: InvestigationSettings, checkpointer: None = None) -> InvestigationGraph:
        compiled.append(settings)
        return build_graph(settings, checkpointer)

    monkeypatch.setattr("agents.investigation.run.build_graph", build)
    data = bad_deploy()
    known = quick(data, fetch_attempts=7)
    other_window = known.model_copy(update={"baseline_s": known.baseline_s - 60.0, "lead_s": 90.0})
    first_time, again, _ = (
        asyncio.run(answer(data, memory_ports(data, settings))) for settings in (known, known, other_window)
    )
    (only,) = compiled
    assert (only.fetch_attempts, only.fetch_backoff_s) == (7, known.fetch_backoff_s)
    assert again.report.causes == first_time.report.causes
