"""Types of what callers send that take JSON as it is: no number out of a text or a truth value, no instant out of a number.

Pydantic would be lenient, and what is documented as a number would also be what looks like one.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator, StrictBool, StrictFloat, StrictInt

from schemas.events.base import Instant

__all__ = ["Aware", "Flag", "Moment", "Number", "Whole"]

_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def _date_time(value: object) -> object:
    if isinstance(value, str) and _DATE_TIME.match(value):
        return value
    raise ValueError("is not a date and time as RFC 3339 writes them")


Flag = StrictBool
Whole = StrictInt
Number = StrictFloat
Aware = Annotated[AwareDatetime, BeforeValidator(_date_time)]
"""An instant with its offset, as it was told."""
Moment = Annotated[Instant, BeforeValidator(_date_time)]
"""An instant, UTC."""
