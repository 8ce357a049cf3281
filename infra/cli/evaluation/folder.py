"""An evaluation on disk: `report.json`, `report.html`, `report.md`, and a page for each incident."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agents.evaluation.diagram import reliability_file
from agents.evaluation.html_page import html_page
from agents.evaluation.markdown_page import DIAGRAM, markdown_page
from agents.evaluation.results import CaseResult, EvaluationReport, ScenarioResult
from infra.cli.evaluation.tasks import Done

__all__ = ["write_pages", "write_report"]


def write_pages(folder: Path, done: Sequence[Done]) -> tuple[Done, ...]:
    """Write each incident's report below `folder/reports`; return what was done with the names of the pages."""
    pages = folder / "reports"
    pages.mkdir(parents=True, exist_ok=True)
    kept = []
    for one in done:
        if not one.page:
            kept.append(one)
            continue
        name = f"{_name(one.result)}.html"
        (pages / name).write_text(one.page, encoding="utf-8")
        kept.append(replace(one, result=one.result.model_copy(update={"page": f"reports/{name}"})))
    return tuple(kept)


def write_report(folder: Path, report: EvaluationReport) -> None:
    """Write the three forms of the report, and the diagram that one of them refers to. Blocks on the file system."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report.model_dump_json() + "\n", encoding="utf-8")
    (folder / "report.html").write_text(html_page(report), encoding="utf-8")
    (folder / "report.md").write_text(markdown_page(report), encoding="utf-8")
    for first in report.reliability[:1]:
        (folder / DIAGRAM).write_text(reliability_file(first.calibration, first.of), encoding="utf-8")


def _name(result: ScenarioResult | CaseResult) -> str:
    told = f"{result.name}-{result.seed}" if isinstance(result, ScenarioResult) else result.case
    return re.sub(r"[^A-Za-z0-9._-]+", "-", told)
