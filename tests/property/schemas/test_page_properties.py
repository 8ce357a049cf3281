"""Whatever a report says, its pages are whole, and its pictures say nothing that was not measured."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import Evidence, Report
from schemas.pages import Form, figure_svg, labels, report_html, report_markdown, sketch_svg
from schemas.pages.words import figure as said
from tests.fakes.drawn_events import any_event
from tests.fakes.html_reading import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, read_page, read_svg

_SVG = "{http://www.w3.org/2000/svg}"
_SETTINGS = settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
_FORMS = st.sampled_from(Form)


@_SETTINGS
@given(any_event(Report), any_event(Evidence), _FORMS)
def test_any_report_makes_a_whole_page(told: Any, found: Any, form: Form) -> None:
    reader = read_page(report_html(told, (found,), form))

    assert set(reader.tags) <= ALLOWED_TAGS
    assert {name for name, _ in reader.attributes} <= ALLOWED_ATTRIBUTES


@_SETTINGS
@given(any_event(Report), any_event(Evidence), _FORMS)
def test_any_report_makes_a_bounded_markdown_page_with_one_title(told: Any, found: Any, form: Form) -> None:
    text = report_markdown(told, (found,), form)

    outside = re.sub(r"(?ms)^ *```sql$.*?^ *```$", "", text)
    assert len(text) < 262_144
    assert len(re.findall(r"^# ", outside, re.MULTILINE)) == 1
    assert text.count("```") % 2 == 0


@_SETTINGS
@given(any_event(Report))
def test_every_number_in_a_picture_was_measured(told: Any) -> None:
    for number, one in enumerate(told.figures, start=1):
        svg = read_svg(figure_svg(one, number))
        known = {said(value) for value in (*one.values, one.normal_low, one.normal_high) if value is not None}
        written = ["".join(text.itertext()) for text in svg.iter(f"{_SVG}text")]
        for text in written[1:]:
            if not re.search(r"\d\d:\d\d:\d\d", text):
                numbers = text.removeprefix("normal: ").split(" to ")
                assert text == "no samples" or set(numbers) <= known, text


@_SETTINGS
@given(any_event(Report))
def test_a_sketch_has_every_service_once_and_stays_in_its_frame(told: Any) -> None:
    svg = read_svg(sketch_svg(told))

    width, height = (float(svg.get(name, "")) for name in ("width", "height"))
    boxes = [one for one in svg.iter(f"{_SVG}rect") if "node" in one.get("class", "").split()]
    places = {(one.get("x"), one.get("y")) for one in boxes}
    assert len(places) == len(boxes)
    for one in boxes:
        assert 0 <= float(one.get("x", "")) <= width - float(one.get("width", ""))
        assert 0 <= float(one.get("y", "")) <= height - float(one.get("height", ""))


@_SETTINGS
@given(any_event(Report))
def test_labels_are_counted_without_a_gap(told: Any) -> None:
    assert list(labels(told).values()) == [f"E{number}" for number in range(1, len(labels(told)) + 1)]
