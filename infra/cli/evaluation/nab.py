"""The streaming detector over the Numenta Anomaly Benchmark: one pass, the same rules for every series, and its score.

An alarm counts at the sample that brought it. Under the fixed setting every alarm counts, as in production; the benchmark's own
protocol takes the one threshold that is best for the whole corpus, here of an alarm's size in usual deviations.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from agents.evaluation.nab import PROFILES, NabProfile, Recording, nab_score, probation
from agents.evaluation.nab_corpus import NabSeries
from streams.detect.ensemble import Ensemble
from streams.detect.findings import Finding
from streams.detect.settings import DetectRules, Method
from streams.detect.tables import Columns

__all__ = ["EVERY_ALARM", "NabGroup", "NabMethod", "NabProfileScore", "NabRun", "detect", "report_of"]

EVERY_ALARM = sys.float_info.min
"""The threshold that each alarm reaches."""
_CHUNK = 64
"""Samples of each series at once: what is found does not depend on it."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class NabGroup(_Told):
    """A group of the corpus under the fixed setting and the standard profile."""

    group: str
    series: int
    samples: int
    windows: int
    hit: int
    false: int
    """Alarms outside of windows, after the probation."""
    score: float | None
    """None where there is no window to detect."""


class NabProfileScore(_Told):
    profile: str
    score: float
    """Of the product's setting: every alarm counts."""
    best: float
    """Of alarms from the size that is best for the whole corpus."""
    best_size: float | None
    """That size; None where no alarm at all is best, or only those without a size."""


class NabMethod(_Told):
    """What one setting for all series came to."""

    method: Method
    alarms: int
    samples: int
    windows: int
    hit: int
    false: int
    profiles: tuple[NabProfileScore, ...]
    groups: tuple[NabGroup, ...]

    def score(self, profile: str = "standard") -> float:
        return next(one.score for one in self.profiles if one.profile == profile)


@dataclass(frozen=True, slots=True)
class NabRun:
    """The corpus as the detector saw it; `alarms` counts those during the probation too."""

    corpus: Sequence[NabSeries]
    recordings: tuple[Recording, ...]
    alarms: int


def detect(corpus: Sequence[NabSeries], rules: DetectRules) -> NabRun:
    """Feed all series in order of their samples. A sample's score is the size of the alarm it brought, 0 without one."""
    ensemble = Ensemble(rules)
    slots = np.array([ensemble.add() for _ in corpus])
    scores = [np.zeros(one.values.size) for one in corpus]
    ever = [np.maximum.accumulate(one.times_ms) for one in corpus]
    alarms = 0
    for live, columns in _columns(corpus, slots):
        for number, found in ensemble.feed(columns).items():
            for finding in (one for one in found if one.firing):
                series = live[number]
                at = int(np.searchsorted(ever[series], finding.at_ms))
                scores[series][at] = max(scores[series][at], _size(finding))
                alarms += 1
    recordings = (Recording(one, series.windows) for one, series in zip(scores, corpus, strict=True))
    return NabRun(corpus, tuple(recordings), alarms)


def _columns(
    corpus: Sequence[NabSeries], slots: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> Iterator[tuple[list[int], Columns]]:
    """Yield the next samples of all series that have any left, and which series these are."""
    for begin in range(0, max((one.values.size for one in corpus), default=0), _CHUNK):
        live = [number for number, one in enumerate(corpus) if one.values.size > begin]
        part = slice(begin, begin + _CHUNK)
        times = [corpus[number].times_ms[part] for number in live]
        values = np.concatenate([corpus[number].values[part] for number in live])
        counts = np.array([one.size for one in times])
        yield live, Columns(slots[live], counts, np.concatenate(times), values)


def _size(finding: Finding) -> float:
    """Where nothing was usual, anything is infinitely unusual."""
    return np.inf if finding.size is None else max(finding.size, EVERY_ALARM)


def report_of(method: Method, run: NabRun) -> NabMethod:
    """Score a run.

    Raises:
        ValueError: the corpus has no window.
    """
    whole = nab_score(run.recordings, threshold=EVERY_ALARM)
    return NabMethod(
        method=method,
        alarms=run.alarms,
        samples=sum(one.values.size for one in run.corpus),
        windows=whole.windows,
        hit=whole.hit,
        false=whole.false,
        profiles=tuple(_profile(name, profile, run) for name, profile in PROFILES.items()),
        groups=tuple(_group(name, members) for name, members in _by_group(run).items()),
    )


def _profile(name: str, profile: NabProfile, run: NabRun) -> NabProfileScore:
    fixed = nab_score(run.recordings, profile, threshold=EVERY_ALARM)
    best = nab_score(run.recordings, profile)
    return NabProfileScore(
        profile=name,
        score=fixed.normalised,
        best=best.normalised,
        best_size=best.threshold if np.isfinite(best.threshold) else None,
    )


def _by_group(run: NabRun) -> Mapping[str, list[Recording]]:
    groups: dict[str, list[Recording]] = {}
    for series, recording in zip(run.corpus, run.recordings, strict=True):
        groups.setdefault(series.group, []).append(recording)
    return groups


def _group(name: str, recordings: Sequence[Recording]) -> NabGroup:
    windows = sum(len(one.windows) for one in recordings)
    score = nab_score(recordings, threshold=EVERY_ALARM) if windows else None
    alarms = sum(int((one.scores[probation(one.scores.size) :] > 0).sum()) for one in recordings)
    return NabGroup(
        group=name,
        series=len(recordings),
        samples=sum(one.scores.size for one in recordings),
        windows=windows,
        hit=score.hit if score else 0,
        false=score.false if score else alarms,
        score=score.normalised if score else None,
    )
