"""A question answered by a model from the same evidence. What it says is checked sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.analysis.findings import FindingKind
from agents.answers.checks import Borne, borne_out
from agents.answers.material import Material
from agents.answers.reply import Reply
from agents.answers.role import AnswererOutput
from agents.llm.fence import fence_evidence
from schemas.events.evidence import Evidence

__all__ = ["Labelled", "checked", "labelled", "names_of", "prompt_of"]

Labelled = tuple[tuple[str, Evidence], ...]

_MOST = 50
_CHARS = 600
_ITEMS = 20


def labelled(material: Material, by_code: Reply) -> Labelled:
    """Return what the model is shown as E1, E2, ...: what code cites, what the report cites, then the strongest findings."""
    report = material.report
    cited = [i for one in by_code.sentences for i in one.evidence_ids]
    cited += [i for cause in report.causes for i in cause.evidence_ids]
    cited += [i for one in report.ruled_out for i in one.evidence_ids]
    rest = sorted(
        material.evidence, key=lambda one: (one.kind == FindingKind.NORMAL, -(one.score or 0.0), one.event_id)
    )
    ids = dict.fromkeys([*material.known(cited), *(one.event_id for one in rest)])
    return tuple((f"E{number}", material.by_id[i]) for number, i in enumerate(list(ids)[:_MOST], start=1))


def names_of(material: Material) -> frozenset[str]:
    """Return the names of services and measurements: they are never masked."""
    alarms = material.request.incident.alarms if material.request else ()
    return frozenset([*material.services, *material.indicators, *(a.service for a in alarms)]) - {"", "-"}


def prompt_of(question: str, material: Material, by_code: Reply, shown: Labelled) -> str:
    """Return what the model is asked; the question is data, too."""
    report = material.report
    labels = {one.event_id: label for label, one in shown}
    causes = [f"{one.service} ({one.kind}): {one.statement}" for one in report.causes]
    ruled = [f"{one.service}: {one.reason}" for one in report.ruled_out[:_ITEMS]]
    steps = [step.action for step in report.next_steps[:_ITEMS]]
    found = [
        f"[{', '.join(labels[i] for i in one.evidence_ids if i in labels)}] {one.text}"
        for one in by_code.sentences
    ]
    return "\n".join(
        [
            f"Verdict of the report: {report.verdict.value}",
            _block(
                [("headline", [report.headline]), ("causes", causes), ("ruled-out", ruled), ("advice", steps)]
            ),
            _block([("missing", report.missing[:_ITEMS]), ("found-by-code", found)]),
            "Evidence:",
            fence_evidence(
                ((label, f"{one.step}/{one.kind}: {one.statement}") for label, one in shown), max_chars=_CHARS
            ),
            "The question to answer from it:",
            fence_evidence([("question", question)]),
        ]
    )


def checked(told: AnswererOutput, material: Material, shown: Labelled) -> Borne:
    """Return the sentences that the evidence bears out."""
    return borne_out(told.sentences, dict(shown), material, material.services)


def _block(items: Iterable[tuple[str, Sequence[str]]]) -> str:
    return fence_evidence((name, "\n".join(lines) or "none") for name, lines in items)
