from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings

from api.http.report_page import report_page
from schemas.events import Evidence, Report, Verdict
from tests.fakes.drawn_events import any_event
from tests.fakes.full_events import evidence, report

_EVIL = "<script>alert('x')</script><img src=x onerror=\"y()\">&amp;"
_ALLOWED = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "section",
        "div",
        "p",
        "h1",
        "h2",
        "ol",
        "ul",
        "li",
        "strong",
        "br",
        "a",
        "span",
        "time",
        "table",
        "tr",
        "td",
        "pre",
        "details",
        "summary",
        "figcaption",
    ]
)
_VOID = frozenset({"meta", "br"})


class _Reader(HTMLParser):
    """Collects tags, attributes and text, and sees that what opens is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def _evil_report() -> Report:
    plain: dict[str, Any] = report("acme").model_dump()

    def spoiled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoiled(inner) for key, inner in value.items()}
        if isinstance(value, tuple | list):
            return [spoiled(inner) for inner in value]
        return _EVIL if isinstance(value, str) and not isinstance(value, Verdict) else value

    return Report.model_validate(spoiled(plain) | {"verdict": Verdict.CAUSE_FOUND, "tenant": "acme"})


def test_every_text_is_escaped() -> None:
    found = evidence("acme", statement=_EVIL, query=_EVIL, service=_EVIL, kind=_EVIL, step=_EVIL)

    reader = _read(report_page(_evil_report(), (found,)))

    assert set(reader.tags) <= _ALLOWED
    assert {name for name, _ in reader.attributes} <= {
        "lang",
        "charset",
        "name",
        "content",
        "class",
        "href",
        "id",
        "datetime",
    }
    assert reader.text.count("<script>") > 10


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = report_page(report("acme"), ())

    assert "http" not in page.split("</style>")[0]
    assert all(str(value).startswith("#") for name, value in _read(page).attributes if name == "href")


def test_what_matters_comes_first() -> None:
    found = evidence("acme")
    told = report(
        "acme", headline="The cart leaks", summary="One.\n\nTwo.", causes=(), timeline=(), ruled_out=()
    )
    page = report_page(told, (found,))
    text = _read(page).text

    assert text.index("Cause found · 80% sure") < text.index("The cart leaks", 40) < text.index("What to do")
    assert page.count("<p>") == 2
    assert "What broke" not in text
    assert "cost $0.001235" in text


def test_a_citation_leads_to_its_finding() -> None:
    found = evidence("acme")
    cause = report("acme").causes[0].model_copy(update={"evidence_ids": (found.event_id, "ev_lost")})
    page = report_page(report("acme", causes=(cause,)), (found,))

    assert '<a href="#e1">[1]</a>' in page
    assert '<details id="e1">' in page
    assert '<span class="dim">ev_lost</span>' in page


def test_what_is_not_known_is_not_zero() -> None:
    text = _read(report_page(report("acme", cost_nano_usd=None, confidence=None), ())).text

    assert "cost unknown" in text
    assert "Cause found·" not in text.replace(" ", "")


@settings(max_examples=20)
@given(any_event(Report), any_event(Evidence))
def test_any_report_makes_a_whole_page(told: Any, found: Any) -> None:
    reader = _read(report_page(told, (found,)))

    assert set(reader.tags) <= _ALLOWED
