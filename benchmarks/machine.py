"""The machine: what it is, and how fast it multiplies and copies, to measure the kernels with."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

_SIDE = 1024
_PRODUCTS = 5
_COPIED = 256 * 2**20


def description() -> dict[str, object]:
    """Return what figures depend on, and nothing that tells whose machine it is."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "numba", "pyarrow")},
        "blas": _blas(),
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _blas() -> str:
    config = np.show_config(mode="dicts")
    found = config["Build Dependencies"]["blas"] if isinstance(config, dict) else {}
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


class Multiplying:
    """A product of two square float32 matrices by the machine's own library, on one thread."""

    multiply_adds = _SIDE**3

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self._left, self._right = (generator.random((_SIDE, _SIDE), np.float32) for _ in range(2))
        self._product = np.empty_like(self._left)

    def seconds(self) -> float:
        """Return how long one product takes, at best of a few."""
        return min(self._once() for _ in range(_PRODUCTS))

    def _once(self) -> float:
        began = time.perf_counter()
        np.matmul(self._left, self._right, out=self._product)
        return time.perf_counter() - began


class Copying:
    """A copy, on one thread, of an array that no cache holds."""

    moved = 2 * _COPIED
    """Bytes read and bytes written."""

    def __init__(self) -> None:
        self._source = np.ones(_COPIED // 4, np.float32)
        self._target = np.zeros_like(self._source)

    def seconds(self) -> float:
        """Return how long one copy takes."""
        began = time.perf_counter()
        np.copyto(self._target, self._source)
        return time.perf_counter() - began
