"""A line read word by word comes to what it comes to when it is read as a whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.log_mining import templates
from agents.analysis.log_mining.templates import HEAD, read_line, read_whole
from agents.analysis.logs import template_of

_PIECES = (
    *("request", "from", "error", "Error", "INFO", "DEBUG", "fatal", "FooException", "x", "é"),
    *("12", "3", "123456.5", "1.2.3.4", "2026-01-02", "12:30:45.123", "٣", "0"),
    *("a3f9c2", "deadbeef", "768dd02e35", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
    *("file.py:12", "Name#12", "com.shop.Cart$1", "user=7", "T", "Z"),
    *("GET /a", "HTTP/1.1", "status", "503", "200"),
    *('"', "'", "[", "]", "{", "}", "=", ",", ".", ":", "#", "-", "+", "_", "*"),
    *(" ", " ", " ", "  ", "\t", "\n"),
)
LINES = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join) | st.text(max_size=40)


@given(LINES)
def test_word_by_word_is_as_good_as_the_whole(message: str) -> None:
    assert read_line(message) == read_whole(message[:HEAD])


@given(LINES, LINES)
def test_a_line_reads_the_same_whatever_was_read_before(first: str, second: str) -> None:
    for cache in (templates.read_line, templates._masked_word, templates._masked_form):
        cache.cache_clear()
    alone = template_of(second)
    templates.read_line.cache_clear()
    template_of(first)
    assert template_of(second) == alone


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_lines_that_differ_in_a_number_share_a_template(one: int, other: int) -> None:
    assert template_of(f"served order {one} late") == template_of(f"served order {other} late")
