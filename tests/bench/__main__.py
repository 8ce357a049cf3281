"""`make bench`: runs the benchmarks one after another, each in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.catalogue import BENCHES, Bench
from tests.bench.conditions import conditions
from tests.bench.figures import Figure, figure_from
from tests.bench.kept import Measured, keep, kept, merged
from tests.bench.profiling import command_under_spy, profile_text
from tests.bench.tables import value_text

__all__ = ["app"]

app = typer.Typer(add_completion=False)
_NAMES = [one.name for one in BENCHES]
_LONGEST_S = 400
"""After this a benchmark hangs: all of them are to take less than 15 minutes."""


@app.command(help=f"Measure: {', '.join(_NAMES)}.")
def main(
    only: Annotated[
        list[str] | None, typer.Option(help="Run just these; may be given more than once.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for results.json, results.md and the profiles; others' figures stay in it."
        ),
    ] = Path("build/bench"),
    *,
    quick: Annotated[bool, typer.Option(help="Show that each works; the figures mean nothing.")] = False,
    profile: Annotated[
        bool, typer.Option(help="Sample each with py-spy; the figures suffer a little.")
    ] = False,
) -> None:
    """Run the chosen benchmarks; ends with 1 if one failed, never because of a figure."""
    chosen = [one for one in BENCHES if not only or one.name in only]
    if unknown := set(only or ()) - set(_NAMES):
        msg = f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(_NAMES)}"
        raise typer.BadParameter(msg)
    out.mkdir(parents=True, exist_ok=True)
    earlier, titles = kept(out), {one.name: one.title for one in BENCHES}
    now = Measured(_command(only, quick=quick, profile=profile), conditions(), {})
    failed = []
    for bench in chosen:
        try:
            figures = _measured(bench, out, quick=quick, profile=profile)
            now = replace(now, results={**now.results, bench.name: figures})
            keep(out, merged(earlier, now, titles), titles)
        except subprocess.SubprocessError as error:
            failed.append(bench.name)
            typer.echo(f"    failed: {error}", err=True)
    typer.echo(f"\n{out / 'results.md'} and results.json hold the figures with their conditions.")
    if failed:
        typer.echo(f"failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def _measured(bench: Bench, out: Path, *, quick: bool, profile: bool) -> list[Figure]:
    typer.echo(f"{bench.name}: {bench.title}")
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.bench.one", bench.name, *(["--quick"] if quick else [])]
    samples = out / f"{bench.name}.samples"
    done = subprocess.run(
        command_under_spy(command, samples) if profile else command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_LONGEST_S,
    )
    figures = [figure_from(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    for figure in figures:
        typer.echo(f"  {_line(figure)}")
    if profile:
        (out / f"{bench.name}.profile.txt").write_text(profile_text(samples.read_text().splitlines()))
        samples.unlink()
    typer.echo(f"  ({time.monotonic() - begun:.0f} s)")
    return figures


def _line(figure: Figure) -> str:
    goal = "" if figure.goal is None else f"  goal {figure.goal}: {'met' if figure.is_met else 'NOT met'}"
    beside = "; ".join(text for text in (figure.ours, figure.peer) if text)
    return f"{figure.name}: {value_text(figure)}{goal}{f'  ({beside})' if beside else ''}"


def _command(only: Sequence[str] | None, *, quick: bool, profile: bool) -> str:
    parts = [f"ONLY={' '.join(only)!r}" if only and len(only) > 1 else f"ONLY={only[0]}" if only else ""]
    parts += ["QUICK=1" if quick else "", "PROFILE=1" if profile else ""]
    return " ".join(["make bench", *(part for part in parts if part)])


if __name__ == "__main__":
    app()
