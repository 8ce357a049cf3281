"""Which model an evaluation asks: any endpoint, or one that is configured."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.cli.evaluation.models import chosen_model, open_model
from infra.runtime.settings import LlmProvider, LlmSection
from schemas.errors import ConfigurationError, InvalidRequestError

KNOWN = LlmSection(
    providers=(
        LlmProvider(name="house", base_url="http://house/v1", model="big", api_key=SecretStr("k")),
        LlmProvider(name="spare", base_url="http://spare/v1", model="small"),
    ),
    prices={"big": (1.0, 2.0)},
)


@pytest.mark.parametrize(("asked", "name"), [("house", "house"), ("big", "house"), ("small", "spare")])
def test_a_configured_one_by_its_name_or_its_model(asked: str, name: str) -> None:
    chosen = chosen_model(KNOWN, asked, "", None)
    assert chosen is not None
    assert chosen.provider.name == name
    assert chosen.prices == {"big": (1.0, 2.0)}


def test_any_endpoint_by_its_address(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-key\n")
    chosen = chosen_model(LlmSection(), "mine", "http://here/v1", tmp_path / "key")
    assert chosen is not None
    assert (chosen.name, chosen.provider.base_url) == ("mine", "http://here/v1")
    assert chosen.provider.api_key.get_secret_value() == "a-key"
    assert "a-key" not in repr(chosen)


def test_no_model_is_none() -> None:
    assert chosen_model(KNOWN, "", "", None) is None


def test_one_that_nobody_configured() -> None:
    with pytest.raises(ConfigurationError, match="no configured provider"):
        chosen_model(KNOWN, "other", "", None)


def test_an_endpoint_wants_a_model() -> None:
    with pytest.raises(InvalidRequestError, match="which model"):
        chosen_model(KNOWN, "", "http://here/v1", None)


def test_a_key_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="key cannot be read"):
        chosen_model(KNOWN, "mine", "http://here/v1", tmp_path / "nothing")


def test_it_can_be_sent_to_another_process() -> None:
    chosen = chosen_model(KNOWN, "house", "", None)
    assert pickle.loads(pickle.dumps(chosen)) == chosen  # noqa: S301 - ours


async def test_without_a_model_there_is_no_gateway() -> None:
    async with open_model(None) as gateway:
        assert gateway is None
