from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.evaluation.cases import LEAD_S, find_cases, load_case
from schemas.errors import InvalidRequestError

ALARM = 1_700_000_000
TRUTH = {
    "id": "shop/cpu-hog-on-cart",
    "root_cause_service": "cart",
    "root_cause_indicator": "cart_cpu",
    "accepted_indicators": ["cart_cpu"],
    "fault_type": "cpu-hog",
    "inner_label": "cpu",
}


def write_case(folder: Path, head: dict[str, object], **files: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "case.json").write_text(json.dumps(head))
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return write_case(
        tmp_path / "shop" / "000",
        {
            "alarm_at": ALARM,
            "alarm": {"service": "web", "indicator": "web_latency.p95"},
            "candidates": ["web", "cart"],
            **TRUTH,
        },
        metrics__csv=f"time,web_latency.p95,cart_cpu\n{ALARM + 60},5,\n{ALARM - 600},1,0.2\n{ALARM},inf,x\nbad,1,1\n",
        logs__csv=f'time,service,message\n{ALARM},cart,"a, b"\nno,cart,lost\n',
        alarms__csv=(
            "time,entity,host,kind,name,detail\n"
            f"{ALARM + 1},cart,node-1,metric,cpu,up\n{ALARM + 2},cart,web,trace,GET /,PD\n"
        ),
        events__csv=f"time,service,message\n{ALARM - 300},cart,Release 1.2 rolled out\n{ALARM - 200},web,lunch\n",
        traces_agg__csv=f"time,service,operation,caller,count,p50_ms,p95_ms\n{ALARM},cart,get,web,12,1.5,\n",
        topology__json=json.dumps(
            {
                "nodes": [{"id": "web"}, {"id": "cart"}, {"id": "cart-0"}, {"id": "node-1"}],
                "edges": [
                    {"source": "web", "target": "cart", "label": "calls"},
                    {"source": "cart", "target": "db"},
                    {"source": "cart-0", "target": "node-1", "label": "hosted_on"},
                    {"source": "node-1", "target": "cart-0", "label": "hosts"},
                    {"source": "cart-0", "target": "cart", "label": "instance_of"},
                ],
            }
        ),
    )


def test_the_case_is_named_by_its_folders(case: Path) -> None:
    assert load_case(case).case_id == "shop/000"


def test_columns_become_sorted_series_with_gaps(case: Path) -> None:
    latency, cpu = load_case(case).data.kpis
    assert (latency.service, latency.metric) == ("web", "latency.p95")
    assert latency.times.tolist() == [ALARM - 600, ALARM, ALARM + 60]
    np.testing.assert_array_equal(latency.values, [1.0, np.nan, 5.0])
    np.testing.assert_array_equal(cpu.values, [0.2, np.nan, np.nan])


def test_the_window_spans_what_is_there(case: Path) -> None:
    window = load_case(case).data.window
    assert (window.baseline_start, window.start) == (ALARM - 600, ALARM - LEAD_S)
    assert (window.alarm_at, window.end) == (ALARM, ALARM + 60)


def test_a_late_alarm_moves_the_window(case: Path) -> None:
    window = load_case(case, late_s=120, lead_s=30).data.window
    assert (window.start, window.alarm_at, window.end) == (ALARM + 90, ALARM + 120, ALARM + 120)


def test_alarm_and_candidates_are_known(case: Path) -> None:
    data = load_case(case).data
    assert (data.alarm_service, data.alarm_indicator) == ("web", "latency.p95")
    assert data.candidates == {"web", "cart"}


def test_records_are_read_and_broken_rows_left_out(case: Path) -> None:
    data = load_case(case).data
    assert [(r.service, r.message) for r in data.logs] == [("cart", "a, b")]
    metric, trace = data.alarms
    assert (metric.service, metric.indicator, metric.detail) == ("cart", "cpu", "up")
    assert (trace.indicator, trace.host) == ("", "web")
    (call,) = data.calls
    assert (call.count, call.p50_ms) == (12.0, 1.5)
    assert np.isnan(call.p95_ms)
    assert [c.kind for c in data.changes] == ["deploy", "other"]


def test_edges_are_read_by_their_label(case: Path) -> None:
    topology = load_case(case).data.topology
    assert topology.calls == {"web": frozenset({"cart"}), "cart": frozenset({"db"})}
    assert topology.hosted_on == {"cart-0": "node-1"}
    assert topology.instance_of == {"cart-0": "cart"}


def test_the_truth_leaves_no_trace(case: Path) -> None:
    with_truth = load_case(case)
    head = json.loads((case / "case.json").read_text())
    (case / "case.json").write_text(json.dumps({k: v for k, v in head.items() if k not in TRUTH}))
    blind = load_case(case)
    assert repr(with_truth) == repr(blind)
    assert "cpu-hog" not in repr(with_truth)


def test_all_but_the_head_may_be_absent(tmp_path: Path) -> None:
    data = load_case(write_case(tmp_path / "shop" / "1", {"injected_at": ALARM})).data
    assert data.window.alarm_at == data.window.end == ALARM
    assert not any((data.kpis, data.logs, data.alarms, data.calls, data.changes))
    assert data.candidates == frozenset()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"alarm_at": "noon"}', "{"])
def test_a_head_without_an_alarm_time_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "case.json").write_text(text)
    with pytest.raises(InvalidRequestError):
        load_case(tmp_path)


def test_a_folder_without_a_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"case\.json"):
        load_case(tmp_path)


def test_empty_files_are_no_data(tmp_path: Path) -> None:
    folder = write_case(
        tmp_path / "s" / "1", {"alarm_at": ALARM}, metrics__csv="", logs__csv="", alarms__csv=""
    )
    data = load_case(folder).data
    assert not any((data.kpis, data.logs, data.alarms))


def test_cases_are_found_sorted(tmp_path: Path) -> None:
    for name in ("b/2", "a/1", "b/1"):
        write_case(tmp_path / name, {"alarm_at": ALARM})
    assert [str(p.relative_to(tmp_path)) for p in find_cases(tmp_path)] == ["a/1", "b/1", "b/2"]
