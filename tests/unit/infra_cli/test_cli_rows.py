from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cli.rows import BadRow, Defaults, Parsed, alarms, changes, instant, kpis, logs, read_rows
from schemas.errors import InvalidRequestError
from schemas.events import AlarmRaw, AlarmStatus, ChangeRaw, KpiBatch, LogBatch, LogSeverity, Severity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEFAULTS = Defaults("acme", "test", NOW)

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip())
)
seconds = st.integers(0, 4_000_000_000)
samples = st.fixed_dictionaries(
    {
        "time": seconds,
        "service": names,
        "metric": names,
        "value": st.floats(allow_nan=False, allow_infinity=False),
    },
    optional={"unit": st.sampled_from(["1", "ms"]), "labels": st.dictionaries(names, names, max_size=2)},
)
lines = st.fixed_dictionaries(
    {"time": seconds, "service": names, "message": st.text(max_size=40)},
    optional={"severity": st.sampled_from(list(LogSeverity)).map(lambda one: one.value)},
)
anything = st.dictionaries(
    st.sampled_from(
        ["time", "service", "metric", "value", "name", "title", "message", "labels", "severity", "x"]
    ),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers()),
)


@given(st.lists(samples, max_size=30))
def test_every_sample_is_in_one_batch_of_its_service_in_order(rows: list[dict[str, object]]) -> None:
    parsed = kpis(rows, DEFAULTS)
    assert parsed.bad == ()
    found = []
    for batch in parsed.events:
        assert isinstance(batch, KpiBatch)
        for one in batch.series:
            assert list(one.times_ms) == sorted(one.times_ms)
            found += [
                (batch.service, one.metric, one.unit, tuple(sorted(one.labels.items())), at, value)
                for at, value in zip(one.times_ms, one.values, strict=True)
            ]
    wanted = [
        (
            row["service"],
            row["metric"],
            row.get("unit", ""),
            tuple(sorted(dict(row.get("labels", {})).items())),  # type: ignore[call-overload]  # a dict by its strategy
            int(str(row["time"])) * 1000,
            row["value"],
        )
        for row in rows
    ]
    assert sorted(found) == sorted(wanted)


@given(st.lists(lines, max_size=30))
def test_every_record_is_in_one_batch_of_its_service(rows: list[dict[str, object]]) -> None:
    parsed = logs(rows, DEFAULTS)
    assert parsed.bad == ()
    found = []
    for batch in parsed.events:
        assert isinstance(batch, LogBatch)
        assert batch.occurred_at == max(line.at for line in batch.records)
        found += [(batch.service, line.message, line.severity.value) for line in batch.records]
    assert sorted(found) == sorted((r["service"], r["message"], r.get("severity", "info")) for r in rows)


@given(names, names, st.sampled_from(list(Severity)), seconds)
def test_an_alarm_is_what_its_row_says(name: str, service: str, severity: Severity, at: int) -> None:
    parsed = alarms([{"name": name, "service": service, "severity": severity.value, "time": at}], DEFAULTS)
    (event,) = parsed.events
    assert isinstance(event, AlarmRaw)
    assert (event.name, event.service, event.severity, event.tenant) == (name, service, severity, "acme")
    assert event.started_at == event.occurred_at == datetime.fromtimestamp(at, UTC)
    assert (event.status is AlarmStatus.CLEARED) == (severity is Severity.CLEARED)


@pytest.mark.parametrize("parse", [alarms, changes, kpis, logs])
@given(rows=st.lists(anything, max_size=10))
def test_whatever_a_row_holds_it_is_parsed_or_told_by_its_number(
    parse: Callable[[Iterable[Mapping[str, object]], Defaults], Parsed], rows: list[dict[str, object]]
) -> None:
    parsed = parse(rows, DEFAULTS)
    numbers = [one.number for one in parsed.bad]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(range(1, len(rows) + 1))
    assert bool(parsed.events) == (len(numbers) < len(rows))
    assert all(one.problem for one in parsed.bad)


def test_a_bad_row_is_told_by_number_and_field() -> None:
    rows = [
        {"service": "cart", "metric": "latency", "value": "1.5", "time": "0"},
        {"service": "cart", "metric": "latency", "value": "fast"},
        {"service": "cart", "value": "1"},
        {"service": "cart", "metric": "", "value": "1"},
        {"service": "cart", "metric": "latency", "value": "1", "time": "noon"},
        {"service": "cart", "metric": "latency", "value": "1", "labels": "a"},
    ]
    parsed = kpis(rows, DEFAULTS)
    assert len(parsed.events) == 1
    assert [one.number for one in parsed.bad] == [2, 3, 4, 5, 6]
    problems = [one.problem for one in parsed.bad]
    assert problems[0].startswith("value: ")
    assert problems[1] == "metric is missing"
    assert problems[2].startswith("metric: ")
    assert problems[3] == "time 'noon' is neither unix seconds nor ISO 8601"
    assert problems[4] == "labels are written a=b,c=d, not 'a'"


def test_a_series_longer_than_a_batch_becomes_several() -> None:
    rows = ({"service": "cart", "metric": "latency", "value": 1, "time": at} for at in range(25_000))
    parsed = kpis(rows, DEFAULTS)
    batches = [one for one in parsed.events if isinstance(one, KpiBatch)]
    assert [len(one.series[0].values) for one in batches] == [10_000, 10_000, 5_000]
    assert len({one.event_id for one in batches}) == 3


def test_nothing_said_of_the_time_is_now() -> None:
    (change,) = changes([{"service": "cart", "title": "deploy", "labels": "a=b, c=d"}], DEFAULTS).events
    assert isinstance(change, ChangeRaw)
    assert change.occurred_at == NOW
    assert change.labels == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1.5", datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
        ("2026-03-01T12:00", NOW),
        ("2026-03-01T13:00:00+01:00", NOW),
        (None, NOW),
    ],
)
def test_times_are_unix_seconds_or_iso_8601(text: str | None, at: datetime) -> None:
    assert instant(text, NOW) == at


@pytest.mark.parametrize("text", ["nan", "inf", "1e300", "yesterday", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither unix seconds nor ISO 8601"):
        instant(text, NOW)


@given(st.lists(samples, min_size=1, max_size=10))
def test_csv_and_json_lines_say_the_same(rows: list[dict[str, object]]) -> None:
    flat = [{key: value for key, value in row.items() if key != "labels"} for row in rows]
    sheet = io.StringIO(newline="")
    writer = csv.DictWriter(sheet, ["time", "service", "metric", "value", "unit"])
    writer.writeheader()
    writer.writerows(flat)
    sheet.seek(0)
    from_csv = kpis(read_rows(Path("a.CSV"), sheet), DEFAULTS)
    text = io.StringIO("\n\n".join(json.dumps(row) for row in flat))
    assert from_csv == kpis(read_rows(Path("a.jsonl"), text), DEFAULTS)
    assert from_csv.bad == ()


def test_a_row_that_csv_leaves_short_is_told() -> None:
    sheet = io.StringIO("name,service\nHighLatency,cart\nHighLatency\n,cart\n")
    parsed = alarms(read_rows(Path("alarms.csv"), sheet), DEFAULTS)
    assert len(parsed.events) == 1
    assert parsed.bad == (BadRow(2, "service: Field required"), BadRow(3, "name: Field required"))


@pytest.mark.parametrize(
    ("line", "problem"), [("{", "line 2 is not JSON"), ("[1]", "line 2 is not a JSON object")]
)
def test_a_line_that_is_no_object_is_told_by_number(line: str, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        list(read_rows(Path("a.jsonl"), io.StringIO(f"{{}}\n{line}\n")))


def test_a_missing_sample_stays_missing() -> None:
    (batch,) = kpis([{"service": "cart", "metric": "latency", "value": "nan"}], DEFAULTS).events
    assert isinstance(batch, KpiBatch)
    assert math.isnan(batch.series[0].values[0])
