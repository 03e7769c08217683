"""Sets how many threads the kernels may use, whether they have been loaded yet or not."""

from __future__ import annotations

import os
import sys


def use_threads(count: int | None) -> None:
    """Let the kernels, and the libraries below them, run on this many threads.

    The result of any command is the same at every count.

    Parameters
    ----------
    count : int or None
        Threads, which may be more than the machine has cores; None leaves the default, all cores.
        Where Numba has been loaded already, the count it was loaded with is the most it can use.
    """
    if count is None:
        return
    numba = sys.modules.get("numba")
    if numba is None:
        for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ[variable] = str(count)
    else:
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
