"""The results as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.bench.figures import Figure

__all__ = ["markdown", "value_text"]

_MET = {True: "yes", False: "**no**", None: ""}


def value_text(figure: Figure) -> str:
    """The value with three significant digits and its unit."""
    magnitude = abs(figure.value)
    digits = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2
    text = f"{figure.value:,.{digits}f}"
    return f"{text} x" if figure.unit == "x" else f"{text} {figure.unit}"


def markdown(
    results: Mapping[str, Sequence[Figure]],
    titles: Mapping[str, str],
    conditions: Mapping[str, str],
    command: str,
) -> str:
    """One run: its command, its conditions, then a table of every figure."""
    parts = [f"## `{command}`", "", "| condition | |", "|---|---|"]
    parts += [f"| {name} | {value} |" for name, value in conditions.items()]
    parts += ["", "| what | value | goal | met | ours | peer, same run |", "|---|---:|---|---|---|---|"]
    for name, figures in results.items():
        parts.append(f"| **{titles[name]}** (`{name}`) | | | | | |")
        parts += _rows(figures)
    return "\n".join([*parts, ""])


def _rows(figures: Iterable[Figure]) -> list[str]:
    return [
        f"| {one.name} | {value_text(one)} | {one.goal or ''} | {_MET[one.is_met]} | {one.ours} | {one.peer} |"
        for one in figures
    ]
