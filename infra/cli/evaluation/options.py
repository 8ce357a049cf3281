"""Options of `tocsin eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AtLeast",
    "HoldOut",
    "Late",
    "Limited",
    "LinesFile",
    "Listed",
    "ModelKeyFile",
    "ModelName",
    "ModelUrl",
    "NabFolder",
    "Only",
    "Repeat",
    "ReportFolder",
    "SaidSince",
    "SaidTo",
    "Scored",
    "Seed",
    "What",
    "Workers",
]

What = Annotated[
    str,
    typer.Argument(
        metavar="scenarios|feedback|FOLDER|nab",
        help="The simulated incidents; what people said of reports; a folder with case folders; or a benchmark of the detector.",
    ),
]
NabFolder = Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="nab: the folder of numenta/NAB.")]
Seed = Annotated[int, typer.Option(help="Scenarios: another seed is another set.", min=0)]
Repeat = Annotated[int, typer.Option(help="Scenarios: so many seeds, one after the other.", min=1)]
Only = Annotated[
    list[str] | None,
    typer.Option(
        help="Scenarios: only those of this name or group; cases: of this folder; nab: only this method; * and ? match."
    ),
]
Listed = Annotated[bool, typer.Option("--list", help="Scenarios: list them, and run none.")]
Late = Annotated[
    float, typer.Option(help="Cases: pretend that each alarm came so many seconds later.", min=0)
]
Limited = Annotated[int | None, typer.Option(help="Cases: only the first so many.", min=1)]
SaidSince = Annotated[str, typer.Option("--since", help="Feedback: how far back; 30m, 6h, 7d, or a time.")]
SaidTo = Annotated[
    str | None, typer.Option("--tenant", help="Feedback: of this tenant only.", show_default="every")
]
Scored = Annotated[bool, typer.Option("--score", help="Cases: read their labels too, when all are answered.")]
HoldOut = Annotated[
    bool, typer.Option("--hold-out", help="nab: also choose anew for each group, on the others. Minutes.")
]
ModelName = Annotated[
    str, typer.Option(help="Ask this model too: a configured provider, or any name with --model-url.")
]
ModelUrl = Annotated[str, typer.Option(help="An OpenAI-compatible endpoint, up to and including /v1.")]
ModelKeyFile = Annotated[Path | None, typer.Option(help="File with the endpoint's key, where it wants one.")]
Workers = Annotated[
    int | None, typer.Option(help="Processes.", min=1, show_default="1 for cases, otherwise 2")
]
LinesFile = Annotated[Path | None, typer.Option("--out", "-o", help="Write the answers as JSON lines.")]
ReportFolder = Annotated[
    Path | None, typer.Option("--report", "-r", help="Write report.html, .md and .json into this folder.")
]
AtLeast = Annotated[float, typer.Option(help="Exit with 6 where a smaller share is right.", min=0, max=1)]
