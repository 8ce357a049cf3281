from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.analysis.findings import Cause, CauseKind, FindingKind, Source
from agents.analysis.signals import AlarmRecord, Topology
from agents.investigation.evidence import fingerprint
from agents.investigation.memory import request_for
from agents.investigation.nodes.gather_alarms import gather_alarms, incident_alarms, with_incident
from agents.investigation.nodes.gather_changes import gather_changes
from agents.investigation.nodes.gather_knowledge import gather_knowledge
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_logs import gather_logs
from agents.investigation.nodes.gather_topology import gather_topology, joined
from agents.investigation.nodes.gathering import GatherOrder, known_of
from agents.investigation.nodes.guard import guard
from agents.investigation.nodes.plan import first_window, merged, near, plan
from agents.investigation.nodes.rank import claims_of, rank
from agents.investigation.nodes.recall import recall
from agents.investigation.nodes.summarise import summarise
from agents.investigation.nodes.verify import verdict_of, verify
from agents.investigation.nodes.wait import behind, wait
from agents.investigation.state import (
    GatherTask,
    GraphState,
    KnownTopology,
    Plan,
    RankedState,
)
from agents.investigation.stepping import CancelledRunError, hold
from agents.ports import Admitted, BudgetLevel, Denied, Landed
from schemas.errors import IntegrityError, LeaseLostError, UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested, RequestKind
from schemas.events.ledger import Audit, CostEntry
from schemas.events.report import Verdict
from tests.fakes.evidence import claim, evidence
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy
from tests.fakes.incident_ports import (
    CancelAfter,
    Door,
    Landing,
    LeaseUntil,
    StepClock,
    UnreachableWindows,
    collected,
    context_for,
    state_for,
)

DATA = bad_deploy()
END = datetime.fromtimestamp(ALARM_AT + 60, tz=UTC)


def order_for(context: Any, source: Source = Source.KPIS, **changes: Any) -> GatherOrder:
    task = GatherTask(source=source, services=changes.pop("services", None))
    return GatherOrder(task=task, window=first_window(context), **changes)


def planned(context: Any, **changes: Any) -> Plan:
    tasks = tuple(GatherTask(source=source) for source in Source)
    return Plan(window=first_window(context), tasks=tasks, **changes)


def changed(request: InvestigationRequested, **fields: Any) -> InvestigationRequested:
    return InvestigationRequested.model_validate({**request.model_dump(), "event_id": "", **fields})


class TestGuard:
    async def test_a_sound_request_is_admitted_at_the_budget_s_level_and_on_record(self) -> None:
        context = context_for(DATA, admission=Door(Admitted(BudgetLevel.MODERATE)))

        delta = await guard(state_for(context), context)

        assert delta == {"level": BudgetLevel.MODERATE}
        (audit,) = collected(context)
        assert isinstance(audit, Audit)
        assert audit.allowed

    async def test_a_denial_is_recorded_with_its_reason_and_time(self) -> None:
        until = datetime(2027, 1, 1, tzinfo=UTC)
        context = context_for(DATA, admission=Door(Denied("over budget", until)))

        delta = await guard(state_for(context), context)

        assert delta["refusal"].reason == "over budget"
        assert delta["refusal"].until == until

    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": RequestKind.CANCEL},
            {"tenant": "somebody-else"},
            {"incident": {**request_for(DATA).incident.model_dump(), "alarms": (), "services": ()}},
        ],
    )
    async def test_a_request_that_is_not_sound_is_refused_before_anybody_is_asked(
        self, fields: dict[str, Any]
    ) -> None:
        request = changed(request_for(DATA), **fields)
        context = context_for(DATA, request=request, admission=Door(Admitted()))

        delta = await guard(state_for(context), context)

        assert "refusal" in delta
        assert delta["refusal"].until is None

    async def test_a_forged_request_id_is_refused(self) -> None:
        request = request_for(DATA).model_copy(update={"event_id": "req_forged"})
        context = context_for(DATA, request=request)

        assert "refusal" in await guard(state_for(context), context)

    async def test_the_decision_has_the_same_name_however_often_it_is_taken(self) -> None:
        one, other = context_for(DATA, clock=StepClock(0)), context_for(DATA, clock=StepClock(99))
        await guard(state_for(one), one)
        await guard(state_for(other), other)

        assert collected(one)[0].event_id == collected(other)[0].event_id


class TestHold:
    async def test_a_lost_lease_stops_the_step(self) -> None:
        with pytest.raises(LeaseLostError):
            await hold(context_for(DATA, lease=LeaseUntil(0)))

    async def test_a_cancellation_stops_the_step(self) -> None:
        with pytest.raises(CancelledRunError, match="alarms cleared"):
            await hold(context_for(DATA, cancellation=CancelAfter(0)))


class TestPlan:
    async def test_the_first_look_reads_every_source_of_every_service_once(self) -> None:
        context = context_for(DATA)

        delta = await plan(state_for(context), context)

        assert [task.source for task in delta["plan"].tasks] == list(Source)
        assert {task.services for task in delta["plan"].tasks} == {None}
        assert delta["plan"].window.end == END
        assert delta["topology"].calls["frontend"] == ("catalogue", "checkout")
        assert delta["costs"] == tuple(collected(context))

    async def test_a_short_budget_stays_near_the_alarm(self) -> None:
        calls = {**DATA.topology.calls, "batch": frozenset({"warehouse"})}
        data = replace(DATA, topology=Topology(calls=calls))
        context = context_for(data)

        delta = await plan(state_for(context, level=BudgetLevel.AGGRESSIVE), context)

        services = delta["plan"].tasks[0].services
        assert services is not None
        assert "cart" in services
        assert "warehouse" not in services

    async def test_the_second_look_reaches_further_back_and_costs_no_topology(self) -> None:
        context = context_for(DATA)
        first = planned(context)

        delta = await plan(state_for(context, plan=first), context)

        again = delta["plan"]
        assert again.round == 2
        assert again.window.start < first.window.start
        assert again.window.baseline_start < first.window.baseline_start
        assert again.window.end == first.window.end
        assert collected(context) == []

    async def test_without_a_topology_the_plan_stands(self) -> None:
        context = context_for(DATA, windows=UnreachableWindows(DATA, {"topology": 9}))

        delta = await plan(state_for(context, level=BudgetLevel.AGGRESSIVE), context)

        assert delta["topology"] == KnownTopology()
        assert delta["plan"].tasks[0].services is None

    def test_tasks_over_one_source_are_merged(self) -> None:
        tasks = [
            GatherTask(source=Source.LOGS, services=("b", "a")),
            GatherTask(source=Source.KPIS),
            GatherTask(source=Source.LOGS, services=("c",)),
            GatherTask(source=Source.KPIS, services=("a",)),
        ]

        assert merged(tasks) == (
            GatherTask(source=Source.LOGS, services=("a", "b", "c")),
            GatherTask(source=Source.KPIS, services=None),
        )

    def test_near_goes_both_ways_along_the_calls(self) -> None:
        topology = KnownTopology(calls={"a": ("b",), "b": ("c",), "c": ("d",), "x": ("b",)})

        assert near(["b"], topology, 1) == ("a", "b", "c", "x")
        assert near(["d"], topology, 2) == ("b", "c", "d")


class TestWait:
    @pytest.mark.parametrize(
        ("landed", "late"),
        [
            (Landed(event_time=END), False),
            (Landed(event_time=END - timedelta(seconds=1)), True),
            (Landed(caught_up_to=END + timedelta(seconds=10)), False),
            (Landed(caught_up_to=END + timedelta(seconds=9)), True),
            (Landed(), True),
        ],
    )
    def test_landed_means_past_the_window_or_caught_up_with_the_skew(
        self, landed: Landed, late: bool
    ) -> None:
        found = behind({Source.LOGS: landed}, END, timedelta(seconds=10))

        assert found == ((Source.LOGS,) if late else ())

    async def test_the_skew_is_how_late_the_request_came_after_its_alarm(self) -> None:
        request = changed(request_for(DATA), requested_at=END + timedelta(days=300))
        caught_up = Landed(caught_up_to=END + timedelta(days=299))
        context = context_for(DATA, request=request, freshness=Landing([{Source.KPIS: caught_up}]))

        assert await wait(state_for(context, plan=planned(context)), context) == {"late": (Source.KPIS,)}

    async def test_what_has_landed_is_not_waited_for(self) -> None:
        clock = StepClock()
        context = context_for(DATA, clock=clock, freshness=Landing([{Source.KPIS: Landed(event_time=END)}]))

        assert await wait(state_for(context, plan=planned(context)), context) == {"late": ()}
        assert clock.slept == []
        assert collected(context) == []

    async def test_the_wait_is_told_once_slows_down_and_ends_at_its_limit(self) -> None:
        clock = StepClock()
        context = context_for(DATA, clock=clock, freshness=Landing([{Source.LOGS: Landed()}]))

        delta = await wait(state_for(context, plan=planned(context)), context)

        assert delta == {"late": (Source.LOGS,)}
        assert len(collected(context)) == 1
        assert clock.slept == sorted(clock.slept)
        assert sum(clock.slept) < context.settings.wait_limit_s + max(clock.slept)

    async def test_a_cancellation_ends_the_wait(self) -> None:
        context = context_for(
            DATA, freshness=Landing([{Source.LOGS: Landed()}]), cancellation=CancelAfter(1), clock=StepClock()
        )

        with pytest.raises(CancelledRunError):
            await wait(state_for(context, plan=planned(context)), context)

    async def test_an_unreachable_watermark_counts_as_late(self) -> None:
        class Away:
            async def landed_until(self, tenant: str, sources: Any) -> Any:
                raise UnavailableError("away")

        context = context_for(DATA, freshness=Away())

        assert len((await wait(state_for(context, plan=planned(context)), context))["late"]) == 4


class TestGather:
    @pytest.mark.parametrize(
        ("agent", "source", "kind"),
        [
            (gather_kpis, Source.KPIS, FindingKind.SPIKE),
            (gather_logs, Source.LOGS, FindingKind.ERROR_BURST),
            (gather_changes, Source.CHANGES, FindingKind.RECENT_CHANGE),
            (gather_alarms, Source.ALARMS, FindingKind.FIRST_ALARM),
        ],
    )
    async def test_an_agent_publishes_what_it_found_with_its_query_and_its_cost(
        self, agent: Any, source: Source, kind: FindingKind
    ) -> None:
        context = context_for(DATA)

        delta = await agent(order_for(context, source), context)

        assert kind in {one.kind for one in delta["evidence"]}
        assert {one.step for one in delta["evidence"]} == {source}
        assert all(one.query for one in delta["evidence"])
        assert delta["gathered"] == tuple(f"1:{one.event_id}" for one in delta["evidence"])
        (cost,) = delta["costs"]
        assert cost.rows_read
        published = collected(context)
        assert published == [cost, *delta["evidence"]]

    async def test_what_was_published_with_the_same_content_is_not_published_again(self) -> None:
        first, second = context_for(DATA), context_for(DATA)
        before = (await gather_kpis(order_for(first), first))["evidence"]
        moved = before[0].model_copy(update={"statement": "It was less then"})
        order = order_for(second, round=2, known=known_of((moved, *before[1:])))

        delta = await gather_kpis(order, second)

        assert delta["evidence"] == before[:1]
        assert [one for one in collected(second) if isinstance(one, Evidence)] == [*before[:1]]
        assert delta["gathered"] == tuple(f"2:{one.event_id}" for one in before)

    def test_a_wider_window_alone_is_no_other_finding(self) -> None:
        one = evidence("cart")
        wider = one.model_copy(
            update={"window_start": one.window_start - timedelta(hours=1), "query": "SELECT 2"}
        )
        assert fingerprint(wider) == fingerprint(one)
        assert fingerprint(one.model_copy(update={"score": 9.5})) != fingerprint(one)

    async def test_a_source_without_rows_says_that_there_is_no_data(self) -> None:
        context = context_for(replace(healthy(), logs=()))

        delta = await gather_logs(order_for(context, Source.LOGS), context)

        assert [one.kind for one in delta["evidence"]] == [FindingKind.NO_DATA]

    async def test_an_unreachable_source_is_raised_until_the_last_try(self) -> None:
        windows = UnreachableWindows(DATA, {"kpis": 9})
        early = context_for(DATA, windows=windows, last_try=False)
        with pytest.raises(UnavailableError):
            await gather_kpis(order_for(early), early)

        late = context_for(DATA, windows=windows)
        delta = await gather_kpis(order_for(late), late)

        (one,) = delta["evidence"]
        assert one.kind == FindingKind.UNREACHABLE
        assert delta["costs"] == ()

    async def test_only_the_services_asked_for_are_read(self) -> None:
        context = context_for(DATA)

        delta = await gather_kpis(order_for(context, services=("payment",)), context)

        assert {one.service for one in delta["evidence"]} == {"payment"}

    async def test_a_flood_of_findings_keeps_the_strongest(self) -> None:
        context = context_for(DATA)
        ports = replace(context.ports, settings=context.settings.model_copy(update={"max_findings": 2}))
        bounded = replace(context, ports=ports)

        everything = await gather_kpis(order_for(context), context)
        kept = await gather_kpis(order_for(bounded), bounded)

        assert len(kept["evidence"]) == 2
        strongest = sorted((one.score or 0.0 for one in everything["evidence"]), reverse=True)[:2]
        assert [one.score for one in kept["evidence"]] == strongest

    async def test_a_cut_answer_is_said_to_be_cut(self) -> None:
        class Cut(UnreachableWindows):
            async def logs(self, *args: Any) -> Any:
                return replace(await self._windows.logs(*args), truncated=True)

        context = context_for(DATA, windows=Cut(DATA, {}))

        delta = await gather_logs(order_for(context, Source.LOGS), context)

        assert any("one query reads" in one.statement for one in delta["evidence"])

    async def test_each_evidence_says_how_fresh_its_data_was(self) -> None:
        class Fresh(UnreachableWindows):
            async def kpis(self, *args: Any) -> Any:
                return replace(await self._windows.kpis(*args), fresh_until=END)

        context = context_for(DATA, windows=Fresh(DATA, {}))

        delta = await gather_kpis(order_for(context), context)

        assert {one.data_fresh_until for one in delta["evidence"]} == {END}

    async def test_knowledge_that_does_not_answer_is_a_finding(self) -> None:
        class Away:
            async def runbooks(self, tenant: str) -> Any:
                raise UnavailableError("no SQL")

        context = context_for(DATA, runbooks=Away())
        delta = await gather_knowledge(order_for(context, Source.KNOWLEDGE), context)

        assert [one.kind for one in delta["evidence"]] == [FindingKind.UNREACHABLE]
        early = replace(context, last_try=False)
        with pytest.raises(UnavailableError):
            await gather_knowledge(order_for(early, Source.KNOWLEDGE), early)

    def test_the_incident_s_alarms_are_added_to_the_landed_ones_once(self) -> None:
        own = incident_alarms(request_for(DATA).incident.alarms)
        landed = (AlarmRecord(ALARM_AT, "frontend", own[0].name), AlarmRecord(ALARM_AT - 5, "cart", "a"))

        both = with_incident(landed, own)

        assert [(alarm.service, alarm.time) for alarm in both] == [
            ("cart", ALARM_AT - 5),
            ("frontend", ALARM_AT),
        ]

    async def test_the_topology_agent_relates_what_the_others_found(self) -> None:
        context = context_for(DATA)
        kpis = await gather_kpis(order_for(context), context)
        state = state_for(
            context,
            plan=planned(context),
            topology=KnownTopology.of(DATA.topology),
            evidence=kpis["evidence"],
            gathered=kpis["gathered"],
        )

        delta = await gather_topology(state, context)

        related = {(one.kind, one.service) for one in delta["evidence"]}
        assert (FindingKind.UPSTREAM_ANOMALY, "cart") in related
        assert (FindingKind.SYMPTOM, "frontend") in related

    async def test_the_relations_are_found_without_the_calls_too(self) -> None:
        context = context_for(DATA, windows=UnreachableWindows(DATA, {"calls": 9}))
        kpis = await gather_kpis(order_for(context), context)
        state = state_for(
            context,
            plan=planned(context),
            topology=KnownTopology.of(DATA.topology),
            evidence=kpis["evidence"],
            gathered=kpis["gathered"],
        )

        delta = await gather_topology(state, context)

        kinds = {one.kind for one in delta["evidence"]}
        assert {FindingKind.UNREACHABLE, FindingKind.SYMPTOM} <= kinds
        assert delta["topology"] == state.topology

    def test_known_and_learned_topology_are_one_graph(self) -> None:
        both = joined(
            Topology(calls={"a": frozenset("b")}, nodes=frozenset("ab"), hosted_on={"a": "n"}),
            Topology(calls={"a": frozenset("c")}, nodes=frozenset("ac")),
        )

        assert both.calls == {"a": frozenset("bc")}
        assert both.nodes == frozenset("abc")
        assert both.hosted_on == {"a": "n"}


class TestRankAndVerify:
    async def test_rank_keeps_the_whole_ranking_and_claims_only_what_it_believes(self) -> None:
        context = context_for(DATA)
        kpis = await gather_kpis(order_for(context), context)
        state = state_for(
            context,
            topology=KnownTopology.of(DATA.topology),
            evidence=kpis["evidence"],
            gathered=kpis["gathered"],
        )

        ranked = (await rank(state, context))["ranked"]

        assert {cause.service for cause in ranked.causes} >= {"cart", "payment"}
        assert ranked.claims[0].service == "cart"
        assert set(ranked.claims[0].evidence_ids) <= {one.event_id for one in kpis["evidence"]}
        assert all(one.confidence > 0 for one in ranked.claims)

    def test_a_subject_that_two_sources_share_is_cited_from_both(self) -> None:
        one, other = evidence("cart", step=Source.KPIS), evidence("cart", step=Source.LOGS)
        cause = Cause(
            service="cart",
            kind=CauseKind.CPU,
            confidence=0.5,
            score=1.0,
            statement="s",
            findings=(one.finding,),
        )

        (made,) = claims_of([cause], [one, other], 3)

        assert set(made.evidence_ids) == {one.event_id, other.event_id}

    def test_a_deploy_is_told_with_what_it_did(self) -> None:
        cpu = evidence("cart", indicator="cpu", statement="cart cpu rose")
        deploy = evidence("cart", FindingKind.RECENT_CHANGE, Source.CHANGES, statement="deploy 1.4.2")
        cause = Cause(
            service="cart",
            kind=CauseKind.DEPLOY,
            confidence=0.5,
            score=1.0,
            statement="cart cpu rose",
            findings=(cpu.finding, deploy.finding),
        )

        assert (
            claims_of([cause], [cpu, deploy], 3)[0].statement == "cart cpu rose; shortly before, deploy 1.4.2"
        )

    @pytest.mark.parametrize(
        ("confidences", "abnormal", "covered", "late", "verdict"),
        [
            ((0.5,), True, (Source.KPIS,), (), Verdict.CAUSE_FOUND),
            ((0.2,), True, (Source.KPIS,), (), Verdict.INCONCLUSIVE),
            ((), True, (Source.KPIS,), (), Verdict.INCONCLUSIVE),
            ((), False, (Source.KPIS,), (), Verdict.BENIGN),
            ((), False, (Source.LOGS,), (), Verdict.BENIGN),
            ((), False, (Source.LOGS,), (Source.KPIS,), Verdict.INCONCLUSIVE),
            ((), False, (Source.LOGS,), (Source.CHANGES,), Verdict.BENIGN),
            ((), False, (Source.ALARMS, Source.CHANGES), (), Verdict.DATA_UNAVAILABLE),
            ((), False, (), (), Verdict.DATA_UNAVAILABLE),
            ((0.5,), True, (Source.ALARMS,), (), Verdict.CAUSE_FOUND),
        ],
    )
    def test_the_verdict_follows_from_claims_measurements_and_gaps(
        self,
        confidences: tuple[float, ...],
        abnormal: bool,
        covered: tuple[Source, ...],
        late: tuple[Source, ...],
        verdict: Verdict,
    ) -> None:
        claims = [claim("cart", confidence=confidence) for confidence in confidences]
        ranked = RankedState(abnormal=abnormal, covered=covered)

        assert verdict_of(claims, ranked, late, 0.3) is verdict

    @pytest.mark.parametrize(
        ("round_", "level", "again"),
        [(1, BudgetLevel.NORMAL, True), (2, BudgetLevel.NORMAL, False), (1, BudgetLevel.AGGRESSIVE, False)],
    )
    async def test_it_looks_again_once_and_only_with_money(
        self, round_: int, level: BudgetLevel, again: bool
    ) -> None:
        context = context_for(DATA)
        ports = replace(context.ports, settings=context.settings.model_copy(update={"max_widenings": 1}))
        ranked = RankedState(abnormal=True, covered=(Source.KPIS,))
        state = state_for(context, plan=planned(context, round=round_), level=level, ranked=ranked)

        conclusion = (await verify(state, replace(context, ports=ports)))["conclusion"]

        assert conclusion.verdict is Verdict.INCONCLUSIVE
        assert conclusion.look_again is again

    async def test_only_the_evidence_of_the_current_round_counts(self) -> None:
        old, new = evidence("cart"), evidence("frontend")
        context = context_for(DATA)
        state = state_for(
            context,
            plan=planned(context, round=2),
            evidence=(old, new),
            gathered=(f"1:{old.event_id}", f"2:{new.event_id}"),
            ranked=RankedState(
                abnormal=True, covered=(Source.KPIS,), claims=(claim("cart", old), claim("frontend", new))
            ),
        )

        conclusion = (await verify(state, context))["conclusion"]

        assert [one.service for one in conclusion.claims] == ["frontend"]
        assert len(conclusion.rejected) == 1


@pytest.mark.parametrize("node", [wait, gather_topology, recall, verify, summarise])
async def test_a_step_out_of_order_is_a_defect(node: Any) -> None:
    context = context_for(DATA)
    state: GraphState = state_for(context)

    with pytest.raises(IntegrityError):
        await node(state, context)


async def test_costs_are_rounded_up_and_named_by_their_round() -> None:
    context = context_for(DATA)

    first = await gather_kpis(order_for(context), context)
    second = await gather_kpis(order_for(context, round=2), context)

    (one,), (two,) = first["costs"], second["costs"]
    assert isinstance(one, CostEntry)
    assert one.event_id != two.event_id
    assert one.cost_nano_usd == -(-(one.rows_read or 0) * 500_000 // 1_000_000)
    assert {e.event_id for e in first["evidence"]} == {e.event_id for e in second["evidence"]}


def test_evidence_data_is_json_a_person_can_query() -> None:
    one: Evidence = evidence("cart", before=1.5)

    assert json.loads(one.data) == {"before": 1.5}
