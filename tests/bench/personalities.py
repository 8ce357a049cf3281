"""Every scripted character through `tocsin eval scenarios`, beside the same incidents without a model; a table of what came of it.

    python -m tests.bench.personalities --out docs/evaluation/models.md

Each character is an OpenAI-compatible server on this machine; the command that is measured knows it by its address only. Tokens
are counted at four characters each and priced at one USD in, four out, a million.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from agents.evaluation.results import EvaluationReport, ScenarioResult
from agents.evaluation.wording import money
from tests.bench.conditions import conditions
from tests.fakes.openai_server import start_openai_server
from tests.fakes.personalities import PERSONALITIES, personality

__all__ = ["evaluated", "page"]

_ROOT = Path(__file__).resolve().parents[2]
_ALONE = "none"


def evaluated(name: str, only: Sequence[str]) -> EvaluationReport:
    """Return the evaluation with that character; `none` is without a model. Blocks for about half a second an incident."""
    if name == _ALONE:
        return _report(only, [], {})
    with start_openai_server(personality(name), models=[name]) as server:
        prices = {"TOCSIN_LLM__PRICES": json.dumps({name: [1.0, 4.0]})}
        return _report(only, ["--model", name, "--model-url", server.base_url], prices)


def page(reports: dict[str, EvaluationReport], command: str, machine: dict[str, str]) -> str:
    """Return the page as Markdown; `none` must be among the reports."""
    alone = reports[_ALONE]
    first = {one.name: _first(one) for one in alone.scenarios}
    differing = {name: _differing(first, told) for name, told in reports.items()}
    blocks = [
        "# Models of every character: results",
        _INTRODUCTION.format(incidents=alone.totals.incidents),
        f"`{command}`, {alone.about.made_at:%Y-%m-%d %H:%M} UTC; on {machine['processor']}.",
        "## What was published",
        _table(
            (
                "model",
                "incidents right",
                "first cause or verdict other than without",
                "causes grounded",
                "forbidden claims kept out",
            ),
            (_published(name, told, len(differing[name])) for name, told in reports.items()),
        ),
        "## What was asked, and what was believed",
        _table(
            (
                "model",
                "claims",
                "published in its words",
                "made less sure",
                "queries",
                "refused",
                "attempts",
                "failed",
            ),
            (_believed(name, told) for name, told in reports.items() if name != _ALONE),
        ),
        "## What it took",
        _table(
            ("model", "steps, median and most", "tokens in", "tokens out", "cost of an incident"),
            (_took(name, told) for name, told in reports.items()),
        ),
    ]
    return "\n\n".join(blocks) + "\n"


_INTRODUCTION = """\
Each of the {incidents} simulated incidents was investigated without a model, and with a scripted model of each character. Every model was
asked over HTTP, as any model is. Shown is that verification held: whatever a model says, the report is no worse than without it. Not shown is
how often a real model behaves so. The characters: *ideal* asks once and keeps to the evidence; *lazy* cites nothing; *stubborn* argues
for the loudest service, with true evidence; *hallucinating* makes up services, ids and figures; *looping* asks the same for ever;
*insatiable* always asks for something new; *injected* has read an order in the data and obeys it."""


def _report(only: Sequence[str], model: Sequence[str], environment: dict[str, str]) -> EvaluationReport:
    with tempfile.TemporaryDirectory() as folder:
        chosen = [word for name in only for word in ("--only", name)]
        command = [sys.executable, "-m", "infra.cli.main", "eval", "scenarios", *chosen, *model]
        subprocess.run(
            [*command, "--report", folder, "--json"],
            cwd=_ROOT,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        return EvaluationReport.model_validate_json((Path(folder) / "report.json").read_text())


def _first(one: ScenarioResult) -> tuple[object, str]:
    return one.verdict, one.causes[0].service if one.causes else ""


def _differing(first: dict[str, tuple[object, str]], report: EvaluationReport) -> list[str]:
    return [one.name for one in report.scenarios if _first(one) != first[one.name]]


def _published(name: str, report: EvaluationReport, differing: int) -> tuple[object, ...]:
    met = {one.criterion.value: f"{one.met} of {one.asked}" for one in report.criteria}
    right = f"{report.totals.passed} of {report.totals.incidents}"
    return name, right, differing, met.get("grounded", "-"), met.get("forbidden", "-")


def _believed(name: str, report: EvaluationReport) -> tuple[object, ...]:
    t = report.totals
    asked = (t.queries, t.refused_queries, t.attempts, t.failed_attempts)
    return name, t.claims, t.published_claims, t.capped_claims, *asked


def _took(name: str, report: EvaluationReport) -> tuple[object, ...]:
    t = report.totals
    steps = [one.spent.steps for one in report.scenarios if one.spent is not None]
    each = None if t.cost_nano_usd is None else t.cost_nano_usd // max(t.incidents, 1)
    most = f"{statistics.median(steps):.0f}, {max(steps)}"
    return name, most, f"{t.input_tokens:,}", f"{t.output_tokens:,}", money(each)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", action="append", default=[], help="scenarios of this name or group")
    chosen = parser.parse_args()
    reports = {name: evaluated(name, chosen.only) for name in (_ALONE, *PERSONALITIES)}
    only = "".join(f" --only '{one}'" for one in chosen.only)
    command = f"python -m tests.bench.personalities{only} --out {chosen.out}"
    chosen.out.write_text(page(reports, command, conditions()))


if __name__ == "__main__":
    _main()
