"""Whether the demo's reports were right: what its last line and its exit status say."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cli.console import nano_usd
from infra.cli.demo.director import accuses, adds_up
from infra.local.shop.faults import Fault
from schemas.events import Report, Verdict
from sinks.clickhouse.queries.costs import CostGroup

__all__ = ["NO_FAULT", "Result", "Story", "judge"]

NO_FAULT = "none"


@dataclass(frozen=True, slots=True)
class Story:
    """The reports of the acts that were played: of the fault, of the harmless alarm, of the fault's return.

    `ledger` is what the ledger says the first of them cost.
    """

    first: Report | None
    harmless: Report | None = None
    again: Report | None = None
    ledger: CostGroup | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo ends with, about the first report; `wrong` says what was not as it should be in any of them."""

    fault: str
    seed: int
    expected_service: str | None
    ranked_services: tuple[str, ...]
    verdict: str
    confidence: float | None
    seconds: float
    wrong: tuple[str, ...]

    @property
    def right(self) -> bool:
        return not self.wrong


def judge(fault: Fault | None, seed: int, story: Story, seconds: float) -> Result:
    """Compare what the reports say with what was staged, after so many seconds in all."""
    report, expected = story.first, fault.expected_service if fault else None
    return Result(
        fault=fault.kind.value if fault else NO_FAULT,
        seed=seed,
        expected_service=expected,
        ranked_services=_accused(report),
        verdict=report.verdict.value if report else Verdict.BENIGN.value,
        confidence=round(report.confidence, 2) if report and report.confidence is not None else None,
        seconds=round(seconds, 1),
        wrong=_wrong(expected, story),
    )


def _wrong(expected: str | None, story: Story) -> tuple[str, ...]:
    found = [_otherwise("", expected, story.first)]
    if story.harmless:
        found.append(_otherwise("of the harmless alarm ", None, story.harmless))
    if story.again:
        found.append(_otherwise("when it came again ", expected, story.again))
        if expected and not story.again.recurrence_of:
            found.append("when it came again it was not known again")
    if story.first and story.ledger and not adds_up(story.first, story.ledger):
        found.append(
            f"the ledger comes to {nano_usd(story.ledger.cost_nano_usd)}, "
            f"the report to {nano_usd(story.first.cost_nano_usd)}"
        )
    return tuple(filter(None, found))


def _otherwise(when: str, expected: str | None, report: Report | None) -> str:
    accused = _accused(report)
    if accused[:1] == ((expected,) if expected else ()):
        return ""
    verdict = report.verdict.value if report else "no report"
    return f"{when}expected {expected or 'nobody'}, named {', '.join(accused) or 'nobody'} ({verdict})"


def _accused(report: Report | None) -> tuple[str, ...]:
    return tuple(cause.service for cause in report.causes) if report and accuses(report) else ()
