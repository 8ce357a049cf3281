from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.investigation.evidence import evidence_of, finding_name, finding_of
from agents.investigation.figures import Figures, unsupported
from agents.investigation.nodes.plan import first_window
from agents.investigation.state import Claim, KnownTopology, by_id, distinct
from agents.investigation.verification import Findings, accuses, verified
from agents.knowledge.similarity import similarities
from schemas.events.evidence import Evidence
from tests.fakes.evidence import evidence
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import context_for

SERVICES = ["cart", "checkout", "frontend", "payment"]

evidences = st.builds(
    evidence,
    service=st.sampled_from([*SERVICES, ""]),
    kind=st.sampled_from(FindingKind),
    step=st.sampled_from(Source),
    score=st.none() | st.floats(0, 100),
    onset_s=st.none() | st.floats(-600, 600),
    indicator=st.sampled_from(["", "cpu", "latency"]),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Claim], list[Evidence]]:
    known = draw(st.lists(evidences, max_size=8))
    ids = st.sampled_from([one.event_id for one in known] or ["ev_none"]) | st.just("ev_invented")
    claims = st.builds(
        Claim,
        service=st.sampled_from([*SERVICES, "mainframe"]),
        kind=st.sampled_from(CauseKind),
        indicator=st.sampled_from(["", "cpu", "disk"]),
        confidence=st.floats(0, 1),
        statement=st.sampled_from(["it broke", "it broke 17 times", "cart level_shift"]),
        evidence_ids=st.lists(ids, max_size=4).map(tuple),
        author=st.sampled_from(["statistics", "memory", "gpt-4o"]),
    )
    return draw(st.lists(claims, max_size=6)), known


@given(cases(), st.sets(st.sampled_from(Source)))
def test_no_cause_gets_through_without_evidence_that_accuses_it(
    case: tuple[list[Claim], list[Evidence]], covered: set[Source]
) -> None:
    claims, known = case
    topology = KnownTopology(calls={"frontend": ("checkout",), "checkout": ("cart",)})

    outcome = verified(claims, Findings(known, topology, covered=frozenset(covered)))

    by = {one.event_id: one for one in known}
    made = {claim.service for claim in claims}
    for passed in outcome.claims:
        assert passed.service in made
        assert passed.evidence_ids
        assert set(passed.evidence_ids) <= set(by)
        assert any(by[i].service == passed.service and accuses(by[i]) for i in passed.evidence_ids)
        assert passed.confidence <= max(c.confidence for c in claims if c.service == passed.service)
        assert passed.confidence < 1.0
    assert len({passed.service for passed in outcome.claims}) == len(outcome.claims)


@given(cases())
def test_verifying_what_passed_changes_nothing(case: tuple[list[Claim], list[Evidence]]) -> None:
    claims, known = case
    findings = Findings(known, KnownTopology(), covered=frozenset(Source))

    once = verified(claims, findings)
    twice = verified(once.claims, findings)

    assert {c.service for c in twice.claims} <= {c.service for c in once.claims}
    assert all(c in once.claims for c in twice.claims if c.author in {"statistics", "memory"})


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_every_number_that_stands_there_is_supported(numbers: list[int]) -> None:
    one = evidence("cart", statement=f"cart: {'; '.join(map(str, numbers))}")

    assert unsupported(" and ".join(map(str, numbers)), Figures([one])) == ()


@given(st.text(max_size=400))
def test_no_text_breaks_the_search_for_figures(text: str) -> None:
    assert set(unsupported(text, Figures([]))) == set(unsupported(text, Figures([])))


@given(
    st.builds(
        Finding,
        source=st.sampled_from(Source),
        kind=st.sampled_from(FindingKind),
        service=st.text(max_size=20),
        subject=st.text(min_size=1, max_size=400),
        statement=st.text(max_size=200),
        indicator=st.text(max_size=20),
        score=st.none() | st.floats(),
        onset=st.none() | st.floats(0, 4e9),
        direction=st.sampled_from([-1, 0, 1]),
        data=st.dictionaries(
            st.text(max_size=5), st.none() | st.booleans() | st.floats() | st.text(max_size=9)
        ),
    )
)
def test_a_finding_comes_back_from_its_evidence(finding: Finding) -> None:
    context = context_for(_CALM)

    one = evidence_of(finding, first_window(context), None, context)
    back = finding_of(one)

    assert (back.source, back.kind, back.service) == (finding.source, finding.kind, finding.service)
    assert back.subject == finding_name(finding.subject)
    assert back.statement == finding.statement
    assert abs((back.onset or 0.0) - (finding.onset or 0.0)) < 1e-5
    assert evidence_of(back, first_window(context), None, context) == one
    json.loads(one.data, parse_constant=_refuse)


_CALM = healthy()


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@given(st.lists(evidences, max_size=6), st.lists(evidences, max_size=6))
def test_the_reducer_keeps_one_event_an_id_and_is_idempotent(
    old: list[Evidence], new: list[Evidence]
) -> None:
    joined = by_id(old, new)

    assert len({one.event_id for one in joined}) == len(joined)
    assert {one.event_id for one in joined} == {one.event_id for one in (*old, *new)}
    assert by_id(joined, new) == joined
    assert by_id(list(joined), ()) == joined


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_distinct_texts_stay_in_order_of_first_appearance(old: list[str], new: list[str]) -> None:
    joined = distinct(old, new)

    assert sorted(joined) == sorted(set(old) | set(new))
    assert distinct(joined, new) == joined


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=5))
def test_likeness_lies_between_nothing_and_one_and_is_one_for_the_same(query: str, texts: list[str]) -> None:
    alike = similarities(query, [*texts, query])

    assert all(0.0 <= one <= 1.0 for one in alike)
    assert alike[-1] == 0.0 or abs(alike[-1] - 1.0) < 1e-9
