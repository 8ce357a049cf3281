"""The statistics of one incident, beside BARO's robust scorer over the same samples in the same run.

`by metrics alone` is like beside like: change scores and shapes of every series, findings with sentences, who moved with
whom, one ranking of causes; who calls whom is given to neither. `as investigated` is the whole graph with the topology
that the incident has, which BARO cannot read. The cases are those of the simulated shop (every kind of fault), and
recorded ones where they lie beside the repository.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.analysing.baro import Baro, Scorer, published
from tests.bench.analysing.ours import analysed, investigated, unrelated
from tests.bench.analysing.recorded import ARCHIVE, Solved, recorded, simulated
from tests.bench.figures import Figure, Goal, at_least
from tests.bench.run import Run

__all__ = ["CaseRun", "Method", "figures_of", "measure"]

_TURNS = 2
Answer = tuple[str, ...]


@dataclass(slots=True)
class Method:
    """One way to rank; milliseconds of each turn, and its answer, the likeliest cause first."""

    rank: Callable[[], Awaitable[Answer]]
    spent: list[float] = field(default_factory=list)
    answer: Answer = ()

    async def turn(self) -> None:
        begun = time.perf_counter()
        self.answer = await self.rank()
        self.spent.append((time.perf_counter() - begun) * 1000)

    @property
    def ms(self) -> float:
        return median(self.spent)


@dataclass(frozen=True, slots=True)
class CaseRun:
    """One incident, and three who look for its cause."""

    solved: Solved
    alone: Method
    whole: Method
    baro: Method

    @classmethod
    def of(cls, solved: Solved, scorer: Scorer) -> CaseRun:
        peer, data = Baro.of(scorer, solved.data), unrelated(solved.data)

        async def alone() -> Answer:
            return analysed(data)

        async def baro() -> Answer:
            return peer.ranked()

        return cls(solved, Method(alone), Method(lambda: investigated(solved.data)), Method(baro))

    def is_right(self, method: Method) -> bool:
        return method.answer[:1] == (self.solved.cause,)


async def measure(run: Run) -> list[Figure]:
    """Rank every case by all three in turns; the first turn warms up."""
    scorer = published()
    cases = [CaseRun.of(one, scorer) for one in _solved(run)]
    run.say(f"{len(cases)} cases")
    for turn in range(run.of(_TURNS, 1) + 1):
        for case in cases:
            for method in (case.alone, case.baro, case.whole):
                await method.turn()
                if not turn:
                    method.spent.clear()
    names = dict.fromkeys(case.solved.dataset for case in cases)
    return [
        figure
        for name in names
        for figure in figures_of(name, [case for case in cases if case.solved.dataset == name])
    ]


def _solved(run: Run) -> list[Solved]:
    solved = list(simulated(range(run.of(2, 1))))
    if run.quick:
        return solved
    if not ARCHIVE.exists():
        run.say(f"simulated incidents only: no recorded ones at {ARCHIVE.parent.name}/{ARCHIVE.name}")
        return solved
    return solved + list(recorded(ARCHIVE, run.folder))


def figures_of(name: str, cases: Sequence[CaseRun]) -> list[Figure]:
    """Time and right answers over the cases of one set."""
    series = median(len(case.solved.data.kpis) for case in cases)
    peer = sum(case.is_right(case.baro) for case in cases)
    baro = f"{peer} of {len(cases)}"

    def beyond(method: Callable[[CaseRun], Method], how: str, ours: str) -> Figure:
        right = sum(case.is_right(method(case)) for case in cases)
        share = 100.0 * (right - peer) / len(cases)
        what = f"{name}: causes named first beyond BARO's, {how}"
        return Figure(what, share, "% of cases", at_least(1.0), f"{right} of {len(cases)}{ours}", baro)

    return [
        Figure(
            f"{name}: time of the analysis ÷ BARO's",
            median(case.alone.ms / case.baro.ms for case in cases),
            "x",
            Goal("≤", 1.0),
            f"{median(case.alone.ms for case in cases):.1f} ms a case of {series:.0f} series",
            f"{median(case.baro.ms for case in cases):.1f} ms, robust scorer alone",
        ),
        beyond(lambda case: case.alone, "by metrics alone", ""),
        beyond(
            lambda case: case.whole,
            "as investigated",
            f", topology known; the whole graph takes {median(case.whole.ms for case in cases):.0f} ms",
        ),
    ]
