"""Where a page's links lead."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

__all__ = ["HERE", "PageLinks"]


@dataclass(frozen=True, slots=True)
class PageLinks:
    """`evidence` is what an evidence id is appended to, `pictures` what a picture's file name is appended to.

    An empty `evidence` means that there is nowhere to go: findings are then reached within the page only. An empty
    `pictures` puts them into the folder `<investigation id>/` beside the page, which is also where the API has them.
    """

    evidence: str = ""
    pictures: str = ""

    def to_evidence(self, evidence_id: str) -> str:
        """Return the address of a finding, or nothing."""
        return f"{self.evidence}{quote(evidence_id, safe='')}" if self.evidence else ""

    def to_picture(self, investigation_id: str, name: str) -> str:
        """Return the address of a picture."""
        folder = self.pictures or f"{quote(investigation_id, safe='')}/"
        return f"{folder}{name}"


HERE = PageLinks()
"""A page that stands by itself."""
