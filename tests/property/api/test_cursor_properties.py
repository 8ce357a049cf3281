from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.requests import Request

from api.http.body import check_depth
from api.http.cursors import Cursors, Position
from api.http.etags import matches, quoted, require_match
from api.http.negotiation import choose
from api.http.problem import Problem

SECRET = b"not a secret"
parts = st.text() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
positions = st.lists(parts, min_size=1, max_size=4).map(tuple)
questions = st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.none() | st.booleans(), max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=30,
)


@given(positions, st.text(), questions)
def test_a_cursor_comes_back_to_its_question(at: Position, route: str, asked: dict[str, Any]) -> None:
    cursors = Cursors(SECRET, route, asked)
    assert cursors.decode(cursors.encode(at)) == at
    assert Cursors(SECRET, route, dict(reversed(asked.items()))).decode(cursors.encode(at)) == at


@given(positions, st.text(), questions, questions)
def test_no_other_question_takes_it(
    at: Position, route: str, asked: dict[str, Any], other: dict[str, Any]
) -> None:
    assume(asked != other)
    cursor = Cursors(SECRET, route, asked).encode(at)
    for stranger in (
        Cursors(SECRET, route, other),
        Cursors(SECRET, route + "x", asked),
        Cursors(b"other", route, asked),
    ):
        with pytest.raises(Problem) as refused:
            stranger.decode(cursor)
        assert refused.value.status_code == 422


@given(positions, st.data())
def test_a_cursor_that_was_touched_is_refused(at: Position, data: st.DataObject) -> None:
    cursors = Cursors(SECRET, "r", {})
    cursor = cursors.encode(at)
    place = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda one: one != cursor[place]))
    with pytest.raises(Problem):
        cursors.decode(cursor[:place] + other + cursor[place + 1 :])


@given(st.text(max_size=200))
def test_any_other_text_is_a_problem_and_nothing_worse(text: str) -> None:
    with pytest.raises(Problem):
        Cursors(SECRET, "r", {}).decode(text)


@given(json_values, st.integers(1, 6))
def test_depth_is_what_nesting_is(value: object, limit: int) -> None:
    def depth(one: object) -> int:
        if not isinstance(one, dict | list):
            return 0
        return 1 + max(
            (depth(child) for child in (one.values() if isinstance(one, dict) else one)), default=0
        )

    try:
        check_depth(value, limit)
        within = True
    except Problem:
        within = False
    assert within == (depth(value) <= limit)


tags = st.text(st.characters(min_codepoint=0x23, max_codepoint=0x7E), max_size=12)


@given(tags, tags)
def test_only_the_same_tag_matches(etag: str, other: str) -> None:
    assert matches(quoted(etag), etag)
    assert matches("*", etag)
    assert matches(f"{quoted(other)}, {quoted(etag)}", etag)
    assert matches(quoted(other), etag) == (other == etag)
    require_match(quoted(etag), etag)
    with pytest.raises(Problem) as weak:
        require_match(f"W/{quoted(etag)}", etag)
    assert weak.value.status_code == 412
    assert matches(f"W/{quoted(etag)}", etag)


OFFERS = ("application/json", "text/markdown", "text/html")
ranges = st.sampled_from([*OFFERS, "text/*", "*/*", "image/png", "application/*"])
accepted = st.lists(st.tuples(ranges, st.floats(0, 1)), min_size=1, max_size=4)


def chosen_or_none(request: Request) -> str | None:
    """None where the caller is told that nothing fits."""
    try:
        return choose(request, OFFERS)
    except Problem as problem:
        if problem.status_code != 406:
            raise
        return None


@given(accepted)
def test_what_is_chosen_was_wanted(wanted: list[tuple[str, float]]) -> None:
    header = ", ".join(f"{name};q={quality:.3f}" for name, quality in wanted)
    request = Request({"type": "http", "headers": [(b"accept", header.encode())]})
    chosen = chosen_or_none(request)
    if chosen is not None:
        kind = chosen.partition("/")[0]
        assert any(name in {chosen, f"{kind}/*", "*/*"} and quality > 0 for name, quality in wanted)


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_accept_header_breaks_it(header: str) -> None:
    request = Request({"type": "http", "headers": [(b"accept", header.encode("latin-1"))]})
    assert chosen_or_none(request) in {*OFFERS, None}
