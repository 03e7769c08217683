"""Same seed, same bytes: at any number of threads, compiled just now or loaded from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from tests.kernels.one_fit import fingerprint

ROOT = Path(__file__).parents[2]


def fingerprint_in_a_fresh_process(threads: int, **environment: str) -> str:
    """Return the fingerprint of the fit that a process with so many threads does."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.one_fit"],
        cwd=ROOT,
        env=os.environ | {"NUMBA_NUM_THREADS": str(threads)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    used, result = done.stdout.split()
    assert int(used) == threads
    return result


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python runs in one thread")
def test_a_fit_has_the_same_bytes_at_one_two_and_four_threads():
    fingerprints = {fingerprint_in_a_fresh_process(threads) for threads in (1, 2, 4)}

    assert fingerprints == {fingerprint()}


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python is not compiled")
def test_a_fit_has_the_same_bytes_whether_its_kernels_are_compiled_or_loaded_from_the_cache(tmp_path):
    # A function that is compiled for itself and again inside its caller exists twice in the process that
    # compiles, and once in one that loads: the two may round differently unless it is always inlined.
    compiling, loading = (
        fingerprint_in_a_fresh_process(1, NUMBA_CACHE_DIR=str(tmp_path)) for _ in ("compiling", "loading")
    )

    assert compiling == loading


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="a whole fit in plain Python takes minutes")
def test_another_seed_gives_another_model():
    assert fingerprint(seed=1) != fingerprint(seed=0)
