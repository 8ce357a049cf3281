"""A page as HTML that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import assert_never

from schemas.events.report import Verdict
from schemas.pages.blocks import (
    Blank,
    Block,
    Cite,
    Code,
    Document,
    Entry,
    Facts,
    Finding,
    Inline,
    Line,
    Listing,
    Moment,
    Paragraph,
    Picture,
    Plain,
    Query,
    Section,
    Sketch,
    Strong,
    Table,
)
from schemas.pages.links import PageLinks
from schemas.pages.safe import markup_text
from schemas.pages.series import figure_svg
from schemas.pages.sketch import sketch_svg
from schemas.pages.style import STYLE
from schemas.pages.words import clock, day, figure

__all__ = ["write_html"]


def write_html(page: Document, links: PageLinks) -> str:
    """Return the page."""
    writer = _Writer(page, links)
    calm = page.verdict is Verdict.BENIGN
    kind = ' class="calm-page"' if calm else ""
    title = markup_text(f"{page.eyebrow}: {page.title}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body{kind}><main>"
        f'<p class="eyebrow{" calm" if calm else ""}">{markup_text(page.eyebrow)}</p>'
        f"<h1>{markup_text(page.title)}</h1>{writer.blocks(page.top)}"
        f"{''.join(map(writer.section, page.sections))}</main>"
        f"<footer>{writer.blocks(page.foot)}</footer></body></html>\n"
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    page: Document
    links: PageLinks

    def section(self, section: Section) -> str:
        return f"<section><h2>{markup_text(section.title)}</h2>{self.blocks(section.blocks)}</section>"

    def blocks(self, blocks: Iterable[Block]) -> str:
        """Pictures that follow one another stand side by side where there is room."""
        runs = groupby(blocks, lambda block: isinstance(block, Picture))
        return "".join(
            f'<div class="pictures">{"".join(map(self._block, run))}</div>'
            if pictured
            else "".join(map(self._block, run))
            for pictured, run in runs
        )

    def _block(self, block: Block) -> str:  # noqa: PLR0911 - one return per kind of block
        match block:
            case Paragraph():
                return f"<p>{self._line(block.line)}</p>"
            case Query():
                return f'<details class="query"><summary>Query</summary><pre>{markup_text(block.sql)}</pre></details>'
            case Listing():
                return self._listing(block)
            case Facts():
                return self._facts(block)
            case Table():
                return self._table(block)
            case Picture():
                return self._picture(block)
            case Sketch():
                return f"<figure>{sketch_svg(block.report, alone=False)}</figure>"
            case Finding():
                return self._finding(block)
            case Blank():
                return f'<div class="blank"><em>For people to fill in.</em> {markup_text(block.prompt)}</div>'
            case _:
                assert_never(block)

    def _listing(self, block: Listing) -> str:
        tag, kind = {"bullet": ("ul", ""), "number": ("ol", ""), "task": ("ul", ' class="tasks"')}[block.mark]
        box = '<span class="box"></span>' if block.mark == "task" else ""
        items = "".join(f"<li>{box}{self._entry(entry)}</li>" for entry in block.entries)
        return f"<{tag}{kind}>{items}</{tag}>"

    def _entry(self, entry: Entry) -> str:
        return f"{self._line(entry.line)}{self.blocks(entry.below)}"

    def _facts(self, block: Facts) -> str:
        rows = [
            f'<div class="leading">{row}</div>' if name == block.leading else row
            for name, line in block.rows
            for row in [f"<dt>{markup_text(name)}</dt><dd>{self._line(line)}</dd>"]
        ]
        return f"<dl>{''.join(rows)}</dl>"

    def _table(self, block: Table) -> str:
        head = "".join(f"<th>{markup_text(name)}</th>" for name in block.head)
        rows = "".join(
            f"<tr>{''.join(f'<td>{self._line(cell)}</td>' for cell in row)}</tr>" for row in block.rows
        )
        return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'

    def _picture(self, block: Picture) -> str:
        one = block.figure
        cited = f" {self._cited((one.evidence_id,))}" if one.evidence_id else ""
        picture = figure_svg(one, block.number, alone=False)
        return f"<figure>{picture}<figcaption>{markup_text(one.caption)}{cited}</figcaption></figure>"

    def _finding(self, block: Finding) -> str:
        one = block.evidence
        anchor = f' id="{block.label.lower()}"' if block.label else ""
        name = f"<strong>{block.label}</strong> " if block.label else ""
        strength = "" if one.score is None else f' <span class="quiet">strength {figure(one.score)}</span>'
        query = f"<pre>{markup_text(one.query)}</pre>" if one.query else ""
        return (
            f'<details class="finding"{anchor}><summary>{name}{markup_text(one.statement)}{strength}</summary>'
            f'<p class="quiet">{self._origin(block)}</p>{query}</details>'
        )

    def _origin(self, block: Finding) -> str:
        """Where a finding comes from, how fresh it is, and where it stands by itself."""
        one = block.evidence
        told = [one.step, one.kind, one.service, one.indicator]
        parts = [markup_text(part) for part in told if part]
        parts.append(f"{self._moment(one.window_start)} to {self._moment(one.window_end)}")
        if one.data_fresh_until:
            parts.append(f"data until {self._moment(one.data_fresh_until)}")
        address = self.links.to_evidence(one.event_id)
        name = f"<code>{markup_text(one.event_id)}</code>"
        parts.append(f'<a href="{markup_text(address)}">{name}</a>' if address else name)
        return " · ".join(parts)

    def _line(self, line: Line) -> str:
        return "".join(map(self._inline, line))

    def _inline(self, one: Inline) -> str:
        match one:
            case Plain():
                return markup_text(one.text)
            case Strong():
                return f"<strong>{markup_text(one.text)}</strong>"
            case Code():
                return f"<code>{markup_text(one.text)}</code>"
            case Cite():
                return self._cited(one.ids)
            case Moment():
                return self._moment(one.at, dated=one.dated)
            case _:
                assert_never(one)

    def _cited(self, ids: Iterable[str]) -> str:
        """References; one to a finding that the page does not show leads to the finding itself, or nowhere."""
        known = [i for i in ids if i in self.page.labels]
        if not known:
            return ""
        return f'<span class="cite">[{", ".join(map(self._reference, known))}]</span>'

    def _reference(self, evidence_id: str) -> str:
        label = self.page.labels[evidence_id]
        within = f"#{label.lower()}" if evidence_id in self.page.shown else ""
        address = within or self.links.to_evidence(evidence_id)
        if address:
            return f'<a href="{markup_text(address)}">{label}</a>'
        return f'<span title="{markup_text(evidence_id)}">{label}</span>'

    def _moment(self, at: datetime, *, dated: bool = True) -> str:
        said = f"{day(at)} {clock(at)} UTC" if dated else clock(at)
        return f'<time datetime="{at.isoformat()}">{said}</time>'
