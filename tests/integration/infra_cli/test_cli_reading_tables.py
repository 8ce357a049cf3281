"""What people and programs read of the tables: incidents, reports, evidence, costs; empty, full and filtered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infra.cli.exit_codes import ExitCode
from infra.cli.report import for_terminal
from schemas.errors import InvalidRequestError, NotFoundError
from schemas.events import CostKind, Incident, IncidentTransition, Usage, Verdict
from tests.fakes import full_events as full
from tests.fakes.html_reading import read_page, read_svg
from tests.integration.infra_cli.installed import LONG_AGO, Installed

pytestmark = pytest.mark.clickhouse

SINCE = ("--since", LONG_AGO)


def incident(tables: Installed, number: int, **changes: object) -> Incident:
    values = {"opened_at": full.at(number * 60.0), "title": f"trouble {number}"}
    return full.incident(tables.tenant, f"inc_{number}", **{**values, **changes})


def test_an_empty_installation_says_what_to_do(tables: Installed) -> None:
    shown = tables.run("incidents", *SINCE).stdout
    assert "none in this time: `tocsin send alarm` raises one" in shown
    assert tables.json("incidents", *SINCE) == []
    with pytest.raises(NotFoundError):
        tables.run("report", *SINCE)


def test_incidents_are_listed_newest_first_with_their_verdict(tables: Installed) -> None:
    tables.land(incident(tables, 1), incident(tables, 2))
    report = full.report(tables.tenant, "inv_1", incident_id="inc_1", headline="it was the cart")
    tables.land(report)
    newest, oldest = tables.json("incidents", *SINCE)
    assert [newest["incident_id"], oldest["incident_id"]] == ["inc_2", "inc_1"]
    assert newest["report"] is None
    assert oldest["report"] == {
        "investigation_id": "inv_1",
        "verdict": "cause_found",
        "headline": "it was the cart",
        "services": ["cart", "db"],
    }
    shown = tables.run("incidents", *SINCE).stdout
    assert "cause_found: it was the cart" in shown
    assert shown.index("trouble 2") < shown.index("trouble 1")
    assert "none in this time" not in shown


def test_the_latest_report_of_an_incident_is_the_one_that_counts(tables: Installed) -> None:
    tables.land(incident(tables, 1))
    for number, verdict in enumerate((Verdict.INCONCLUSIVE, Verdict.BENIGN)):
        tables.land(
            full.report(
                tables.tenant,
                f"inv_{number}",
                incident_id="inc_1",
                verdict=verdict,
                occurred_at=full.at(100.0 * number),
                finished_at=full.at(100.0 * number),
            )
        )
    (only,) = tables.json("incidents", *SINCE)
    assert only["report"]["verdict"] == "benign"


def test_incidents_are_filtered(tables: Installed) -> None:
    over = {"transition": IncidentTransition.CLOSED}
    tables.land(
        incident(tables, 1, services=("cart",)),
        incident(tables, 2, services=("web",)),
        incident(tables, 3, services=("web",), **over),
    )

    def found(*arguments: str) -> list[str]:
        return [one["incident_id"] for one in tables.json("incidents", *SINCE, *arguments)]

    assert found() == ["inc_3", "inc_2", "inc_1"]
    assert found("--service", "web") == ["inc_3", "inc_2"]
    assert found("--open") == ["inc_2", "inc_1"]
    assert found("--open", "-s", "web") == ["inc_2"]
    assert found("--limit", "1") == ["inc_3"]
    assert found("--tenant", "somebody-else") == []


def test_only_the_time_asked_for_is_shown(tables: Installed) -> None:
    tables.land(incident(tables, 1))
    assert tables.json("incidents", "--since", "2026-11-20T12:00:30") != []
    assert tables.json("incidents", "--since", "2026-11-20T12:02:00") == []


def test_a_report_is_shown_as_page_markdown_or_json(tables: Installed) -> None:
    tables.land(full.report(tables.tenant, "inv_1", markdown="# Cart\n\nIt was *the* cart."))
    page = tables.run("report", "inv_1").stdout
    assert "Cart" in page
    assert "# Cart" not in page
    assert tables.run("report", "inv_1", "--format", "markdown").stdout == "# Cart\n\nIt was *the* cart.\n"
    (by_flag,) = tables.json("report", "inv_1")
    assert by_flag["markdown"].startswith("# Cart")
    assert by_flag["tenant"] == tables.tenant


def test_a_report_is_written_to_files_that_need_nothing_else(tables: Installed, tmp_path: Path) -> None:
    told = full.report(tables.tenant, "inv_1", markdown="")
    tables.land(told, full.evidence(tables.tenant, "inv_1", event_id="ev_1", statement="cpu of cart rose"))

    for name in ("page.html", "ticket.md", "event.json"):
        tables.run("report", "inv_1", "--out", str(tmp_path / name))
    page = read_page((tmp_path / "page.html").read_text(encoding="utf-8"))
    ticket = (tmp_path / "ticket.md").read_text(encoding="utf-8")

    assert "cpu of cart rose" in page.text
    assert "svg" in page.tags
    assert json.loads((tmp_path / "event.json").read_text(encoding="utf-8")) == told.model_dump(mode="json")
    linked = re.findall(r"\]\((\S+\.svg)\)", ticket)
    assert linked == ["inv_1/figures/1.svg", "inv_1/topology.svg"]
    for file in linked:
        read_svg((tmp_path / file).read_text(encoding="utf-8"))


def test_a_report_has_the_form_of_a_postmortem_too(tables: Installed) -> None:
    tables.land(full.report(tables.tenant, "inv_1"))

    text = tables.run("report", "inv_1", "--form", "postmortem", "--format", "markdown").stdout
    page = tables.run("report", "inv_1", "--form", "postmortem").stdout
    html = tables.run("report", "inv_1", "--form", "postmortem", "--format", "html").stdout

    assert text.startswith("# Postmortem, draft, 2026-11-20: ")
    assert "For people to fill in." in page
    assert ".svg" not in page
    alone = for_terminal("## A\n\n![p](a.svg)\n\n## B\n\n![p](b.svg)\n*seen*\n\n## C\n\n![p](c.svg)\n")
    assert alone == "## B\n\n*seen*\n\n", "no title stands above nothing"
    again = for_terminal("## A\n\n![p](a.svg)\n*seen*\n\n## B\n\n- E1: cart was seen\n")
    assert again == "## B\n\n- E1: cart was seen\n", "what is said below is not said twice"
    assert html.startswith("<!DOCTYPE html>")


def test_what_people_said_is_in_the_report_and_adds_up_in_the_evaluation(
    tables: Installed, tmp_path: Path
) -> None:
    tables.land(full.report(tables.tenant, "inv_1", markdown="# as it was written", mode="gpt-x"))
    assert tables.run("report", "inv_1", "--format", "markdown").stdout == "# as it was written\n"
    asked = ("eval", "feedback", *SINCE, "--tenant", tables.tenant)
    with pytest.raises(NotFoundError, match="nobody has said anything"):
        tables.run(*asked)

    tables.land(
        full.feedback(tables.tenant, score=100, comment="restarted it"),
        full.feedback(tables.tenant, score=35, by="bob"),
        full.feedback(tables.tenant, score=0, by="bob", occurred_at=full.at(200), actual_service="db-2"),
    )
    for shape in ("markdown", "html"):
        text = tables.run("report", "inv_1", "--format", shape).stdout
        assert "50 of 100, 2 answers" in text
        assert "db-2" in text
        assert "restarted it" in text
        assert "35 of 100" not in text, "the last word of each counts"

    (told,) = tables.json(*asked)
    (group,) = told["feedback"]
    assert (told["said"], group["tenant"], group["model"]) == (50.0, tables.tenant, "gpt-x")
    assert (group["kind"], group["answers"], group["fixed"], group["wrong"]) == ("cpu", 2, 1, 1)
    shown = tables.run(*asked, "--report", str(tmp_path)).stdout
    assert "50 of 100, by 2 answers of people" in shown
    assert "gpt-x" in (tmp_path / "report.html").read_text(encoding="utf-8")
    tables.run(*asked, "--at-least", "0.5")
    tables.run(*asked, "--at-least", "0.6", status=ExitCode.NEGATIVE)


def test_a_file_that_says_nothing_of_what_it_holds_is_refused(tables: Installed, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="what shall report hold"):
        tables.run("report", "inv_1", "--out", str(tmp_path / "report"))


def test_without_an_id_the_latest_report_is_shown(tables: Installed) -> None:
    for number in range(3):
        moment = full.at(10.0 * number)
        tables.land(
            full.report(tables.tenant, f"inv_{number}", occurred_at=moment, finished_at=moment, headline="h")
        )
    (latest,) = tables.json("report", *SINCE)
    assert latest["investigation_id"] == "inv_2"


def test_nobody_reads_another_tenants_report(tables: Installed) -> None:
    tables.land(full.report(tables.tenant, "inv_1"))
    with pytest.raises(NotFoundError) as refused:
        tables.run("report", "inv_1", "--tenant", "somebody-else")
    assert "inv_1" in str(refused.value)


def test_evidence_is_shown_with_what_was_seen(tables: Installed) -> None:
    strong = full.evidence(tables.tenant, "inv_1", statement="cpu [of] cart rose", finding="a", score=7.256)
    vague = full.evidence(
        tables.tenant, "inv_1", statement="no data", finding="b", score=None, step="logs", service=""
    )
    tables.land(strong, vague, full.evidence(tables.tenant, "inv_2", statement="elsewhere"))
    found = tables.json("evidence", "inv_1")
    assert {one["event_id"] for one in found} == {strong.event_id, vague.event_id}
    assert {one["query"] for one in found} == {"SELECT 'it''s'"}
    shown = tables.run("evidence", "inv_1").stdout
    assert "cpu [of] cart rose" in shown
    assert " 7.3 " in shown
    assert "elsewhere" not in shown
    (only,) = tables.json("evidence", "inv_1", "--step", "logs")
    assert (only["statement"], only["score"]) == ("no data", None)
    assert len(tables.json("evidence", "inv_1", "--limit", "1")) == 1


def costs(tables: Installed) -> None:
    tables.land(
        full.cost(tables.tenant, step="plan", attempt=1, cost_nano_usd=5_000_000, model="big"),
        full.cost(tables.tenant, step="plan", attempt=2, cost_nano_usd=2_000_000, model="small"),
        full.cost(tables.tenant, step="rank", cost_nano_usd=None, model="unheard-of", usage=Usage()),
        full.cost(
            tables.tenant,
            "inv_2",
            step="kpis",
            kind=CostKind.QUERY,
            model="",
            service="web",
            alarm="HighLatency",
            cost_nano_usd=1,
            usage=Usage(),
            rows_read=1_000,
        ),
    )


def test_costs_add_up_and_what_has_no_price_is_not_free(tables: Installed) -> None:
    costs(tables)
    (found,) = tables.json("costs", *SINCE)
    groups = {one["key"]: one for one in found["groups"]}
    assert found["by"] == "model"
    assert {key: one["cost_nano_usd"] for key, one in groups.items()} == {
        "big": 5_000_000,
        "small": 2_000_000,
        "": 1,
        "unheard-of": None,
    }
    assert found["total"]["cost_nano_usd"] == 7_000_001
    assert (found["total"]["entries"], found["total"]["unpriced"]) == (4, 1)
    assert groups["big"]["tokens"]["cache_read"] == 20
    assert groups["unheard-of"]["tokens"]["output"] is None


def test_costs_are_read_as_money_and_the_nameless_are_named(tables: Installed) -> None:
    costs(tables)
    lines = [line.split() for line in tables.run("costs", *SINCE).stdout.splitlines()]
    rows = {line[0]: line[1:] for line in lines if line}
    assert rows["big"][:3] == ["1", "0", "$0.005000"]
    assert rows["unheard-of"][:3] == ["1", "1", "unpriced"]
    assert rows["(none)"][:3] == ["1", "0", "<$0.000001"]
    assert rows["total"][:3] == ["4", "1", "$0.007000"]


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("step", {"plan", "rank", "kpis"}),
        ("service", {"cart", "web"}),
        ("alarm", {"HighErrorRate", "HighLatency"}),
        ("day", {"2026-11-20"}),
        ("kind", {"llm", "query"}),
        ("investigation_id", {"inv_1", "inv_2"}),
    ],
)
def test_costs_are_grouped_as_asked(tables: Installed, by: str, keys: set[str]) -> None:
    costs(tables)
    (found,) = tables.json("costs", "--by", by, *SINCE)
    assert {one["key"] for one in found["groups"]} == keys
    assert sum(one["entries"] for one in found["groups"]) == found["total"]["entries"] == 4


@pytest.mark.parametrize(
    ("only", "entries"),
    [
        (("--service", "web"), 1),
        (("--alarm", "HighErrorRate"), 3),
        (("--model", "big"), 1),
        (("--step", "plan"), 2),
        (("--investigation", "inv_1"), 3),
        (("--step", "plan", "--model", "small"), 1),
        (("--step", "nothing"), 0),
    ],
)
def test_costs_are_filtered_as_asked(tables: Installed, only: tuple[str, ...], entries: int) -> None:
    costs(tables)
    (found,) = tables.json("costs", *only, *SINCE)
    assert found["total"]["entries"] == entries


def test_the_query_is_printed_so_that_it_can_be_run(tables: Installed) -> None:
    costs(tables)
    sql = tables.run("costs", "--by", "step", "--sql", *SINCE).stdout
    assert sql.startswith("SELECT")
    assert tables.tenant in sql
    assert "{tenant" not in sql


def test_by_tenant_means_all_of_them_unless_one_is_named(tables: Installed) -> None:
    costs(tables)
    tables.land(full.cost(f"{tables.tenant}-other"))

    def keys(*arguments: str) -> set[str]:
        (found,) = tables.json("costs", *arguments, *SINCE)
        return {one["key"] for one in found["groups"]}

    assert keys("--by", "tenant") >= {tables.tenant, f"{tables.tenant}-other"}
    assert keys("--by", "tenant", "--tenant", tables.tenant) == {tables.tenant}
    assert keys("--by", "tenant", "--tenant", tables.tenant, "--all-tenants") >= {f"{tables.tenant}-other"}
