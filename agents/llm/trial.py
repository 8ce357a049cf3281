"""One attempt at one provider: reserve, breaker, bulkhead, call, settle, ledger. In that order, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import structlog
from pydantic import JsonValue

from agents.llm.attempt import AttemptOutcome, LlmAttempt, RoleName
from agents.llm.breaker import Breaker, Permit
from agents.llm.failures import AttemptFailure
from agents.llm.ports import AttemptLedger, Budget, Clock
from agents.llm.prices import Cost, PriceBook
from agents.llm.providers.provider import ChatProvider, Prompt, Reception
from agents.llm.usage import NOTHING, estimate_tokens, estimated_usage, from_langchain
from schemas.errors import BudgetExceededError, UnavailableError
from schemas.events.ledger import Usage

__all__ = ["Accounts", "Failed", "Got", "Lane", "NoBudget", "Resting", "Trial", "TrialEnd"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_DETAIL_CHARS = 500


@dataclass(frozen=True, slots=True)
class Lane:
    """A provider with its own breaker and bulkhead, shared by all calls of a gateway."""

    provider: ChatProvider
    breaker: Breaker
    bulkhead: asyncio.Semaphore


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who holds the money, who knows the prices and the time."""

    budget: Budget
    prices: PriceBook
    clock: Clock
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Got(Generic[T]):
    value: T
    raw: JsonValue
    """The answer as it came, still masked."""


@dataclass(frozen=True, slots=True)
class Failed:
    failure: AttemptFailure


@dataclass(frozen=True, slots=True)
class NoBudget:
    reason: str


@dataclass(frozen=True, slots=True)
class Resting:
    """The breaker is open, or another caller is probing. Nothing was sent, nothing is recorded."""


TrialEnd = Got[T] | Failed | NoBudget | Resting


@dataclass(slots=True)
class _Tab:
    """What an attempt has come to so far; read when it ends, however it ends."""

    reception: Reception = field(default_factory=Reception)
    charge_nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class Trial(Generic[T]):
    """Everything that the attempts of one call have in common.

    `parse` turns an answer into the asked value, or raises OutputInvalid. `scrub` masks a failure's text, for the ledger.
    """

    prompt: Prompt
    role: RoleName
    step: str
    scopes: tuple[str, ...]
    parse: Callable[[JsonValue], T]
    scrub: Callable[[str], str]
    accounts: Accounts
    ledger: AttemptLedger

    async def run(self, lane: Lane, number: int) -> TrialEnd[T]:
        """Make attempt `number`. The hold is settled and the ledger written also when cancelled. Raises nothing else."""
        key = f"{self.step}:{number}:{self.accounts.new_id()}"
        refused = await self._reserve(lane, number, key)
        if refused is not None:
            return refused
        tab = _Tab()
        permit = lane.breaker.acquire()
        try:
            if permit is None:
                return Resting()
            async with lane.bulkhead:
                return await self._send(lane, number, permit, tab)
        finally:
            if permit is not None:
                permit.abandoned()
            await asyncio.shield(self._settle(tab.charge_nano_usd, key))

    def cheapest_first(self, lanes: Iterable[Lane]) -> list[Lane]:
        """Return them by what the call may cost at each, the unpriced last: unknown is not free."""
        now = self.accounts.clock.now()
        priced = [(self._worst(lane, now), lane) for lane in lanes]
        return [lane for _, lane in sorted(priced, key=lambda pair: (pair[0] is None, pair[0] or 0))]

    def _worst(self, lane: Lane, at: datetime) -> int | None:
        """What an attempt may cost at most, in nano-USD; None where there is no price."""
        usage = Usage(
            input_uncached=estimate_tokens(self.prompt.texts),
            cache_read=0,
            cache_write=0,
            output=self.prompt.max_output_tokens + lane.provider.config.thinking_tokens,
        )
        return self._cost(lane, usage, at).nano_usd

    async def _reserve(self, lane: Lane, number: int, key: str) -> NoBudget | None:
        started_at = self.accounts.clock.now()
        estimate = self._worst(lane, started_at) or 0
        try:
            await self.accounts.budget.reserve(self.scopes, estimate, key)
        except (BudgetExceededError, UnavailableError) as error:
            end = _End(AttemptOutcome.BUDGET_REFUSED, NOTHING, str(error))
            self._record(lane, number, end, _Span(started_at, 0))
            return NoBudget(str(error))
        except asyncio.CancelledError:
            # Whether the hold was made is unknown: give it back in any case.
            await asyncio.shield(self._settle(0, key))
            raise
        return None

    async def _send(self, lane: Lane, number: int, permit: Permit, tab: _Tab) -> Got[T] | Failed:
        clock = self.accounts.clock
        started_at, begun = clock.now(), clock.monotonic()
        failure: AttemptFailure | None = None
        outcome = AttemptOutcome.CANCELLED
        try:
            raw = await lane.provider.complete(self.prompt, tab.reception)
            got = Got(self.parse(raw), raw)
            outcome = AttemptOutcome.OK
        except AttemptFailure as error:
            failure, outcome = error, error.OUTCOME
            return Failed(error)
        else:
            return got
        finally:
            _tell(permit, outcome, failure)
            usage, estimated = self._usage(tab.reception, failure)
            span = _Span(started_at, round((clock.monotonic() - begun) * 1000))
            end = _End(outcome, usage, "" if failure is None else str(failure), estimated)
            tab.charge_nano_usd = self._record(lane, number, end, span).nano_usd or 0

    def _usage(self, reception: Reception, failure: AttemptFailure | None) -> tuple[Usage, bool]:
        if reception.usage is not None:
            return from_langchain(reception.usage), False
        if failure is not None and not failure.BILLED:
            return NOTHING, False
        return estimated_usage(self.prompt.texts, reception.everything), True

    def _record(self, lane: Lane, number: int, end: _End, span: _Span) -> Cost:
        config = lane.provider.config
        cost = self._cost(lane, end.usage, span.started_at)
        if end.usage == NOTHING:
            cost = Cost(0, cost.price_version)
        detail = self.scrub(end.detail)[:_DETAIL_CHARS]
        self.ledger.record(
            LlmAttempt(
                provider=config.name,
                model=config.model,
                role=self.role,
                step=self.step,
                attempt=number,
                outcome=end.outcome,
                usage=end.usage,
                estimated=end.estimated,
                cost_nano_usd=cost.nano_usd,
                price_version=cost.price_version,
                started_at=span.started_at,
                duration_ms=span.duration_ms,
                detail=detail,
            )
        )
        if end.outcome is not AttemptOutcome.OK:
            _log.warning(
                "llm.attempt_failed",
                provider=config.name,
                step=self.step,
                attempt=number,
                outcome=end.outcome,
            )
        return cost

    async def _settle(self, nano_usd: int, key: str) -> None:
        try:
            await self.accounts.budget.settle(self.scopes, nano_usd, key)
        except UnavailableError:
            # The hold stays until it expires: too much is held for a while, never too little.
            _log.exception("llm.settle_failed", key=key, nano_usd=nano_usd)

    def _cost(self, lane: Lane, usage: Usage, at: datetime) -> Cost:
        return self.accounts.prices.cost(lane.provider.config.price_ref, usage, at)


@dataclass(frozen=True, slots=True)
class _End:
    outcome: AttemptOutcome
    usage: Usage
    detail: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class _Span:
    started_at: datetime
    duration_ms: int


def _tell(permit: Permit, outcome: AttemptOutcome, failure: AttemptFailure | None) -> None:
    if outcome is AttemptOutcome.CANCELLED:
        permit.abandoned()
    elif failure is None or failure.HEALTHY:
        permit.succeeded()
    else:
        permit.failed()
