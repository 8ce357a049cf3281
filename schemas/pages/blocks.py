"""What a page is made of, before it is written as HTML or Markdown. Texts are raw: whoever writes them escapes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from schemas.events.evidence import Evidence
from schemas.events.report import Report, ReportFigure, Verdict

__all__ = [
    "Blank",
    "Block",
    "Cite",
    "Code",
    "Document",
    "Entry",
    "Facts",
    "Finding",
    "Inline",
    "Line",
    "Listing",
    "Mark",
    "Moment",
    "Paragraph",
    "Picture",
    "Plain",
    "Query",
    "Section",
    "Sketch",
    "Strong",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Plain:
    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str


@dataclass(frozen=True, slots=True)
class Cite:
    """A reference to findings, by their ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day, UTC; `dated` with its day."""

    at: datetime
    dated: bool = False


Mark: TypeAlias = Literal["bullet", "number", "task"]
"""A `task` is something that somebody has to do."""

Inline: TypeAlias = Plain | Strong | Code | Cite | Moment
Line: TypeAlias = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: Line


@dataclass(frozen=True, slots=True)
class Query:
    """SQL that shows what the sentence above it says."""

    sql: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a list, and what belongs below it."""

    line: Line
    below: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    entries: tuple[Entry, ...]
    mark: Mark = "bullet"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they are, to be read at a glance. `leading` is the one that is acted upon."""

    rows: tuple[tuple[str, Line], ...]
    leading: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A series; `number` names it within the report, from 1."""

    number: int
    figure: ReportFigure


@dataclass(frozen=True, slots=True)
class Sketch:
    """The services around the incident, and the path from cause to alarm."""

    report: Report


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in full, and the place that its citations lead to. One without a label is cited nowhere."""

    label: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Blank:
    """What only people know: a place to write it, never a guess."""

    prompt: str


Block: TypeAlias = Paragraph | Query | Listing | Facts | Table | Picture | Sketch | Finding | Blank


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; one without blocks is left out."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A page. The eyebrow and the title are its first line; `top` is what the first screen holds."""

    investigation_id: str
    verdict: Verdict
    eyebrow: str
    title: str
    top: tuple[Block, ...]
    sections: tuple[Section, ...]
    foot: tuple[Block, ...]
    labels: dict[str, str]
    """The label of each evidence id that is cited."""
    shown: frozenset[str]
    """Ids of the findings that the page shows in full: citations lead there."""
