"""Figures of several runs in one folder."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.catalogue import BENCHES
from tests.bench.figures import Figure, at_least
from tests.bench.kept import Measured, keep, kept, merged

TITLES = {"one": "Rows", "two": "Bytes", "three": "Waits"}
PUBLISHED = Path(__file__).parents[3] / "docs" / "performance"


def run_of(day: str, **values: float) -> Measured:
    results = {name: (Figure(name, value, "x", at_least(1.0)),) for name, value in values.items()}
    return Measured(f"make bench {day}", {"date": day}, results)


def test_a_folder_without_figures_has_none(tmp_path: Path) -> None:
    assert kept(tmp_path) == ()
    (tmp_path / "results.json").write_text(json.dumps({"results": {"one": []}}))
    assert kept(tmp_path) == (), "the form of before runs were told apart"


def test_runs_come_back_as_they_were_kept(tmp_path: Path) -> None:
    runs = (run_of("monday", one=1.0), run_of("friday", two=0.5, three=2.0))
    keep(tmp_path, runs, TITLES)
    assert kept(tmp_path) == runs


def test_what_is_measured_again_replaces_the_earlier_figure_only() -> None:
    before = merged((), run_of("monday", one=1.0, two=2.0), TITLES)
    after = merged(before, run_of("friday", two=3.0), TITLES)
    assert after == (run_of("monday", one=1.0), run_of("friday", two=3.0))


def test_a_run_of_which_nothing_is_left_is_gone() -> None:
    whole = run_of("sunday", one=1.0, two=1.0, three=1.0)
    assert merged([run_of("monday", one=1.0), run_of("friday", two=3.0)], whole, TITLES) == (whole,)
    renamed = merged([run_of("monday", former=1.0)], run_of("friday", one=1.0), TITLES)
    assert [one.command for one in renamed] == ["make bench friday"], "no benchmark is called so any more"


def test_the_page_tells_each_run_with_its_own_conditions(tmp_path: Path) -> None:
    keep(tmp_path, (run_of("monday", one=1.0), run_of("friday", two=0.5)), TITLES)
    text = (tmp_path / "results.md").read_text()
    assert text.startswith("# Figures\n\n## `make bench monday`\n")
    monday, _, friday = text.partition("## `make bench friday`")
    assert "| date | monday |" in monday
    assert "**Rows** (`one`)" in monday
    assert "| date | friday |" in friday
    assert "| two | 0.50 x | ≥ 1 | **no** |" in friday


def test_the_published_figures_are_of_benchmarks_that_there_are(tmp_path: Path) -> None:
    runs = kept(PUBLISHED)
    names = {name for one in runs for name in one.results}
    assert names <= {one.name for one in BENCHES}
    assert sum(len(one.results) for one in runs) == len(names), "each is told once"
    keep(tmp_path, runs, {one.name: one.title for one in BENCHES})
    for name in ("results.json", "results.md"):
        assert (tmp_path / name).read_text() == (PUBLISHED / name).read_text()
