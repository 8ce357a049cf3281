"""A reliability diagram as SVG: accuracy over confidence, the diagonal is honest."""

from __future__ import annotations

from collections.abc import Iterator

from agents.evaluation.calibration import Bin, Calibration

__all__ = ["reliability_file", "reliability_svg"]

_LOOK = """svg{--ink:#1d2733;--dim:#66727f;--line:#dde3e9;--bar:#3b7dd8;--gap:#e0763066;font-family:system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{--ink:#dfe6ee;--dim:#93a0ad;--line:#2d3742;--bar:#5b9cf0;--gap:#f0955b66}}
.grid{stroke:var(--line)}.bar{fill:var(--bar)}.gap{fill:var(--gap)}.honest{stroke:var(--dim);stroke-dasharray:4 4}
text{fill:var(--dim);font-size:11px}.count{fill:var(--ink)}"""
_SIZE, _LEFT, _TOP, _FOOT = 240, 34, 8, 34


def reliability_svg(calibration: Calibration, title: str) -> str:
    """Return an inline SVG; its colours are the CSS variables `--ink`, `--line`, `--bar` and `--gap`."""
    width, height = _LEFT + _SIZE + 12, _TOP + _SIZE + _FOOT
    body = "\n".join([*_grid(), *(part for one in calibration.bins for part in _bar(one)), _diagonal()])
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{title}"><title>{title}</title>\n{body}\n</svg>'
    )


def reliability_file(calibration: Calibration, title: str) -> str:
    """Return the same as a file of its own, for pages that cannot hold it; it follows the reader's light or dark."""
    inline = reliability_svg(calibration, title)
    alone = inline.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return alone.replace("</title>", f"</title>\n<style>{_LOOK}</style>", 1) + "\n"


def _x(value: float) -> float:
    return round(_LEFT + value * _SIZE, 1)


def _y(value: float) -> float:
    return round(_TOP + (1 - value) * _SIZE, 1)


def _grid() -> Iterator[str]:
    for tenth in range(0, 11, 2):
        value = tenth / 10
        yield f'<line x1="{_x(0)}" x2="{_x(1)}" y1="{_y(value)}" y2="{_y(value)}" class="grid"/>'
        yield f'<text x="{_LEFT - 6}" y="{_y(value) + 4}" class="tick" text-anchor="end">{value:.1f}</text>'
        yield f'<text x="{_x(value)}" y="{_y(0) + 15}" class="tick" text-anchor="middle">{value:.1f}</text>'
    yield f'<text x="{_x(0.5)}" y="{_y(0) + 30}" class="tick" text-anchor="middle">across: confidence said; up: share right</text>'


def _bar(one: Bin) -> Iterator[str]:
    """How often the answers of the bin were right, the distance to what they promised, and how many they are."""
    if one.accuracy is None or one.confidence is None:
        return
    left, width = _x(one.low) + 1, _SIZE / 10 - 2
    told = f"{one.count} answers: confidence {one.confidence:.2f}, right {one.accuracy:.2f}"
    top, high = _y(max(one.accuracy, one.confidence)), abs(one.accuracy - one.confidence) * _SIZE
    yield f'<g><title>{told}</title><rect x="{left}" y="{_y(one.accuracy)}" width="{width}" height="{one.accuracy * _SIZE:.1f}" class="bar"/>'
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{high:.1f}" class="gap"/>'
    yield f'<text x="{left + width / 2}" y="{_y(0) - 4}" class="count" text-anchor="middle">{one.count}</text></g>'


def _diagonal() -> str:
    return f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" class="honest"/>'
