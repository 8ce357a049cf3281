"""Structured lines, JSON or logfmt, as the sentence that a person would read in them."""

from __future__ import annotations

import json
import re

__all__ = ["plain"]

_READ = 16_384
_LEVELS = ("level", "severity", "levelname", "lvl")
_WORDS = ("message", "msg", "event", "error", "err", "exception")
_LOGFMT = re.compile(r"(?:^|\s)(?:level|lvl|severity|msg)=")
_PAIR = re.compile(r'(?:^|\s)([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S*)')


def plain(message: str) -> str:
    """Return level and words of a structured line; what is not structured, or has no words, as it is."""
    if message[:1] == "{":
        return _told(_json(message), message)
    head = message[:_READ]
    if "=" in head and _LOGFMT.search(head):
        return _told({key.lower(): value.strip('"') for key, value in _PAIR.findall(head)}, message)
    return message


def _json(message: str) -> dict[str, str]:
    if len(message) > _READ:
        return {}
    try:
        read = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {str(key).lower(): value for key, value in read.items() if isinstance(value, str)}


def _told(fields: dict[str, str], message: str) -> str:
    words = [fields[key] for key in _WORDS if fields.get(key)]
    if not words:
        return message
    level = next((fields[key].upper() for key in _LEVELS if fields.get(key)), "")
    return " ".join([level, *words] if level else words)
