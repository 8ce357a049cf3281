"""What the role `investigate` leaves undone when its process ends."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0))
from infra.cli.compose import investigate
assert gc.get_freeze_count() == 0
investigate._end_without_collecting()
assert gc.get_freeze_count() == 0
"""


def test_the_heap_is_not_searched_once_more_at_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["True"], "what is registered last runs first"
