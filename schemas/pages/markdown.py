"""A page as Markdown (GitHub's): for a ticket, a chat, a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from schemas.events.evidence import Evidence
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
from schemas.pages.safe import line_of, markdown_text
from schemas.pages.words import clock, day

__all__ = ["write_markdown"]

_LIMIT: Final = 250_000


def write_markdown(page: Document, links: PageLinks) -> str:
    """Return the page, at most 250,000 characters of it."""
    writer = _Writer(page, links)
    blocks = [
        f"# {markdown_text(page.eyebrow)}: {markdown_text(page.title)}",
        *writer.blocks(page.top),
        *(text for section in page.sections for text in writer.section(section)),
        "## Cost",
        *writer.blocks(page.foot),
    ]
    return "\n\n".join(block for block in blocks if block)[:_LIMIT] + "\n"


@dataclass(frozen=True, slots=True)
class _Writer:
    page: Document
    links: PageLinks

    def section(self, section: Section) -> Iterable[str]:
        yield f"## {markdown_text(section.title)}"
        findings = [block for block in section.blocks if isinstance(block, Finding)]
        yield "\n".join(self._finding(one.evidence, one.label) for one in findings if one.label)
        unnamed = sum(not one.label for one in findings)
        if unnamed:
            yield f"Findings that nothing above rests on: {unnamed}."
        yield from self.blocks(block for block in section.blocks if not isinstance(block, Finding))

    def blocks(self, blocks: Iterable[Block]) -> Iterable[str]:
        return [self._block(block) for block in blocks]

    def _block(self, block: Block) -> str:  # noqa: PLR0911 - one return per kind of block
        match block:
            case Paragraph():
                return self._line(block.line)
            case Query():
                return "\n".join(_fenced(block.sql))
            case Listing():
                return self._listing(block)
            case Facts():
                return "\n".join(
                    f"- **{markdown_text(name)}:** {self._line(line)}" for name, line in block.rows
                )
            case Table():
                return self._table(block)
            case Picture():
                return self._picture(block)
            case Sketch():
                address = self.links.to_picture(self.page.investigation_id, "topology.svg")
                return f"![The services around the incident]({address})"
            case Finding():
                return self._finding(block.evidence, block.label)
            case Blank():
                return f"> **For people to fill in.** {markdown_text(block.prompt)}"
            case _:
                assert_never(block)

    def _listing(self, block: Listing) -> str:
        lines: list[str] = []
        for number, entry in enumerate(block.entries, start=1):
            mark = {"bullet": "- ", "number": f"{number}. ", "task": "- [ ] "}[block.mark]
            lines += self._entry(entry, mark, "  " if block.mark == "task" else " " * len(mark))
        return "\n".join(lines)

    def _entry(self, entry: Entry, mark: str, indent: str) -> list[str]:
        lines = [f"{mark}{self._line(entry.line)}"]
        for block in entry.below:
            gap = [] if isinstance(block, Listing) else [""]
            lines += [
                *gap,
                *(f"{indent}{line}" if line else "" for line in self._block(block).splitlines()),
                *gap,
            ]
        return lines

    def _table(self, block: Table) -> str:
        rows = [f"| {' | '.join(self._line(cell) for cell in row)} |" for row in block.rows]
        return "\n".join([f"| {' | '.join(block.head)} |", f"|{'---|' * len(block.head)}", *rows])

    def _picture(self, block: Picture) -> str:
        address = self.links.to_picture(self.page.investigation_id, f"figures/{block.number}.svg")
        caption = markdown_text(block.figure.caption)
        return f"![{caption}]({address})\n*{caption}*" if caption else f"![]({address})"

    def _finding(self, one: Evidence, label: str) -> str:
        fresh = f" (data until {clock(one.data_fresh_until)})" if one.data_fresh_until else ""
        address = self.links.to_evidence(one.event_id)
        name = f"[`{_code(one.event_id)}`]({address})" if address else f"`{_code(one.event_id)}`"
        return f"- **{label}** {markdown_text(one.step)}: {markdown_text(one.statement)}{fresh} {name}"

    def _line(self, line: Line) -> str:
        return "".join(map(self._inline, line)).strip()

    def _inline(self, one: Inline) -> str:
        match one:
            case Plain():
                return f"{_lead(one.text)}{markdown_text(one.text)}{_trail(one.text)}"
            case Strong():
                return f"**{markdown_text(one.text)}**"
            case Code():
                return f"`{_code(one.text)}`"
            case Cite():
                return self._cited(one.ids)
            case Moment():
                return f"{day(one.at)} {clock(one.at)} UTC" if one.dated else clock(one.at)
            case _:
                assert_never(one)

    def _cited(self, ids: Sequence[str]) -> str:
        known = [self.page.labels[i] for i in ids if i in self.page.labels]
        return f"[{', '.join(known)}]" if known else ""


def _lead(text: str) -> str:
    return " " if text[:1].isspace() else ""


def _trail(text: str) -> str:
    return " " if len(text) > 1 and text[-1:].isspace() else ""


def _code(text: str) -> str:
    return line_of(text).replace("`", "'")


def _fenced(query: str) -> list[str]:
    return ["```sql", *query.replace("```", "'''").strip().splitlines(), "```"]
