"""`python -m schemas write` writes the `.avsc` files from the models; `check` fails on a drift or a breaking edit.

`release VERSION` keeps today's schemas as those of a release.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from schemas.avro_derivation import AvroSchema, derive
from schemas.compatibility import breaking_changes
from schemas.registry import AVRO_DIRECTORY
from schemas.topics import CATALOGUE

__all__ = ["problems", "write"]


def write(directory: Path) -> None:
    """Write `<topic>.avsc` for every topic. Idempotent."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, topic in CATALOGUE.items():
        (directory / f"{name}.avsc").write_text(_text(derive(topic.event)), encoding="utf-8")


def problems(directory: Path) -> Iterator[str]:
    """Yield where the files differ from the models, or break readers of a released schema."""
    for name, topic in CATALOGUE.items():
        derived = derive(topic.event)
        path = directory / f"{name}.avsc"
        if not path.exists() or path.read_text(encoding="utf-8") != _text(derived):
            yield f"{path.name} differs from {topic.event.__name__}: run `make schemas`"
        for released in sorted(directory.glob(f"released/*/{name}.avsc")):
            old: AvroSchema = json.loads(released.read_text(encoding="utf-8"))
            for change in breaking_changes(old, derived):
                yield f"{name} against {released.parent.name}: {change}"


def _text(schema: AvroSchema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _main(arguments: list[str]) -> int:
    match arguments:
        case ["write"]:
            write(AVRO_DIRECTORY)
        case ["release", version]:
            write(AVRO_DIRECTORY / "released" / version)
        case ["check"]:
            found = list(problems(AVRO_DIRECTORY))
            sys.stderr.writelines(f"{problem}\n" for problem in found)
            return 1 if found else 0
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
