"""`tocsin eval nab FOLDER`: what is run, and how it is told."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.progress import track

from agents.evaluation.nab_corpus import NabSeries, read_corpus
from infra.cli.console import emit, err, out, table
from infra.cli.evaluation.nab import NabMethod, detect, report_of
from infra.cli.evaluation.nab_held_out import GRID, NabHeldOut, held_out, settings_of, tried
from infra.cli.exit_codes import ExitCode
from schemas.errors import InvalidRequestError
from streams.detect.settings import DetectRules, Method

__all__ = ["evaluate_nab"]

_GROUPS = ("group", "series", "samples", "windows", "found", "false", "score")
_SCORES = ("method", "profile", "score", "best", "from size")
_LEFT_OUT = ("left out", *GRID, "others", "itself")


def evaluate_nab(
    folder: Path | None,
    only: Sequence[str],
    workers: int,
    at_least: float,
    *,
    hold_out: bool,
    as_json: bool,
) -> None:
    """Run each method over the corpus and tell its scores; exits with 6 where none has the least share of 100.

    Raises:
        InvalidRequestError: no such folder, no such method, or nothing to detect.
    """
    corpus = read_corpus(_named(folder))
    if not any(one.windows for one in corpus):
        raise InvalidRequestError(f"no window to detect in {folder}")
    methods = [report_of(method, detect(corpus, DetectRules(method=method))) for method in _methods(only)]
    fitted = _held_out(corpus, workers, quiet=as_json) if hold_out else None
    if as_json:
        told = [one.model_dump(mode="json") for one in methods]
        emit({"methods": told, "held_out": fitted.model_dump(mode="json") if fitted else None})
    else:
        _tell(methods, fitted)
    if max(one.score() for one in methods) < 100 * at_least:
        raise typer.Exit(ExitCode.NEGATIVE)


def _named(folder: Path | None) -> Path:
    if folder is None:
        raise InvalidRequestError("the benchmark's folder is not named", cure="tocsin eval nab FOLDER")
    return folder


def _methods(only: Sequence[str]) -> list[Method]:
    found = [one for one in Method if not only or any(fnmatch.fnmatchcase(one.value, name) for name in only)]
    if not found:
        known = ", ".join(one.value for one in Method)
        raise InvalidRequestError(f"no method is called {' or '.join(only)}", cure=f"There are {known}.")
    return found


def _held_out(corpus: Sequence[NabSeries], workers: int, *, quiet: bool) -> NabHeldOut:
    settings = settings_of(GRID)
    runs = track(
        tried(corpus, settings, workers),
        "detecting",
        total=len(settings),
        console=err,
        transient=True,
        disable=quiet,
    )
    return held_out(corpus, settings, tuple(runs))


def _tell(methods: Sequence[NabMethod], fitted: NabHeldOut | None) -> None:
    for one in methods:
        out.print(table(f"{one.method.value}: by group", _GROUPS, _groups(one)))
    out.print(table("By profile", _SCORES, _profiles(methods)))
    out.print("score: every alarm counts; best: only those from one size on, the best for all series")
    if fitted is not None:
        out.print(table(f"records, {fitted.settings} settings tried", _LEFT_OUT, _left_out(fitted)))
        out.print(
            f"left-out groups together: {fitted.score:.1f}; the whole corpus under the settings tried: "
            f"{fitted.least:.1f} to {fitted.most:.1f}, median {fitted.median:.1f}",
            highlight=False,
        )


def _groups(one: NabMethod) -> Iterator[tuple[object, ...]]:
    for o in one.groups:
        yield o.group, o.series, o.samples, o.windows, o.hit, o.false, _points(o.score)
    yield (
        "all",
        sum(o.series for o in one.groups),
        one.samples,
        one.windows,
        one.hit,
        one.false,
        _points(one.score()),
    )


def _profiles(methods: Sequence[NabMethod]) -> Iterator[tuple[object, ...]]:
    for method in methods:
        for one in method.profiles:
            size = "-" if one.best_size is None else f"{one.best_size:.2f}"
            yield method.method.value, one.profile, _points(one.score), _points(one.best), size


def _left_out(fitted: NabHeldOut) -> Iterator[tuple[object, ...]]:
    for one in fitted.groups:
        chosen = one.chosen.model_dump()
        yield (
            one.group,
            *(chosen[name] for name in GRID),
            _points(one.score_of_others),
            _points(one.score),
        )


def _points(score: float | None) -> str:
    return "-" if score is None else f"{score:.1f}"
