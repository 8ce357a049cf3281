"""`tocsin eval nab` over a corpus of our own: what is read, what counts, what is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from agents.evaluation.nab import PROFILES, Recording, nab_score
from agents.evaluation.nab_corpus import NabSeries, read_corpus
from infra.cli.evaluation.nab import EVERY_ALARM, detect, report_of
from infra.cli.evaluation.nab_held_out import held_out, settings_of, tried
from infra.cli.exit_codes import ExitCode
from infra.cli.main import app
from schemas.errors import InvalidRequestError
from schemas.events import AlarmStatus
from streams.detect.detector import Detector
from streams.detect.settings import DetectRules, Method, RecordRules
from tests.fakes.nab_folder import NOTHING_WRONG, SHIFTED, write_nab
from tests.unit.streams.detect.kpi_shapes import kpi_batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nab(tmp_path_factory.mktemp("nab"))


@pytest.fixture(scope="module")
def corpus(folder: Path) -> tuple[NabSeries, ...]:
    return read_corpus(folder)


def _evaluate(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["eval", "nab", *map(str, arguments)])
    return result.exit_code, result.stdout


def _told(*arguments: object) -> Any:
    code, printed = _evaluate(*arguments, "--json")
    assert code == ExitCode.OK
    return json.loads(printed)


def test_the_corpus_is_read_as_it_lies_there(corpus: tuple[NabSeries, ...]) -> None:
    names = [one.name for one in corpus]
    assert names == sorted(names)
    one = next(one for one in corpus if one.name == SHIFTED)
    assert (one.group, one.windows) == ("made", ((490, 589),))
    assert one.times_ms[0] == datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000
    assert set(np.diff(one.times_ms).tolist()) == {300_000}
    assert one.values.size == 800
    assert next(one for one in corpus if one.name == NOTHING_WRONG).windows == ()


def test_what_is_told_is_the_score_of_what_was_detected(folder: Path, corpus: tuple[NabSeries, ...]) -> None:
    told = _told(folder)["methods"]
    assert [one["method"] for one in told] == ["changes", "records"]
    for one in told:
        recordings = detect(corpus, DetectRules(method=Method(one["method"]))).recordings
        for profile in one["profiles"]:
            rules = PROFILES[profile["profile"]]
            assert profile["score"] == nab_score(recordings, rules, threshold=EVERY_ALARM).normalised
            assert profile["best"] == nab_score(recordings, rules).normalised >= profile["score"]
        assert sum(group["hit"] for group in one["groups"]) == one["hit"]
        assert sum(group["false"] for group in one["groups"]) == one["false"]
        assert [group["score"] is None for group in one["groups"]] == [True, False, False]


def test_changes_find_the_far_shift_and_records_the_near_one_too(folder: Path) -> None:
    changes, records = _told(folder)["methods"]
    assert (changes["hit"], records["hit"], records["windows"]) == (1, 2, 2)
    scores = [one["profiles"][0]["score"] for one in (changes, records)]
    assert 40 < scores[0] <= 50 < scores[1] <= 100


@pytest.mark.parametrize("method", Method)
def test_an_alarm_counts_at_the_sample_that_brought_it_in_production(
    corpus: tuple[NabSeries, ...], method: Method
) -> None:
    """The detector of the role, given one sample a batch, raises its alarms at the very samples that are scored."""
    rules = DetectRules(method=method)
    shifted = next(one for one in corpus if one.name == SHIFTED)
    (recording,) = detect([shifted], rules).recordings
    detector, raised = Detector(rules), []
    pairs = zip(shifted.times_ms.tolist(), shifted.values.tolist(), strict=True)
    for number, (at_ms, value) in enumerate(pairs):
        alarms = detector.apply(0, kpi_batch({"cpu": [value]}, [at_ms]), at_ms)
        raised += [number for one in alarms if one.status is AlarmStatus.FIRING]
    assert raised == np.flatnonzero(recording.scores).tolist() != []


@pytest.mark.parametrize("method", Method)
def test_a_score_does_not_change_with_what_comes_later(corpus: tuple[NabSeries, ...], method: Method) -> None:
    whole = detect(corpus, DetectRules(method=method)).recordings
    for end in (1, 9, 501, 511, 777):
        cut = [NabSeries(one.name, one.group, one.times_ms[:end], one.values[:end], ()) for one in corpus]
        for part, all_of_it in zip(detect(cut, DetectRules(method=method)).recordings, whole, strict=True):
            assert part.scores.tolist() == all_of_it.scores[:end].tolist()


def test_tables_are_for_people(folder: Path) -> None:
    code, printed = _evaluate(folder, "--only", "rec*", "--at-least", "0.5")
    assert code == ExitCode.OK
    assert "records: by group" in printed
    assert "changes" not in printed
    assert all(word in printed for word in ("calm", "made", "all", "standard", "low_false_positives"))


def test_too_low_a_score_is_a_no(folder: Path) -> None:
    code, _ = _evaluate(folder, "--only", "changes", "--at-least", "0.9")
    assert code == ExitCode.NEGATIVE


@pytest.mark.parametrize("arguments", [(), ("nowhere",), (".", "--only", "guesses")])
def test_what_can_not_be_done_is_said(folder: Path, arguments: tuple[str, ...]) -> None:
    where = [str(folder) if one == "." else one for one in arguments]
    result = CliRunner().invoke(app, ["eval", "nab", *where])
    assert isinstance(result.exception, InvalidRequestError)


def test_a_folder_without_windows_has_no_score(tmp_path: Path) -> None:
    write_nab(tmp_path)
    labels = tmp_path / "labels" / "combined_windows.json"
    labels.write_text(json.dumps({name: [] for name in json.loads(labels.read_text())}))
    assert isinstance(CliRunner().invoke(app, ["eval", "nab", str(tmp_path)]).exception, InvalidRequestError)


@pytest.mark.parametrize(
    "spoilt", ["{", '{"made/shifted.csv": [["never", "ever"]]}', '{"made/none.csv": []}']
)
def test_labels_that_are_none_are_refused(tmp_path: Path, spoilt: str) -> None:
    write_nab(tmp_path)
    (tmp_path / "labels" / "combined_windows.json").write_text(spoilt)
    with pytest.raises(InvalidRequestError):
        read_corpus(tmp_path)


def test_a_window_beside_its_series_is_refused(tmp_path: Path) -> None:
    write_nab(tmp_path)
    labels = {SHIFTED: [["2031-01-01 00:00:00", "2031-01-02 00:00:00"]]}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    with pytest.raises(InvalidRequestError, match="holds no sample"):
        read_corpus(tmp_path)


def test_how_much_is_fitted_is_told_in_a_table_and_as_json(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"far": (2.0, 3.0), "memory": (1_500,), "half_life": (4_000,), "rest": (100,)}
    monkeypatch.setattr("infra.cli.evaluation.nab_command.GRID", few)
    asked = (folder, "--only", "records", "--hold-out", "--workers", "1")
    code, printed = _evaluate(*asked)
    assert code == ExitCode.OK
    assert "2 settings tried" in printed
    fitted = _told(*asked)["held_out"]
    assert fitted["least"] <= fitted["median"] <= fitted["most"]
    assert [one["group"] for one in fitted["groups"]] == ["calm", "made", "near"]
    assert f"left-out groups together: {fitted['score']:.1f}" in printed
    assert _told(folder, "--only", "changes")["held_out"] is None


def test_nothing_is_chosen_on_groups_without_a_window() -> None:
    windows = ((500, 599),)
    series = [
        NabSeries(name, name, np.arange(1_000), np.zeros(1_000), windows if name == "a" else ())
        for name in "ab"
    ]
    run = tuple(Recording(one.values, one.windows) for one in series)
    with pytest.raises(InvalidRequestError, match="two groups"):
        held_out(series, (RecordRules(),), (run,))


def test_settings_are_all_combinations() -> None:
    settings = settings_of({"far": (2.0, 3.0), "rest": (50, 100, 150)})
    assert len(set(settings)) == 6
    assert RecordRules(far=2.0, rest=150) in settings


def test_each_group_is_scored_under_what_was_best_without_it(corpus: tuple[NabSeries, ...]) -> None:
    """Two runs: one is right on group `a` and wrong on `b`, the other the reverse: each is chosen for the other."""
    series = [NabSeries(name, name, np.arange(1_000), np.zeros(1_000), ((500, 599),)) for name in "ab"]
    hit, nothing = np.zeros(1_000), np.zeros(1_000)
    hit[500] = 1.0
    windows = ((500, 599),)
    first = (Recording(hit, windows), Recording(nothing, windows))
    settings = (RecordRules(far=2.0), RecordRules(far=4.0))
    fitted = held_out(series, settings, (first, first[::-1]))
    assert [(one.group, one.chosen.far, one.score) for one in fitted.groups] == [
        ("a", 4.0, 0.0),
        ("b", 2.0, 0.0),
    ]
    assert (fitted.score, fitted.least, fitted.most, fitted.settings) == (0.0, 50.0, 50.0, 2)


def test_what_is_tried_is_what_the_detector_tells(corpus: tuple[NabSeries, ...]) -> None:
    settings = (RecordRules(), RecordRules(far=40.0))
    product, quiet = tried(corpus, settings, 1)
    run = detect(corpus, DetectRules(method=Method.RECORDS))
    assert [one.scores.tolist() for one in product] == [one.scores.tolist() for one in run.recordings]
    assert (
        sum(int((one.scores > 0).sum()) for one in quiet)
        < run.alarms
        == report_of(Method.RECORDS, run).alarms
    )
