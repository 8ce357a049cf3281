"""A decisive series as a picture: its samples, what was normal, when it changed and when the alarm came.

The axes end where the data end (a range frame): what is written at them are samples, not round numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final, Self

from schemas.events.report import ReportFigure
from schemas.pages.svg import drawing, label, number
from schemas.pages.words import clock, figure, middle_cut

__all__ = ["figure_svg"]

_WIDTH: Final = 360.0
_HEIGHT: Final = 214.0
_LEFT: Final = 58.0
_RIGHT: Final = 350.0
_TOP: Final = 54.0
_BOTTOM: Final = 164.0
_LINE: Final = 13.0
"""Labels closer than this would touch."""
_HEADING: Final = 48
_GAP: Final = 5.0
"""A pause of so many usual ones breaks the line."""
_NO_DIMENSION: Final = frozenset({"", "1"})


def figure_svg(one: ReportFigure, number_: int = 1, *, alone: bool = True) -> str:
    """Return the picture. `alone` False makes it part of a page that has its style."""
    name = f"figure{number_}"
    heading = f"{one.service} {one.indicator}"
    told = one.caption or heading
    if not one.values:
        empty = label("no samples", _LEFT, _TOP, "quiet")
        return drawing(name, (_WIDTH, _HEIGHT), (heading, told), f"{_head(one)}{empty}", alone=alone)
    plot = _Plot.of(one)
    parts = [_head(one), plot.band(), plot.frame(), plot.line(), *plot.marks(), plot.legend()]
    return drawing(
        name, (_WIDTH, _HEIGHT), (heading, f"{told}. {_described(one)}"), "".join(parts), alone=alone
    )


def _head(one: ReportFigure) -> str:
    said = "" if one.unit in _NO_DIMENSION else f" ({one.unit})"
    return label(middle_cut(f"{one.service} {one.indicator}{said}", _HEADING), 4, 15, "head")


def _described(one: ReportFigure) -> str:
    """The picture for who cannot see it."""
    low, high = figure(min(one.values)), figure(max(one.values))
    usual = (
        f" Normal was {figure(one.normal_low)} to {figure(one.normal_high)}."
        if one.normal_low is not None and one.normal_high is not None
        else ""
    )
    changed = f" It changed at {clock(one.onset)}." if one.onset else ""
    alarm = f" The first alarm came at {clock(one.alarm_at)}." if one.alarm_at else ""
    return f"Between {low} and {high}.{usual}{changed}{alarm} All times are UTC."


@dataclass(frozen=True, slots=True)
class _Plot:
    """A figure and its scales. Values are divided by the largest first: their differences cannot overflow."""

    figure: ReportFigure
    size: float
    low: float
    high: float
    length: float

    @classmethod
    def of(cls, one: ReportFigure) -> Self:
        shown = [*one.values, *(v for v in (one.normal_low, one.normal_high) if v is not None)]
        size = max(map(abs, shown)) or 1.0
        low, high = min(shown) / size, max(shown) / size
        if high - low <= 0:
            low, high = low - 1.0, high + 1.0
        return cls(one, size, low, high, max(one.offsets_s[-1] - one.offsets_s[0], 1e-9))

    def x(self, offset: float) -> float:
        share = (offset - self.figure.offsets_s[0]) / self.length
        return _LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        return _BOTTOM - (value / self.size - self.low) / (self.high - self.low) * (_BOTTOM - _TOP)

    def band(self) -> str:
        low, high = self.figure.normal_low, self.figure.normal_high
        if low is None or high is None:
            return ""
        top, bottom = sorted((self.y(low), self.y(high)))
        height = max(bottom - top, 2.0)
        return (
            f'<rect class="band" x="{number(_LEFT)}" y="{number(top)}" width="{number(_RIGHT - _LEFT)}" '
            f'height="{number(height)}"/>'
        )

    def frame(self) -> str:
        """The axes, from the smallest sample to the largest and from the first to the last."""
        values, offsets = self.figure.values, self.figure.offsets_s
        top, bottom = self.y(max(values)), self.y(min(values))
        lines = (
            f'<path class="axis" d="M{number(_LEFT - 4)} {number(top)}V{number(bottom)}'
            f'M{number(_LEFT)} {number(_BOTTOM + 4)}H{number(_RIGHT)}"/>'
        )
        high = label(figure(max(values)), _LEFT - 8, top + 4, "quiet", "end")
        low = (
            label(figure(min(values)), _LEFT - 8, bottom + 4, "quiet", "end") if bottom - top >= _LINE else ""
        )
        first = label(clock(self._at(offsets[0])), _LEFT, _BOTTOM + 18, "quiet")
        last = label(f"{clock(self._at(offsets[-1]))} UTC", _RIGHT, _BOTTOM + 18, "quiet", "end")
        return f"{lines}{high}{low}{first}{last}"

    def line(self) -> str:
        """The samples; where they pause, the line does."""
        points = list(zip(self.figure.offsets_s, self.figure.values, strict=True))
        usual = median([b[0] - a[0] for a, b in pairwise(points)]) if len(points) > 1 else 0.0
        return "".join(self._stretch(run) for run in _runs(points, usual * _GAP))

    def _stretch(self, points: Sequence[tuple[float, float]]) -> str:
        places = [f"{number(self.x(offset))} {number(self.y(value))}" for offset, value in points]
        if len(places) == 1:
            x, y = places[0].split()
            return f'<circle class="dot" cx="{x}" cy="{y}" r="2.5"/>'
        return f'<path class="series" d="M{"L".join(places)}"/>'

    def marks(self) -> Iterable[str]:
        """When it changed and when the alarm came, each in a row of its own."""
        if self.figure.onset:
            yield self._mark(self.figure.onset, "changed", "onset", 31)
        if self.figure.alarm_at:
            yield self._mark(self.figure.alarm_at, "alarm", "alarm", 45)

    def _mark(self, at: datetime, word: str, kind: str, row: float) -> str:
        x = self.x((at - self.figure.start).total_seconds())
        middle = (_LEFT + _RIGHT) / 2
        anchor, beside = ("end", x - 4) if x > middle else ("start", x + 4)
        line = f'<line class="{kind}" x1="{number(x)}" x2="{number(x)}" y1="{number(row - 9)}" y2="{number(_BOTTOM)}"/>'
        return line + label(f"{word} {clock(at)}", beside, row, f"{kind}-text", anchor)

    def legend(self) -> str:
        low, high = self.figure.normal_low, self.figure.normal_high
        if low is None or high is None:
            return ""
        y = _HEIGHT - 14
        swatch = f'<rect class="band" x="{number(_LEFT)}" y="{number(y)}" width="16" height="10"/>'
        usual = figure(low) if figure(low) == figure(high) else f"{figure(low)} to {figure(high)}"
        return swatch + label(f"normal: {usual}", _LEFT + 22, y + 9, "quiet")

    def _at(self, offset: float) -> datetime:
        try:
            return self.figure.start + timedelta(seconds=offset)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)


def _runs(points: Sequence[tuple[float, float]], pause: float) -> Iterable[list[tuple[float, float]]]:
    run = [points[0]]
    for before, after in pairwise(points):
        if pause and after[0] - before[0] > pause:
            yield run
            run = []
        run.append(after)
    yield run
