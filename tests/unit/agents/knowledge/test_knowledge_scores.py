"""Likeness worked out by hand: words, past incidents, runbooks."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.findings import FindingKind, Source
from agents.investigation.memory import request_for
from agents.knowledge.incident_text import incident_text, report_text
from agents.knowledge.past import past_findings
from agents.knowledge.runbooks import runbook_findings
from agents.knowledge.similarity import similarities, words_of
from schemas.control import Runbook
from schemas.events.incident import Incident
from schemas.events.report import Report, ReportedCause, Verdict
from tests.fakes.about import about
from tests.fakes.incident_data import healthy

AT = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
ALARM = request_for(healthy()).incident.alarms[0]


def incident(*services: str, title: str = "", alarms: tuple[Any, ...] = ()) -> Incident:
    base = request_for(healthy()).incident
    return base.model_copy(update={"title": title, "services": services, "alarms": alarms})


def report(name: str, *services: str, words: str = "zzz") -> Report:
    cause = ReportedCause(service="cart", kind="cpu", indicator="cpu_usage", statement=words)
    return Report(
        tenant="local",
        occurred_at=AT,
        investigation_id=name,
        incident_id="inc",
        verdict=Verdict.CAUSE_FOUND,
        headline=words,
        causes=(cause,),
        services=services,
        started_at=AT,
        finished_at=AT,
    )


def book(name: str, title: str, *services: str, body: str = "zzz") -> Runbook:
    return Runbook(
        runbook_id=name, tenant="local", title=title, body=body, services=services, url="http://w/1"
    )


class TestSimilarity:
    def test_one_shared_word_of_two_is_the_cosine_of_their_weights(self) -> None:
        # Of two texts (the query is one) `leak` is in both, the others in one each.
        rare, common = math.log(3 / 2) + 1.0, 1.0
        (alike,) = similarities("memory leak", ["disk leak"])
        assert alike == pytest.approx(common**2 / (common**2 + rare**2))

    def test_a_word_said_often_counts_by_its_logarithm(self) -> None:
        often = 1.0 + math.log(3)
        rare = math.log(3 / 2) + 1.0
        (alike,) = similarities("leak", ["leak leak leak disk"])
        assert alike == pytest.approx(often / math.sqrt(often**2 + rare**2))

    @pytest.mark.parametrize("text", ["pool exhausted", "HighErrorRate", "a memory leak leak"])
    def test_a_text_is_wholly_like_itself(self, text: str) -> None:
        assert similarities(text, [text]) == (about(1.0),)

    @pytest.mark.parametrize(
        ("query", "document"), [("", "leak"), ("leak", ""), ("", ""), ("the of", "the of"), ("12", "12")]
    )
    def test_nothing_said_is_like_nothing(self, query: str, document: str) -> None:
        assert similarities(query, [document]) == (0.0,)

    def test_the_answers_are_in_the_order_of_the_documents(self) -> None:
        found = similarities("leak", ["disk", "leak", "leak disk"])
        assert found[1] > found[2] > found[0] == 0.0
        assert similarities("leak", []) == ()

    words = st.lists(st.sampled_from(["leak", "pool", "disk", "deploy", "the", "Error"]), max_size=6).map(
        " ".join
    )

    @settings(deadline=None, max_examples=50)
    @given(words, words)
    def test_likeness_is_between_nothing_and_all_and_mutual(self, one: str, other: str) -> None:
        (there,), (back,) = similarities(one, [other]), similarities(other, [one])
        assert 0.0 <= there <= 1.0
        assert there == pytest.approx(back)

    @settings(deadline=None, max_examples=50)
    @given(words, st.permutations(["leak pool", "disk", "deploy the pool"]))
    def test_a_documents_likeness_does_not_depend_on_its_place(
        self, query: str, documents: list[str]
    ) -> None:
        plain = dict(zip(sorted(documents), similarities(query, sorted(documents)), strict=True))
        mixed = dict(zip(documents, similarities(query, documents), strict=True))
        assert mixed == {name: about(value) for name, value in plain.items()}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("HTTPServer", ("http", "server")),
            ("gRPC-call", ("rpc", "call")),
            ("x of I", ()),
            ("CPU", ("cpu",)),
            ("the pool is not full", ("pool", "full")),
        ],
    )
    def test_words_are_read_out_of_names(self, text: str, words: tuple[str, ...]) -> None:
        assert words_of(text) == words


class TestTexts:
    def test_an_incident_says_each_alarm_once(self) -> None:
        alarm = ALARM.model_copy(update={"name": "HighCpu", "indicator": "cpu", "summary": "hot"})
        told = incident("a", "b", title="T", alarms=(alarm, alarm))
        assert incident_text(told) == "T a b HighCpu cpu hot"

    def test_a_report_says_its_causes(self) -> None:
        assert report_text(report("i", "web", words="W")) == "W  web cart cpu cpu_usage W"


class TestPast:
    def test_half_of_the_likeness_is_the_services_in_common(self) -> None:
        (found,) = past_findings(incident("web", "db"), [report("inv_1", "web", "db")])
        words = similarities("web db", [report_text(report("inv_1", "web", "db"))])[0]
        assert found.score == pytest.approx((words + 1.0) / 2)
        (found,) = past_findings(incident("web", "db"), [report("inv_1", "web", "db", "x")])
        words = similarities("web db", [report_text(report("inv_1", "web", "db", "x"))])[0]
        assert found.score == pytest.approx((words + 2 / 3) / 2)

    @pytest.mark.parametrize(("shared", "told"), [(2, False), (5, True)])
    def test_less_than_three_tenths_alike_is_not_told(self, shared: int, told: bool) -> None:
        ours = [f"{letter * 3}" for letter in "abcdefgh"]
        theirs = [*ours[:shared], *(f"{letter * 3}" for letter in "klmnopqr"[shared:])]
        assert bool(past_findings(incident(*ours), [report("inv_1", *theirs)])) is told

    def test_of_equals_the_first_by_name_comes_first(self) -> None:
        found = past_findings(incident("web"), [report(name, "web") for name in ("inv_c", "inv_a", "inv_b")])
        assert [f.data["investigation_id"] for f in found] == ["inv_a", "inv_b", "inv_c"]

    def test_what_is_told_names_the_day_and_the_cause(self) -> None:
        (found,) = past_findings(incident("web"), [report("inv_1", "web")])
        assert (found.source, found.kind) == (Source.KNOWLEDGE, FindingKind.PAST_INCIDENT)
        assert (found.service, found.indicator) == ("cart", "cpu_usage")
        assert found.subject == "inv_1||past_incident"
        assert found.statement.startswith("On 2026-01-01 03:00 a similar incident (")
        assert found.statement.endswith(" % alike) was caused by cart (cpu)")
        assert found.data["likeness"] == found.score

    def test_an_incident_of_no_service_is_like_none_by_services(self) -> None:
        assert past_findings(incident(), [report("inv_1")]) == ()


class TestRunbooks:
    def test_naming_the_service_is_worth_three_tenths(self) -> None:
        (named,) = runbook_findings(incident("web"), [book("a", "nothing alike", "web")])
        assert named.score == pytest.approx(0.3)
        (general,) = runbook_findings(
            incident("web", title="pool full"), [book("a", "pool full", body="pool full")]
        )
        assert general.score == pytest.approx(similarities("pool full web", ["pool full pool full"])[0])

    def test_one_for_other_services_is_not_told_whatever_its_words(self) -> None:
        assert runbook_findings(incident("web", title="pool full"), [book("a", "pool full web", "db")]) == ()

    def test_a_general_one_without_a_word_in_common_is_not_told(self) -> None:
        assert runbook_findings(incident("web", title="pool full"), [book("a", "renew the lease")]) == ()

    def test_at_most_three_the_best_first_and_equals_by_name(self) -> None:
        books = [book(name, "x", "web") for name in ("d", "b", "c", "a")]
        found = runbook_findings(incident("web"), [*books, book("z", "web is down", "web")])
        assert [f.data["runbook_id"] for f in found] == ["z", "a", "b"]

    def test_what_is_told_quotes_the_beginning(self) -> None:
        (found,) = runbook_findings(incident("db", "web"), [book("a", "Web", "web", body="x" * 300)])
        assert (found.service, found.subject) == ("web", "a||runbook")
        assert found.statement == 'The runbook "Web" speaks of this'
        assert (found.data["url"], found.data["quote"]) == ("http://w/1", "x" * 200)

    def test_a_general_one_names_no_service(self) -> None:
        (found,) = runbook_findings(incident("web", title="pool full"), [book("a", "pool full")])
        assert found.service == ""
