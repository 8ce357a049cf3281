"""Which finds of a pattern are values: by checksum, by length, by what stands beside them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.llm.checks import Check, always, cards, iban, ipv4, ipv6, phone, secret, token


def found(check: Check, text: str, pattern: str) -> list[str]:
    """What the check takes of the first find of the pattern."""
    match = re.search(pattern, text)
    assert match is not None
    return [text[start:end] for start, end in check(text, *match.span())]


NUMBER = r"[0-9](?:[ -]?[0-9]){11,}"


def luhn_completed(body: str) -> str:
    """The digits with the check digit that makes them a card's (ISO/IEC 7812)."""
    total = sum(
        digit if place % 2 else digit * 2 - 9 * (digit > 4)
        for place, digit in enumerate(int(char) for char in reversed(body))
    )
    return f"{body}{-total % 10}"


class TestCards:
    @pytest.mark.parametrize(
        ("first", "length", "is_card"),
        [
            ("4", 13, True),
            ("4", 16, True),
            ("4", 19, True),
            ("4", 14, False),
            ("5", 16, True),
            ("5", 15, False),
            ("3", 15, True),
            ("3", 14, True),
            ("3", 16, False),
            ("2", 16, True),
            ("6", 16, True),
            ("6", 17, True),
            ("6", 18, True),
            ("6", 19, True),
            ("1", 16, False),
            ("9", 16, False),
        ],
    )
    def test_each_issuer_has_its_lengths(self, first: str, length: int, is_card: bool) -> None:
        digits = luhn_completed(first + "1234567890123456789"[: length - 2])
        assert len(digits) == length
        assert bool(found(cards, digits, NUMBER)) is is_card

    @settings(deadline=None, max_examples=50)
    @given(st.text("0123456789", min_size=14, max_size=14), st.integers(1, 9))
    def test_any_other_check_digit_is_no_card(self, body: str, off: int) -> None:
        number = luhn_completed(f"4{body}")
        wrong = f"{number[:-1]}{(int(number[-1]) + off) % 10}"
        assert found(cards, wrong, NUMBER) == []

    @pytest.mark.parametrize("text", ["4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005"])
    def test_groups_as_they_are_printed(self, text: str) -> None:
        assert found(cards, text, NUMBER) == [text]

    @pytest.mark.parametrize("text", ["41111111 11111111", "4111 1111 111 11111", "4 1111 1111 1111 111"])
    def test_other_groups_are_other_numbers(self, text: str) -> None:
        assert found(cards, text, NUMBER) == []

    @pytest.mark.parametrize(
        "text", ["x4111111111111111", "4111111111111111x", ".4111111111111111", "_4111111111111111"]
    )
    def test_a_part_of_something_longer_is_none(self, text: str) -> None:
        assert found(cards, text, NUMBER) == []

    def test_one_digit_over_and_over_is_none(self) -> None:
        assert found(cards, "4" * 16, NUMBER) == []
        assert found(cards, "0" * 16, NUMBER) == []


class TestIban:
    HEAD = r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4}"

    @pytest.mark.parametrize(
        "text",
        [
            "DE89370400440532013000",
            "GB82 WEST 1234 5698 7654 32",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "FR1420041010050500013M02606",
        ],
    )
    def test_the_country_says_how_long_it_is(self, text: str) -> None:
        assert found(iban, f"{text} and more", self.HEAD) == [text]

    @pytest.mark.parametrize(
        "text",
        [
            "DE89370400440532013001",
            "XX89370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130001",
            "ADE89370400440532013000",
            "DE89 3704 0044 0532 0130 0o",
        ],
    )
    def test_a_wrong_checksum_country_or_length_is_none(self, text: str) -> None:
        assert found(iban, text, self.HEAD) == []

    @settings(deadline=None, max_examples=50)
    @given(st.integers(0, 21), st.sampled_from("0123456789"))
    def test_any_single_wrong_digit_is_caught(self, place: int, digit: str) -> None:
        right = "DE89370400440532013000"
        wrong = right[:place] + digit + right[place + 1 :]
        if wrong != right and place > 1:
            assert found(iban, wrong, self.HEAD) == []


class TestAddresses:
    V4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"

    @pytest.mark.parametrize(
        "text", ["10.0.0.1", "255.255.255.255", "(10.0.0.1)", "10.0.0.1.", "10.0.0.1:80", "-10.0.0.1"]
    )
    def test_four_bytes_are_an_address(self, text: str) -> None:
        assert len(found(ipv4, text, self.V4)) == 1

    @pytest.mark.parametrize(
        "text", ["256.0.0.1", "10.0.0.1.2", "v10.0.0.1", "10.0.0.1a", "010.0.0.1", "_10.0.0.1"]
    )
    def test_versions_and_numbers_are_not(self, text: str) -> None:
        assert found(ipv4, text, self.V4) == []

    V6 = r"[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*|(?:[0-9A-Fa-f]{1,4}:){6,7}[0-9A-Fa-f.]+"

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("2001:db8::1", "2001:db8::1"),
            ("at ::1: no answer", "::1"),
            ("fe80::1.", "fe80::1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("2001:db8::", "2001:db8::"),
        ],
    )
    def test_an_address_ends_where_the_sentence_goes_on(self, text: str, address: str) -> None:
        assert found(ipv6, text, self.V6) == [address]

    @pytest.mark.parametrize("text", ["::", "std::vector", "a::b", "12345::1", "x::1y"])
    def test_scopes_and_times_are_not(self, text: str) -> None:
        assert found(ipv6, text, self.V6) == []


class TestPhones:
    @pytest.mark.parametrize(
        ("text", "taken"),
        [
            ("+1234567890", True),
            ("+123456789", False),
            ("+123456789012345", True),
            ("+1234567890123456", False),
            ("+49 170 12345", True),
            ("+49 170 12", False),
            ("x+1234567890", False),
            ("+1234567890x", False),
        ],
    )
    def test_in_international_form_and_of_a_numbers_length(self, text: str, taken: bool) -> None:
        assert bool(found(phone, text, r"\+[0-9][0-9 ]*[0-9]")) is taken


class TestSecrets:
    @pytest.mark.parametrize(
        "word", ["none", "NULL", "missing", "Expired", "required.", "true", "false", "empty"]
    )
    def test_a_word_about_a_secret_is_none(self, word: str) -> None:
        assert found(secret, word, r".+") == []

    @pytest.mark.parametrize("word", ["hunter2", "none1", "nonesuch", "x"])
    def test_anything_else_is(self, word: str) -> None:
        assert found(secret, word, r".+") == [word]

    @pytest.mark.parametrize(
        ("text", "taken"),
        [("authentication", False), ("abcdef123456", True), ("a" * 39, False), ("a" * 40, True)],
    )
    def test_a_token_holds_a_digit_or_is_long(self, text: str, taken: bool) -> None:
        assert bool(found(token, text, r".+")) is taken

    def test_some_patterns_need_no_second_look(self) -> None:
        assert found(always, "a b", r"b") == ["b"]
