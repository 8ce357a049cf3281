"""The report's words: a model may replace those of the code, where they say nothing that was not verified."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from agents.investigation.advice import ask
from agents.investigation.context import RunContext
from agents.investigation.figures import Figures, unsupported
from agents.investigation.prompts import known_names, writer_prompt
from agents.investigation.publishable import about, denies, named, unfit, vouched
from agents.investigation.report import cited_in_order
from agents.investigation.safety import safest_first
from agents.investigation.state import Conclusion, GraphState
from agents.llm.outputs import SuggestedStep, WriterOutput
from agents.llm.roles import WRITER
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry
from schemas.events.report import NextStep, Verdict

__all__ = ["Words", "written"]

_LABELS = re.compile(r"E\d+")
_CITATION = re.compile(r"\[\s*E\d+(?:\s*,\s*E\d+)*\s*\](?!\()")
_MOST_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Words:
    headline: str
    summary: str
    next_steps: tuple[NextStep, ...]


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a text may cite, count and name."""

    labels: Collection[str]
    figures: Figures
    services: Collection[str]
    """All services known."""
    allowed: Collection[str]
    """Those that the verdict speaks of."""

    own: str
    """What code says in the evidence that may be cited, and of whom the verdict speaks: a quotation vouches for no word."""

    def hold(self, text: str) -> bool:
        cites = set(_LABELS.findall(text)) <= set(self.labels)
        names = named(text, self.services) <= set(self.allowed)
        # A citation is in square brackets, which a link is too.
        words = _CITATION.sub(" ", text)
        fits = not unfit(words, self.own) and not denies(words)
        return cites and names and fits and not unsupported(text, self.figures)

    def about(self, text: str, besides: str) -> bool:
        """Whether the text is about what was seen; the name `besides` alone does not make it so."""
        return about(_CITATION.sub(" ", text).replace(besides, " "), self.own)


async def written(
    own: Words, conclusion: Conclusion, state: GraphState, context: RunContext
) -> tuple[Words, str, tuple[CostEntry, ...]]:
    """Return the words, the model whose they are (empty: none), and what it cost. Asks only where a cause was found."""
    if conclusion.verdict is not Verdict.CAUSE_FOUND or state.from_memory:
        return own, "", ()
    cited = cited_in_order(conclusion.claims, conclusion.ruled_out, state.current_evidence)
    prompt = partial(writer_prompt, state.request, conclusion, cited)
    advice = await ask(WRITER, "summarise", prompt, known_names(state.request, state.topology), context)
    if advice.value is None:
        return own, _reasoner(conclusion), advice.costs
    words = _checked(own, advice.value, conclusion, _limits(conclusion, state, cited))
    return words, advice.model, advice.costs


def _checked(own: Words, told: WriterOutput, conclusion: Conclusion, limits: _Limits) -> Words:
    """The model's words where they hold, those of the code where they do not."""
    words = own
    first = conclusion.claims[0].service
    if first in told.headline and limits.hold(told.headline) and limits.about(told.headline, first):
        words = replace(words, headline=told.headline)
    speaks_of_it = first in named(told.summary, limits.services)
    if (
        speaks_of_it
        and _LABELS.search(told.summary)
        and limits.hold(told.summary)
        and limits.about(told.summary, first)
    ):
        words = replace(words, summary=told.summary)
    suggested = [_step(step) for step in told.next_steps if _sound(step, limits)]
    return replace(words, next_steps=safest_first([*own.next_steps, *suggested[:_MOST_SUGGESTED]]))


def _sound(step: SuggestedStep, limits: _Limits) -> bool:
    cites = bool(step.evidence_ids) and set(step.evidence_ids) <= set(limits.labels)
    text = f"{step.action} {step.reason}"
    # Advice on a service that the verdict speaks of need not repeat what was seen there.
    speaks_of_it = bool(named(text, limits.services)) or limits.about(text, "\n")
    return cites and speaks_of_it and limits.hold(text)


def _step(step: SuggestedStep) -> NextStep:
    return NextStep(action=f"{step.action} ({step.reason}) [{', '.join(step.evidence_ids)}]")


def _limits(conclusion: Conclusion, state: GraphState, cited: Sequence[tuple[str, Evidence]]) -> _Limits:
    spoken_of = {claim.service for claim in conclusion.claims} | {one.service for one in conclusion.ruled_out}
    evidence = [one for _, one in cited]
    known = {
        *known_names(state.request, state.topology),
        *(one.service for one in state.evidence if one.service),
    }
    said = [
        *state.request.incident.services,
        *(f"{claim.service} {claim.kind}" for claim in conclusion.claims),
        *map(vouched, evidence),
    ]
    return _Limits(
        labels=[label for label, _ in cited],
        figures=Figures(evidence),
        services=known,
        own=" ".join(said),
        allowed={*spoken_of, *state.request.incident.services, *(one.indicator for one in evidence)},
    )


def _reasoner(conclusion: Conclusion) -> str:
    """The model whose claim leads the verdict, though its words were not to be had."""
    author = conclusion.claims[0].author
    return "" if author in {"statistics", "memory"} else author
