from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.shown import shown_addresses, without_secret
from infra.local.state import Addresses

SECRET = "S3CRET"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1:9092", "127.0.0.1:9092"),
        ("a:1,[::1]:2", "a:1,[::1]:2"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:S3CRET@h:6379/0", "redis://h:6379/0"),
        ("redis://u:S3CRET@[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis://h:6379/0?password=S3CRET", "redis://h:6379/0"),
        ("redis://h:6379/0?password=S3@CRET", "redis://h:6379/0"),
        ("redis://h:6379/0?client_name=a@b://c", "redis://h:6379/0"),
        ("redis://u:S3@CRET@h/0?x=a@b", "redis://h/0"),
        ("redis://:S3/CRET@h/0", "redis://h/0"),
        ("redis://:S3?CRET@h/0", "redis://(hidden)"),
        ("redis://u:S3#CRET@h/0", "redis://(hidden)"),
        ("postgresql://u:S3CRET@a:1,b:2/t?password=S3CRET", "postgresql://a:1,b:2/t"),
        ("http://h:8123#S3CRET", "http://h:8123"),
        ("u:S3CRET@h:1", "h:1"),
        ("", "(hidden)"),
        ("S3CRET with spaces", "(hidden)"),
    ],
)
def test_an_address_is_shown_without_its_secret(address: str, shown: str) -> None:
    assert without_secret(address) == shown


@given(
    secret=st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1).map(
        lambda text: f"{SECRET}{text}{SECRET}"
    ),
    options=st.sampled_from(["", "?a=b@c", "?x=1#y@z"]),
)
def test_no_password_comes_through_however_it_is_written(secret: str, options: str) -> None:
    assert SECRET not in without_secret(f"redis://:{secret}@h:1/0{options}")


def test_what_is_shown_of_a_stack_keeps_what_is_no_secret() -> None:
    addresses = Addresses(
        kafka="a:1", redis_url="redis://:S3CRET@h:1/0", clickhouse_url="http://h:2", api_url="http://h:3"
    )
    told = shown_addresses(addresses)
    assert (told.kafka, told.redis_url, told.clickhouse_url) == ("a:1", "redis://h:1/0", "http://h:2")
    assert (told.api_url, told.postgres_url, told.sqlite_path) == ("http://h:3", None, None)
