"""Same seed, same bytes: at any number of threads, compiled just now or loaded from the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from rbmcli.kernels.jit import set_threads
from tests.kernels.fingerprints import fingerprints

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="plain Python has one thread and no compiler"
)


def fingerprints_in_a_fresh_process(threads: int, **environment: str) -> dict[str, str]:
    """Return the fingerprints that a process with so many threads finds."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.fingerprints"],
        cwd=ROOT,
        env=os.environ | {"NUMBA_NUM_THREADS": str(threads)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["threads"] == threads
    return found["fingerprints"]


@pytest.fixture(scope="module")
def with_one_thread() -> dict[str, str]:
    """Fingerprints of a fresh process with one thread."""
    return fingerprints_in_a_fresh_process(threads=1)


@pytest.mark.parametrize("threads", [2, 4])
def test_every_kernel_and_fit_has_the_same_bytes_at_any_number_of_threads(threads, with_one_thread):
    assert fingerprints_in_a_fresh_process(threads) == with_one_thread


def test_every_kernel_and_fit_has_the_same_bytes_when_threads_are_set_in_the_process(with_one_thread):
    most = set_threads(None)
    try:
        with_all_threads = fingerprints()
        set_threads(1)
        alone = fingerprints()
    finally:
        set_threads(most)

    assert with_all_threads == alone == with_one_thread


def test_every_kernel_and_fit_has_the_same_bytes_whether_compiled_or_loaded_from_the_cache(
    tmp_path, with_one_thread
):
    # A function that is compiled for itself and again inside its caller exists twice in the process that
    # compiles, and once in one that loads: the two may round differently unless it is always inlined.
    compiling, loading = (
        fingerprints_in_a_fresh_process(1, NUMBA_CACHE_DIR=str(tmp_path)) for _ in ("compiling", "loading")
    )

    assert compiling == loading == with_one_thread


def test_another_seed_gives_other_results_of_all_that_draw_random_numbers():
    first, second = fingerprints(seed=0), fingerprints(seed=1)

    same = {name for name in first if first[name] == second[name]}
    without_numbers = {"tally_rows and row_biases", "fold_in_groups", "neighbours"}
    assert same == without_numbers | {name for name in first if name.startswith("score_pairs")}
