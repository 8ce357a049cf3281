"""wordllama itself: what it is trusted with. The extra `embedding` is in the development install."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.knowledge.meaning import Meaning
from agents.knowledge.word_vectors import WordLlamaVectors, embedding_installed
from schemas.errors import UnavailableError

pytest.importorskip("wordllama", reason="the extra `embedding` is not installed")

_OFFLINE = """
import logging, sys
from pathlib import Path

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise RuntimeError(f"network: {event}")

sys.addaudithook(watch)
from agents.knowledge.word_vectors import WordLlamaVectors
assert "wordllama" not in sys.modules
print(WordLlamaVectors()(["disk"]).shape, logging.getLogger().handlers, list(Path.home().iterdir()))
"""


@pytest.fixture(scope="module")
def vectors() -> WordLlamaVectors:
    return WordLlamaVectors()


def test_it_loads_without_a_network_a_home_and_a_handler_for_logs(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("home")
    environment = {"HOME": str(home), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "(1, 256) [] []\n"), done.stderr


def test_a_word_has_one_vector_of_length_one_alone_and_in_company(vectors: WordLlamaVectors) -> None:
    words = ["disk", "certificate", "x", "replication" * 3, *(f"word{n}" for n in range(100))]
    together = vectors(words)
    assert together.shape == (104, 256)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    for place in (0, 1, 2, 3, 103):
        assert np.array_equal(vectors([words[place]])[0], together[place])


def test_a_word_without_end_costs_no_more_than_a_long_one(vectors: WordLlamaVectors) -> None:
    endless, long = vectors(["ab" * 500_000, "ab" * 20])
    assert np.array_equal(endless, long)


def test_words_of_one_meaning_are_nearer_than_others(vectors: WordLlamaVectors) -> None:
    near, far = Meaning(vectors)("TLS certificate expires", ["renew the SSL certs", "the disk is full"])
    assert near > far == 0.0


def test_it_is_installed_here() -> None:
    assert embedding_installed()


def test_one_that_is_broken_is_unavailable_and_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(UnavailableError, match="cannot be loaded") as raised:
        WordLlamaVectors()(["disk"])
    assert "tocsin[embedding]" in raised.value.cure


@pytest.mark.parametrize("content", [None, "{}", "no JSON"])
def test_files_that_are_missing_or_damaged_are_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    wordllama = importlib.import_module("wordllama")
    monkeypatch.setattr(wordllama, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "tokenizers").mkdir()
    if content is not None:
        (tmp_path / "tokenizers" / "l2_supercat_tokenizer_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(UnavailableError, match="cannot be loaded"):
        WordLlamaVectors()(["disk"])
