"""May a model's words be published? Not with a link, a command, a mark-up or a sign that nobody sees; not against the verdict.

A model may have read a log line that somebody wrote for it. Whatever it says is text for a person under pressure: words that
lead elsewhere, that ask for a secret, or that tell the reader to type something are not ours to pass on. Patterns here
refuse; what they refuse is said by code instead, so that a false refusal costs style and no fact.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from agents.llm.neutral import hidden
from schemas.events.evidence import Evidence

__all__ = ["about", "denies", "named", "unfit", "vouched"]

# A figure, or a word that means something by itself.
_WORDS = re.compile(
    r"\d[\d.:]{2,}|(?!(?:the|and|for|from|its|was|are|has|had|with|that|this)(?![a-z]))[a-z]{3,}"
)
_OTHERS = 4
# From the first quotation mark to the last: what is quoted may hold some itself.
_QUOTED = re.compile(r'".*"', re.DOTALL)

_LINK = re.compile(
    r"\w+:/{1,2}|\bwww\.|\b(?:mailto|javascript|data):|[\w.+-]+@[\w-]+\.\w+|\]\s*\(|!\s*\[|&#?\w+;",
    re.IGNORECASE,
)
_HOST = re.compile(r"\b[A-Za-z0-9][\w-]*(?:\.[A-Za-z][\w-]+)+\b|\b\d{1,3}(?:\.\d{1,3}){3}\b")
_MARKUP = re.compile(r"<[/!?A-Za-z|]|[`{}|$\\]|\[\[|\]\]")
_COMMAND = re.compile(
    r"\b(?:select\b.+\bfrom|drop\s+(?:table|database|index|user)|delete\s+from|truncate\s+table|insert\s+into|alter\s+table"
    r"|update\s+\S+\s+set|union\s+(?:all\s+)?select|grant\s+\w+\s+(?:on|to))\b"
    r"|\b(?:rm|curl|wget|sudo|chmod|chown|ssh|scp|nc|bash|powershell|eval|exec)\s+[-/\w.(]|\bkubectl\s+\w+|--\w|&&|;\s*\w+\s+-",
    re.IGNORECASE | re.DOTALL,
)
# What no report of an incident needs, unless the evidence speaks of it.
_DELICATE = re.compile(
    r"\b(tenants?|passwords?|passphrases?|credentials?|secrets?|api[ _-]?keys?|access tokens?|system prompt|prompts?"
    r"|instructions?|jailbreak|firewall|audit log(?:ging)?|guardrails?)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\bbenign\b|\bharmless\b|\bfalse (?:alarm|positive)|\bnothing (?:is|was) wrong\b|\bno (?:action|cause|incident|problem)\b"
    r"|\bnot an? (?:incident|problem)\b|\b(?:ignore|disregard|dismiss|close|resolve|silence) (?:this|the|all|these)\b"
    r"|\ball (?:clear|normal|systems)\b|\bfehlalarm\b|\bharmlos\b|\bfausse alerte\b|\bsans gravité\b|\bfalsa alarma\b"
    r"|\bfalso positivo\b|\bfalso allarme\b|\balarme falso\b|ложн\w+ тревог|误报|誤報|問題ありません|无害|無害|오경보|إنذار كاذب",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]+")


def unfit(text: str, shown: str) -> str:
    """Return what keeps the text from being published, in a few words; empty if nothing. `shown` is what it rests on."""
    if any(hidden(char) and char not in "\n\t" for char in text):
        return "a sign that nobody sees"
    plain = unicodedata.normalize("NFKC", text)
    if _LINK.search(plain) or any(host[0] not in shown for host in _HOST.finditer(plain)):
        return "a link"
    if _MARKUP.search(plain):
        return "mark-up"
    if _COMMAND.search(plain):
        return "a command"
    if any(_mixed(word[0]) and word[0] not in shown for word in _LETTERS.finditer(text)):
        return "letters of two scripts in one word"
    delicate = next((w[0] for w in _DELICATE.finditer(plain) if w[0].lower() not in shown.lower()), "")
    return f"talk of {delicate.lower()}" if delicate else ""


def about(text: str, own: str) -> bool:
    """Return whether one word in four, or more, stands in `own`, what code vouches for.

    Of an order that a model only repeats few do, though the order stands in the evidence as a quotation.
    """
    said, known = _WORDS.findall(text.lower()), frozenset(_WORDS.findall(own.lower()))
    return 0 < len(said) <= _OTHERS * sum(word in known for word in said)


def vouched(evidence: Evidence) -> str:
    """Return what code says in the evidence: without what it quotes, and without a name that is a sentence."""
    said = evidence.statement
    for name in (evidence.service, evidence.indicator):
        said = said.replace(name, " ") if " " in name else said
    indicator = "" if " " in evidence.indicator else evidence.indicator
    return f"{indicator} {_QUOTED.sub(' ', said)}"


def denies(text: str) -> bool:
    """Return whether the text calls the incident none: no word of a model may do that where a cause was found."""
    return _DENIES.search(unicodedata.normalize("NFKC", text)) is not None


def named(text: str, services: Iterable[str]) -> frozenset[str]:
    """Return the services whose names stand in the text as words of their own."""
    return frozenset(
        name
        for name in services
        if name in text and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None
    )


def _mixed(word: str) -> bool:
    """Whether a word has letters of two scripts, as one that only looks like another has."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(char, "?").split(maxsplit=1)[0] for char in word}
    return bool(scripts & {"LATIN"}) and bool(
        scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
    )
