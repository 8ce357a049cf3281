"""Write docs/reference from the code: settings, metrics, topics, tables, command line. Run by `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from infra.cli.exit_codes import ExitCode
from infra.cli.main import app
from infra.runtime.settings import LlmProvider, Settings
from schemas.avro_derivation import derive
from schemas.metrics import CATALOGUE as METRICS
from schemas.registry import builtin_registry
from schemas.topics import CATALOGUE as TOPICS
from schemas.topics import Topic

_REFERENCE = Path(__file__).parent / "reference"
_MIGRATIONS = Path(__file__).parents[1] / "sinks" / "clickhouse" / "migrations"
_NOTE = "*Generated from the code by `make docs`.*\n"


def main() -> None:
    _REFERENCE.mkdir(exist_ok=True)
    pages = {
        "settings": _settings(),
        "metrics": _metrics(),
        "topics": _topics(),
        "tables": _tables(),
        "cli": _cli(),
    }
    for name, lines in pages.items():
        (_REFERENCE / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _settings() -> Iterator[str]:
    yield f"# Settings\n\n{_NOTE}"
    yield (
        Settings.__doc__ or ""
    ) + " They come, first wins, from command-line options, environment variables and `tocsin.toml`.\n"
    yield from _table(("variable", "default", "meaning"), _fields(Settings, "TOCSIN_"))
    yield (
        "\n## A model provider\n\nOne object of the list `TOCSIN_LLM__PROVIDERS`, "
        "or one `[[llm.providers]]` of `tocsin.toml`.\n"
    )
    yield from _table(("key", "default", "meaning"), _fields(LlmProvider, ""))


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name.upper()}__")
        else:
            given = "" if info.default is PydanticUndefined else str(info.default)
            default = f"`{given}`" if given else ""
            yield f"`{prefix}{name.upper() if prefix else name}`", default, info.description or ""


def _metrics() -> Iterator[str]:
    yield f"# Metrics\n\n{_NOTE}\nEach role serves `/metrics` on its own port; `tocsin up` shows them.\n"
    rows = ((f"`{one.name}`", one.kind.value, ", ".join(one.labels), one.help) for one in METRICS)
    yield from _table(("name", "type", "labels", "meaning"), rows)


def _topics() -> Iterator[str]:
    yield f"# Topics\n\n{_NOTE}"
    rows = (
        (f"[{name}](#{_anchor(name)})", topic.key, topic.partitions, _kept(topic), topic.event.TYPE)
        for name, topic in TOPICS.items()
    )
    yield from _table(("topic", "key", "partitions", "kept", "CloudEvents type"), rows)
    for name, topic in TOPICS.items():
        yield f"\n## {name}\n\n{_sentence(topic.event)}\n"
        yield f"Schema id `{builtin_registry().current[name].id}`, subject `{topic.subject}`.\n"
        yield from _table(("field", "type", "meaning"), _avro_fields(derive(topic.event)))


def _avro_fields(record: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for field in record["fields"]:
        yield f"`{field['name']}`", _type(field["type"]), field.get("doc", "")


def _type(avro: Any) -> str:
    match avro:
        case str():
            return avro.rsplit(".", 1)[-1]
        case list():
            return " or ".join(_type(member) for member in avro)
        case {"type": "array", "items": items}:
            return f"array of {_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values)}"
        case {"type": "enum", "symbols": symbols}:
            return ", ".join(f"`{symbol}`" for symbol in symbols)
        case {"type": "record", "name": name, "fields": fields}:
            return f"{name}({', '.join(field['name'] for field in fields)})"
        case {"logicalType": logical}:
            return str(logical)
        case _:
            return str(avro["type"])


def _tables() -> Iterator[str]:
    yield f"# Tables\n\n{_NOTE}\nThe migrations, in order. Views whose names begin with `v_` are de-duplicated: sum those.\n"
    for path in sorted(_MIGRATIONS.glob("*.up.sql")):
        yield f"\n## {path.name.removesuffix('.up.sql')}\n\n```sql\n{path.read_text(encoding='utf-8').strip()}\n```"


def _cli() -> Iterator[str]:
    yield f"# Command line\n\n{_NOTE}\n## Exit status\n"
    yield from _table(
        ("status", "meaning"), ((code.value, code.name.lower().replace("_", " ")) for code in ExitCode)
    )
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    yield from _commands(group, "tocsin", typer.Context(group, info_name="tocsin"))


def _commands(group: TyperGroup, path: str, parent: typer.Context) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        context = typer.Context(command, info_name=name, parent=parent)
        yield f"\n## {path} {name}\n\n{(command.help or '').strip()}\n"
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{path} {name}", context)
        else:
            yield f"```text\n{command.get_usage(context)}\n```\n"
            yield from _table(("option", "meaning"), _options(command.params))


def _options(parameters: Iterable[object]) -> Iterator[tuple[str, str]]:
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and not parameter.hidden:
            yield f"`{', '.join(parameter.opts)}`", parameter.help or ""
        elif isinstance(parameter, TyperArgument):
            yield f"`{(parameter.name or '').upper()}`", parameter.help or ""


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(columns)
    yield f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |"


def _kept(topic: Topic) -> str:
    kept = "for ever" if topic.retention is None else f"{topic.retention.days} d"
    return f"{kept}, compacted" if topic.compacted else kept


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _anchor(name: str) -> str:
    return re.sub(r"[^\w-]", "", name)


if __name__ == "__main__":
    main()
