"""Symptoms that come from who shares the host, or from the load that a caller makes."""

from __future__ import annotations

import pytest

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.analysis.signals import Topology
from agents.analysis.topology import Explanation
from tests.fakes.about import about
from tests.fakes.clues import clue
from tests.fakes.explained import CPU, ERRORS, TRAFFIC, busy, explained, failing, share, slow


class TestNeighbours:
    HOSTED = Topology(hosted_on={"web": "node-1", "batch": "node-1", "far": "node-2"})

    def test_a_greedy_neighbour_explains_a_little_less_than_a_callee(self) -> None:
        found = explained(slow("web", 4.0), busy("batch", 2.0), topology=self.HOSTED)
        assert found["web"] == Explanation("web", "batch", about(0.8 * 0.5), "shares node-1 with")

    def test_where_the_sufferer_starves_it_explains_all(self) -> None:
        starving = clue("web", CPU, 1.0, own=False, starved=True)
        assert share(slow("web", 5.0), starving, busy("batch", 1.0), topology=self.HOSTED) == pytest.approx(
            0.8
        )

    @pytest.mark.parametrize(
        "starving",
        [
            clue("web", CPU, 0.9, own=False, starved=True),
            clue("web", CPU, 3.0, own=False, bad=False, starved=True),
        ],
    )
    def test_hardly_waiting_is_not_starving(self, starving: Clue) -> None:
        assert share(slow("web", 5.0), starving, busy("batch", 1.0), topology=self.HOSTED) < 0.8 * 0.25

    @pytest.mark.parametrize(
        "neighbour",
        [
            busy("batch", 0.99),
            busy("batch", 4.0, load_explained=True),
            clue("batch", CPU, 4.0, own=True, bad=False),
            clue("batch", CPU, 4.0, own=False),
            slow("batch"),
            clue("batch", CauseKind.DEPLOY, 4.0, own=True),
            busy("far", 4.0),
        ],
    )
    def test_only_one_on_the_same_host_that_took_notably_more_is_greedy(self, neighbour: Clue) -> None:
        found = explained(slow("web"), neighbour, topology=self.HOSTED)
        assert found.get("web", Explanation("web", "", 0.0)).share == 0.0

    def test_who_takes_as_much_of_the_same_itself_is_no_victim(self) -> None:
        assert share(slow("web"), busy("web", 2.0), busy("batch", 2.0), topology=self.HOSTED) == 0.0
        assert share(slow("web"), busy("web", 1.9), busy("batch", 2.0), topology=self.HOSTED) > 0.0

    def test_a_host_may_be_known_from_a_measurements_label(self) -> None:
        found = explained(slow("web", 2.0, host="n"), busy("batch", 4.0, host="n"), topology=Topology())
        assert found["web"].tie == "shares n with"

    def test_the_topology_knows_better_than_a_label(self) -> None:
        told = [slow("web", 2.0, host="n"), busy("far", 4.0, host="n")]
        assert "web" not in explained(*told, topology=self.HOSTED)

    def test_nobody_is_the_neighbour_of_itself(self) -> None:
        assert explained(slow("web"), busy("web"), topology=self.HOSTED) == {}


class TestFloods:
    def flood(
        self,
        *more: Clue,
        grown: float = 6.0,
        asked: float | None = None,
        own: Clue | None = None,
    ) -> dict[str, Explanation]:
        clues = [
            slow("db", 2.0),
            clue("db", TRAFFIC, 1.0, own=True, ratio=grown),
            own or busy("web", 2.0),
            *more,
        ]
        if asked is not None:
            clues.append(clue("web", TRAFFIC, 1.0, own=True, ratio=asked))
        return explained(*clues)

    def test_the_caller_explains_all_of_a_flooded_callees_trouble(self) -> None:
        assert self.flood()["db"] == Explanation("db", "web", 1.0, "is flooded by")

    def test_and_the_callee_nothing_of_the_callers(self) -> None:
        assert self.flood(slow("web", 1.0))["web"].share == 0.0

    @pytest.mark.parametrize(
        ("grown", "asked", "floods"),
        [
            (1.5, None, True),
            (1.49, None, False),
            (3.0, 2.0, True),
            (2.99, 2.0, False),
            (1.5, 0.5, True),
            (1.0, 0.1, False),
        ],
    )
    def test_half_as_many_calls_more_than_it_is_asked_itself(
        self, grown: float, asked: float | None, floods: bool
    ) -> None:
        found = self.flood(grown=grown, asked=asked).get("db")
        assert (found is not None and found.tie == "is flooded by") is floods

    @pytest.mark.parametrize(
        "own",
        [
            slow("web"),
            busy("web", 0.3),
            clue("web", CPU, 4.0, own=True, bad=False),
            clue("web", TRAFFIC, 4.0, own=True),
        ],
    )
    def test_a_caller_that_shows_nothing_of_its_own_is_not_suspected(self, own: Clue) -> None:
        assert "db" not in self.flood(own=own)

    def test_a_failing_callee_makes_its_calls_itself_by_retries(self) -> None:
        assert "db" not in self.flood(failing("db"))
        assert "db" in self.flood(failing("db", 0.3))
        assert "db" in self.flood(clue("db", ERRORS, 4.0, own=True))
        assert "db" in self.flood(clue("db", ERRORS, 4.0, own=False, bad=False))

    def test_normal_traffic_is_no_flood(self) -> None:
        calm = clue("db", TRAFFIC, 1.0, own=True, finding_kind=FindingKind.NORMAL, ratio=9.0)
        assert "db" not in explained(slow("db"), calm, busy("web"))
        assert "db" not in explained(slow("db"), clue("db", CPU, 1.0, own=True, ratio=9.0), busy("web"))
        assert "db" not in explained(slow("db"), clue("db", TRAFFIC, 1.0, own=True, ratio=None), busy("web"))


class TestSurges:
    """`web` is called by nobody: what comes to it comes from outside."""

    def rushed(self, entry: float, other: float, *more: Clue) -> dict[str, Explanation]:
        return explained(
            clue("web", TRAFFIC, 3.0, own=True, ratio=entry),
            clue("db", TRAFFIC, 1.0, own=True, ratio=other),
            slow("db", 2.0),
            *more,
        )

    @pytest.mark.parametrize(
        ("entry", "other", "loaded"),
        [(2.0, 2.0, True), (2.25, 1.5, True), (2.25, 1.49, False), (1.49, 1.49, False), (3.0, 0.9, False)],
    )
    def test_a_rush_at_the_entry_explains_those_whose_load_grew_by_half_as_much(
        self, entry: float, other: float, loaded: bool
    ) -> None:
        found = self.rushed(entry, other).get("db")
        assert (found == Explanation("db", "web", 1.0, "takes the load of")) is loaded

    def test_one_that_took_no_more_is_not_explained_by_it(self) -> None:
        found = explained(clue("web", TRAFFIC, 3.0, own=True, ratio=3.0), slow("db", 2.0))
        assert found["db"].share == 0.0

    def test_who_is_called_makes_no_rush_of_its_own(self) -> None:
        found = explained(clue("db", TRAFFIC, 3.0, own=True, ratio=3.0), slow("web", 2.0))
        assert found["web"].tie != "takes the load of"


class TestMeasuredToBeQuick:
    """A caller whose waiting only its alarm tells of."""

    def waiting(self, *callee: Clue) -> float:
        alarm = clue("web", CauseKind.LATENCY, 1.0, own=False, source=Source.ALARMS)
        return explained(alarm, *callee)["web"].share

    def test_one_that_answers_as_fast_as_ever_explains_little(self) -> None:
        calm = clue("db", CPU, 4.0, own=True, latency_level=10.0)
        assert self.waiting(calm) == pytest.approx(0.2)

    def test_one_that_does_not_or_is_not_measured_explains_all(self) -> None:
        assert self.waiting(clue("db", CPU, 4.0, own=True)) == 1.0
        assert self.waiting(clue("db", CauseKind.LATENCY, 4.0, own=False, latency_level=10.0)) == 1.0
