from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.investigation.remedies import change_title, next_steps
from agents.investigation.report import cited_in_order, render
from agents.investigation.timeline import began_at, timeline
from schemas.events.evidence import Evidence
from schemas.events.report import (
    NextStep,
    Report,
    ReportedCause,
    RuledOut,
    Spending,
    TimelineEntry,
    Verdict,
)
from schemas.pages import labels
from tests.fakes.evidence import AT, claim, evidence

CPU = evidence("cart", indicator="cpu", statement="cart cpu rose from 0.2 to 0.8")
LOG = evidence(
    "cart",
    FindingKind.ERROR_BURST,
    Source.LOGS,
    statement="cart logs `DROP` | <b>bold</b> [E9](http://x)\n# Title",
)
SLOW = evidence("frontend", indicator="latency", onset_s=20.0)
DEPLOY = evidence(
    "cart", FindingKind.RECENT_CHANGE, Source.CHANGES, onset_s=-10.0, title="cart 1.4.2", score=1.9
)


def report(**changes: Any) -> Report:
    base: dict[str, Any] = {
        "tenant": "acme",
        "occurred_at": AT,
        "investigation_id": "inv_1",
        "incident_id": "inc_1",
        "verdict": Verdict.CAUSE_FOUND,
        "confidence": 0.82,
        "headline": "cart - out of CPU (82 % sure)",
        "summary": "cart cpu rose.",
        "causes": (
            ReportedCause(
                service="cart",
                kind="cpu",
                confidence=0.82,
                statement="cart cpu rose",
                evidence_ids=(CPU.event_id, LOG.event_id),
            ),
        ),
        "timeline": (TimelineEntry(at=AT, service="cart", what="cpu", evidence_id=CPU.event_id),),
        "ruled_out": (RuledOut(service="frontend", reason="it calls cart", evidence_ids=(SLOW.event_id,)),),
        "missing": ("no logs of frontend",),
        "next_steps": (NextStep(action="Look", query="SELECT 2"), NextStep(action="Restart")),
        "started_at": AT,
        "finished_at": AT + timedelta(seconds=21),
        "cost_nano_usd": 6_172,
        "evidence_count": 9,
        "spending": Spending(queries=7, model_calls=2, rows_read=12_345, query="SELECT 1"),
    }
    return Report(**{**base, **changes})


def page(**changes: Any) -> str:
    return render(report(**changes), (CPU, LOG, SLOW))


def test_the_first_line_is_the_verdict_and_the_facts_come_next() -> None:
    blocks = page().split("\n\n")

    assert blocks[0] == "# Cause found, 82 % sure: cart - out of CPU"
    assert blocks[1].splitlines() == ["- **Where:** **cart**", "- **Do first:** Look"]


def test_every_part_is_there_and_every_label_is_explained() -> None:
    text = page()

    for title in (
        "Why",
        "What to do, the safest first",
        "Timeline (2026-01-01, UTC)",
        "Ruled out",
        "What is missing",
        "Evidence",
        "Cost",
    ):
        assert f"\n## {title}\n" in text
    for label, one in (("E1", CPU), ("E2", LOG), ("E3", SLOW)):
        assert f"[{label}" in text or f", {label}" in text
        assert f"**{label}** {one.step}" in text
        assert one.event_id in text
    assert "investigation: 6." in text


def test_what_others_wrote_cannot_form_markdown() -> None:
    text = page()

    assert "\n# Title" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "[E9](http" not in text
    assert r"\| \<b\>" in text


def test_the_cost_line_shows_the_money_and_the_sql_behind_it() -> None:
    text = page()

    assert "Cost $0.000006 for 7 queries (12,345 rows read), 2 model calls." in text
    assert "```sql\nSELECT 1\n```" in text
    assert "Investigated in 21 s by statistics alone, done 2026-01-01 10:42:31 UTC." in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cost_nano_usd": None}, "unknown: a part of it has no known price"),
        ({"cost_nano_usd": 0}, "$0.000000"),
        ({"cost_nano_usd": 5}, "<$0.000001"),
        ({"finished_at": AT}, "in under a second"),
        ({"cost_nano_usd": 1_234_000_000}, "$1.23"),
        ({"mode": "gpt-4o"}, "by statistics and gpt-4o"),
        ({"recurrence_of": "inv_0"}, "Answered from memory of `inv_0`"),
    ],
)
def test_the_footer_says_how_it_was_made(changes: dict[str, Any], said: str) -> None:
    assert said in page(**changes)


def test_parts_without_content_are_left_out() -> None:
    bare = page(causes=(), timeline=(), ruled_out=(), missing=(), next_steps=(), verdict=Verdict.BENIGN)

    assert "# Benign, 82 % sure: " in bare
    for title in ("Why", "What to do", "Timeline", "Ruled out", "missing"):
        assert f"## {title}" not in bare


def test_a_query_with_a_fence_in_it_does_not_end_the_block() -> None:
    text = page(next_steps=(NextStep(action="Look", query="SELECT '```'\n# no"),))

    assert "SELECT '''''" in text
    assert text.count("```") % 2 == 0


def test_a_page_is_never_longer_than_the_event_allows() -> None:
    many = tuple(RuledOut(service=f"s{n}", reason="x" * 30_000) for n in range(50))

    assert len(page(ruled_out=many)) < 262_144


def test_labels_follow_the_order_of_first_mention() -> None:
    assert labels(report()) == {CPU.event_id: "E1", LOG.event_id: "E2", SLOW.event_id: "E3"}
    shown = cited_in_order([claim("cart", CPU, LOG)], [claim("frontend", SLOW)], (SLOW, CPU, LOG))
    assert [(label, one.event_id) for label, one in shown] == [
        ("E1", CPU.event_id),
        ("E2", LOG.event_id),
        ("E3", SLOW.event_id),
    ]


@pytest.mark.parametrize("kind", list(CauseKind))
def test_every_kind_of_cause_has_steps_that_name_it_and_the_first_one_only_looks(kind: CauseKind) -> None:
    steps = next_steps(claim("cart", CPU, DEPLOY, kind=kind), (CPU, DEPLOY))

    assert len(steps) >= 2
    assert all("{" not in step.action for step in steps)
    assert steps[0].query == CPU.query
    first = steps[0].action.split()[0]
    assert first in {"See", "Compare", "Read", "Ask", "Look", "Measure"}


def test_a_deploy_is_rolled_back_by_name() -> None:
    steps = next_steps(claim("cart", CPU, DEPLOY, kind=CauseKind.DEPLOY), (CPU, DEPLOY))

    assert any(step.action == 'Roll back "cart 1.4.2"' for step in steps)
    assert change_title(claim("cart", CPU), (CPU, DEPLOY)) == ""


def test_a_runbook_is_read_before_anything_is_touched() -> None:
    book = evidence(
        "", FindingKind.RUNBOOK, Source.KNOWLEDGE, onset_s=None, title="Cart CPU", url="https://wiki/cart"
    )

    steps = next_steps(claim("cart", CPU), (CPU, book))

    assert steps[1].action == 'Read the runbook "Cart CPU" (https://wiki/cart)'


def test_the_timeline_has_what_is_cited_and_each_service_s_first_anomaly_by_time() -> None:
    later = evidence("frontend", FindingKind.SPIKE, indicator="errors", onset_s=50.0)
    quiet = evidence("payment", score=0.3)
    alarm = evidence("cart", FindingKind.FIRST_ALARM, Source.ALARMS, onset_s=5.0, score=None)
    grouped = evidence("cart", FindingKind.METRIC_ALARM, Source.ALARMS, onset_s=6.0)

    entries = timeline((later, SLOW, quiet, alarm, grouped, CPU, DEPLOY), [claim("cart", DEPLOY)])

    assert [entry.evidence_id for entry in entries] == [one.event_id for one in (DEPLOY, CPU, alarm, SLOW)]


def test_the_timeline_is_short() -> None:
    many: list[Evidence] = [evidence(f"s{n}", onset_s=float(n)) for n in range(40)]

    assert len(timeline(many, [])) == 12


def test_victims_of_one_thing_stand_in_one_line() -> None:
    two = tuple(
        RuledOut(service=name, reason=f"{name} shows symptoms of cart") for name in ("web-1", "web-2")
    )

    assert "- **web-1, web-2**: shows symptoms of cart" in page(ruled_out=two)


def test_it_began_with_the_first_sign_of_the_cause_and_a_change_is_no_sign() -> None:
    assert began_at((SLOW, CPU, DEPLOY), [claim("cart", CPU, DEPLOY)]) == AT
    assert began_at((SLOW, CPU, DEPLOY), [claim("frontend", SLOW)]) == AT + timedelta(seconds=20)
    assert began_at((evidence("payment", score=0.3), SLOW), []) == AT + timedelta(seconds=20)
    assert began_at((), []) is None


def test_what_a_change_began_came_after_it() -> None:
    early = evidence("cart", indicator="rps", onset_s=-40.0, score=9.0)
    deployed = claim("cart", CPU, early, DEPLOY, kind=CauseKind.DEPLOY)
    assert began_at((early, CPU, DEPLOY), [deployed]) == AT
    assert began_at((early, CPU, DEPLOY), [claim("cart", CPU, early, DEPLOY)]) == AT - timedelta(seconds=40)
    assert began_at((early, DEPLOY), [claim("cart", early, DEPLOY, kind=CauseKind.DEPLOY)]) is not None


def test_a_weak_sign_and_a_line_that_was_always_logged_do_not_date_what_is_well_seen() -> None:
    weak = evidence("cart", indicator="threads", onset_s=-65.0, score=1.02)
    usual = evidence("cart", FindingKind.ERROR_BURST, Source.LOGS, onset_s=-20.0, score=4.0, new=False)
    new = evidence("cart", FindingKind.ERROR_BURST, Source.LOGS, onset_s=-1.0, score=4.0, new=True)
    alarm = evidence("cart", FindingKind.METRIC_ALARM, Source.ALARMS, onset_s=-5.0, score=0.6)
    strong = evidence("cart", indicator="cpu", score=8.0)
    assert began_at((weak, usual, strong), [claim("cart", weak, usual, strong)]) == AT
    assert began_at((weak, new, strong), [claim("cart", weak, new, strong)]) == AT - timedelta(seconds=1)
    assert began_at((alarm, strong), [claim("cart", alarm, strong)]) == AT - timedelta(seconds=5)
    reads, cpu = (
        evidence("cart", onset_s=at, score=4.0, metric_kind=kind)
        for at, kind in ((-99.0, "disk"), (0.0, "cpu"))
    )
    harmless, hurting = (one.model_copy(update={"direction": way}) for one, way in ((reads, -1), (cpu, 1)))
    assert began_at((harmless, hurting), [claim("cart", harmless, hurting)]) == AT
    assert began_at((weak,), [claim("cart", weak)]) == AT - timedelta(seconds=65)
    assert began_at((usual,), [claim("cart", usual)]) == AT - timedelta(seconds=20)


def test_the_timeline_says_between_when_an_anomaly_may_have_begun() -> None:
    rough = evidence("cart", indicator="cpu", onset_early_s=60.0, onset_late_s=0.0)
    sharp = evidence("cart", indicator="rps", onset_early_s=1.0, onset_late_s=1.0)
    unsure, sure = (timeline((one,), [claim("cart", one)])[0].what for one in (rough, sharp))
    earliest = AT - timedelta(seconds=60)
    assert unsure == f"{rough.statement} (began between {earliest:%H:%M:%S} and {AT:%H:%M:%S})"
    assert sure == sharp.statement
