"""The services around an incident as a picture: callers above, called below, the path from cause to alarm marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from schemas.events.report import Report, ServiceLink, Verdict
from schemas.pages.safe import markup_text
from schemas.pages.svg import drawing, label, number
from schemas.pages.words import middle_cut, percent

__all__ = ["sketch_svg"]

_COLUMNS: Final = 3
_COLUMN: Final = 134.0
_WIDTH: Final = _COLUMN * _COLUMNS
_ROW: Final = 84.0
_HEIGHT: Final = 54.0
_GAP: Final = 10.0
_MOST: Final = 18
_LETTERS: Final = 15
"""As many fit into one line of a box."""


@dataclass(frozen=True, slots=True)
class _Box:
    """The middle of a service's box."""

    x: float
    y: float


def sketch_svg(report: Report, *, alone: bool = True) -> str:
    """Return the picture. `alone` False makes it part of a page that has its style."""
    links = _drawn(report)
    rows = _rows(_layers(links, report), report.path)
    boxes = _boxes(rows, centred=not report.path)
    parts = [
        *_lines(links, boxes, frozenset(map(frozenset, pairwise(report.path)))),
        *_way(report, boxes),
        *(_node(report, name, boxes[name]) for name in boxes),
    ]
    size = (_WIDTH, max(len(rows), 1) * _ROW)
    said = ("The services around the incident", _described(report, links))
    return drawing("topology", size, said, f"{_TIPS}{''.join(parts)}", alone=alone)


_TIPS: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" '
    'markerUnits="userSpaceOnUse"><path class="tip" d="M0 0L8 4L0 8z"/></marker>'
    '<marker id="way-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="11" markerHeight="11" orient="auto" '
    'markerUnits="userSpaceOnUse"><path class="way-tip" d="M0 0L8 4L0 8z"/></marker></defs>'
)


def _described(report: Report, links: Sequence[ServiceLink]) -> str:
    path = f"From cause to alarm: {', '.join(report.path)}. " if len(report.path) > 1 else ""
    return path + "; ".join(f"{one.caller} {one.tie} {one.callee}" for one in links) + "."


def _drawn(report: Report) -> tuple[ServiceLink, ...]:
    """The links among as many services as can be drawn: those of the path first."""
    names = list(
        dict.fromkeys([*report.path, *(n for one in report.links for n in (one.caller, one.callee))])
    )
    kept = set(names[:_MOST])
    return tuple(one for one in report.links if {one.caller, one.callee} <= kept)


def _layers(links: Sequence[ServiceLink], report: Report) -> dict[str, int]:
    """How deep each service is below those that nobody calls. A circle of calls is cut where it closes."""
    names = dict.fromkeys([*(n for one in links for n in (one.caller, one.callee)), *report.path[:_MOST]])
    called: dict[str, list[str]] = {name: [] for name in names}
    for one in links:
        called[one.caller].append(one.callee)
    below = {one.callee for one in links}
    depth: dict[str, int] = {}
    for root in [*(name for name in names if name not in below), *reversed(report.path), *names]:
        if root in called and root not in depth:
            _sink(root, 0, called, depth, ())
    return depth


def _sink(
    name: str, level: int, called: Mapping[str, Sequence[str]], depth: dict[str, int], above: tuple[str, ...]
) -> None:
    """Put a service on a level, and what it calls below it."""
    if depth.get(name, -1) >= level:
        return
    depth[name] = level
    for callee in called[name]:
        if callee != name and callee not in above:
            _sink(callee, level + 1, called, depth, (*above, name))


def _rows(depth: Mapping[str, int], path: Sequence[str]) -> list[list[str]]:
    """The layers from above, the broad ones in several rows; the path goes down the first column, or leaves it free."""
    rows: list[list[str]] = []
    on_path = set(path)
    for level in sorted(set(depth.values())):
        layer = [name for name, own in depth.items() if own == level]
        way = [name for name in layer if name in on_path]
        rest = [name for name in layer if name not in on_path]
        room = _COLUMNS - 1 if on_path else _COLUMNS
        lines = [rest[start : start + room] for start in range(0, len(rest), room)]
        for line in range(max(len(lines), len(way))):
            first = way[line : line + 1] or [""] if on_path else []
            rows.append([*first, *(lines[line] if line < len(lines) else ())])
    return rows


def _boxes(rows: Sequence[Sequence[str]], *, centred: bool) -> dict[str, _Box]:
    """Where each box is; an empty name leaves its place free."""
    boxes: dict[str, _Box] = {}
    for level, row in enumerate(rows):
        begin = (_COLUMNS - len(row)) / 2 if centred else 0.0
        for place, name in enumerate(row):
            if name:
                boxes[name] = _Box(_COLUMN * (begin + place + 0.5), (level + 0.5) * _ROW)
    return boxes


def _lines(
    links: Sequence[ServiceLink], boxes: Mapping[str, _Box], way: frozenset[frozenset[str]]
) -> Iterable[str]:
    """The calls; those that the path runs along are left to it."""
    for one in links:
        if one.caller != one.callee and {one.caller, one.callee} not in way:
            yield f'<path class="link" marker-end="url(#tip)" d="{_curve(boxes[one.caller], boxes[one.callee])}"/>'


def _way(report: Report, boxes: Mapping[str, _Box]) -> Iterable[str]:
    """The path, drawn from the cause to the alarm: so the trouble travelled."""
    for cause, effect in pairwise(name for name in report.path if name in boxes):
        yield f'<path class="way" marker-end="url(#way-tip)" d="{_curve(boxes[cause], boxes[effect])}"/>'


def _curve(begin: _Box, end: _Box) -> str:
    """From edge to edge; straight to the side where both are in one row."""
    if abs(begin.y - end.y) < 1:
        side = (_COLUMN - _GAP) / 2 * (1 if end.x > begin.x else -1)
        return f"M{number(begin.x + side)} {number(begin.y)}L{number(end.x - side)} {number(end.y)}"
    down = _HEIGHT / 2 * (1 if end.y > begin.y else -1)
    y1, y2 = begin.y + down, end.y - down
    middle = number((y1 + y2) / 2)
    return f"M{number(begin.x)} {number(y1)}C{number(begin.x)} {middle} {number(end.x)} {middle} {number(end.x)} {number(y2)}"


def _node(report: Report, name: str, box: _Box) -> str:
    kind, role = _role(report, name)
    width = _COLUMN - _GAP
    shape = (
        f'<rect class="{f"node {kind}".strip()}" x="{number(box.x - width / 2)}" y="{number(box.y - _HEIGHT / 2)}" '
        f'width="{number(width)}" height="{number(_HEIGHT)}" rx="6"/>'
    )
    lines = [(line, "head") for line in _broken(name)] + ([(role, "quiet")] if role else [])
    top = box.y + 4 - (len(lines) - 1) * 7.5
    texts = (label(text, box.x, top + place * 15, look, "middle") for place, (text, look) in enumerate(lines))
    return f"<g><title>{markup_text(name)}</title>{shape}{''.join(texts)}</g>"


def _broken(name: str) -> tuple[str, ...]:
    """The name in a line, or in two: broken behind a sign where there is one, and cut in the middle if it must be."""
    if len(name) <= _LETTERS:
        return (name,)
    shown = middle_cut(name, 2 * _LETTERS - 2)
    least = max(len(shown) - _LETTERS, 1)
    signs = [place + 1 for place, sign in enumerate(shown) if sign in "-_.:/ "]
    fitting = [place for place in signs if least <= place <= _LETTERS]
    at = min(fitting, key=lambda place: abs(place - len(shown) / 2), default=min(_LETTERS, len(shown) - 1))
    return shown[:at], shown[at:]


def _role(report: Report, name: str) -> tuple[str, str]:
    """How a service is drawn, and what is written below its name."""
    cause = next((one for one in report.causes if one.service == name), None)
    alarm = "alarm" if name in report.services else ""
    if cause is not None:
        found = report.verdict is Verdict.CAUSE_FOUND and cause is report.causes[0]
        sure = "" if cause.confidence is None else f" {percent(cause.confidence)}"
        word = f"{'cause' if found else 'suspect'}{sure}"
        return ("cause" if found else "alarmed" if alarm else ""), f"{word}, {alarm}" if alarm else word
    if any(one.service == name for one in report.ruled_out):
        return "alarmed cleared" if alarm else "cleared", f"{alarm}, ruled out" if alarm else "ruled out"
    return ("alarmed" if alarm else ""), alarm
