"""`tocsin ask`: a question about an investigation, answered from its own evidence."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from infra.cli.console import emit, err, nano_usd, out
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.cli.remote.client import ask_api
from infra.cli.remote.completion import investigation_ids
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, api_of
from infra.cli.remote.saying import answer_to

__all__ = ["ask"]

_PATIENCE_S: Final = 120.0
"""A model may take most of a minute before the API answers without it."""


def ask(
    investigation: Annotated[
        str,
        typer.Argument(help="The investigation's id.", show_default=False, autocompletion=investigation_ids),
    ],
    question: Annotated[
        str, typer.Argument(help='What you want to know: "why not the database?"', show_default=False)
    ],
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask about an investigation: answered from its evidence, each sentence with what it rests on. Exits with 6 where that does not say."""
    endpoint = api_of(context, url, key, data)
    answer = ask_api(endpoint, lambda api: answer_to(api, investigation, question), _PATIENCE_S)
    if as_json:
        emit(answer)
    else:
        _show(answer)
    if not answer["known"]:
        raise typer.Exit(ExitCode.NEGATIVE)


def _show(answer: dict[str, Any]) -> None:
    labels: dict[str, str] = {}
    for one in answer["sentences"]:
        cited = [labels.setdefault(name, f"E{len(labels) + 1}") for name in one["evidence_ids"]]
        _say(f"{one['text']} [{', '.join(cited)}]" if cited else one["text"])
    if answer["unknown"]:
        _say(answer["unknown"])
        for step in answer["next_steps"]:
            _say(f"  - {step['action']}")
            for line in step["query"].splitlines():
                _say(f"      {line}")
    for name, label in labels.items():
        out.print(f"  {label}  {name}", style="dim", highlight=False, markup=False)
    queries = dict.fromkeys(one["query"] for one in answer["sentences"] if one["query"])
    for query in queries:
        out.print(query, style="dim", highlight=False, markup=False)
    _tell_how(answer)


def _tell_how(answer: dict[str, Any]) -> None:
    """To standard error: who answered, what was left out, and what it cost."""
    if answer["mode"] == "deterministic" and not answer["why_no_model"] and not answer["removed"]:
        return
    by = "without a model" if answer["mode"] == "deterministic" else f"by {answer['mode']}"
    why = f": {answer['why_no_model']}" if answer["why_no_model"] else ""
    left = f"; {answer['removed']} sentences without support left out" if answer["removed"] else ""
    err.print(
        f"answered {by}{why}{left}; cost {nano_usd(answer['cost_nano_usd'])}", highlight=False, markup=False
    )


def _say(text: str) -> None:
    out.print(text, highlight=False, markup=False)
