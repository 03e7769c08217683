"""What all kernel tests share: they also run with NUMBA_DISABLE_JIT=1, as plain Python."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _hashes_may_overflow() -> Iterator[None]:
    """Let hashes wrap around at 64 bits, of which numpy scalars warn and machine code does not."""
    with np.errstate(over="ignore"):
        yield
