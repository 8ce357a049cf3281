"""How a simulated incident is declared: what happens, what of it can be seen, what a right answer is."""

from __future__ import annotations

from dataclasses import dataclass

from agents.analysis.findings import CauseKind, FindingKind, Source
from infra.local.shop.staging import Happening, Role
from schemas.events import Verdict

__all__ = [
    "BENIGN",
    "FOUND",
    "INCONCLUSIVE",
    "NO_DATA",
    "EarlierDay",
    "Expect",
    "FlappingAlarm",
    "GoesSilent",
    "Holes",
    "LateAlarm",
    "NoLogs",
    "NoMetrics",
    "NoTopology",
    "Raised",
    "Said",
    "Scenario",
    "Seen",
    "Shows",
    "Silenced",
    "Skewed",
    "Sparse",
    "Unreachable",
]

FOUND, INCONCLUSIVE = Verdict.CAUSE_FOUND, Verdict.INCONCLUSIVE
BENIGN, NO_DATA = Verdict.BENIGN, Verdict.DATA_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class NoMetrics:
    """Nobody measures these; no roles: nobody is measured."""

    of: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class NoLogs:
    """Lines of these are not collected; no roles: nobody's."""

    of: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class NoTopology:
    """Nobody has told who calls whom."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The store of these sources does not answer."""

    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class LateAlarm:
    """The alarm comes, by its own word too, so much later than it could have."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Skewed:
    """The clock behind these measurements, log lines and alarms is ahead (or, negative, behind)."""

    of: Role
    seconds: float
    metrics: bool = True
    logs: bool = True

    @property
    def alarms(self) -> bool:
        """Whether it stamps alarms too: one that stamps everything else does."""
        return self.metrics and self.logs


@dataclass(frozen=True, slots=True)
class Sparse:
    """One sample is kept of so many seconds."""

    step_s: float


@dataclass(frozen=True, slots=True)
class Holes:
    """This share of all samples is lost, at random."""

    share: float


@dataclass(frozen=True, slots=True)
class GoesSilent:
    """From the onset on nothing more comes from it: no samples, no lines."""

    of: Role


@dataclass(frozen=True, slots=True)
class FlappingAlarm:
    """A threshold too near to normal: an alarm of this service fires and clears again and again, over nothing."""

    of: Role
    name: str
    indicator: str
    times: int = 6
    every_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Raised:
    """Somebody's own rule raises one alarm of this service, so long after the onset, and says why."""

    of: Role
    name: str
    indicator: str
    detail: str
    after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody has the service log these words once the scene has begun: what is in logs is data, whatever it says.

    The words may name players: `{herring}`.
    """

    of: Role
    words: str
    severity: str = "error"
    times: int = 8


@dataclass(frozen=True, slots=True)
class Silenced:
    """Alarms of these are kept back, as in a maintenance window; no roles: nobody raises any."""

    of: tuple[Role, ...] = ()


Seen = (
    NoMetrics
    | NoLogs
    | NoTopology
    | Unreachable
    | LateAlarm
    | Skewed
    | Sparse
    | Holes
    | GoesSilent
    | FlappingAlarm
    | Raised
    | Said
    | Silenced
)
"""What stands between what happens and who investigates it."""


@dataclass(frozen=True, slots=True)
class Shows:
    """Evidence that a right answer rests on; see `agents.evaluation.expectations.RequiredEvidence`."""

    source: Source
    of: Role | None = Role.CULPRIT
    kinds: tuple[FindingKind, ...] = ()
    cited: bool = True


@dataclass(frozen=True, slots=True)
class Expect:
    """A right answer, by roles. `causes` are the kinds it may be called; empty: nobody is to be named."""

    causes: tuple[CauseKind, ...] = ()
    of: tuple[Role, ...] = (Role.CULPRIT,)
    """Who may be named first."""
    verdicts: tuple[Verdict, ...] = (FOUND,)
    also: tuple[Role, ...] = ()
    """Who must be named as well, in any place."""
    evidence: tuple[Shows, ...] = ()
    innocent: tuple[Role, ...] = ()
    """Who must not be accused."""
    never_says: tuple[str, ...] = ()
    cleared: bool = False
    """The alarmed service, where it is a caller of the culprit, must be ruled out with a reason."""
    missing: bool = False
    max_steps: int = 24


@dataclass(frozen=True, slots=True)
class EarlierDay:
    """What happened at the same time so many days before; nothing is an ordinary day."""

    ago: int
    happens: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated incident. `name` is unique, `group` is what the tables sum over."""

    name: str
    group: str
    title: str
    happens: tuple[Happening, ...] = ()
    seen: tuple[Seen, ...] = ()
    expect: Expect = Expect(verdicts=(BENIGN,))
    asked_s: float = 60.0
    """Without an alarm somebody asks by hand, so long after the onset."""
    length_s: float = 180.0
    """How long it is watched for an alarm."""
    earlier: tuple[EarlierDay, ...] = ()
    """Days of which the metrics are still stored."""
