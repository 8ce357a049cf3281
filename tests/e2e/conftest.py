from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import RunningStack, running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack of the module's own: test_stack.py ends with `tocsin down`, and any module may come after it."""
    with running(tmp_path_factory.mktemp("stack")) as own:
        yield own
