"""The pages of an evaluation: failures with what was expected and said, nothing loaded, nobody's markup let through."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from agents.evaluation.calibration import calibration
from agents.evaluation.compiling import compiled
from agents.evaluation.diagram import reliability_file, reliability_svg
from agents.evaluation.html_page import html_page
from agents.evaluation.judging import Criterion
from agents.evaluation.markdown_page import DIAGRAM, markdown_page
from agents.evaluation.results import EvaluationReport, FeedbackScore, NamedCause
from agents.evaluation.wording import criterion_words, money, percent, seconds, share, summary_line, unmet
from tests.fakes.evaluated import ABOUT, BY_A_MODEL, case, check, scenario

EVIL = "<script>alert(1)</script> | **x**"


def full(**about: object) -> EvaluationReport:
    cause = NamedCause(service="cart", kind="cpu", confidence=0.8)
    return compiled(
        ABOUT.model_copy(update=about),
        [
            scenario("good", "g", check(), confidence=0.8, correct=True, page="reports/good-1.html"),
            scenario(
                "bad",
                "g",
                check(met=False),
                causes=(cause,),
                headline=EVIL,
                truth=EVIL,
                confidence=0.7,
                correct=False,
            ),
            scenario("spoilt", "g", error=EVIL, spent=None),
        ],
        [case("d/one", 2, truth="db", services=("web", "db"))],
        [FeedbackScore(tenant="acme", model="m", kind=EVIL, answers=3, mean=65.0, fixed=1)],
    )


class Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {
            value or "" for name, value in attrs if name in {"href", "src", "action", "srcset"}
        }

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_tells_everything_and_loads_nothing() -> None:
    page = html_page(full())
    read = Reader(page)
    assert "script" not in read.tags
    assert "link" not in read.tags
    assert read.addresses == {"reports/good-1.html"}
    assert "url(" not in page
    assert "@import" not in page
    for told in ("expected cart", "said web", "1 of 4", "calibration error", "What people said", EVIL):
        assert told in read.words
    assert "prefers-color-scheme:dark" in page


def test_what_went_wrong_stands_before_what_went_well() -> None:
    words = Reader(html_page(full())).words
    assert words.index("By kind of incident") < words.index("Not as expected") < words.index("All scenarios")
    assert words.index("Errors") < words.index("Not as expected")


def test_without_failures_there_is_no_such_section() -> None:
    words = Reader(html_page(compiled(ABOUT, [scenario("a", "g", check())]))).words
    assert "Not as expected" not in words
    assert "Errors" not in words
    assert "What people said" not in words


def test_an_interrupted_evaluation_says_so() -> None:
    assert "Interrupted" in html_page(full(interrupted=True))
    assert "Interrupted" not in html_page(full())


def test_a_model_s_effort_is_told() -> None:
    report = compiled(ABOUT, [scenario("a", "g", check(), spent=BY_A_MODEL)])
    words = Reader(html_page(report)).words
    assert "4, 1 failed" in words
    assert "1,200, 34" in words
    assert "1 of 4 (25 %)" in words
    for told in ("1 of 4 (25 %)", "3 of 4 (75 %)", "2 of 5 (40 %)"):
        assert told in words
        assert told in markdown_page(report)


def test_the_markdown_page_has_the_tables_and_lets_no_markup_through() -> None:
    page = markdown_page(full(machine="a small one"))
    assert page.startswith("# Simulated incidents: results\n")
    assert "; a small one; model: deterministic; seeds 1." in page
    assert "| bad | 1 of 1 | 1 | cause: expected cart; said web |" in page
    assert "<script>" not in page
    for line in page.splitlines():
        if line.startswith("| spoilt"):
            assert line.count(" | ") == 3
    assert "| d | 1 | service | 0.000 | 1.000 |" in page


def test_what_people_said_is_a_page_of_its_own() -> None:
    groups = [
        FeedbackScore(
            tenant="acme", model="m", verdict="cause found", kind="cpu", answers=3, mean=90.0, fixed=2
        ),
        FeedbackScore(tenant="beta", model="deterministic", kind="disk", answers=1, mean=10.0, wrong=1),
    ]
    report = compiled(ABOUT, feedback=groups)
    words, text = Reader(html_page(report)).words, markdown_page(report)

    assert (report.said, report.share) == (70.0, 0.7)
    assert summary_line(report).endswith("70 of 100, by 4 answers of people")
    assert summary_line(report) in words
    assert text.startswith("# What people said of reports\n")
    assert "| acme | m | cause found | cpu | 3 | 2 | 0 | 90 |" in text
    assert "| beta | deterministic |  | disk | 1 | 0 | 1 | 10 |" in text
    for page in (words, text):
        assert "right" not in page
        assert "median" not in page


def test_where_there_is_neither_incident_nor_answer_there_is_no_share() -> None:
    assert (compiled(ABOUT).said, compiled(ABOUT).share) == (None, None)
    assert compiled(ABOUT, [scenario("a", "g", check())]).share == 1.0


def test_an_empty_evaluation_has_pages() -> None:
    assert "0" in html_page(compiled(ABOUT))
    assert markdown_page(compiled(ABOUT))


@pytest.mark.parametrize("told", [[], [(0.85, True), (0.83, False), (0.1, False), (1.0, True)]])
def test_the_diagram_is_a_picture_of_its_bins(told: list[tuple[float, bool]]) -> None:
    drawn = reliability_svg(calibration(told), "all")
    root = ET.fromstring(drawn)  # noqa: S314 - ours
    bars = [one for one in root.iter() if one.get("class") == "bar"]
    assert len(bars) == len({min(int(c * 10), 9) for c, _ in told})
    heights = [float(one.get("height", "-1")) for one in root.iter() if one.tag == "rect"]
    assert all(0.0 <= height <= 240.0 for height in heights)
    assert not re.search(r'="-?nan', drawn)


def test_the_diagram_as_a_file_needs_no_page_around_it() -> None:
    drawn = reliability_file(calibration([(0.85, True)]), "causes named")
    root = ET.fromstring(drawn)  # noqa: S314 - ours
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    (style,) = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}style")]
    assert set(re.findall(r"var\((--[a-z]+)\)", style)) <= set(re.findall(r"(--[a-z]+):", style))
    assert "prefers-color-scheme:dark" in style
    assert f"]({DIAGRAM})" in markdown_page(full())


def test_figures_in_words() -> None:
    assert (percent(None), percent(0.256)) == ("-", "26 %")
    assert (share(0, 0), share(1, 4)) == ("-", "1 of 4 (25 %)")
    assert (seconds(None), seconds(0.0123), seconds(12.34)) == ("-", "12 ms", "12.3 s")
    assert (money(None), money(0), money(1_500_000_000)) == ("unpriced", "$0.0000", "$1.5000")


@pytest.mark.parametrize("criterion", Criterion)
def test_a_criterion_is_told_in_words(criterion: Criterion) -> None:
    missed = check(criterion, met=False)
    report = compiled(ABOUT, [scenario("bad", "g", missed)])
    (line,) = unmet(report.scenarios[0])
    assert "_" not in line.partition(":")[0]
    assert f"<th>{criterion_words(criterion)}</th>" in html_page(report)


def test_the_summary_is_a_sentence() -> None:
    line = summary_line(full())
    assert line.startswith("1 of 4 (25 %) right, 2 not, 1 ended in an error, calibration error ")
    assert Criterion.CAUSE not in line
