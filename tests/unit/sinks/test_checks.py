from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.checks import (
    Check,
    LandedRows,
    ProducedMessage,
    check_decisions,
    check_evidence,
    check_investigations,
    check_landing,
)

_PLACES = st.tuples(st.integers(0, 2), st.integers(0, 20))
_PRODUCED = st.dictionaries(_PLACES, st.integers(1, 5)).map(
    lambda rows: [ProducedMessage(place, f"e-{place}", count) for place, count in rows.items()]
)


def _landed(messages: list[ProducedMessage]) -> LandedRows:
    rows = {one.place: one.rows for one in messages if one.rows is not None}
    return LandedRows(rows=rows, distinct=rows)


@given(_PRODUCED)
def test_what_landed_once_holds(produced: list[ProducedMessage]) -> None:
    landed, once = check_landing("t", produced, _landed(produced))

    assert landed.holds
    assert once.holds
    assert landed.looked_at == len(produced)


@given(_PRODUCED.filter(bool), st.data())
def test_any_lost_message_is_found(produced: list[ProducedMessage], data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(produced))
    rest = [one for one in produced if one is not lost]

    landed, once = check_landing("t", produced, _landed(rest))

    assert (landed.wrong, once.wrong) == (1, 0)
    assert landed.examples == (f"t/{lost.place[0]}@{lost.place[1]}: {lost.event_id}",)


@given(_PRODUCED.filter(bool), st.data())
def test_any_doubled_row_is_found(produced: list[ProducedMessage], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(produced)).place
    whole = _landed(produced)
    rows = {**whole.rows, twice: whole.rows[twice] + 1}

    landed, once = check_landing("t", produced, LandedRows(rows=rows, distinct=whole.distinct))

    assert (landed.wrong, once.wrong) == (0, 1)
    assert once.examples[0].startswith(f"t/{twice[0]}@{twice[1]}: ")


def test_a_batch_that_landed_in_part_is_lost() -> None:
    landed, _ = check_landing(
        "t", [ProducedMessage((0, 0), "e", 3)], LandedRows(rows={(0, 0): 2}, distinct={(0, 0): 2})
    )

    assert landed.wrong == 1


def test_rows_that_the_log_has_forgotten_are_no_problem() -> None:
    results = check_landing("t", [], LandedRows(rows={(0, 0): 1}, distinct={(0, 0): 1}))

    assert all(result.holds for result in results)


def test_an_older_message_of_an_id_that_is_kept_once_is_accounted_for() -> None:
    produced = [ProducedMessage((0, 0), "same", 1), ProducedMessage((0, 5), "same", 1)]
    table = LandedRows(rows={(0, 5): 1}, distinct={(0, 5): 1}, newer_ids={"same"})

    assert check_landing("t", produced, table)[0].holds


def test_dead_letters_account_for_what_cannot_be_decoded() -> None:
    produced = [ProducedMessage((0, 0), "", None), ProducedMessage((0, 1), "", None)]
    table = LandedRows(rows={}, distinct={}, buried={(0, 0): {"intake"}})

    landed, _ = check_landing("t", produced, table)

    assert landed.wrong == 1
    assert landed.examples == ("t/0@1: not decodable, and not among the dead letters",)


def test_what_others_gave_up_on_must_land_all_the_same() -> None:
    produced = [ProducedMessage((0, 0), "a", 1), ProducedMessage((0, 1), "b", 1)]
    table = LandedRows(rows={}, distinct={}, buried={(0, 0): {"intake"}, (0, 1): {"land"}})

    landed, _ = check_landing("t", produced, table)

    assert landed.examples == ("t/0@0: a",)


def test_alarms_without_decision_are_named_ten_at_most() -> None:
    alarms = [f"alm_{number:02}" for number in range(12)]

    result = check_decisions(alarms, ["alm_03", "other"], "alarms.raw")

    assert (result.check, result.looked_at, result.wrong) == (Check.DECIDED, 12, 11)
    assert result.examples[:4] == ("alm_00", "alm_01", "alm_02", "alm_04")
    assert len(result.examples) == 10


def test_a_silent_investigation_is_named() -> None:
    result = check_investigations({"inv_1", "inv_2"}, {"inv_2": set(), "inv_3": set()}, "t")

    assert (result.wrong, result.examples) == (1, ("inv_1",))


def test_evidence_that_does_not_exist_is_named() -> None:
    result = check_evidence({"rep_1": ("ev_1", "ev_2"), "rep_2": ("ev_2",)}, {"ev_1"}, "reports")

    assert (result.looked_at, result.wrong) == (3, 2)
    assert result.examples == ("rep_1 cites ev_2", "rep_2 cites ev_2")
