from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake.bodies import ENCODINGS, REMOTE_WRITE, inflated
from api.intake.limits import Limits
from api.intake.refusal import RefusalKind, RefusedError
from tests.unit.api.intake.sent import snappy

SMALL = Limits(inflated=10_000)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": lambda body: bytes(cramjam.zstd.compress(body)),
    "snappy": snappy,
}


def refusal(body: bytes, encoding: str, limits: Limits = SMALL) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        inflated(body, encoding, limits, allowed=ENCODINGS)
    return refused.value


@pytest.mark.parametrize("encoding", PACKED)
@given(body=st.binary(min_size=1, max_size=10_000))
def test_what_was_compressed_comes_back(encoding: str, body: bytes) -> None:
    assert inflated(PACKED[encoding](body), encoding, SMALL, allowed=ENCODINGS) == body


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("size", [10_001, 50_000_000])
def test_a_bomb_is_refused_by_its_limit(encoding: str, size: int) -> None:
    refused = refusal(PACKED[encoding](b"\0" * size), encoding)
    assert (refused.kind, refused.limit) == (RefusalKind.TOO_LARGE, 10_000)
    assert refused.value is not None
    assert refused.value > 10_000


def test_exactly_the_limit_is_taken() -> None:
    for encoding, pack in PACKED.items():
        assert len(inflated(pack(b"x" * 10_000), encoding, SMALL, allowed=ENCODINGS)) == 10_000


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "snappy"])
@pytest.mark.parametrize("broken", [b"", b"plain text", b"\xff" * 40])
def test_what_is_not_what_it_says_is_refused(encoding: str, broken: bytes) -> None:
    assert refusal(broken, encoding).kind in {RefusalKind.MALFORMED, RefusalKind.TOO_LARGE}


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "snappy"])
def test_what_was_cut_off_is_refused(encoding: str) -> None:
    whole = PACKED[encoding](bytes(range(256)) * 20)
    for length in (1, len(whole) // 2, len(whole) - 1):
        assert refusal(whole[:length], encoding).kind is RefusalKind.MALFORMED


def test_gzip_may_have_several_members_but_not_endlessly() -> None:
    two = gzip.compress(b"a") + gzip.compress(b"b")
    assert inflated(two, "gzip", SMALL, allowed=ENCODINGS) == b"ab"
    assert refusal(gzip.compress(b"") * 1000, "gzip").kind is RefusalKind.MALFORMED
    assert refusal(gzip.compress(b"a") + b"trailing", "gzip").kind is RefusalKind.MALFORMED


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate", "x" * 500])
def test_other_encodings_are_refused_with_those_that_are_taken(encoding: str) -> None:
    refused = refusal(zlib.compress(b"a"), encoding)
    assert refused.kind is RefusalKind.ENCODING
    assert "gzip" in refused.cure


def test_names_of_encodings_have_no_case_and_remote_write_is_never_plain() -> None:
    assert inflated(gzip.compress(b"a"), " GZIP ", SMALL, allowed=ENCODINGS) == b"a"
    with pytest.raises(RefusedError):
        inflated(b"a", "identity", SMALL, allowed=REMOTE_WRITE)
