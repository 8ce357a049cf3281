from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from api.intake.labels import severity_of
from api.intake.limits import Limits
from api.options import ApiOptions
from schemas.events import Severity
from tests.fakes.api import client_of, make_api
from tests.unit.api.intake.sent import REQUESTS, sample

PAGE = (Path(__file__).parents[4] / "docs" / "how-to" / "send-over-http.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILES = {"@kpis.jsonl": "kpis.ndjson"}


@dataclass
class Curl:
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def curls() -> Iterator[Curl]:
    for language, text in FENCE.findall(PAGE):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                yield curl(shlex.split(line))


def curl(words: list[str]) -> Curl:
    assert words[0] == "curl"
    found = Curl()
    for before, word in pairwise(words):
        if before == "-H":
            name, _, value = word.partition(": ")
            found.headers[name] = value
        elif before in {"-d", "--data-binary"}:
            found.body = sample(FILES[word]) if word in FILES else word.encode()
        elif word.startswith("http://"):
            found.path = urlsplit(word).path
    return found


def columns(language: str) -> list[str]:
    return [text for found, text in FENCE.findall(PAGE) if found == language]


@pytest.mark.parametrize("command", list(curls()), ids=lambda one: one.path)
async def test_each_command_works_as_it_stands(command: Curl) -> None:
    api = make_api()
    async with client_of(api, "") as client:
        headers = {**command.headers, "Authorization": "Bearer acme.ingest"}
        answer = await client.post(command.path, content=command.body, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["rejected"] == []
    if b"HighErrorRate" in command.body:
        assert answer.text in PAGE


async def test_the_batch_in_columns_is_taken() -> None:
    (body,) = columns("json")
    async with client_of(make_api(), "acme.ingest") as client:
        answer = await client.post(
            "/v1/intake/kpis", content=body.encode(), headers={"content-type": "application/json"}
        )
    assert answer.json()["accepted"] == 1


def test_the_snippets_are_yaml_and_name_routes_that_exist() -> None:
    for text in columns("yaml"):
        assert yaml.safe_load(text)
    paths = {sent.path for sent in REQUESTS.values()}
    told = set(re.findall(r"`(/v1/[^`]+)`", PAGE))
    assert told == paths
    for url in re.findall(r"http://tocsin:8080(/\S+?)[`\s]", PAGE):
        assert url in paths | {"/v1/otlp"}, url


def test_severities_and_limits_are_those_of_the_code() -> None:
    for severity in (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.WARNING):
        (names,) = re.findall(rf"\| {severity} \| ([^|;]+)", PAGE)
        assert {severity_of({"severity": one.strip()}) for one in names.split(",")} == {severity}
    limits, options = Limits(), ApiOptions(version="", cursor_secret=b"")
    for number in (limits.items, limits.label_value, limits.label_text):
        assert f"{number:,}" in PAGE
    assert f"{options.max_body // 2**20} MiB as sent, {limits.inflated // 2**20} MiB decompressed" in PAGE
    assert f"larger than an item may be ({limits.item // 1024} KiB)" in PAGE
    assert f"at most {limits.labels} labels; a name {limits.label_name} characters" in PAGE
    assert f"too deep ({options.max_json_depth} levels)" in PAGE
