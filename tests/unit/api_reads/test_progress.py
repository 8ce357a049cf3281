from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.http.progress import TOPICS, StreamPosition, in_order
from schemas.events import Event
from tests.fakes.api_reads import LOG, Said
from tests.fakes.full_events import at, evidence, report, status

_OFFSETS = st.integers(-1, 10**12)
_POSITIONS = st.builds(StreamPosition, st.just(LOG), st.tuples(_OFFSETS, _OFFSETS, _OFFSETS))


def _event(place: int, number: int, seconds: float) -> Event:
    match TOPICS[place]:
        case "evidence":
            return evidence("acme", finding=str(number), occurred_at=at(seconds))
        case "reports":
            return report("acme", revision=number + 1, occurred_at=at(seconds))
        case _:
            return status("acme", step=str(number), occurred_at=at(seconds))


@st.composite
def _logs(draw: st.DrawFn) -> list[Said]:
    """What an investigation said: in each topic rising offsets with gaps, times in any order."""
    said: list[Said] = []
    for place, topic in enumerate(TOPICS):
        offsets = sorted(draw(st.sets(st.integers(0, 40), max_size=8)))
        said += [
            Said(topic, offset, _event(place, number, draw(st.floats(0, 100))))
            for number, offset in enumerate(offsets)
        ]
    return said


@given(_POSITIONS)
def test_a_position_is_read_from_its_text(position: StreamPosition) -> None:
    assert StreamPosition.parse(str(position), LOG) == position


@given(st.text(max_size=60))
def test_what_is_no_position_is_the_beginning(text: str) -> None:
    assert StreamPosition.parse(text, LOG).at_the_beginning
    assert StreamPosition.parse(f"{LOG}.{text}", "ffffffff").at_the_beginning
    assert StreamPosition.parse(None, LOG) == StreamPosition(LOG)


def test_a_position_of_another_log_is_the_beginning() -> None:
    assert StreamPosition.parse("ffffffff.3.4.5", LOG).at_the_beginning
    assert StreamPosition.parse(f"{LOG}.{'9' * 30}.1.1", LOG).at_the_beginning


@given(_logs(), st.data())
def test_a_listener_cut_off_anywhere_hears_the_rest_and_nothing_twice(
    said: list[Said], data: st.DataObject
) -> None:
    told, places = [], [StreamPosition(LOG)]
    for item in in_order(said):
        told.append(item)
        places.append(places[-1].past(item))
    cut = data.draw(st.integers(0, len(told)))
    resumed = StreamPosition.parse(str(places[cut]), LOG)

    rest = [item for item in in_order(said) if not resumed.has_passed(item)]

    assert rest == told[cut:]
    assert sorted(told, key=id) == sorted(said, key=id)


@given(_logs())
def test_ids_only_grow(said: list[Said]) -> None:
    position, seen = StreamPosition(LOG), {str(StreamPosition(LOG))}
    for item in in_order(said):
        after = position.past(item)
        assert all(new >= old for new, old in zip(after.wanted, position.wanted, strict=True))
        assert str(after) not in seen
        seen.add(str(after))
        position = after


@given(_logs(), st.data())
def test_what_was_told_twice_is_in_order_once(said: list[Said], data: st.DataObject) -> None:
    """Tables and feed overlap in any way; together they have everything."""
    in_tables = data.draw(st.sets(st.sampled_from(said))) if said else set()
    landed = [item for item in said if item in in_tables]
    heard = [item for item in said if item not in in_tables or data.draw(st.booleans())]

    assert list(in_order(landed, heard)) == list(in_order(said))


def test_within_a_topic_the_log_tells_the_order_and_time_across() -> None:
    late = Said("investigations.status", 3, status("acme", step="a", occurred_at=at(50)))
    early = Said("investigations.status", 4, status("acme", step="b", occurred_at=at(1)))
    found = Said("evidence", 9, evidence("acme", occurred_at=at(20)))

    assert list(in_order([early, late], [found])) == [found, late, early]


def test_a_repeat_further_on_is_told_once() -> None:
    again = status("acme")

    assert [item.offset for item in in_order([Said(TOPICS[0], 5, again), Said(TOPICS[0], 2, again)])] == [2]


def test_an_earlier_log_comes_first_and_is_told_again_only_from_the_beginning() -> None:
    old = [Said("evidence", -1, evidence("acme", finding=str(number))) for number in range(3)]
    new = Said("evidence", 0, evidence("acme", finding="new"))
    beginning = StreamPosition(LOG)

    assert list(in_order([new, *old])) == [*old, new]
    assert not any(beginning.has_passed(item) for item in old)
    assert all(beginning.past(new).has_passed(item) for item in old)
    assert beginning.past(old[0]).wanted == (-1, 0, -1)
