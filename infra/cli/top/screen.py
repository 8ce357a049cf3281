"""A look as a person sees it, as wide and as high as the terminal is. Every state is a word, so it needs no colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from infra.cli.top.look import OPENED_AT_MOST, Look, Rates, Spending
from schemas.pages.words import percent

__all__ = ["Screen", "ago", "money"]

_WIDE: Final = 100
_HIGH: Final = 32
_NARROW: Final = 64
_FEWEST: Final = 2
"""Rows that each list has also on a low terminal."""
_AROUND: Final = 4
"""Lines of a list beside its rows: an empty one, its title, its heading, and how many more there are."""
_SEVERITIES: Final = {
    "critical": "bold red",
    "major": "red",
    "minor": "yellow",
    "warning": "yellow",
    "cleared": "green",
}
_UNKNOWN: Final = "?"


@dataclass(frozen=True, slots=True)
class Screen:
    """What rich prints for a look. With `fit` the lists are cut so that all of it is on the terminal."""

    look: Look
    fit: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width, height = options.max_width, console.size.height if self.fit else None
        roomy = width >= _WIDE and (height is None or height >= _HIGH)
        above = [_header(self.look, width), _parts(self.look), *_problems(self.look)]
        above += [Text(""), _beside(self.look)] if roomy else _below(self.look)
        room = None if height is None else height - _height(console, options, above)
        first, second = _shares(self.look, room)
        yield from above
        yield from _incidents(self.look, width, first)
        yield from _investigations(self.look, width, second)


def ago(since: datetime, now: datetime) -> str:
    """Return a time span as people read it, in at most six characters."""
    seconds = max(0, round((now - since).total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3_600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 86_400:
        return f"{seconds // 3_600}h{seconds % 3_600 // 60:02d}m"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3_600:02d}h"


def money(nano_usd: int | None) -> str:
    """Return money as people read it at a glance; unknown is not zero, and a little is not nothing."""
    if nano_usd is None:
        return _UNKNOWN
    if 0 < nano_usd < 100_000:
        return "<$0.0001"
    return f"${nano_usd / 1e9:,.2f}" if nano_usd >= 10_000_000 or not nano_usd else f"${nano_usd / 1e9:,.4f}"


def _header(look: Look, width: int) -> RenderableType:
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    told = Text.assemble(("tocsin top", "bold"), "  ", (look.name, "cyan"))
    if width >= _NARROW:
        told.append(f"  tenant {look.tenant}")
    styles = {"ready": "bold green", "not_ready": "bold red", None: "bold white on red"}
    status = (look.status or "no answer").replace("_", " ")
    line.add_row(
        told, Text.assemble((status, styles.get(look.status, "bold yellow")), f"  {look.at:%H:%M:%S}Z")
    )
    return line


def _parts(look: Look) -> Text:
    """Servers as the API sees them, then the processes of this machine's stack; details only of what is not well."""
    told = Text()
    for part in look.parts:
        style, word = ("green", "ok") if part.ready else ("bold red", f"DOWN {part.detail}".rstrip())
        told.append(f"{part.name} ").append(word, style).append("  ")
    names = {part.name for part in look.parts}
    for one in look.processes:
        if one.name in names and one.status == "ready" and not one.restarts:
            continue
        word = {"ready": "up"}.get(one.status, one.status.replace("_", " ").upper())
        told.append(f"{one.name} ").append(word, "green" if one.status == "ready" else "bold red")
        told.append(f" (restarts: {one.restarts})  " if one.restarts else "  ", "yellow")
    told.rstrip()
    return told


def _problems(look: Look) -> list[RenderableType]:
    """A reason once, with every section that it hides."""
    sections: dict[str, list[str]] = {}
    for one in look.problems:
        sections.setdefault(one.told, []).append(one.section)
    return [
        Text.assemble((f"{', '.join(names)}: ", "yellow"), told, overflow="ellipsis", no_wrap=True)
        for told, names in sections.items()
    ]


def _beside(look: Look) -> RenderableType:
    """Lag, rates and costs as tables beside one another."""
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(
        _pairs("Lag", _lag(look)), _pairs("Rates", _rates(look)), _pairs("Cost", _spending(look.spending))
    )
    return side_by_side


def _below(look: Look) -> list[RenderableType]:
    """The same in a line each, for a terminal without room."""
    every = {"lag": _lag(look), "rates": _rates(look), "cost": _spending(look.spending)}
    return [
        Text.assemble((f"{title}  ", "bold"), "  ".join(f"{name} {value}" for name, value in pairs))
        for title, pairs in every.items()
    ]


def _pairs(title: str, pairs: Iterable[tuple[str, str]]) -> Table:
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    made.add_column(title, no_wrap=True)
    made.add_column("", justify="right", no_wrap=True)
    for name, value in pairs:
        made.add_row(Text(name), Text(value))
    return made


def _lag(look: Look) -> list[tuple[str, str]]:
    if not look.lag:
        return [("all stages", _UNKNOWN if look.lag is None else "nobody reads yet")]
    return [(one.stage, f"{one.messages:,}" + (f" {one.topic}" if one.messages else "")) for one in look.lag]


def _rates(look: Look) -> list[tuple[str, str]]:
    rates = look.rates or Rates()
    return [
        ("alarms in", _per_second(rates.alarms_per_s)),
        ("incidents opened", f"{_counted(look.opened_in_10_min)} in 10 min"),
        ("evidence out", _per_second(rates.evidence_per_s)),
        (f"{rates.landed_unit} landed", _per_second(rates.landed_per_s)),
    ]


def _spending(spending: Spending | None) -> list[tuple[str, str]]:
    if spending is None:
        return [("all", _UNKNOWN)]
    found = [
        ("last hour", money(spending.last_hour_nano_usd)),
        ("today", money(spending.today_nano_usd)),
        ("this month", money(spending.month_nano_usd)),
    ]
    budget = spending.monthly_budget_nano_usd
    if budget:
        share = (
            f" ({percent(spending.month_nano_usd / budget)})" if spending.month_nano_usd is not None else ""
        )
        found.append(("of its budget", f"{money(budget)}{share}"))
    if spending.unpriced_this_month:
        found.append(("without a price", f"{spending.unpriced_this_month:,}"))
    return found


def _list(title: str, found: int, *, more: bool) -> Table:
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", expand=True)
    made.title = Text(f"{title} {found}{'+' if more else ''}", "bold")
    made.title_justify = "left"
    return made


def _incidents(look: Look, width: int, rows: int) -> Iterator[RenderableType]:
    if not look.incidents:
        yield from _none("Open incidents", look.incidents)
        return
    made = _list("Open incidents", len(look.incidents), more=look.more_incidents)
    for name in ("severity", "age"):
        made.add_column(name, no_wrap=True)
    if width >= _NARROW:
        made.add_column("state", no_wrap=True)
        made.add_column("alarms", justify="right", no_wrap=True)
    made.add_column("incident", no_wrap=True, overflow="ellipsis", ratio=1)
    if width >= _WIDE:
        made.add_column("id", no_wrap=True)
    for one in look.incidents[:rows]:
        cells: list[RenderableType] = [
            Text(one.severity, _SEVERITIES.get(one.severity, "")),
            ago(one.opened_at, look.at),
        ]
        if width >= _NARROW:
            cells += [one.transition, f"{one.active_count}/{one.alarm_count}"]
        cells.append(Text(one.title))
        made.add_row(*cells, *((one.incident_id,) if width >= _WIDE else ()))
    yield Text("")
    yield made
    yield from _rest(len(look.incidents) - rows)


def _investigations(look: Look, width: int, rows: int) -> Iterator[RenderableType]:
    if not look.investigations:
        yield from _none("Investigations", look.investigations)
        return
    made = _list("Investigations", len(look.investigations), more=look.more_investigations)
    for name in ("state", "for", "step"):
        made.add_column(name, no_wrap=True)
    if width >= _NARROW:
        made.add_column("", justify="right", no_wrap=True)
    made.add_column("investigation", no_wrap=True, overflow="ellipsis", ratio=1)
    if width >= _WIDE:
        made.add_column("id", no_wrap=True)
    styles = {"running": "green", "resumed": "yellow", "waiting": "cyan"}
    for one in look.investigations[:rows]:
        state = f"{one.state} ({one.attempt})" if one.attempt > 1 else one.state
        told = f"{one.title}: {one.message}" if one.message else one.title
        cells: list[RenderableType] = [Text(state, styles.get(one.state, "dim"))]
        cells += [ago(one.requested_at, look.at), one.step]
        if width >= _NARROW:
            cells.append(percent(one.progress))
        cells.append(Text(told))
        made.add_row(*cells, *((one.investigation_id,) if width >= _WIDE else ()))
    yield Text("")
    yield made
    yield from _rest(len(look.investigations) - rows)


def _none(title: str, seen: tuple[object, ...] | None) -> Iterator[RenderableType]:
    """What cannot be seen is told among the problems; that there is nothing is told here."""
    if seen is not None:
        yield Text("")
        yield Text.assemble((f"{title} 0", "bold"))


def _rest(hidden: int) -> Iterator[RenderableType]:
    if hidden > 0:
        yield Text(f"... and {hidden} more", "dim")


def _shares(look: Look, height: int | None) -> tuple[int, int]:
    """Return how many rows each list gets: half of the room each, and what the other leaves."""
    first, second = len(look.incidents or ()), len(look.investigations or ())
    if height is None:
        return first, second
    around = _AROUND * ((look.incidents is not None) + (look.investigations is not None))
    room = max(height - around, 2 * _FEWEST)
    least = min(second, max(_FEWEST, room // 2))
    given = min(first, max(room - least, _FEWEST))
    return given, min(second, max(room - given, _FEWEST))


def _height(console: Console, options: ConsoleOptions, shown: list[RenderableType]) -> int:
    return sum(len(console.render_lines(one, options)) for one in shown)


def _per_second(rate: float | None) -> str:
    if rate is None:
        return f"{_UNKNOWN}/s"
    return f"{rate:,.0f}/s" if rate >= 10 or rate == 0 else f"{rate:.2g}/s"


def _counted(opened: int | None) -> str:
    if opened is None:
        return _UNKNOWN
    return f"{opened:,}{'+' if opened >= OPENED_AT_MOST else ''}"
