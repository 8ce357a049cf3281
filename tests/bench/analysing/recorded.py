"""Incidents with a known cause, as their analysis reads them: of the simulated shop, and recorded ones where they are."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agents.analysis.signals import IncidentData
from agents.evaluation.cases import find_cases, load_case
from infra.local.shop.faults import FaultKind, choose_fault
from tests.bench.investigating.shop_case import shop_case

__all__ = ["ARCHIVE", "Solved", "recorded", "simulated"]

ARCHIVE = Path(__file__).parents[4] / "shared" / "rca" / "public.tar.xz"
# Those whose causes show in metrics.
_DATASETS = ("petshop", "nezha_ob")
_FILES = ("case.json", "metrics.csv", "topology.json")


@dataclass(frozen=True, slots=True)
class Solved:
    """Measurements and topology of one incident, and the service that caused it."""

    dataset: str
    data: IncidentData
    cause: str


def simulated(seeds: Sequence[int], kinds: Sequence[FaultKind] = tuple(FaultKind)) -> Iterator[Solved]:
    """Every kind of fault of the shop with each of the seeds; takes most of a second each."""
    for kind in kinds:
        for seed in seeds:
            data = replace(shop_case(kind, seed), alarms=(), logs=(), changes=())
            yield Solved("shop", data, choose_fault(kind, seed).expected_service)


def recorded(archive: Path, folder: Path) -> Iterator[Solved]:
    """The archive's incidents with measurements, unpacked into the folder; a case is named `<dataset>/<case>`.

    Raises:
        OSError: there is no archive, or no room.
    """
    with tarfile.open(archive) as packed:
        packed.extractall(folder, members=filter(_is_wanted, packed), filter="data")
    for case in find_cases(folder):
        truth = json.loads((case / "case.json").read_text())
        yield Solved(case.parent.name, load_case(case).data, truth["root_cause_service"])


def _is_wanted(member: tarfile.TarInfo) -> bool:
    path = Path(member.name)
    return path.name in _FILES and any(dataset in path.parts for dataset in _DATASETS)
