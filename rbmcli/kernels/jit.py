"""The policy of compilation, in one place: caching, floating point, threads.

Floating point: sums may be reordered and multiply-adds fused, so that loops vectorise, but NaN and
infinity stay what they are (no ``nnan``, no ``ninf``): training looks for them to stop in time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numba

from rbmcli.kernels.cache import keep_compiled

# Between two loops threads wait asleep. By default they spin, and where another process takes a core
# away, the others burn theirs until it comes back: many times slower on a shared machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_FLOATING_POINT = {"reassoc", "contract", "nsz", "arcp", "afn"}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _compiled(**options: Any) -> Decorator:
    """Return a decorator that has Numba compile a function, and keeps what comes out of it."""

    compiled = numba.njit(nogil=True, error_model="numpy", **options)
    return lambda function: keep_compiled(compiled(function))


# A function that is compiled for itself and again inside its caller exists twice in the process that
# compiles, and once in one that loads from the cache. The two may round differently, so there is but one.
kernel: Decorator = _compiled(fastmath=_FLOATING_POINT, forceinline=True)
"""Compile a small function that Python may call, and that other kernels inline."""

# Without wrappers for Python a fifth less time is spent on compilation.
_INNER: dict[str, Any] = {
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

inner_kernel: Decorator = _compiled(fastmath=_FLOATING_POINT, **_INNER)
"""Compile a function that only other kernels call, and inline."""

strict_kernel: Decorator = _compiled(fastmath=False, **_INNER)
"""Compile a function as `inner_kernel` does, but with every operation just as it is written.

For sums whose value would otherwise depend on what the compiler makes of the place they are inlined in,
which differs between the process that compiles and one that loads from the cache.
"""

parallel_kernel: Decorator = _compiled(fastmath=_FLOATING_POINT, parallel=True)
"""Compile a function whose `numba.prange` loops run in several threads."""


def threads() -> int:
    """Return the number of threads of all parallel kernels."""
    return int(numba.get_num_threads())


def set_threads(threads: int | None) -> int:
    """Set the number of threads of all parallel kernels and return it.

    Parameters
    ----------
    threads : int or None
        Threads wanted, at least 1; None takes all that Numba found. More than Numba was started with
        are cut to that number.
    """
    most = int(numba.config.NUMBA_NUM_THREADS)
    chosen = most if threads is None else max(1, min(threads, most))
    numba.set_num_threads(chosen)
    return chosen
