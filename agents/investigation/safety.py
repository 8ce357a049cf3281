"""How safe a step is: looking changes nothing, some changes can be taken back, others cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from schemas.events.report import NextStep

__all__ = ["Safety", "safest_first", "safety_of"]

_LOOKING: Final = frozenset(
    [
        "see",
        "look",
        "check",
        "compare",
        "read",
        "ask",
        "measure",
        "inspect",
        "find",
        "watch",
        "verify",
        "review",
        "confirm",
        "list",
        "show",
        "examine",
    ]
)
_UNDOABLE: Final = frozenset(
    [
        "raise",
        "add",
        "grow",
        "scale",
        "increase",
        "route",
        "move",
        "undo",
        "roll",
        "put",
        "limit",
        "take",
        "shorten",
        "lower",
        "reduce",
        "revert",
        "disable",
        "enable",
        "throttle",
        "pause",
        "drain",
        "shift",
        "fall",
        "switch",
    ]
)
_LASTING: Final = re.compile(
    r"\b(?:restart|reboot|kill|delete|drop|purge|wipe|truncate|terminate|evict|flush|format|reset|fail ?over|clear|remove)"
    r"(?:s|es|ed|t?ing)?\b",
    re.IGNORECASE,
)
# What is quoted, a reason, a condition, a name made of several words: none of them says what to do.
_ASIDE: Final = re.compile(r'"[^"]*"|\([^)]*\)|^if [^,]*,|[\w.]+(?:[-/.:]\w+)+', re.IGNORECASE)


class Safety(IntEnum):
    """In the order in which to do them."""

    LOOKS = 0
    """Changes nothing."""
    UNDOABLE = 1
    """Can be taken back as it was."""
    LASTING = 2
    """Loses something: what runs, what is stored. Also whatever is not known to be safer."""


def safety_of(action: str) -> Safety:
    """Judge a step by its words. What loses something anywhere in it is not safe, however it begins."""
    plain = _ASIDE.sub(" ", action)
    words = re.findall(r"[a-z]+", plain.lower())
    if _LASTING.search(plain) or not words:
        return Safety.LASTING
    if words[0] in _LOOKING:
        return Safety.LOOKS if _UNDOABLE.isdisjoint(words[1:]) else Safety.UNDOABLE
    return Safety.UNDOABLE if words[0] in _UNDOABLE else Safety.LASTING


def safest_first(steps: Iterable[NextStep]) -> tuple[NextStep, ...]:
    """Return them by how safe they are; those alike as they came."""
    return tuple(sorted(steps, key=lambda step: safety_of(step.action)))
