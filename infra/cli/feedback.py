"""`tocsin feedback`: would acting on a report have fixed it?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from infra.cli.console import emit, err, out, table, when
from infra.cli.options import AsJson, DataDir
from infra.cli.remote.client import ask_api
from infra.cli.remote.completion import investigation_ids
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, api_of
from infra.cli.remote.saying import feedback_of, give_feedback
from schemas.errors import InvalidRequestError
from schemas.pages import SCORE_WORDS

__all__ = ["feedback"]


def feedback(
    investigation: Annotated[
        str,
        typer.Argument(help="The investigation's id.", show_default=False, autocompletion=investigation_ids),
    ],
    score: Annotated[
        int | None,
        typer.Argument(
            help="Would acting on the report have fixed it: 100, 65, 35 or 0; left out: show what was said.",
            show_default=False,
        ),
    ] = None,
    comment: Annotated[str, typer.Argument(help="What you make of it.", show_default=False)] = "",
    service: Annotated[
        str, typer.Option("--service", "-s", help="The service that was the cause after all.")
    ] = "",
    author: Annotated[str, typer.Option("--as", help="Your name, where several people share a key.")] = "",
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say whether acting on a report would have fixed it; said again, the later word counts. Or show what was said."""
    if score is not None and score not in SCORE_WORDS:
        meanings = "; ".join(f"{value}: {meaning}" for value, meaning in SCORE_WORDS.items())
        raise InvalidRequestError(f"{score} is no score", cure=f"Say {meanings}.")
    endpoint = api_of(context, url, key, data)
    if score is None:
        _show(ask_api(endpoint, lambda api: feedback_of(api, investigation)), as_json)
        return
    said = {"score": score, "comment": comment, "actual_service": service, "author": author}
    kept = ask_api(endpoint, lambda api: give_feedback(api, investigation, said))
    if as_json:
        emit(kept)
    else:
        err.print(f"thank you: {score}, as {kept['by']}", highlight=False, markup=False)


def _show(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(told)
        return
    rows = [
        (
            when(datetime.fromisoformat(one["at"])),
            one["score"],
            one["by"],
            one["actual_service"],
            one["comment"],
        )
        for one in told["items"]
    ]
    columns = ("at", "score", "by", "actual service", "comment")
    out.print(table(f"Feedback on {told['investigation_id']}", columns, rows))
    if not rows:
        out.print("nobody has said anything yet", highlight=False)
