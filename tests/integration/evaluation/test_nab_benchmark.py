"""The streaming detector on the Numenta Anomaly Benchmark, which lies beside the repository and is no part of it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from agents.evaluation.nab_corpus import NabSeries, read_corpus
from infra.cli.evaluation.nab import NabMethod, detect, report_of
from streams.detect.settings import DetectRules, Method

ARCHIVE = Path(__file__).parents[4] / "shared" / "rca" / "nab.tar.xz"

pytestmark = [
    pytest.mark.rca,
    pytest.mark.skipif(not ARCHIVE.exists(), reason=f"the benchmark's series are not here: {ARCHIVE}"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[NabSeries, ...]:
    root = tmp_path_factory.mktemp("nab")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(root, filter="data")
    return read_corpus(root / "nab")


def _report(corpus: tuple[NabSeries, ...], method: Method) -> NabMethod:
    return report_of(method, detect(corpus, DetectRules(method=method)))


def test_records_reach_sixty_with_one_setting_for_all_series(corpus: tuple[NabSeries, ...]) -> None:
    report = _report(corpus, Method.RECORDS)
    assert (len(corpus), report.windows, report.samples) == (58, 116, 365_558)
    assert report.score() >= 60
    gained = {one.profile: one.best - one.score for one in report.profiles}
    assert max(gained.values()) < 2, f"a size of alarms chosen afterwards gains {gained}"
    assert report.alarms < report.samples / 700


def test_changes_are_rarely_wrong(corpus: tuple[NabSeries, ...]) -> None:
    report = _report(corpus, Method.CHANGES)
    assert report.score() >= 25
    assert report.false < report.samples / 5_000
