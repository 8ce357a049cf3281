from __future__ import annotations

import pytest

from agents.llm.fence import fence_evidence
from agents.llm.masking import MaskingSession


def masked(text: str) -> str:
    session = MaskingSession()
    hidden = session.mask(text)
    assert session.unmask(hidden).value == text
    return hidden


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail a.b+c@mail.example.co.uk now", "mail <EMAIL_1> now"),
        ("from 10.1.2.3:8080 to 10.1.2.4", "from <IPV4_1>:8080 to <IPV4_2>"),
        ("end 192.168.0.1.", "end <IPV4_1>."),
        ("[2001:db8::1]:443 ::1 fe80::1%eth0", "[<IPV6_1>]:443 <IPV6_2> <IPV6_3>%eth0"),
        ("at 2001:db8:85a3:8d3:1319:8a2e:370:7348", "at <IPV6_1>"),
        ("mapped ::ffff:10.0.0.1", "mapped <IPV4_1>"),
        ("card 4111-1111-1111-1111 ok", "card <CARD_1> ok"),
        ("amex 3782 822463 10005", "amex <CARD_1>"),
        ("two 4111111111111111 5500000000000004", "two <CARD_1> <CARD_2>"),
        ("order 42 4111 1111 1111 1111", "order 42 <CARD_1>"),
        ("iban GB82 WEST 1234 5698 7654 32 THE END", "iban <IBAN_1> THE END"),
        ("iban DE89370400440532013000.", "iban <IBAN_1>."),
        ("call +49 170 1234567 or (555) 123-4567", "call <PHONE_1> or <PHONE_2>"),
        ("key AKIAIOSFODNN7EXAMPLE", "key <AWS_KEY_1>"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "<API_KEY_1>"),
        ("xoxb-12345-abcdefghij", "<API_KEY_1>"),
        ("sk_live_abcdefghijklmnop", "<API_KEY_1>"),
        ("eyJhbGciOi.eyJzdWIiOi.c2ln", "<JWT_1>"),
        ("Bearer abcdef123456789", "Bearer <BEARER_1>"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <AUTHORIZATION_1>"),
        ("Authorization: Digest-Token abcdefgh", "Authorization: Digest-Token <AUTHORIZATION_1>"),
        ("Set-Cookie: sid=1; HttpOnly\nnext", "Set-Cookie: <COOKIE_1>\nnext"),
        ("postgres://u:p@ss@db:5432/x", "postgres://u:<URL_PASSWORD_1>@db:5432/x"),
        ("redis://:pw@host", "redis://:<URL_PASSWORD_1>@host"),
        ("password=abc def", "password=<SECRET_1> def"),
        ('{"api_key": "a b c"}', '{"api_key": "<SECRET_1>"}'),
        ('{\\"password\\":\\"pa ss\\"}', '{\\"password\\":\\"<SECRET_1>\\"}'),
        ("clientSecret: 'it is'", "clientSecret: '<SECRET_1>'"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtn/K7", "AWS_SECRET_ACCESS_KEY=<SECRET_1>"),
        ("access_token=x.y&next=1", "access_token=<SECRET_1>&next=1"),
    ],
)
def test_masks(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T10:02:03.123Z took 12:34:56",
        "std::vector a::b Foo::bar",
        "version 1.2.3 and 1.2.3.4.5 and 300.1.1.1",
        "epoch 1730455200123 ns 1730455200123456789",
        "number 4111111111111112 fails its checksum",
        "iban GB82 WEST 1234 5698 7654 33 fails its checksum",
        "iban XX82 WEST 1234 5698 7654 32 has no such country",
        "tokens: 345 token_count=12 max_tokens=4096",
        "secret_rotation_total=5 primary_key=12345 cache_key=foo",
        "password: missing",
        "bearer authentication failed",
        "delta +12345 at +02:00",
        "samples 45 47 46 44 48 51 52 49",
        "0000 0000 0000 0000",
        "span 4bf92f3577b34da6a3ce929d0e0e4736",
        "checkout.latency_p99{service=cart} rose",
        "user@host without a dot",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert masked(text) == text


def test_overlapping_values_are_hidden_as_one() -> None:
    assert masked("password=alice@example.com,x") == "password=<SECRET_1>,x"


def test_a_value_beside_a_lookalike_placeholder_is_hidden_too() -> None:
    assert masked("password=abc<EMAIL_1>def") == "password=<SECRET_1><LITERAL_1>def"


def test_a_private_key_is_hidden_whole() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMHcCAQ==\n-----END EC PRIVATE KEY-----"
    assert masked(f"a {key} b") == "a <PRIVATE_KEY_1> b"


def test_a_key_that_was_cut_does_not_swallow_the_fence_after_it() -> None:
    prompt = fence_evidence([("ev_1", "-----BEGIN PRIVATE KEY-----\nMIIE"), ("ev_2", "fine")])
    hidden = masked(prompt)
    assert "MIIE" not in hidden
    assert ">>>END ev_1\n" in hidden
    assert "<<<EVIDENCE ev_2" in hidden


def test_an_assignment_without_a_value_does_not_reach_into_the_next_line() -> None:
    assert (
        masked("password=\nnext line\nAuthorization:\nanother")
        == "password=\nnext line\nAuthorization:\nanother"
    )


def test_positions_hold_beside_characters_of_several_bytes_and_lone_surrogates() -> None:
    assert masked("größe 😀 a@b.de \udcff c@d.de") == "größe 😀 <EMAIL_1> \udcff <EMAIL_2>"
