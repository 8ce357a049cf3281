from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.bench.__main__ import app
from tests.bench.catalogue import BENCHES, bench_called
from tests.bench.conditions import conditions
from tests.bench.figures import Figure, at_least, below, figure_from, percentile
from tests.bench.profiling import command_under_spy, own_time, profile_text
from tests.bench.run import Run
from tests.bench.tables import markdown, value_text

RATIO = Figure("rows", 1.25, "x", at_least(1.0), "125 rows/s", "100 rows/s")


def test_a_goal_is_met_at_its_bound_only_where_it_says_so() -> None:
    assert Figure("a", 1.0, "x", at_least(1.0)).is_met is True
    assert Figure("a", 0.99, "x", at_least(1.0)).is_met is False
    assert Figure("a", 250.0, "ms", below(250)).is_met is False
    assert Figure("a", 249.9, "ms", below(250)).is_met is True
    assert Figure("a", 3.0, "ms").is_met is None


@pytest.mark.parametrize("figure", [RATIO, Figure("p99", 12.0, "ms", below(250)), Figure("plain", 3.0, "s")])
def test_figures_come_through_json_whole(figure: Figure) -> None:
    told = json.loads(json.dumps(figure.to_json()))
    met = told.pop("met")
    assert met == figure.is_met
    assert figure_from(told) == figure


@given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= round(share * 10_000) * len(values) / 10_000


def test_percentiles_of_known_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_values_have_three_digits_that_matter() -> None:
    told = [value_text(Figure("a", value, "ms")) for value in (0.1234, 12.345, 1234.5, -1500.0)]
    assert told == ["0.12 ms", "12.3 ms", "1,234 ms", "-1,500 ms"]
    assert value_text(RATIO) == "1.25 x"


def test_the_table_names_what_was_not_met() -> None:
    missed = Figure("late", 300.0, "ms", below(250))
    text = markdown({"one": [RATIO, missed]}, {"one": "Rows"}, {"date": "today"}, "make bench ONLY=one")
    assert "| rows | 1.25 x | ≥ 1 | yes | 125 rows/s | 100 rows/s |" in text
    assert "| late | 300 ms | < 250 | **no** |  |  |" in text
    assert text.startswith("## `make bench ONLY=one`\n")
    assert "| date | today |" in text


def test_own_time_counts_the_innermost_frame() -> None:
    stacks = [
        "main (a.py:1);work (lib/site-packages/faust/b.py:7) 30",
        "main (a.py:1);work (lib/site-packages/faust/b.py:9) 50",
        "main (a.py:3) 20",
        "no frame at all",
        "",
    ]
    assert own_time(stacks) == {("work", "lib/site-packages/faust/b.py"): 80, ("main", "a.py"): 20}
    assert " 80.0%  work  faust/b.py" in profile_text(stacks)
    assert profile_text([]) == "no samples\n"


def test_the_profiler_is_put_before_the_command(tmp_path: Path) -> None:
    command = command_under_spy(["python", "-m", "x"], tmp_path / "s")
    assert command[0] == "py-spy"
    assert command[-4:] == ["--", "python", "-m", "x"]
    assert str(tmp_path / "s") in command


def test_a_quick_run_is_a_small_one(tmp_path: Path) -> None:
    assert Run(tmp_path).of(1_000, 10) == 1_000
    assert Run(tmp_path, quick=True).of(1_000, 10) == 10


def test_every_benchmark_can_be_run() -> None:
    assert len({one.name for one in BENCHES}) == len(BENCHES)
    for one in BENCHES:
        assert callable(one.measure()), one.name
    with pytest.raises(LookupError, match="alarm-path"):
        bench_called("alarm-pat")


def test_an_unknown_name_is_told_with_those_that_are() -> None:
    done = CliRunner().invoke(app, ["--only", "alarms"])
    assert done.exit_code == 2
    assert "alarm-path" in done.output


def test_conditions_say_where_and_when() -> None:
    told = conditions(datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
    assert told["date"] == "2026-11-21 09:30 UTC"
    assert "cores" in told["processor"]
    assert "faust-streaming" in told["versions"]
    assert all(told.values())
