"""The pages of a report: what they say, in which order, and that what others wrote stays text."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from schemas.events import Evidence, NextStep, Report, ReportedCause, RuledOut, TimelineEntry, Verdict
from schemas.pages import HERE, Form, PageLinks, report_html, report_markdown
from schemas.pages.safe import markdown_text, visible
from tests.fakes.full_events import NOON, at, evidence, feedback, report
from tests.fakes.html_reading import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, read_page

_EVIL = "<script>alert('x')</script><img src=x onerror=\"y()\">&amp;"


def _finding(number: int = 1, **changes: Any) -> Evidence:
    return evidence("acme", event_id=f"ev_{number}", finding=str(number), **changes)


def _spoiled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spoiled(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_spoiled(inner) for inner in value]
    return _EVIL if isinstance(value, str) and not isinstance(value, Verdict) else value


def _evil_report() -> Report:
    plain: dict[str, Any] = report("acme").model_dump()
    return Report.model_validate(_spoiled(plain) | {"verdict": Verdict.CAUSE_FOUND})


@pytest.mark.parametrize("form", Form)
def test_every_text_is_escaped(form: Form) -> None:
    found = evidence(
        "acme", statement=_EVIL, query=_EVIL, service=_EVIL, kind=_EVIL, step=_EVIL, event_id=_EVIL
    )
    links = PageLinks(evidence="../evidence/")
    said = feedback("acme", comment=_EVIL, actual_service=_EVIL, by=_EVIL)

    reader = read_page(report_html(_evil_report(), (found,), form, links, (said,)))

    assert set(reader.tags) <= ALLOWED_TAGS
    assert {name for name, _ in reader.attributes} <= ALLOWED_ATTRIBUTES
    assert reader.text.count("<script>") > 10


@pytest.mark.parametrize("form", Form)
def test_nothing_is_loaded_from_elsewhere(form: Form) -> None:
    page = report_html(report("acme"), (), form)

    assert not re.search(r"https?:|url\((?!#)|@import|src=", page.replace("http://www.w3.org/2000/svg", ""))
    assert all(value.startswith("#") for value in read_page(page).named("href"))


def test_the_first_screen_holds_verdict_where_since_when_and_what_to_do() -> None:
    told = report("acme", headline="The cart leaks (80 % sure)", summary="One.\n\nTwo.")
    text = read_page(report_html(told)).text

    order = (
        "Cause found, 80 % sure",
        "The cart leaks",
        "Where",
        "Since",
        "Alarms",
        "Do first",
        "One.",
        "Two.",
        "Why",
    )
    places = [
        text.index(word, text.index("The cart leaks") + 20 if word == "The cart leaks" else 0)
        for word in order
    ]
    assert places == sorted(places)
    assert "(80 % sure)" not in text
    assert "2026-11-20 11:59:57 UTC, 3 s before the first alarm" in text
    assert "2 alarms (critical) on cart, checkout" in text


def test_a_query_is_shown_once_with_the_cause_or_with_the_step() -> None:
    steps = (NextStep(action="Look", query="SELECT 1"), NextStep(action="Look again", query="SELECT 2"))
    told = report("acme", next_steps=steps, markdown="")

    page = report_markdown(told, (_finding(1, query="SELECT 1"),))
    alone = report_markdown(told.model_copy(update={"causes": ()}))

    assert (page.count("SELECT 1"), page.count("SELECT 2")) == (1, 1)
    assert page.index("SELECT 1") < page.index("What to do")
    assert alone.index("SELECT 1") > alone.index("What to do")


def test_a_citation_leads_to_its_finding_and_the_finding_to_its_own_address() -> None:
    page = report_html(report("acme"), (_finding(1), _finding(9)), links=PageLinks(evidence="../evidence/"))

    assert '<a href="#e1">E1</a>' in page
    assert '<details class="finding" id="e1">' in page
    assert '<a href="../evidence/ev_1"><code>ev_1</code></a>' in page
    assert '<a href="../evidence/ev_2">E2</a>' in page, "a finding that the page does not hold is still found"
    anchors = {value for value in read_page(page).named("href") if value.startswith("#")}
    assert anchors <= {f"#{name}" for name in read_page(page).named("id")}


def test_a_finding_that_is_not_there_is_named_all_the_same() -> None:
    assert '<span title="ev_2">E2</span>' in report_html(report("acme"))


def test_labels_in_sentences_lead_to_the_findings_too() -> None:
    told = report("acme", summary="It leaks [E1, E2], they say [E99].")

    assert 'It leaks <span class="cite">[<a href="#e1">E1</a>' in report_html(told, (_finding(1),))
    assert "they say [E99]." in report_html(told)
    assert "It leaks [E1, E2], they say" in report_markdown(told).replace("\\", "")


def test_the_query_stands_below_what_it_shows() -> None:
    page = report_html(report("acme"), (_finding(1, query="SELECT 'one'"),))

    cause = page[page.index("<h2>Why</h2>") : page.index("<h2>What to do")]
    assert "<summary>Query</summary><pre>SELECT &#x27;one&#x27;</pre>" in cause


def test_what_is_not_known_is_not_zero() -> None:
    told = report(
        "acme",
        cost_nano_usd=None,
        confidence=None,
        began_at=None,
        alarmed_at=None,
        alarm_count=0,
        services=(),
    )
    text = read_page(report_html(told)).text

    assert "Cost unknown" in text
    assert "sure" not in text.split("Where")[0]
    assert "Since" not in text
    assert "Alarms" not in text


def test_a_report_of_an_earlier_version_has_a_page_too() -> None:
    plain = report("acme").model_dump()
    old = {name: plain[name] for name in plain if name not in _ADDED}
    told = Report.model_validate(old)

    for form in Form:
        assert "What it looked like" not in report_html(told, (), form)
        assert "Cause found" in report_markdown(told, (), form)


_ADDED = {
    "began_at",
    "alarmed_at",
    "alarm_count",
    "severity",
    "figures",
    "links",
    "path",
    "spending",
    "against",
    "partial",
}


@pytest.mark.parametrize("form", Form)
def test_pictures_and_the_path_are_in_the_page_and_linked_from_markdown(form: Form) -> None:
    told = report("acme")
    page, text = report_html(told, (), form), report_markdown(told, (), form)

    assert page.count("<svg ") == 2
    assert "![cart cpu rose from 2 to 8](inv_1/figures/1.svg)" in text
    assert "![The services around the incident](inv_1/topology.svg)" in text
    assert "**cart** → checkout" in text
    placed = report_markdown(told, (), form, PageLinks(pictures="https://tocsin.example/v1/reports/inv_1/"))
    assert "(https://tocsin.example/v1/reports/inv_1/figures/1.svg)" in placed


def test_what_speaks_against_it_is_known_before_anybody_acts_on_it() -> None:
    doubts = ("db was abnormal before it.", "By the statistics alone db is likelier.")
    told = report("acme", against=doubts, partial="the limit of steps was reached", missing=("logs of db",))
    text, page = report_markdown(told), read_page(report_html(told)).text

    for words in (text, page):
        first = words.index("db was abnormal before it. And 1 more, see below.")
        assert first < words.index("the limit of steps was reached.") < words.index("Do first")
        section = words[words.index("What speaks against it") :]
        assert section.index("db was abnormal") < section.index("By the statistics alone")
        assert section.index("By the statistics alone") < section.index("What to do")
        gaps = words[words.index("What is missing") :]
        assert gaps.index("These findings are partial: the limit of steps") < gaps.index("logs of db")
    assert "These findings are partial" not in report_markdown(report("acme", partial=""))


def test_what_nothing_speaks_against_has_no_such_section() -> None:
    for form in Form:
        text = report_markdown(report("acme", against=(), partial=""), (), form)
        assert "against it" not in text.lower()
        assert "artial" not in text


def test_a_postmortem_has_what_speaks_against_it_and_what_was_not_looked_at() -> None:
    text = report_markdown(
        report("acme", against=("db was first.",), partial="time was up"), (), Form.POSTMORTEM
    )
    assert "## What speaks against it\n\n- db was first." in text
    assert "**Could not be seen**: time was up" in text


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("cart cpu rose from 1 to 2 (2x) at 12:00:00", "cpu rose from 1 to 2 (2x)"),
        (
            'cart: deploy "cart 2" at 12:00:00, 3 min before the alarm',
            'deploy "cart 2", 3 min before the alarm',
        ),
        ("cart raised the first alarm, Slow, at 12:00:00", "raised the first alarm, Slow"),
        ("cart logs more errors, first at 12:00:00", "logs more errors"),
        ("cart cpu rose at 12:00:07", "cpu rose at 12:00:07"),
        ("cart began at 12:00:00 or so", "began at 12:00:00 or so"),
    ],
)
def test_a_time_is_said_once_in_a_line_of_the_timeline(what: str, shown: str) -> None:
    told = report("acme", timeline=(TimelineEntry(at=NOON, service="cart", what=what),))
    assert f"| 12:00:00 | cart | {shown} |" in report_markdown(told).replace("\\", "")


def test_without_a_path_the_sketch_promises_none() -> None:
    told = report("acme", verdict=Verdict.BENIGN, causes=(), path=())
    text = report_markdown(told)
    assert "## The services around it\n\n![The services" in text
    assert "From the cause" not in text


def test_victims_of_one_thing_stand_together() -> None:
    told = report(
        "acme",
        ruled_out=tuple(
            RuledOut(service=name, reason=f"{name} shows symptoms of cart") for name in ("web-1", "web-2")
        ),
    )

    assert "<strong>web-1, web-2</strong>: shows symptoms of cart" in report_html(told)


@pytest.mark.parametrize(
    ("reason", "of_two"),
    [
        (
            "shows symptoms, but it calls db, which accounts for 97 % of them",
            "show symptoms, but they call db, which accounts for 97 % of them",
        ),
        (
            "is hardly off its normal range, and it is flooded by web, which accounts for that",
            "are hardly off their normal range, and they are flooded by web, which accounts for that",
        ),
        (
            "shows symptoms, but it shares node-1 with job, which accounts for 80 % of them",
            "show symptoms, but they share node-1 with job, which accounts for 80 % of them",
        ),
        ("it is what a person says it is", "it is what a person says it is"),
    ],
)
def test_what_is_said_of_several_is_said_in_the_plural(reason: str, of_two: str) -> None:
    one = RuledOut(service="web-1", reason=f"web-1 {reason}")
    other = RuledOut(service="web-2", reason=f"web-2 {reason}")
    assert f"**web-1**: {reason}" in report_markdown(report("acme", ruled_out=(one,)))
    assert f"**web-1, web-2**: {of_two}" in report_markdown(report("acme", ruled_out=(one, other)))


def test_times_of_several_days_carry_their_day() -> None:
    one = report("acme").timeline[0]
    told = report("acme", timeline=(one, one.model_copy(update={"at": NOON + timedelta(days=1)})))

    assert "| 2026-11-21 12:00:00 UTC |" in report_markdown(told)
    assert "| 12:00:00 |" in report_markdown(report("acme"))


@pytest.mark.parametrize("form", Form)
def test_what_people_said_stands_with_what_it_means_and_who_it_was(form: Form) -> None:
    said = (
        feedback("acme", score=100, comment="restarted it", actual_service="", by="ann"),
        feedback("acme", score=0, comment="not at all", actual_service="db", by="bob", occurred_at=at(200)),
        feedback("acme", score=50, comment="", actual_service="db", by="cy", occurred_at=at(100)),
    )
    text = report_markdown(report("acme"), (), form, said=said)
    section = text[text.index("## What people said of it") :]

    assert "**100 of 100** (acting on it fixed it, or would have), ann, " in section
    assert "**0 of 100** (no, or it led astray), bob, " in section
    assert "UTC; the cause was **db**: not at all" in section
    assert "**50 of 100**, cy, " in section
    assert section.index("bob") < section.index("cy") < section.index("ann"), "the newest first"
    assert "restarted it" in read_page(report_html(report("acme"), (), form, said=said)).text
    assert "What people said" not in report_markdown(report("acme"), (), form)


def test_a_verdict_that_led_astray_is_known_before_anybody_acts_on_it() -> None:
    said = (
        feedback("acme", score=0, actual_service="db"),
        feedback("acme", score=65, by="bob", actual_service=""),
    )
    text = read_page(report_html(report("acme"), said=said)).text

    short = "acting on it would have fixed it: 32 of 100, 2 answers; the cause, they say, was db"
    assert text.index(short) < text.index("Do first")
    assert "Said of it" not in report_html(report("acme"))


def test_a_harmless_alarm_is_not_shown_in_red() -> None:
    page = report_html(report("acme", verdict=Verdict.BENIGN))

    assert '<body class="calm-page">' in page
    assert '<p class="eyebrow calm">Benign, 80 % sure</p>' in page


class TestPostmortem:
    def _text(self, told: Report, *found: Evidence) -> str:
        return report_markdown(told, found, Form.POSTMORTEM)

    def test_it_has_its_parts_in_order(self) -> None:
        text = self._text(report("acme"), _finding(1))

        titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert titles == [
            "Summary",
            "Impact",
            "Timeline (2026-11-20, UTC)",
            "Root cause",
            "What speaks against it",
            "From the cause to the alarm",
            "Contributing factors and triggers",
            "Detection",
            "Resolution",
            "Lessons",
            "Action items",
            "What was ruled out",
            "Evidence",
            "Cost",
        ]

    def test_what_only_people_know_is_left_to_them_and_marked(self) -> None:
        text = self._text(report("acme"))

        resolution = text[text.index("## Resolution") : text.index("## Lessons")].split("\n\n")
        assert resolution[1].startswith("> **For people to fill in.**")
        assert len([one for one in resolution if one]) == 2, "nothing is claimed of what ended it"
        assert text.count("> **For people to fill in.**") >= 6
        assert report_html(report("acme"), (), Form.POSTMORTEM).count('class="blank"') >= 6

    def test_next_steps_become_tasks(self) -> None:
        told = report(
            "acme",
            next_steps=(NextStep(action="Look"), NextStep(action="Restart")),
            missing=("no logs of db",),
        )
        text = self._text(told)

        assert "- [ ] Look\n- [ ] Restart\n- [ ] Make visible what was missing: no logs of db" in text

    def test_detection_says_how_long_it_took(self) -> None:
        assert "The first alarm came at 12:00:00, 3 s after the first sign." in self._text(report("acme"))
        early = self._text(report("acme", began_at=at(5)))
        assert "The first alarm came at 12:00:00, before any other sign." in early
        assert "The first alarm came" not in self._text(report("acme", alarmed_at=None))

    def test_a_change_before_it_is_a_trigger_only_where_the_change_is_accused(self) -> None:
        change = _finding(
            7, step="changes", kind="recent_change", onset=at(-60), statement="cart 1.4.2 was deployed"
        )
        later = _finding(8, step="changes", kind="recent_change", onset=at(60), statement="db 2 was deployed")
        deploy = ReportedCause(service="cart", kind="deploy", statement="broken", evidence_ids=("ev_7",))

        assert "- **Changed shortly before**: cart 1.4.2 was deployed" in self._text(
            report("acme"), change, later
        )
        accused = self._text(report("acme", causes=(deploy,)), change, later)
        assert "- **Trigger**: cart 1.4.2 was deployed [E1]" in accused
        assert "db 2 was deployed" not in accused.split("## Evidence")[0]
        none = _finding(9, step="changes", kind="no_data", statement="No change was recorded")
        assert "- No change shortly before was found." in self._text(report("acme"), none)
        assert "shortly before" not in self._text(report("acme"), _finding(1)).split("## Detection")[0]

    @pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.CAUSE_FOUND])
    def test_a_cause_that_was_not_found_is_not_told_as_one(self, verdict: Verdict) -> None:
        text = self._text(report("acme", verdict=verdict))

        root = text[text.index("## Root cause") : text.index("## From the cause")]
        assert "The investigation did not settle it." in root
        assert "> **For people to fill in.** The root cause, once it is known." in root


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("# Title", "\\# Title"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("1.5 of it", "1.5 of it"),
        ("-5 at #7", "-5 at #7"),
        ("latency_p95 of __init__", "latency_p95 of \\_\\_init\\_\\_"),
        ("a\nb | c", "a b \\| c"),
        ("<b>[x](y)`*~", "\\<b\\>\\[x\\](y)\\`\\*\\~"),
    ],
)
def test_nothing_that_is_written_becomes_markdown(text: str, safe: str) -> None:
    assert markdown_text(text) == safe


def test_signs_that_cannot_be_seen_are_replaced() -> None:
    assert visible("a\x00b\u202ec\ud800d\te") == "a\ufffdb\ufffdc\ufffdd\te"


def test_a_page_by_itself_has_nowhere_to_lead() -> None:
    assert HERE.to_evidence("ev_1") == ""
    assert PageLinks(evidence="/e/").to_evidence("a/b?") == "/e/a%2Fb%3F"
    assert HERE.to_picture("inv/1", "x.svg") == "inv%2F1/x.svg"
