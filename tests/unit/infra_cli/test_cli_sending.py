from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from schemas.errors import InvalidRequestError, UnavailableError

RUNNER = CliRunner()
GOOD = '{"name": "HighLatency", "service": "cart"}\n'


def _send(tmp_path: Path, *arguments: str, stdin: str = "") -> Result:
    return RUNNER.invoke(app, ["send", *arguments, "--data", str(tmp_path / "none")], input=stdin)


def _refusal(done: Result) -> InvalidRequestError:
    assert isinstance(done.exception, InvalidRequestError)
    assert done.exception.cure
    return done.exception


def test_a_bad_row_stops_the_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "alarms.jsonl"
    file.write_text(GOOD + '{"name": "HighLatency"}\n' + GOOD + '{"service": "cart"}\n')
    refusal = _refusal(_send(tmp_path, "alarm", "--file", str(file)))
    assert str(refusal) == "2 bad rows\n  row 2: service: Field required\n  row 4: name: Field required"
    assert "--keep-going" in refusal.cure


def test_keep_going_sends_the_others(tmp_path: Path) -> None:
    done = _send(tmp_path, "alarm", "--file", "-", "--keep-going", stdin=GOOD + '{"name": "HighLatency"}\n')
    assert isinstance(done.exception, UnavailableError)  # it went on as far as a broker is needed


def test_keep_going_with_nothing_good_is_refused(tmp_path: Path) -> None:
    assert "row 1: service" in str(
        _refusal(_send(tmp_path, "alarm", "-f", "-", "--keep-going", stdin='{"name": "x"}'))
    )


def test_many_bad_rows_are_counted_not_listed(tmp_path: Path) -> None:
    told = str(_refusal(_send(tmp_path, "log", "--file", "-", stdin='{"service": "cart"}\n' * 25)))
    assert told.startswith("25 bad rows\n  row 1: message is missing")
    assert told.endswith("row 10: message is missing\n  and 15 more")


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("alarm",), "Field required"),
        (("alarm", "HighLatency"), "service: Field required"),
        (("alarm", "HighLatency", "-s", "cart", "--time", "noon"), "time 'noon' is neither"),
        (("alarm", "HighLatency", "-s", "cart", "--labels", "canary"), "labels are written a=b,c=d"),
        (("kpi", "latency", "1.5"), "service is missing"),
        (("kpi", "latency", "-s", "cart"), "value is missing"),
        (("log", "-s", "cart"), "message is missing"),
        (("change", "-s", "cart"), "title: Field required"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_flags_that_make_no_event_are_refused(
    arguments: tuple[str, ...], missing: str, tmp_path: Path
) -> None:
    assert missing in str(_refusal(_send(tmp_path, *arguments)))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    refusal = _refusal(_send(tmp_path, "kpi", "--file", str(tmp_path / "none.csv")))
    assert "none.csv: No such file or directory" in str(refusal)


def test_a_csv_is_known_by_its_ending(tmp_path: Path) -> None:
    file = tmp_path / "kpis.csv"
    file.write_text("time,service,metric,value\n0,cart,latency,1\n0,cart,latency,slow\n")
    assert "row 2: value: " in str(_refusal(_send(tmp_path, "kpi", "--file", str(file))))
