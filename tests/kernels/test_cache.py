"""Compiled kernels on disk are right or not used: processes side by side, damage, full and closed disks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from rbmcli.kernels import backpropagation, divergence, scoring, upper, upper_divergence
from rbmcli.kernels.cache import KernelCache, kernel_folder

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python keeps no compiled code")

KERNEL = """
from rbmcli.kernels.jit import kernel

@kernel
def doubled(x):
    return x + x
"""
# The start of every program of these tests: `told` is what a process found when it called the kernel.
CALL = """
import json, sys
import numba
from rbmcli.kernels.cache import KernelCache, kernel_folder
from small import doubled

def told(value, kernel=doubled):
    found = kernel(value)
    stats = kernel.stats
    return [found, stats.cache_misses.total(), stats.cache_hits.total()]
"""


@pytest.fixture
def start(tmp_path: Path):
    """Start a program in a fresh process that knows `doubled` and `told`, with a cold cache at first."""
    (tmp_path / "small.py").write_text(KERNEL)

    def start_program(program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", CALL + program, *arguments],
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
                "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start_program


def outcome(process: subprocess.Popen[str]) -> Any:
    """Return what a program has printed as JSON, and check that it had nothing else to say."""
    printed, complaints = process.communicate(timeout=120)
    assert (process.returncode, complaints) == (0, "")
    return json.loads(printed)


def entries(tmp_path: Path) -> list[Path]:
    """Return every file below the cache."""
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


INT, FLOAT = "print(json.dumps(told(3)))", "print(json.dumps(told(1.5)))"


def test_every_kernel_that_commands_call_is_kept_here_with_this_version_of_numba():
    called = [
        divergence.contrastive_divergence,
        backpropagation.backpropagate,
        scoring.activate_rows,
        scoring.score_pairs,
        upper.pass_rows,
        upper_divergence.layer_divergence,
    ]

    assert all(isinstance(kernel._cache, KernelCache) for kernel in called)
    assert {kernel.stats.cache_path for kernel in called} == {str(kernel_folder())}


def test_a_kernel_is_compiled_by_the_first_process_and_loaded_by_the_next(start):
    first, second = outcome(start(INT)), outcome(start(INT))

    assert first == [6, 1, 0]
    assert second == [6, 0, 1]


def test_processes_that_compile_other_signatures_at_once_never_find_each_others_code(start, tmp_path):
    # Each holds its code back until the other has compiled too, and both ask in vain before.
    program = """
import pathlib, time
plain = KernelCache.save_overload
def save(self, sig, data):
    (folder / sys.argv[1]).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)
    plain(self, sig, data)
folder = pathlib.Path(sys.argv[2])
KernelCache.save_overload = save
print(json.dumps(told(json.loads(sys.argv[1]))))
"""
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    both = [start(program, value, str(meeting)) for value in ("3", "1.5")]
    found = [outcome(process) for process in both]

    assert found == [[6, 1, 0], [3.0, 1, 0]]
    assert [outcome(start(INT)), outcome(start(FLOAT))] == [[6, 0, 1], [3.0, 0, 1]]
    assert len(entries(tmp_path)) == 2


def test_many_processes_at_once_on_a_cold_cache_are_all_right(start, tmp_path):
    numbers = [3, 1.5, 4, 2.5, 5, 3.5]

    processes = [start(f"print(json.dumps(told({number})))") for number in numbers]

    assert [outcome(process)[0] for process in processes] == [2 * number for number in numbers]
    assert len(entries(tmp_path)) == 2


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_that_passes_for_code(start, tmp_path):
    program = """
import os, pathlib, signal
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
told(3)
"""
    killed = start(program)
    killed.communicate(timeout=120)
    (left,) = entries(tmp_path)

    assert killed.returncode == -9
    assert left.suffix == ".tmp"
    assert [outcome(start(INT)), outcome(start(INT))] == [[6, 1, 0], [6, 0, 1]]


def test_a_damaged_file_is_compiled_anew_and_mended(start):
    program = """
import random
[path] = kernel_folder().glob("*.nbc")
whole, draw, found = path.read_bytes(), random.Random(0), []
def damaged():
    yield from (whole[:size] for size in (0, 1, 31, 32, 33, len(whole) // 2, len(whole) - 1))
    for place in [0, 31, 32, *(draw.randrange(len(whole)) for _ in range(20))]:
        yield whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
def fresh():
    kernel = numba.njit(doubled.py_func)
    kernel._cache = KernelCache(doubled.py_func, kernel_folder())
    return kernel
for content in damaged():
    path.write_bytes(content)
    found.append([told(3, fresh()), told(3, fresh())])
print(json.dumps(found))
"""
    outcome(start(INT))

    found = outcome(start(program))

    assert len(found) == 30
    assert all(each == [[6, 1, 0], [6, 0, 1]] for each in found)


def test_the_file_of_another_signature_under_the_name_of_this_one_is_not_used(start, tmp_path):
    outcome(start(INT))
    (of_int,) = entries(tmp_path)
    outcome(start(FLOAT))
    (of_float,) = set(entries(tmp_path)) - {of_int}
    of_int.write_bytes(of_float.read_bytes())

    assert outcome(start(INT)) == [6, 1, 0]


def test_a_kernel_whose_source_has_changed_is_compiled_anew(start, tmp_path):
    outcome(start(INT))
    (tmp_path / "small.py").write_text(KERNEL.replace("x + x", "x * 70"))

    assert outcome(start(INT)) == [210, 1, 0]


def test_a_full_disk_costs_the_cache_and_nothing_else(start, tmp_path):
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"

    assert outcome(start(full + INT)) == [6, 1, 0]
    assert entries(tmp_path) == []


def test_a_folder_that_cannot_be_made_costs_the_cache_and_nothing_else(start, tmp_path):
    (tmp_path / "file").touch()

    assert outcome(start(INT, NUMBA_CACHE_DIR=str(tmp_path / "file" / "below"))) == [6, 1, 0]


def test_a_folder_that_may_only_be_read_serves_what_it_has(start):
    closed = """
import os
def refuse(event, arguments):
    if event in ("os.mkdir", "os.rename", "os.remove") or event == "open" and arguments[2] & os.O_ACCMODE:
        raise PermissionError(event)
sys.addaudithook(refuse)
"""
    outcome(start(INT))

    assert outcome(start(closed + INT)) == [6, 0, 1]
    assert outcome(start(closed + FLOAT)) == [3.0, 1, 0]


def test_a_numba_that_works_in_another_way_costs_the_cache_and_nothing_else(start, tmp_path):
    renamed = """
from numba.core.compiler import CompileResult
del CompileResult._rebuild, CompileResult._reduce
"""
    outcome(start(FLOAT))
    (of_float,) = entries(tmp_path)

    assert outcome(start(renamed + FLOAT)) == [3.0, 1, 0]
    assert outcome(start(renamed + INT)) == [6, 1, 0]
    assert entries(tmp_path) == [of_float]
