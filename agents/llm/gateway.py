"""The one way to a model: mask, then per attempt reserve - breaker - bulkhead - call - settle - ledger, then unmask.

One loop per call, nothing hidden: no library below retries, falls back or traces. Providers are tried in their
order; behind the last of them stands the deterministic mode, as an outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel, JsonValue, ValidationError

from agents.llm.attempt import AttemptOutcome, LlmAttempt
from agents.llm.breaker import Breaker
from agents.llm.failures import OutputInvalid, RetryableFailure, Unsupported
from agents.llm.journal import JournalEntry, prompt_hash
from agents.llm.masking import MaskingSession, Unmasked
from agents.llm.measured import measure
from agents.llm.outcomes import Answered, Deterministic, DeterministicReason, Outcome, Refused
from agents.llm.ports import AttemptLedger, Budget, CallJournal, Clock, Random, Sleep
from agents.llm.prices import PriceBook
from agents.llm.providers.provider import ChatProvider, Prompt
from agents.llm.retry import RetryPolicy
from agents.llm.roles import Role
from agents.llm.trial import Accounts, Failed, Got, Lane, NoBudget, Resting, Trial, TrialEnd
from agents.llm.usage import NOTHING, estimate_tokens
from schemas.errors import ConfigurationError, UnavailableError
from schemas.metrics import NullRecorder, Recorder

__all__ = ["Call", "GatewayPolicy", "GatewayPorts", "LlmGateway"]

T = TypeVar("T", bound=BaseModel)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayPolicy:
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    deadline_s: float = 180.0
    """For one call over all providers and waits."""
    failures_to_open: int = 5
    cooldown_s: float = 30.0


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """What the gateway needs from outside. `sleep`, `random` and `new_id` are asyncio.sleep, random.random and a fresh
    unique text per call in production, and scripted in tests."""  # noqa: D209, D205 - one thought

    budget: Budget
    journal: CallJournal
    prices: PriceBook
    clock: Clock
    sleep: Sleep
    random: Random
    new_id: Callable[[], str]
    recorder: Recorder = field(default_factory=NullRecorder)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One question to a role. `(investigation_id, step)` names it: a step asks once."""

    investigation_id: str
    step: str
    role: Role[T]
    prompt: str
    """In clear; the gateway masks it."""
    scopes: tuple[str, ...]
    """The budgets that pay, all of them: tenant, service, investigation."""
    keep: frozenset[str] = frozenset()
    """Service and metric names, never masked."""
    providers: tuple[str, ...] | None = None
    """Which providers, in this order; None: all, in the gateway's order."""
    cheapest_first: bool = False
    """By what the call may cost at each; those without a price come last, in their order."""
    first_attempt: int = 1
    """Where the numbering starts: a step that is run again after being cut gives numbers not used yet."""


@dataclass(slots=True)
class _Recorder:
    """Passes attempts on to the ledger and the metrics, and keeps them for the journal."""

    ledger: AttemptLedger
    metrics: Recorder
    attempts: list[LlmAttempt] = field(default_factory=list)

    def record(self, attempt: LlmAttempt) -> None:
        measure(self.metrics, attempt)
        self.repeat(attempt)

    def repeat(self, attempt: LlmAttempt) -> None:
        """Record again what an earlier run has made, and measured."""
        self.attempts.append(attempt)
        self.ledger.record(attempt)


@dataclass(frozen=True, slots=True)
class _Talk(Generic[T]):
    """One call under way."""

    call: Call[T]
    session: MaskingSession
    trial: Trial[Unmasked[T]]
    recorder: _Recorder
    digest: str


class LlmGateway:
    """Asks models on behalf of the investigation. One per process and event loop; close it.

    Lanes (breaker, bulkhead, learnt abilities) are shared by all calls; everything else belongs to one call.
    """

    def __init__(
        self, providers: Sequence[ChatProvider], ports: GatewayPorts, policy: GatewayPolicy = GatewayPolicy()
    ) -> None:
        """Take over the providers. Raises ConfigurationError where two have the same name."""
        self._ports = ports
        self._policy = policy
        self._lanes = {provider.config.name: self._lane(provider) for provider in providers}
        if len(self._lanes) != len(providers):
            raise ConfigurationError("two model providers have the same name", cure="Rename one of them.")

    def _lane(self, provider: ChatProvider) -> Lane:
        breaker = Breaker(self._ports.clock, self._policy.failures_to_open, self._policy.cooldown_s)
        return Lane(provider, breaker, asyncio.Semaphore(provider.config.max_concurrency))

    async def ask(self, call: Call[T], ledger: AttemptLedger) -> Outcome[T]:
        """Ask, and return how it ended. Every attempt is in `ledger` before this returns, also when it is cancelled.

        Masking takes the event loop for about 0.1 s per MB of prompt; the rest waits.
        """
        if not self._lanes:
            return Deterministic(DeterministicReason.NOT_CONFIGURED)
        talk = self._begin(call, ledger)
        known = await self._replay(talk)
        if known is not None:
            return known
        if estimate_tokens(talk.trial.prompt.texts) > call.role.max_input_tokens:
            return Deterministic(DeterministicReason.PROMPT_TOO_LONG)
        try:
            async with asyncio.timeout(self._policy.deadline_s):
                return await self._ask_in_turn(talk)
        except TimeoutError:
            return Deterministic(DeterministicReason.DEADLINE)

    async def aclose(self) -> None:
        """Close all providers."""
        for lane in self._lanes.values():
            await lane.provider.aclose()

    def _begin(self, call: Call[T], ledger: AttemptLedger) -> _Talk[T]:
        session, role = MaskingSession(keep=call.keep), call.role
        prompt = Prompt(
            session.mask(role.system), session.mask(call.prompt), role.output, role.max_output_tokens
        )
        recorder = _Recorder(ledger, self._ports.recorder)
        trial = Trial(
            prompt=prompt,
            role=role.name,
            step=call.step,
            scopes=call.scopes,
            parse=lambda raw: _parse(role.output, session, raw),
            scrub=session.mask,
            accounts=Accounts(self._ports.budget, self._ports.prices, self._ports.clock, self._ports.new_id),
            ledger=recorder,
        )
        shape = str(role.output.model_json_schema())
        return _Talk(
            call, session, trial, recorder, prompt_hash(role.name, prompt.system, prompt.user, shape)
        )

    async def _ask_in_turn(self, talk: _Talk[T]) -> Outcome[T]:
        ends: list[Failed | NoBudget | Resting] = []
        lanes = self._lanes_for(talk.call)
        for lane in talk.trial.cheapest_first(lanes) if talk.call.cheapest_first else lanes:
            end = await self._try_lane(lane, talk)
            if isinstance(end, Got):
                await self._keep(lane, talk, end.raw)
                return _answered(talk, end.value, lane.provider.config.name, lane.provider.config.model)
            ends.append(end)
        return _last_resort(ends)

    def _lanes_for(self, call: Call[T]) -> list[Lane]:
        names = self._lanes if call.providers is None else call.providers
        return [self._lanes[name] for name in names if name in self._lanes]

    async def _try_lane(self, lane: Lane, talk: _Talk[T]) -> TrialEnd[Unmasked[T]]:
        tries = 0
        while True:
            end = await talk.trial.run(lane, talk.call.first_attempt + len(talk.recorder.attempts))
            if not isinstance(end, Failed):
                return end
            if isinstance(end.failure, Unsupported):
                continue  # the provider has learnt another way to ask; it raises this once per way
            tries += 1
            delay_s = self._delay_s(end, tries)
            if delay_s is None:
                return end
            await self._ports.sleep(delay_s)

    def _delay_s(self, end: Failed, tries: int) -> float | None:
        if not isinstance(end.failure, RetryableFailure):
            return None
        return self._policy.retry.delay_s(end.failure, tries, self._ports.random)

    async def _replay(self, talk: _Talk[T]) -> Answered[T] | None:
        call = talk.call
        try:
            stored = await self._ports.journal.get(call.investigation_id, call.step, talk.digest)
        except UnavailableError:
            _log.exception("llm.journal_unavailable", step=call.step)
            return None
        if stored is None:
            return None
        try:
            entry = JournalEntry.model_validate_json(stored)
            value = talk.trial.parse(entry.answer)
        except (ValidationError, OutputInvalid):
            _log.exception("llm.journal_unreadable", step=call.step)
            return None
        for attempt in entry.attempts:
            talk.recorder.repeat(attempt)
        talk.recorder.record(self._hit(talk, entry))
        return _answered(talk, value, entry.provider, entry.model, from_journal=True)

    def _hit(self, talk: _Talk[T], entry: JournalEntry) -> LlmAttempt:
        return LlmAttempt(
            provider=entry.provider,
            model=entry.model,
            role=talk.call.role.name,
            step=talk.call.step,
            attempt=talk.call.first_attempt,
            outcome=AttemptOutcome.JOURNAL_HIT,
            usage=NOTHING,
            estimated=False,
            cost_nano_usd=0,
            price_version="",
            started_at=self._ports.clock.now(),
            duration_ms=0,
        )

    async def _keep(self, lane: Lane, talk: _Talk[T], raw: JsonValue) -> None:
        config, call = lane.provider.config, talk.call
        entry = JournalEntry(
            answer=raw, provider=config.name, model=config.model, attempts=tuple(talk.recorder.attempts)
        )
        try:
            await self._ports.journal.put(
                call.investigation_id, call.step, talk.digest, entry.model_dump_json()
            )
        except UnavailableError:
            # The answer is good; only a crash before the step ends would pay for it again.
            _log.exception("llm.journal_unavailable", step=call.step)


def _parse(output: type[T], session: MaskingSession, raw: JsonValue) -> Unmasked[T]:
    found = session.unmask_json(raw)
    try:
        return Unmasked(output.model_validate(found.value), found.invented, found.broken)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise OutputInvalid(problems) from None


def _answered(
    talk: _Talk[T], found: Unmasked[T], provider: str, model: str, *, from_journal: bool = False
) -> Answered[T]:
    return Answered(
        value=found.value,
        provider=provider,
        model=model,
        from_journal=from_journal,
        masked_values=talk.session.masked_values,
        invented_placeholders=found.invented,
        broken_placeholders=found.broken,
    )


def _last_resort(ends: Sequence[Failed | NoBudget | Resting]) -> Refused | Deterministic:
    if not ends:
        return Deterministic(DeterministicReason.NOT_CONFIGURED)
    refused = [end.reason for end in ends if isinstance(end, NoBudget)]
    if refused:
        return Refused(refused[-1])
    failed = [end.failure for end in ends if isinstance(end, Failed)]
    if failed:
        return Deterministic(DeterministicReason.ALL_FAILED, failed[-1].OUTCOME.value)
    return Deterministic(DeterministicReason.ALL_RESTING)
