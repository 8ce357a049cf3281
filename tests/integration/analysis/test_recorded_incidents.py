"""The analysis over real labelled incidents, which lie beside the repository and are no part of it.

Floors, not goals: what chance and the simple published baselines reach, so that a change that breaks the analysis
of one kind of data is seen. The truth is read by the scoring alone.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.analysis.alarms import analyse_alarms
from agents.analysis.calls import analyse_calls
from agents.analysis.changes import analyse_changes
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.kpi import analyse_kpis
from agents.analysis.logs import analyse_logs
from agents.analysis.signals import IncidentData
from agents.analysis.topology import analyse_topology
from agents.evaluation.cases import find_cases, load_case

ARCHIVE = Path(__file__).parents[4] / "shared" / "rca" / "public.tar.xz"

pytestmark = [
    pytest.mark.rca,
    pytest.mark.skipif(not ARCHIVE.exists(), reason=f"the labelled incidents are not here: {ARCHIVE}"),
]


@dataclass(frozen=True, slots=True)
class Floor:
    """Least acceptable shares of right services; `every` takes each n-th case, to stay quick."""

    dataset: str
    first: float
    among_three: float
    every: int = 1


FLOORS = (
    Floor("petshop", 0.6, 0.8),
    Floor("nezha_ob", 0.79, 0.85),
    Floor("nezha_tt", 0.43, 0.57, every=2),
    Floor("gaia_alarms", 0.33, 0.45),
    Floor("openrca_market1_alarms", 0.34, 0.5),
)


def investigate(data: IncidentData) -> Ranking:
    findings = [
        *analyse_kpis(data.kpis, data.window),
        *analyse_alarms(data.alarms, data.window, data.alarm_service),
        *analyse_logs(data.logs, data.window),
        *analyse_changes(data.changes, data.window),
        *analyse_calls(data.calls, data.window),
    ]
    findings += analyse_topology(findings, data.topology, data.alarm_service, data.candidates)
    return rank_causes(findings, data.topology, data.alarm_service, data.alarm_indicator, data.candidates)


def place_of_truth(folder: Path, ranking: Ranking) -> int:
    truth = json.loads((folder / "case.json").read_text())["root_cause_service"]
    named = [cause.service for cause in ranking.causes]
    return named.index(truth) if truth in named else len(named)


@pytest.fixture(scope="module")
def incidents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rca")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(root, filter="data")
    return root


def share(places: Sequence[int], within: int) -> float:
    return sum(place < within for place in places) / len(places)


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.dataset)
def test_the_right_service_is_named_often_enough(incidents: Path, floor: Floor) -> None:
    folders = [f for f in find_cases(incidents) if f.parent.name == floor.dataset][:: floor.every]
    rankings = [investigate(load_case(folder).data) for folder in folders]
    places = [place_of_truth(*pair) for pair in zip(folders, rankings, strict=True)]
    assert share(places, 1) >= floor.first
    assert share(places, 3) >= floor.among_three
    assert all(sum(c.confidence for c in ranking.causes) <= 1 + 1e-9 for ranking in rankings)


@pytest.mark.parametrize("late_s", [60.0, 120.0])
def test_a_late_alarm_costs_little(incidents: Path, late_s: float) -> None:
    folders = [f for f in find_cases(incidents) if f.parent.name in {"petshop", "nezha_ob"}]
    places = [place_of_truth(f, investigate(load_case(f, late_s=late_s).data)) for f in folders]
    assert share(places, 1) >= 0.7
