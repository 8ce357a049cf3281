"""By what runbooks are compared with an incident; past incidents are by words (docs/adr/0016)."""

from __future__ import annotations

from agents.knowledge.meaning import Meaning
from agents.knowledge.similarity import similarities
from agents.knowledge.word_vectors import WordLlamaVectors, embedding_installed
from agents.ports import Likeness
from infra.runtime.settings import InvestigateSection
from schemas.errors import ConfigurationError

__all__ = ["INSTALL_EMBEDDING", "likeness_for"]

INSTALL_EMBEDDING = "pip install tocsin[embedding]"


def likeness_for(section: InvestigateSection) -> Likeness:
    """Return what the setting asks for; one for a process, for it remembers what it has read. Loads nothing yet.

    Raises:
        ConfigurationError: the embedding is wanted and not installed.
    """
    installed = embedding_installed()
    if section.embedding == "on" and not installed:
        raise ConfigurationError(
            "investigate.embedding is on, but the embedding is not installed",
            cure=f"Run `{INSTALL_EMBEDDING}`, or set it to `auto`.",
        )
    return Meaning(WordLlamaVectors()) if installed and section.embedding != "off" else similarities
