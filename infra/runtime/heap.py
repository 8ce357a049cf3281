"""The heap of a process that runs for long."""

from __future__ import annotations

import gc

__all__ = ["settle_heap"]


def settle_heap() -> None:
    """Leave what is alive now out of every later search for garbage. Blocks, once, as long as one such search.

    Modules, schemas and what was read back at the start live as long as the process: going through them again and again
    finds nothing, and stops everything for some 80 ms each time. What nobody refers to any more is freed as before,
    unless it is alive now and becomes part of a circle.
    """
    gc.collect()
    gc.freeze()
