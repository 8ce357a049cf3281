"""The API's ports over Redis, Prometheus, OpenTelemetry and triage's own language."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, assert_never
from uuid import uuid4

import orjson
import re2
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.ports import RateVerdict, Replay, Reservation, Reserved, StillRunning, StoredResponse
from infra.runtime.buckets import BucketRule, LeasedBuckets, LocalBuckets
from infra.runtime.redis.buckets import RedisBuckets
from infra.runtime.redis.idempotency import Answered, AtWork, First, RedisIdempotency
from infra.runtime.settings import Settings
from infra.runtime.telemetry import PrometheusRecorder
from schemas.access import Principal
from schemas.errors import InvalidRequestError, TocsinError
from schemas.metrics import API_LIMITER_FAILURES, Recorder
from schemas.tracing import HTTP_METHOD, SpanName, Tracing
from streams.triage.conditions import compile_condition
from streams.triage.policies import FACT_NAMES

if TYPE_CHECKING:
    from infra.runtime.redis.client import Redis

__all__ = [
    "LenientLimiter",
    "PrometheusPage",
    "RandomIds",
    "SpanTracer",
    "StoredAnswers",
    "TriageRules",
]

_RE2: Final = re2.Options()
_RE2.log_errors = False


@dataclass(frozen=True, slots=True)
class LenientLimiter:
    """Satisfies api.ports.RateLimiter: the shared buckets, and this process's own while they do not answer."""

    shared: LeasedBuckets
    own: LocalBuckets
    rule: BucketRule
    recorder: Recorder

    @classmethod
    def over(
        cls, redis: Redis, settings: Settings, recorder: Recorder, monotonic: Callable[[], float]
    ) -> Self:
        rule = BucketRule(settings.api.rate_per_s, settings.api.rate_burst)
        shared = RedisBuckets(redis, rule, prefix=settings.redis.prefix)
        return cls(LeasedBuckets(shared, rule, monotonic), LocalBuckets(rule, monotonic), rule, recorder)

    async def take(self, principal: Principal) -> RateVerdict:
        try:
            taken = await self.shared.take(principal.name)
        except TocsinError:
            self.recorder.count(API_LIMITER_FAILURES)
            taken = await self.own.take(principal.name)
        window = max(1, round(self.rule.burst / self.rule.per_s))
        return RateVerdict(taken.allowed, self.rule.burst, window, taken.remaining, taken.retry_after_s)


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """Satisfies api.ports.IdempotencyStore."""

    redis: RedisIdempotency

    @classmethod
    def over(cls, redis: Redis, prefix: str) -> Self:
        return cls(RedisIdempotency(redis, prefix=prefix))

    async def reserve(self, tenant: str, key: str, fingerprint: str) -> Reservation:
        found = await self.redis.reserve(tenant, key, fingerprint)
        match found:
            case First():
                return Reserved()
            case AtWork(same=same):
                return StillRunning(same)
            case Answered(same=same, response=response):
                return Replay(same, _response(response))
            case _:
                assert_never(found)

    async def keep(self, tenant: str, key: str, fingerprint: str, response: StoredResponse) -> None:
        await self.redis.keep(tenant, key, fingerprint, _text(response))

    async def release(self, tenant: str, key: str, fingerprint: str) -> None:
        await self.redis.release(tenant, key, fingerprint)


def _text(response: StoredResponse) -> str:
    body = base64.b64encode(response.body).decode()
    return orjson.dumps([response.status, response.media_type, dict(response.headers), body]).decode()


def _response(text: str) -> StoredResponse:
    status, media_type, headers, body = orjson.loads(text)
    return StoredResponse(status, media_type, headers, base64.b64decode(body))


class TriageRules:
    """Satisfies api.ports.ConfigRules: what triage itself would say."""

    def condition_problem(self, condition: str) -> str:
        try:
            compile_condition(condition, FACT_NAMES)
        except InvalidRequestError as error:
            return str(error)
        return ""

    def pattern_problem(self, pattern: str) -> str:
        try:
            re2.compile(pattern, _RE2)
        except re2.error as error:
            return f"not a regular expression of RE2: {error}"
        return ""


@dataclass(frozen=True, slots=True)
class PrometheusPage:
    """Satisfies api.ports.MetricsPage."""

    recorder: PrometheusRecorder

    def render(self) -> tuple[bytes, str]:
        return generate_latest(self.recorder.registry), CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class SpanTracer:
    """Satisfies api.ports.Tracer."""

    tracing: Tracing

    def span(self, method: str, traceparent: str) -> AbstractContextManager[str]:
        return self.tracing.span(SpanName.REQUEST, traceparent, {HTTP_METHOD: method})


class RandomIds:
    """Satisfies api.ports.Ids."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{uuid4().hex}"
