"""What speaks against the cause that is named: said where it is sure, and not where samples leave it open."""

from __future__ import annotations

import pytest

from agents.investigation.contradictions import contradictions
from agents.investigation.state import KnownTopology
from agents.investigation.support import Began, Findings, explained_by, onsets
from schemas.events.evidence import Evidence
from tests.fakes.evidence import AT, claim, evidence

CALLS = KnownTopology(calls={"web": ("cart",), "cart": ("db",)}, nodes=("web", "cart", "db"))
NOW = AT.timestamp()


def told(
    *known: Evidence, author: str = "statistics", believed: dict[str, float] | None = None
) -> tuple[str, ...]:
    cart = evidence("cart", onset_s=120.0, onset_early_s=10.0)
    findings = Findings((cart, *known), CALLS, believed=believed)
    return contradictions([claim("cart", cart, author=author)], findings)


def test_nothing_speaks_against_what_came_first() -> None:
    assert told(evidence("db", onset_s=130.0), evidence("web", onset_s=140.0)) == ()
    assert contradictions([], Findings((evidence("cart"),), CALLS)) == ()


class TestOrder:
    def test_a_callee_well_before_it_is_told(self) -> None:
        (one,) = told(evidence("db", onset_s=0.0))
        assert one == "db, on which cart depends, was abnormal before it, from 10:42:10 on."

    def test_a_caller_well_before_it_is_told(self) -> None:
        (one,) = told(evidence("web", onset_s=0.0))
        assert one == "web, which calls cart, was abnormal before it, from 10:42:10 on."

    def test_one_that_is_sure_is_told_though_another_may_have_begun_before(self) -> None:
        calls = KnownTopology(calls={"cart": ("db", "pay")})
        known = (
            evidence("cart", onset_s=120.0),
            evidence("db", onset_s=0.0, onset_late_s=600.0, score=50.0),
            evidence("pay", onset_s=20.0, onset_late_s=5.0),
        )
        findings = Findings(known, calls)
        assert explained_by("cart", findings) == "pay"
        assert explained_by("cart", Findings(known[:2], calls)) == "db"
        (one,) = contradictions([claim("cart", known[0])], findings)
        assert one.startswith("pay, on which cart depends, was abnormal before it")

    @pytest.mark.parametrize("names", [("a", "z"), ("z", "a")])
    def test_of_two_at_one_moment_the_stronger_is_told_whatever_their_names(
        self, names: tuple[str, str]
    ) -> None:
        weak, strong = names
        cart = evidence("cart", onset_s=120.0)
        known = (cart, evidence(weak, onset_s=0.0, score=2.0), evidence(strong, onset_s=0.0, score=9.0))
        below = Findings(known, KnownTopology(calls={"cart": names}))
        above = Findings(known, KnownTopology(calls=dict.fromkeys(names, ("cart",))))
        believed = Findings(known, KnownTopology(), believed={weak: 0.4, strong: 0.4, "cart": 0.1})
        assert explained_by("cart", below) == strong
        assert contradictions([claim("cart", cart)], above)[0].startswith(f"{strong}, which calls cart")
        told_so = contradictions([claim("cart", cart, author="gpt-4o")], believed)
        assert told_so == (f"By the statistics alone {strong} is likelier.",)

    @pytest.mark.parametrize("service", ["db", "web"])
    @pytest.mark.parametrize(
        ("onset_s", "late_s", "sure"),
        [(60.0, 0.0, True), (61.0, 0.0, False), (0.0, 110.0, True), (0.0, 111.0, False), (0.0, 600.0, False)],
    )
    def test_it_must_be_a_minute_and_beyond_what_the_samples_leave_open(
        self, service: str, onset_s: float, late_s: float, sure: bool
    ) -> None:
        assert bool(told(evidence(service, onset_s=onset_s, onset_late_s=late_s))) is sure

    def test_a_weak_sign_dates_nobody(self) -> None:
        assert told(evidence("db", onset_s=0.0, score=0.9)) == ()


class TestBeliefs:
    @pytest.mark.parametrize(
        ("author", "believed", "says"),
        [
            ("gpt-4o", {"db": 0.8, "cart": 0.2}, True),
            ("gpt-4o", {"db": 0.2, "cart": 0.8}, False),
            ("statistics", {"db": 0.8, "cart": 0.2}, False),
            ("gpt-4o", {}, False),
        ],
    )
    def test_a_model_against_the_statistics_is_told_so(
        self, author: str, believed: dict[str, float], says: bool
    ) -> None:
        sentences = told(author=author, believed=believed)
        assert ("By the statistics alone db is likelier." in sentences) is says


class TestOnsets:
    def onset_of(self, *known: Evidence) -> Began:
        return onsets(known)["cart"]

    def test_it_is_the_first_and_what_its_samples_leave_open(self) -> None:
        found = self.onset_of(
            evidence("cart", onset_s=30.0, onset_early_s=20.0, onset_late_s=5.0),
            evidence("cart", onset_s=40.0, onset_early_s=1.0, onset_late_s=0.0),
        )
        assert found == Began(NOW + 30.0, NOW + 10.0, NOW + 35.0)

    def test_without_bounds_it_is_the_moment(self) -> None:
        assert self.onset_of(evidence("cart", onset_s=30.0)) == Began(NOW + 30.0, NOW + 30.0, NOW + 30.0)

    @pytest.mark.parametrize(
        ("other", "by_s", "sure"),
        [
            (Began(20.0, 15.0, 25.0), 0.0, True),
            (Began(20.0, 11.0, 25.0), 0.0, False),
            (Began(20.0, 15.0, 25.0), 11.0, False),
            (Began(10.0, 12.0, 12.0), 0.0, False),
        ],
    )
    def test_who_was_surely_before_whom(self, other: Began, by_s: float, sure: bool) -> None:
        first = Began(10.0, 9.0, 12.0)
        assert first.surely_before(other, by_s) is sure
        assert not other.surely_before(first)
