from __future__ import annotations

import asyncio
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from infra.cli.main import app
from infra.runtime.settings import Settings
from infra.runtime.sql import ControlStore, open_database
from schemas.control import PolicyAction, Tier
from schemas.metrics import CATALOGUE as METRICS
from schemas.metrics import MetricKind
from schemas.topics import CATALOGUE as TOPICS
from streams.triage.conditions import compile_condition
from streams.triage.policies import FACT_NAMES
from tests.unit.docs.pages import DOCS, ROOT, commands, fences, pages, program, written_pages

GENERATED = ("settings", "metrics", "topics", "tables", "cli")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
NAV = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def nav_paths(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for value in entry.values():
            yield from nav_paths(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from nav_paths(value)


def test_every_page_is_in_the_nav_and_every_entry_is_a_page() -> None:
    written = {str(page.relative_to(DOCS)) for page in written_pages()}
    generated = {f"reference/{name}.md" for name in GENERATED}

    assert set(nav_paths(NAV)) == written | generated
    assert len(list(nav_paths(NAV))) == len(set(nav_paths(NAV)))


@pytest.mark.parametrize("page", pages(), ids=named)
def test_relative_links_resolve(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("#"):
            continue
        target = page.parent / link.partition("#")[0]
        if target.parent == DOCS / "reference" or target.resolve().parent == DOCS / "reference":
            assert target.stem in GENERATED, f"{named(page)} links to {link}"
        else:
            assert target.exists(), f"{named(page)} links to {link}"


def test_the_index_of_decisions_names_every_record() -> None:
    index = (DOCS / "adr" / "index.md").read_text(encoding="utf-8")

    for record in (DOCS / "adr").glob("0*.md"):
        title = record.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")[2]
        assert f"({record.name}) | {title} |" in index


def command_of(words: tuple[str, ...]) -> tuple[TyperCommand, tuple[str, ...]]:
    """The command that these words name, and the words after its name."""
    found = get_command(app)
    while isinstance(found, TyperGroup) and words and not words[0].startswith("-"):
        assert words[0] in found.commands, f"there is no command {words[0]!r}"
        found, words = found.commands[words[0]], words[1:]
    return found, words  # type: ignore[return-value]  # the application itself has options, too


@pytest.mark.parametrize(
    "words", sorted({one.words for one in commands() if one.words[0] == "tocsin"}), ids=" ".join
)
def test_commands_exist_with_their_options(words: tuple[str, ...]) -> None:
    command, rest = command_of(words[1:])
    known = {option for parameter in command.params for option in parameter.opts}

    for word in rest:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in known | {"--help"}, f"{' '.join(words)} has no {word}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    for command in commands():
        if command.words[0] == "make":
            assert command.words[1] in targets


def setting_names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_names(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


@pytest.mark.parametrize("page", pages(), ids=named)
def test_settings_exist(page: Path) -> None:
    of_commands = {"TOCSIN_CONFIG", "TOCSIN_SECRETS_DIR", "TOCSIN_URL", "TOCSIN_CONTEXT", "TOCSIN_API_KEY"}
    known = {*setting_names(Settings, "TOCSIN_"), *of_commands}

    assert set(re.findall(r"TOCSIN_[A-Z][A-Z_]*", page.read_text(encoding="utf-8"))) <= known


def test_the_settings_files_of_the_pages_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [one.body for page in pages() for one in fences(page) if one.title == "tocsin.toml"]
    assert len(files) == 2
    for number, text in enumerate(files):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "tocsin.toml").write_text(text, encoding="utf-8")
        monkeypatch.chdir(folder)

        read = Settings()

        assert read.kafka.replication_factor == 3 or len(read.llm.providers) == 2


def test_the_settings_in_the_environment_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = [one.words[1] for one in commands() if one.words[0] == "export"]
    for assignment in exported:
        name, _, value = assignment.partition("=")
        monkeypatch.setenv(name, value)

    read = Settings()

    assert len(exported) == 2
    assert read.llm.providers[0].name == "openai"
    assert read.llm.prices == {"qwen3:14b": (0.0, 0.0)}


@pytest.mark.parametrize("page", pages(), ids=named)
def test_metrics_exist(page: Path) -> None:
    known = {metric.name for metric in METRICS}
    series = {
        f"{metric.name}_{part}"
        for metric in METRICS
        if metric.kind is MetricKind.HISTOGRAM
        for part in ("bucket", "sum", "count")
    }

    assert set(re.findall(r"\btocsin_[a-z_]+", page.read_text(encoding="utf-8"))) <= known | series


@pytest.mark.parametrize("page", pages(), ids=named)
def test_topics_exist(page: Path) -> None:
    dotted = re.compile(r"^(?:alarms|kpis|logs|changes|incidents|investigations)\.(?!csv|jsonl)[a-z]+$")

    told = {code for code in CODE.findall(page.read_text(encoding="utf-8")) if dotted.match(code)}

    assert told <= set(TOPICS)


def test_the_concepts_name_every_topic() -> None:
    told = set(CODE.findall((DOCS / "concepts" / "events.md").read_text(encoding="utf-8")))

    assert set(TOPICS) <= told


@pytest.mark.parametrize("page", pages(), ids=named)
def test_views_exist(page: Path) -> None:
    migrations = (ROOT / "sinks" / "clickhouse" / "migrations").glob("*.up.sql")
    known = {
        view
        for migration in migrations
        for view in re.findall(r"VIEW (?:IF NOT EXISTS )?(v_[a-z_]+)", migration.read_text(encoding="utf-8"))
    }

    assert set(re.findall(r"\bv_[a-z_]+", page.read_text(encoding="utf-8"))) <= known


def test_paths_in_the_table_of_changes_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = [
        code
        for code in CODE.findall(text)
        if re.match(r"^(schemas|streams|agents|sinks|infra|docs|tests)/", code)
    ]

    assert len(paths) > 20
    for path in paths:
        assert any(ROOT.glob(path.rstrip("/"))), f"{path} does not exist"


def test_conditions_of_policies_are_understood() -> None:
    (text,) = [
        one.body
        for one in fences(DOCS / "how-to" / "configure.md")
        if one.language == "text" and "severity" in one.body
    ]

    for condition in text.splitlines():
        compile_condition(condition, FACT_NAMES)


def test_every_fact_of_a_condition_is_told() -> None:
    told = set(CODE.findall((DOCS / "how-to" / "configure.md").read_text(encoding="utf-8")))

    assert told >= FACT_NAMES


def test_the_tiers_are_as_told() -> None:
    text = (DOCS / "concepts" / "tenants.md").read_text(encoding="utf-8")

    for tier in Tier:
        assert f"| {tier.value} |" in text


def test_the_program_that_configures_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "configure.py"
    path.write_text(program("configure.py"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TOCSIN_TENANT", "acme")

    runpy.run_path(str(path), run_name="__main__")

    async def told() -> tuple[dict[str, tuple[str, ...]], str, PolicyAction, Tier, int]:
        async with open_database(Settings().control_database) as database:
            control = ControlStore(database)
            policies = await control.policies("acme")
            return (
                (await control.topology("acme")).calls,
                policies[0].condition,
                policies[0].action,
                (await control.tenant("acme")).tier,
                len(await control.runbooks("acme")),
            )

    calls, condition, action, tier, runbooks = asyncio.run(told())
    assert calls["checkout"] == ("cart", "payments")
    assert (action, tier, runbooks) == (PolicyAction.IGNORE, Tier.PRO, 1)
    compile_condition(condition, FACT_NAMES)


def test_the_program_that_makes_samples_writes_what_send_reads(tmp_path: Path) -> None:
    path = tmp_path / "make_kpis.py"
    path.write_text(program("make_kpis.py"), encoding="utf-8")

    made = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True, timeout=60)

    header, *rows = made.stdout.splitlines()
    assert header == "time,service,metric,value,unit"
    assert len(rows) == 180 * 4


@pytest.mark.parametrize("page", pages(), ids=named)
def test_python_in_fences_can_be_read(page: Path) -> None:
    for fence in fences(page):
        if fence.language == "python":
            compile(fence.body, str(page), "exec")


def test_tables_have_as_many_cells_as_their_heading() -> None:
    for page in pages():
        lines = iter(page.read_text(encoding="utf-8").splitlines())
        for line in lines:
            if line.startswith("|"):
                rows = [line, *takewhile(lambda one: one.startswith("|"), lines)]
                widths = {len(re.findall(r"(?<!\\)\|", CODE.sub("", row))) for row in rows}
                assert len(widths) == 1, f"{named(page)}: {line}"


def test_the_site_is_built_without_a_broken_link(tmp_path: Path) -> None:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    for arguments in (
        [str(DOCS / "generate.py")],
        ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
    ):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'(?:src|<link[^>]*href)="(https?://[^"]+)"', page.read_text(encoding="utf-8"))
        assert not loaded, f"{page.name} loads {loaded} from elsewhere"
