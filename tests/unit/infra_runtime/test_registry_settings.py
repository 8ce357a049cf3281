from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from infra.cli.schemas import open_reading_schemas, open_schemas, registry_address
from infra.runtime.settings import KafkaSection, Settings
from schemas.registry import builtin_registry


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        ("", ()),
        (" , ", ()),
        ("http://a:8081", ("http://a:8081",)),
        ("https://a/apis/ccompat/v7/", ("https://a/apis/ccompat/v7",)),
        ("http://a:1, http://[::1]:2/ ,", ("http://a:1", "http://[::1]:2")),
    ],
)
def test_addresses_are_separated_by_commas(given: str, urls: tuple[str, ...]) -> None:
    assert KafkaSection(schema_registry_url=given).schema_registry_urls == urls


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("registry:8081", "needs http:// or https://"),
        ("ftp://registry", "needs http:// or https://"),
        ("http://", "needs http:// or https://"),
        ("http://a:1,b:2", "needs http:// or https://"),
        ("http://me:s3cret@registry", "settings of their own"),
        ("http://registry/?a=b", "nothing after the path"),
        ("http://registry/#a", "nothing after the path"),
    ],
)
def test_an_address_that_is_none_is_refused_and_passwords_are_not_shown(given: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        KafkaSection(schema_registry_url=given)

    message = refused.value.errors(include_input=False, include_url=False)[0]["msg"]
    assert told in message
    assert "s3cret" not in message


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(ValidationError, match="needs schema_registry_ssl_certfile"):
        KafkaSection(schema_registry_ssl_keyfile="key.pem")


def test_the_environment_and_secret_files_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tocsin_kafka__schema_registry_password").write_text("s3cret")
    monkeypatch.setenv("TOCSIN_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_URL", "https://registry:8081")
    monkeypatch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_USER", "tocsin")
    monkeypatch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_REGISTER", "false")

    kafka = Settings().kafka

    assert kafka.schema_registry_urls == ("https://registry:8081",)
    assert kafka.schema_registry_password.get_secret_value() == "s3cret"
    assert kafka.schema_registry_register is False
    assert "s3cret" not in repr(kafka)


def test_the_address_has_all_that_is_set() -> None:
    section = KafkaSection(
        schema_registry_url="https://a,https://b",
        schema_registry_user="tocsin",
        schema_registry_password=SecretStr("s3cret"),
        schema_registry_ssl_cafile="ca.pem",
        schema_registry_ssl_certfile="me.pem",
        schema_registry_ssl_keyfile="me.key",
        schema_registry_timeout_s=2.5,
    )

    address = registry_address(section)

    assert address is not None
    assert (address.urls, str(address)) == (("https://a", "https://b"), "https://a, https://b")
    assert (address.user, address.password, address.timeout_s) == ("tocsin", "s3cret", 2.5)
    assert (address.cafile, address.certfile, address.keyfile) == ("ca.pem", "me.pem", "me.key")
    assert "s3cret" not in repr(address)


async def test_without_an_address_the_ids_are_our_own() -> None:
    assert registry_address(KafkaSection()) is None
    async with open_schemas(KafkaSection()) as writing, open_reading_schemas(KafkaSection()) as reading:
        assert writing is reading is builtin_registry()
