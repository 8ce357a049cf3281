"""Small pieces of SVG that the pictures share. Within a page they take its colours; as a file they bring their own."""

from __future__ import annotations

from typing import Final

from schemas.pages.safe import markup_text

__all__ = ["PALETTE", "PICTURE_STYLE", "drawing", "label", "number"]

PALETTE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --line: #d5dae1; --paper: #ffffff; --soft: #f3f5f8;
  --mark: #b42318; --mark-soft: #fdeceb; --ok: #1a6b3a; --series: #0b57a4; --alarm: #8a5300; --band: #dfe7ef }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --dim: #a0a9b4; --line: #3a414a; --paper: #14171b;
  --soft: #1e2329; --mark: #ff8f85; --mark-soft: #3a1c1b; --ok: #7bd88f; --series: #7cb7ff; --alarm: #f0b35a;
  --band: #2a333d } }
"""
"""Ink, paper and marks, each readable on the other in both themes."""

PICTURE_STYLE: Final = """
.picture { font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 12px }
.picture text { fill: var(--ink); font-size: 12px } .picture .quiet { fill: var(--dim) } .picture .head { font-weight: 600 }
.picture .band { fill: var(--band) } .picture .axis { stroke: var(--dim); fill: none }
.picture .series { stroke: var(--series); stroke-width: 1.8; fill: none; stroke-linejoin: round }
.picture .dot { fill: var(--series) }
.picture .onset { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 5 3 } .picture .onset-text { fill: var(--mark) }
.picture .alarm { stroke: var(--alarm); stroke-width: 1.5 } .picture .alarm-text { fill: var(--alarm) }
.picture .onset-text, .picture .alarm-text { stroke: var(--paper); stroke-width: 4px; paint-order: stroke }
.picture .node { fill: var(--paper); stroke: var(--dim) } .picture .cause { fill: var(--mark-soft); stroke: var(--mark); stroke-width: 2 }
.picture .alarmed { stroke: var(--alarm); stroke-width: 2 } .picture .cleared { stroke-dasharray: 4 3 }
.picture .link { stroke: var(--dim); fill: none; opacity: .75 } .picture .way { stroke: var(--mark); stroke-width: 2.5; fill: none }
.picture .tip { fill: var(--dim) } .picture .way-tip { fill: var(--mark) }
"""
"""What the classes look like; with `PALETTE`."""


def drawing(name: str, size: tuple[float, float], said: tuple[str, str], inner: str, *, alone: bool) -> str:
    """Return an SVG of this size in its own units; `said` are its title and what a screen reader tells of it.

    `alone` makes it a file of its own, which knows its colours in both themes.
    """
    width, height = number(size[0]), number(size[1])
    own = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    style = f"<style>{PALETTE}{PICTURE_STYLE}</style>" if alone else ""
    paper = f'<rect width="{width}" height="{height}" style="fill:var(--paper)"/>' if alone else ""
    return (
        f'<svg{own} class="picture" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<title id="{name}-title">{markup_text(said[0])}</title>'
        f'<desc id="{name}-desc">{markup_text(said[1])}</desc>{style}{paper}{inner}</svg>'
    )


def label(text: str, x: float, y: float, kind: str = "", anchor: str = "start") -> str:
    """Return a text at a place; `anchor` says which of its ends is there."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{number(x)}" y="{number(y)}"{named} text-anchor="{anchor}">{markup_text(text)}</text>'


def number(value: float) -> str:
    """Return a coordinate with as many digits as can be seen."""
    return f"{value:.1f}".removesuffix(".0")
