from __future__ import annotations

from typing import Any

import pytest

from agents.analysis.findings import CauseKind, FindingKind, Ruling, Source
from agents.investigation.figures import Figures, unsupported
from agents.investigation.state import KnownTopology
from agents.investigation.verification import Findings, Verified, cap, verified
from schemas.events.evidence import Evidence
from tests.fakes.evidence import claim, evidence

CPU = evidence(
    "cart", indicator="cpu_usage", statement="cart cpu_usage rose from 0.2 to 0.799 (4.0x) at 10:42:10"
)
LOGS = evidence("cart", FindingKind.ERROR_BURST, Source.LOGS, statement="cart logs 90 errors", observed=90)
DEPLOY = evidence(
    "cart", FindingKind.RECENT_CHANGE, Source.CHANGES, statement='deploy "cart 1.4.2"', score=2.0
)
ALARM = evidence("cart", FindingKind.METRIC_ALARM, Source.ALARMS)
SLOW = evidence("frontend", indicator="latency", onset_s=30.0, score=9.0)
NORMAL = evidence("payment", FindingKind.NORMAL, score=0.4, onset_s=None)
ALL = (CPU, LOGS, DEPLOY, ALARM, SLOW, NORMAL)
CALLS = KnownTopology(calls={"frontend": ("checkout",), "checkout": ("cart",)})


def held(*claims: Any, topology: KnownTopology = CALLS, **changes: Any) -> Verified:
    covered = changes.pop("covered", frozenset(Source))
    return verified(claims, Findings(ALL, topology, covered=covered, **changes))


def test_a_claim_that_cites_what_says_so_passes_unchanged() -> None:
    given = claim("cart", CPU, LOGS, DEPLOY, confidence=0.8)

    assert held(given) == Verified((given,), ())


@pytest.mark.parametrize(
    ("cited", "why"),
    [
        ((), "cites no existing evidence"),
        (("ev_made_up",), "cites no existing evidence"),
        ((SLOW,), "says nothing against"),
        ((NORMAL,), "says nothing against"),
    ],
)
@pytest.mark.parametrize("author", ["statistics", "memory", "gpt-4o"])
def test_a_claim_without_evidence_of_its_own_is_rejected_whoever_makes_it(
    cited: tuple[Any, ...], why: str, author: str
) -> None:
    outcome = held(claim("payment", *cited, author=author))

    assert outcome.claims == ()
    assert why in outcome.rejected[0]


def test_ids_that_do_not_exist_are_taken_off_a_claim_that_stands_without_them() -> None:
    (passed,) = held(claim("cart", "ev_made_up", CPU, CPU)).claims

    assert passed.evidence_ids == (CPU.event_id,)


def test_the_confidence_is_capped_by_how_much_speaks_for_it() -> None:
    def sure(*cited: Evidence, **changes: Any) -> float:
        return held(claim("cart", *cited, confidence=1.0), **changes).claims[0].confidence

    assert sure(CPU) < sure(CPU, LOGS) < sure(CPU, LOGS, DEPLOY) < 1.0
    assert sure(CPU, LOGS, DEPLOY, covered=frozenset({Source.LOGS})) < sure(CPU, LOGS, DEPLOY)
    assert sure(CPU, SLOW) == sure(CPU)


def test_the_cap_never_raises_a_confidence() -> None:
    assert held(claim("cart", CPU, LOGS, DEPLOY, confidence=0.11)).claims[0].confidence == 0.11


def test_a_model_may_not_name_who_was_ruled_out() -> None:
    ruling = Ruling(service="frontend", reason="it calls cart")

    outcome = held(claim("frontend", SLOW, author="gpt-4o"), rulings=[ruling])

    assert outcome.claims == ()
    assert "ruled out" in outcome.rejected[0]


def test_a_loud_symptom_downstream_of_an_earlier_anomaly_is_no_cause() -> None:
    outcome = held(claim("frontend", SLOW, author="gpt-4o"), believed={"cart": 0.6, "frontend": 0.1})

    assert outcome.claims == ()
    assert "downstream of cart" in outcome.rejected[0]


def test_without_an_earlier_anomaly_below_it_the_loud_one_may_be_named() -> None:
    outcome = held(claim("frontend", SLOW, author="gpt-4o"), topology=KnownTopology())

    assert [one.service for one in outcome.claims] == ["frontend"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"statement": "cart threw 7777 errors"}, "7777"),
        ({"statement": "cart broke at 03:33:33"}, "03:33:33"),
        ({"statement": "cart 9.9.9 is bad"}, "9.9.9"),
        ({"indicator": "disk_usage"}, "disk_usage"),
    ],
)
def test_a_model_that_makes_up_a_figure_or_a_metric_is_not_quoted(changes: dict[str, str], why: str) -> None:
    outcome = held(claim("cart", CPU, LOGS, DEPLOY, author="gpt-4o", **changes))

    assert outcome.claims == ()
    assert why in outcome.rejected[0]


def test_code_that_quotes_a_figure_it_cannot_show_is_reworded_from_its_evidence() -> None:
    (passed,) = held(claim("cart", CPU, statement="cart rose by 12345")).claims

    assert passed.statement == CPU.statement


def test_a_model_may_not_be_much_surer_than_the_statistics() -> None:
    (passed,) = held(
        claim("cart", CPU, LOGS, DEPLOY, author="gpt-4o", confidence=1.0), believed={"cart": 0.3}
    ).claims

    assert passed.confidence == pytest.approx(0.5)


def test_two_authors_on_one_service_are_one_claim_with_the_first_ones_words() -> None:
    outcome = held(
        claim("cart", CPU, author="gpt-4o", statement="cart burns CPU, says the model"),
        claim("cart", LOGS, CPU),
    )

    (passed,) = outcome.claims
    assert passed.statement == "cart burns CPU, says the model"
    assert passed.evidence_ids == (CPU.event_id, LOGS.event_id)


def test_evidence_of_an_instance_speaks_against_its_service_and_host() -> None:
    topology = KnownTopology(instance_of={"cart": "cart-service"}, hosted_on={"cart": "node-1"})

    outcome = held(claim("cart-service", CPU), claim("node-1", CPU), topology=topology)

    assert [one.service for one in outcome.claims] == ["cart-service", "node-1"]


def test_the_cap_of_one_finding_is_below_that_of_two() -> None:
    assert cap([CPU], frozenset(Source)) < cap([CPU, CPU], frozenset(Source))


@pytest.mark.parametrize(
    "text",
    [
        "rose from 0.2 to 0.8",
        "rose to 0.799, 4.0x",
        "about 4 times",
        "at 10:42:10, that is 10:42",
        "on 2026-01-01",
        "90 errors",
        "20 % before, 80 % after",
        "no figure at all: ts-ui-2 and p95 and cart-1",
        "see [E1, E22] and E3",
    ],
)
def test_figures_that_stand_in_the_evidence_are_supported(text: str) -> None:
    assert unsupported(text, Figures([CPU, LOGS])) == ()


@pytest.mark.parametrize(
    "figure", ["5.5", "91", "11:42:10", "1.4.2", "2025-01-01", "0.81", "400", "42", "01"]
)
def test_figures_that_do_not_are_named(figure: str) -> None:
    assert unsupported(f"it was {figure} then", Figures([CPU, LOGS])) == (figure,)


def test_a_version_must_stand_there_as_it_is() -> None:
    assert unsupported("cart 1.4.2", Figures([DEPLOY])) == ()
    assert unsupported("cart 1.4.3", Figures([DEPLOY])) == ("1.4.3",)


@pytest.mark.parametrize(("other", "first"), [(0.4, "checkout"), (0.9, "cart")])
def test_a_model_may_reorder_what_is_near_and_not_what_is_clear(other: float, first: str) -> None:
    slow = evidence("checkout", indicator="cpu_usage", onset_s=-5.0)
    errors = evidence("checkout", FindingKind.ERROR_BURST, Source.LOGS, onset_s=-5.0)
    findings = Findings(
        (*ALL, slow, errors),
        KnownTopology(calls={"cart": ("checkout",)}),
        covered=frozenset(Source),
        believed={"cart": other, "checkout": 0.3},
    )
    claims = [
        claim("checkout", slow, errors, author="gpt-4o", confidence=0.9),
        claim("cart", CPU, LOGS, DEPLOY, confidence=other),
    ]

    outcome = verified(claims, findings)

    assert outcome.claims[0].service == first
    assert len(outcome.claims) == 2


def test_a_model_makes_the_code_no_less_sure() -> None:
    outcome = held(
        claim("cart", CPU, author="gpt-4o", confidence=0.01),
        claim("cart", CPU, LOGS, confidence=0.6),
        believed={"cart": 0.6},
    )

    assert [one.confidence for one in outcome.claims] == [0.6]


def test_of_one_that_nothing_is_measured_of_nobody_is_sure() -> None:
    spot = evidence("cache", FindingKind.UPSTREAM_ANOMALY, Source.TOPOLOGY, statement="cart calls cache")
    findings = Findings(
        (*ALL, spot), CALLS, covered=frozenset(Source), believed={"cache": 0.96, "cart": 0.96}
    )
    claims = [claim("cache", spot, confidence=0.96), claim("cart", CPU, confidence=0.96)]

    sure = {one.service: one.confidence for one in verified(claims, findings).claims}

    assert sure == {"cache": 0.75, "cart": 0.96}


def test_a_claim_of_a_model_needs_a_candidate() -> None:
    names = frozenset({"frontend"})

    assert held(claim("cart", CPU, author="gpt-4o"), candidates=names).claims == ()
    assert held(claim("cart", CPU), candidates=names).claims


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("cart cpu fell from 0.799 to 0.2", "where what it cites rose"),
        ("cart: this is a false alarm", "denies"),
        ("cart broke, see https://evil.example/fix", "a link"),
        ("cart broke, see evil.example", "a link"),
        ("cart broke ![p](x)", "a link"),
        ("cart broke <img src=x>", "mark-up"),
        ("cart broke; run rm -rf /var", "a command"),
        ("cart broke, DROP TABLE alarms", "a command"),
        ("cart bro\u200bke", "nobody sees"),
        ("c\u0430rt broke", "two scripts"),
        ("cart broke, give it your password", "talk of password"),
        ("cart broke for another tenant", "talk of tenant"),
    ],
)
def test_words_that_lead_elsewhere_are_not_published(statement: str, why: str) -> None:
    risen = CPU.model_copy(update={"direction": 1})
    given = claim("cart", risen, author="gpt-4o", statement=statement)

    outcome = verified([given], Findings((risen, LOGS), CALLS, covered=frozenset(Source)))

    assert outcome.claims == ()
    assert why in outcome.rejected[0]


def test_labels_of_the_prompt_are_taken_out_of_a_claim() -> None:
    (passed,) = held(
        claim("cart", CPU, author="gpt-4o", statement="cart ran out of CPU [E1, E7] (E2).")
    ).claims

    assert passed.statement == "cart ran out of CPU."


def test_a_cause_that_is_named_by_the_way_and_not_shown_is_not_told() -> None:
    (passed,) = held(claim("cart", CPU, author="gpt-4o", statement="payment broke cart.")).claims

    assert passed.statement == CPU.statement


def test_a_service_that_what_it_cites_speaks_of_may_be_told() -> None:
    text = "cart broke, and frontend got slow."
    (passed,) = held(claim("cart", CPU, SLOW, author="gpt-4o", statement=text)).claims

    assert passed.statement == text


@pytest.mark.parametrize(
    ("kind", "cited", "kinds", "told"),
    [
        (CauseKind.DEPLOY, (CPU, DEPLOY), {}, CauseKind.DEPLOY),
        (CauseKind.MEMORY, (CPU,), {}, CauseKind.CPU),
        (CauseKind.MEMORY, (CPU,), {"cart": CauseKind.DEPLOY}, CauseKind.DEPLOY),
        (CauseKind.DEPLOY, (CPU,), {"cart": CauseKind.DEPLOY}, CauseKind.DEPLOY),
    ],
)
def test_the_kind_is_one_that_is_shown(
    kind: CauseKind, cited: tuple[Evidence, ...], kinds: dict[str, CauseKind], told: CauseKind
) -> None:
    cpu = CPU.model_copy(update={"data": '{"metric_kind": "cpu"}', "direction": 1})
    deploy = DEPLOY.model_copy(update={"data": '{"change_kind": "deploy"}'})
    known = {CPU.event_id: cpu, DEPLOY.event_id: deploy}
    given = claim("cart", *cited, author="gpt-4o", kind=kind)

    (passed,) = verified(
        [given], Findings(tuple(known.values()), CALLS, covered=frozenset(Source), kinds=kinds)
    ).claims

    assert passed.kind is told
