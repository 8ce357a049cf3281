"""Write the OpenAPI 3.1 document of the API: build/openapi.json, and docs/reference/openapi.json for the site.

It is what a running API serves at /openapi.json. Run by `make docs`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from api.app import create_app
from api.options import ApiOptions
from api.ports import Deps

__all__ = ["document", "main"]

_ROOT = Path(__file__).parents[1]
_WRITTEN_TO: Final = (_ROOT / "build" / "openapi.json", _ROOT / "docs" / "reference" / "openapi.json")


async def document(release: str) -> Mapping[str, Any]:
    """Return the document for this release of Tocsin."""
    # The document follows from the routes alone: no port is ever asked.
    nobody: dict[str, Any] = {one.name: None for one in fields(Deps)}
    deps = Deps(**{**nobody, "probes": ()})
    return create_app(ApiOptions(version=release, cursor_secret=b"documentation only"), deps).openapi()


def main() -> None:
    text = json.dumps(asyncio.run(document(version("tocsin"))), indent=2, ensure_ascii=False) + "\n"
    for path in _WRITTEN_TO:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
