"""The pictures of a report, as files of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from schemas.events import ReportedCause, RuledOut, ServiceLink, Verdict
from schemas.pages import figure_svg, sketch_svg
from tests.fakes.full_events import figure, report
from tests.fakes.html_reading import read_svg

_SVG = "{http://www.w3.org/2000/svg}"


def _texts(svg: ET.Element) -> list[str]:
    return ["".join(one.itertext()) for one in svg.iter(f"{_SVG}text")]


def _of_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in svg.iter() if name in one.get("class", "").split()]


class TestSeries:
    def _svg(self, **changes: Any) -> ET.Element:
        return read_svg(figure_svg(figure(**changes)))

    def test_it_shows_the_samples_what_was_normal_the_change_and_the_alarm(self) -> None:
        svg = self._svg()

        assert _texts(svg) == [
            "cart cpu (ms)",
            "17.2",
            "2",
            "11:55:00",
            "12:02:15 UTC",
            "changed 12:00:00",
            "alarm 12:01:00",
            "normal: 2 to 2.5",
        ]
        assert len(_of_class(svg, "series")) == 1
        assert len(_of_class(svg, "onset")) == len(_of_class(svg, "alarm")) == 1
        assert len(_of_class(svg, "band")) == 2, "in the picture and in its legend"

    def test_it_can_be_read_aloud(self) -> None:
        svg = self._svg()

        title, told = svg.find(f"{_SVG}title"), svg.find(f"{_SVG}desc")
        assert title is not None
        assert told is not None
        assert svg.get("role") == "img"
        assert svg.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
        assert told.text == (
            "cart cpu rose from 2 to 8. Between 2 and 17.2. Normal was 2 to 2.5. It changed at 12:00:00. "
            "The first alarm came at 12:01:00. All times are UTC."
        )

    def test_the_line_rises_where_the_values_do(self) -> None:
        path = _of_class(self._svg(), "series")[0].get("d", "")
        heights = [float(place.split()[1]) for place in path.removeprefix("M").split("L")]

        assert len(heights) == 30
        assert min(heights[:20]) > max(heights[20:])
        assert all(54 <= height <= 164 for height in heights)

    def test_a_pause_in_the_samples_is_a_pause_in_the_line(self) -> None:
        svg = self._svg(offsets_s=(0.0, 15.0, 30.0, 300.0, 600.0, 615.0), values=(1.0,) * 6)

        assert len(_of_class(svg, "series")) == 2
        assert len(_of_class(svg, "dot")) == 1

    def test_what_is_not_known_is_not_drawn(self) -> None:
        svg = self._svg(onset=None, alarm_at=None, normal_low=None, unit="1")

        assert _texts(svg) == ["cart cpu", "17.2", "2", "11:55:00", "12:02:15 UTC"]
        assert not _of_class(svg, "band")

    @pytest.mark.parametrize(
        ("offsets", "values"),
        [
            ((0.0,), (1.0,)),
            ((0.0, 1.0), (0.0, 0.0)),
            ((0.0, 1.0), (1e308, -1e308)),
            ((0.0, 1.0), (5e-324, 0.0)),
            ((0.0, 0.0), (1.0, 2.0)),
            ((0.0, 31_622_400.0), (1.0, 2.0)),
        ],
    )
    def test_it_stays_within_its_frame_whatever_the_values(
        self, offsets: tuple[float, ...], values: tuple[float, ...]
    ) -> None:
        svg = self._svg(
            offsets_s=offsets, values=values, normal_low=None, start=datetime(9999, 12, 30, tzinfo=UTC)
        )

        texts = list(svg.iter(f"{_SVG}text"))
        assert texts
        for one in texts:
            assert 0 <= float(one.get("x", "")) <= 360
            assert 0 <= float(one.get("y", "")) <= 214

    def test_one_without_samples_says_so(self) -> None:
        assert _texts(self._svg(offsets_s=(), values=())) == ["cart cpu (ms)", "no samples"]

    def test_as_a_file_it_knows_its_colours_and_in_a_page_it_takes_the_page_s(self) -> None:
        assert "prefers-color-scheme: dark" in figure_svg(figure())
        assert "<style>" not in figure_svg(figure(), 2, alone=False)
        assert 'id="figure2-title"' in figure_svg(figure(), 2, alone=False)


class TestSketch:
    def _report(self, **changes: Any) -> Any:
        links = [("web", "cart"), ("cart", "db"), ("web", "ads"), ("cart", "queue"), ("queue", "cart")]
        values: dict[str, Any] = {
            "links": tuple(ServiceLink(caller=a, callee=b) for a, b in links),
            "path": ("db", "cart", "web"),
            "services": ("web", "ads"),
            "causes": (ReportedCause(service="db", kind="disk", statement="full", confidence=0.8),),
            "ruled_out": (
                RuledOut(service="cart", reason="it calls db"),
                RuledOut(service="ads", reason="calm"),
            ),
        }
        return report("acme", **(values | changes))

    def _svg(self, **changes: Any) -> ET.Element:
        return read_svg(sketch_svg(self._report(**changes)))

    def test_each_service_is_there_once_with_what_it_is_to_the_incident(self) -> None:
        svg = self._svg()

        assert _texts(svg) == [
            "web",
            "alarm",
            "cart",
            "ruled out",
            "ads",
            "alarm, ruled out",
            "db",
            "cause 80 %",
            "queue",
        ]
        assert [one.text for one in svg.iter(f"{_SVG}title")][1:] == ["web", "cart", "ads", "db", "queue"]

    def test_the_path_leads_from_the_cause_up_to_the_alarm(self) -> None:
        svg = self._svg()

        ways = [one.get("d", "") for one in _of_class(svg, "way")]
        assert len(ways) == 2
        starts = [float(way.removeprefix("M").split("C")[0].split()[1]) for way in ways]
        ends = [float(way.split()[-1]) for way in ways]
        assert all(end < start for start, end in zip(starts, ends, strict=True))
        assert len(_of_class(svg, "link")) == 3, "no call is drawn beneath the path: an arrow has one head"

    def test_callers_stand_above_whom_they_call_and_a_circle_does_not_matter(self) -> None:
        svg = self._svg()
        rows = {
            group.findtext(f"{_SVG}title"): float(group.find(f"{_SVG}rect").get("y"))  # type: ignore[union-attr, arg-type]  # every box has one
            for group in svg.iter(f"{_SVG}g")
        }

        assert rows["web"] < rows["cart"] < rows["db"] == rows["queue"]

    def test_a_suspect_is_not_drawn_as_a_cause(self) -> None:
        assert "suspect 80 %" in _texts(self._svg(verdict=Verdict.INCONCLUSIVE))
        assert not _of_class(self._svg(verdict=Verdict.INCONCLUSIVE), "cause")

    def test_a_long_name_is_broken_and_the_whole_of_it_can_be_asked_for(self) -> None:
        name = "petInfo-AWS::DynamoDB::Table-of-the-west-coast"
        svg = self._svg(links=(ServiceLink(caller="web", callee=name),), path=(name, "web"))

        assert name in [one.text for one in svg.iter(f"{_SVG}title")]
        assert all(len(text) <= 16 for text in _texts(svg))

    def test_no_two_boxes_touch(self) -> None:
        many = tuple(ServiceLink(caller=f"a{n % 5}", callee=f"b{n}") for n in range(30))
        svg = self._svg(links=many)
        places = [(float(one.get("x", "")), float(one.get("y", ""))) for one in _of_class(svg, "node")]

        assert len(places) == len(set(places)) <= 18

    def test_it_can_be_read_aloud(self) -> None:
        told = self._svg().findtext(f"{_SVG}desc")

        assert told is not None
        assert told.startswith("From cause to alarm: db, cart, web. web calls cart;")

    def test_without_a_known_way_it_shows_the_neighbourhood(self) -> None:
        svg = self._svg(path=())

        assert not _of_class(svg, "way")
        assert len(_of_class(svg, "node")) == 5
