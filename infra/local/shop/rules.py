"""The shop's alarm rules: thresholds that must hold for a while, cleared with hysteresis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from infra.local.shop.flow import NOMINAL
from infra.local.shop.kpis import Measured
from infra.local.shop.topology import ENTRY, SHOP, Service
from schemas.events import AlarmRaw, AlarmStatus, Severity

__all__ = ["HARMLESS_RULE", "SOURCE", "Rule", "RuleEngine", "shop_rules"]

SOURCE = "shop-rules"
HARMLESS_RULE = "RecommendationTrafficHigh"
"""A warning set so tight that an ordinary peak raises it."""
_REPEAT_S = 30.0
_LAG_S = 6.0
_COVERED = 0.65


@dataclass(frozen=True, slots=True)
class Rule:
    """Raise `name` when `metric` is at least `raise_at` for `for_s`; clear it below `clear_at` for `clear_s`.

    A symptom's alarm names no indicator: it says that users suffer, not what is measured.
    """

    name: str
    service: str
    metric: str
    raise_at: float
    clear_at: float
    severity: Severity
    for_s: float = 5.0
    clear_s: float = 10.0
    symptom: bool = False

    @property
    def fingerprint(self) -> str:
        return f"{self.name}/{self.service}"


def shop_rules(seed: int) -> tuple[Rule, ...]:
    """All rules of the shop.

    Nobody watches everything: about a third of the resource rules are missing, and rules are evaluated with lags
    of up to six seconds; both are the seed's choice and know nothing of any fault.
    """
    rng = Random(f"rules:{seed}")
    rules: list[Rule] = []
    for service in SHOP.values():
        rules += _service_rules(service, rng)
        rules += [rule for rule in _resource_rules(service, rng) if rng.random() < _COVERED]
    return (*rules, *_symptoms(rng), _harmless(rng))


def _lagged(rng: Random, for_s: float) -> float:
    return for_s + rng.uniform(0.0, _LAG_S)


def _service_rules(service: Service, rng: Random) -> list[Rule]:
    p95 = NOMINAL[service.name].p95_ms
    slow = max(250.0, 8 * p95) if service.store else 1.8 * p95
    severity = Severity.CRITICAL if service.name == "api-gateway" else Severity.MAJOR
    return [
        Rule("HighErrorRate", service.name, "error_rate", 0.05, 0.03, severity, _lagged(rng, 4)),
        Rule(
            "HighLatency", service.name, "latency_p95_ms", slow, 0.85 * slow, Severity.MAJOR, _lagged(rng, 4)
        ),
    ]


def _resource_rules(service: Service, rng: Random) -> list[Rule]:
    name, memory = service.name, 1.9 * service.memory
    rules = [
        Rule("CpuSaturated", name, "cpu_usage", 0.9, 0.8, Severity.MAJOR, _lagged(rng, 12)),
        Rule("CpuStarved", name, "cpu_steal", 0.25, 0.15, Severity.MINOR, _lagged(rng, 15)),
        Rule("MemoryHigh", name, "memory_bytes", memory, 0.9 * memory, Severity.MAJOR, _lagged(rng, 10)),
        Rule("DiskAlmostFull", name, "disk_used_ratio", 0.9, 0.85, Severity.MAJOR, _lagged(rng, 8)),
        Rule("Retransmissions", name, "net_retransmits", 35.0, 20.0, Severity.MINOR, _lagged(rng, 12)),
    ]
    if not service.store:
        rules.append(
            Rule("LongGcPauses", name, "gc_pause_ms", 250.0, 150.0, Severity.MINOR, _lagged(rng, 10))
        )
    if service.pooled:
        rules.append(Rule("PoolExhausted", name, "pool_in_use", 0.97, 0.85, Severity.MAJOR, _lagged(rng, 8)))
    return rules


def _symptoms(rng: Random) -> list[Rule]:
    slow = 1.45 * NOMINAL[ENTRY].p95_ms
    return [
        Rule(
            "ErrorBudgetBurn",
            ENTRY,
            "error_rate",
            0.025,
            0.015,
            Severity.CRITICAL,
            _lagged(rng, 3),
            symptom=True,
        ),
        Rule(
            "LatencyBudgetBurn",
            ENTRY,
            "latency_p95_ms",
            slow,
            0.8 * slow,
            Severity.MAJOR,
            _lagged(rng, 3),
            symptom=True,
        ),
        Rule(
            "OrdersFailing",
            "checkout",
            "error_rate",
            0.1,
            0.05,
            Severity.CRITICAL,
            _lagged(rng, 5),
            symptom=True,
        ),
    ]


def _harmless(rng: Random) -> Rule:
    usual = NOMINAL["recommendation"].rate
    return Rule(
        HARMLESS_RULE,
        "recommendation",
        "request_rate",
        1.5 * usual,
        1.35 * usual,
        Severity.WARNING,
        _lagged(rng, 4),
    )


@dataclass(slots=True)
class _State:
    """Since when the rule's condition, or its opposite, has held; when it was raised and last said so."""

    since: datetime | None = None
    raised_at: datetime | None = None
    said_at: datetime | None = None


@dataclass(slots=True)
class RuleEngine:
    """Evaluates rules tick by tick. A firing alarm is repeated every 30 s, as alert managers do."""

    tenant: str
    rules: tuple[Rule, ...]
    _states: dict[str, _State] = field(default_factory=dict)

    def evaluate(self, at: datetime, measured: Mapping[str, Measured]) -> tuple[AlarmRaw, ...]:
        """Return the alarms that are raised, repeated or cleared at this tick."""
        said = (self._evaluate(rule, at, measured[rule.service][rule.metric]) for rule in self.rules)
        return tuple(alarm for alarm in said if alarm is not None)

    def _evaluate(self, rule: Rule, at: datetime, value: float) -> AlarmRaw | None:
        state = self._states.setdefault(rule.fingerprint, _State())
        if state.raised_at is None:
            return self._calm(rule, state, at, value)
        return self._raised(rule, state, state.raised_at, at, value)

    def _calm(self, rule: Rule, state: _State, at: datetime, value: float) -> AlarmRaw | None:
        state.since = (state.since or at) if value >= rule.raise_at else None
        if state.since is None or at - state.since < timedelta(seconds=rule.for_s):
            return None
        state.since, state.raised_at, state.said_at = None, at, at
        return self._alarm(rule, AlarmStatus.FIRING, at, at, value)

    def _raised(
        self, rule: Rule, state: _State, raised_at: datetime, at: datetime, value: float
    ) -> AlarmRaw | None:
        state.since = (state.since or at) if value < rule.clear_at else None
        if state.since is not None and at - state.since >= timedelta(seconds=rule.clear_s):
            state.since = state.raised_at = state.said_at = None
            return self._alarm(rule, AlarmStatus.CLEARED, raised_at, at, value)
        if state.said_at is not None and at - state.said_at < timedelta(seconds=_REPEAT_S):
            return None
        state.said_at = at
        return self._alarm(rule, AlarmStatus.FIRING, raised_at, at, value)

    def _alarm(
        self, rule: Rule, status: AlarmStatus, started_at: datetime, at: datetime, value: float
    ) -> AlarmRaw:
        firing = status is AlarmStatus.FIRING
        return AlarmRaw(
            tenant=self.tenant,
            occurred_at=at,
            source=SOURCE,
            fingerprint=rule.fingerprint,
            name=rule.name,
            service=rule.service,
            status=status,
            severity=rule.severity if firing else Severity.CLEARED,
            started_at=started_at,
            entity=f"{rule.service}-0",
            host=SHOP[rule.service].host,
            indicator="" if rule.symptom else rule.metric,
            value=value,
            summary=_summary(rule, value, firing=firing),
        )


def _summary(rule: Rule, value: float, *, firing: bool) -> str:
    if not firing:
        return f"{rule.service}: {rule.name} is over"
    if rule.symptom:
        return f"{rule.service}: {rule.name}, users are affected"
    return f"{rule.service}: {rule.metric} is {value:.4g}, threshold {rule.raise_at:.4g}"
