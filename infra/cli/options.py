"""Options that many commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["AsJson", "Broker", "DataDir", "Limit", "TenantName"]

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="TOCSIN_DATA_DIR", help="Folder of the local stack.", show_default=".tocsin"
    ),
]
TenantName = Annotated[
    str | None, typer.Option("--tenant", help="The tenant to act for.", show_default="default")
]
Broker = Annotated[
    Literal["tansu", "apache"],
    typer.Option(help="Tansu (in memory, from a wheel) or Apache Kafka (Java 17; its log is kept)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most this many.")]
