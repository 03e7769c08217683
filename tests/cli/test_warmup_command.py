"""After `rbmcli warmup` no command has anything left to compile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.small_ratings import dated, ratings

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python has nothing to compile")

# Runs commands in one process, and prints every kernel with the types that it was called with. What Numba
# compiles depends on these alone, and kernels that are there already are loaded: nothing is compiled here
# unless the cache is cold.
CALLS = """
import json, sys
from rbmcli.cli.main import main
from rbmcli.kernels import cache
for arguments in json.loads(sys.argv[1]):
    assert main(["-q", *arguments]) == 0
def is_called(kernel):
    return kernel.stats.cache_hits or kernel.targetoptions.get("parallel")
kernels = filter(is_called, cache._kept)
called = {kernel.py_func.__name__: list(map(str, kernel.signatures)) for kernel in kernels}
print(json.dumps(called))
"""


def calls(folder: Path, environment: dict[str, str], *commands: str) -> dict[str, list[str]]:
    """Return the types that commands call each kernel with, all of them in one fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps([command.split() for command in commands])],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def warmed_up(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The types that warming up calls each kernel with; the cache is warm after it."""
    return calls(tmp_path_factory.mktemp("warmup"), dict(os.environ), "warmup")


def test_warming_up_calls_every_kernel(warmed_up: dict[str, list[str]]) -> None:
    assert len(warmed_up) >= 16
    assert all(warmed_up.values())


def test_commands_call_kernels_only_as_warming_up_does(
    tmp_path: Path, command_environment: dict[str, str], warmed_up: dict[str, list[str]]
) -> None:
    table = dated(ratings())
    pq.write_table(table, tmp_path / "train.parquet")
    pq.write_table(dated(ratings(seed=8)), tmp_path / "new.parquet")
    pq.write_table(table.select(["user", "item"]).slice(3, 5), tmp_path / "also.parquet")
    train = "train train.parquet --hidden 3 --epochs 2 --cd-steps 1,2@2"
    asked = "--history new.parquet --pairs train.parquet -o predictions.parquet"

    called = calls(
        tmp_path,
        command_environment,
        f"{train} --by user --objective divergence --persistent --level-functions 0 -o user.parquet",
        f"{train} --by user --hidden-units gaussian --factors 2 --no-conditional --no-valid -o odd.parquet",
        f"{train} --by item --fine-tune --day-bias --also-rated also.parquet -o item.parquet",
        "train train.parquet --model mf --sweeps 4 --burn-in 1 --samples 2 --latent-factors 3 -o mf.parquet",
        "train train.parquet --model mf --method als --latent-factors 3 --sweeps 4 -o als.parquet",
        "train train.parquet --layers 3,2 --epochs 2 --by item --fine-tune -o layers.parquet",
        f"predict layers.parquet {asked}",
        f"predict mf.parquet {asked}",
        f"predict als.parquet {asked}",
        "train train.parquet --model autoencoder --layers 3,2 --epochs 2 --by user -o users.parquet",
        "train train.parquet --model autoencoder --layers 3 --epochs 2 -o items.parquet",
        f"predict users.parquet {asked}",
        f"predict items.parquet {asked}",
        "train train.parquet --model neighbours --base bias -o near.parquet",
        f"predict near.parquet {asked}",
        f"predict user.parquet {asked} --probabilities --inference exact",
        f"predict odd.parquet {asked}",
        f"predict item.parquet {asked} --also-rated also.parquet",
        "evaluate predictions.parquet --truth train.parquet --history new.parquet",
        "recommend user.parquet --history train.parquet -o recommendations.parquet",
        "recommend item.parquet --history new.parquet -o recommendations.parquet",
    )

    assert len(called) >= 16
    assert all(set(types) <= set(warmed_up[name]) for name, types in called.items())


def test_warming_up_again_finds_everything_and_says_so(
    run_command: RunCommand, warmed_up: dict[str, list[str]]
) -> None:
    figures = json.loads(run_command("warmup", "--json").stdout)["figures"]

    assert (figures["compiled"], figures["loaded"]) == (0, 27)
    assert figures["bytes"] == sum(path.stat().st_size for path in Path(figures["folder"]).glob("*.nbc"))


def test_warming_up_ends_with_an_error_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = """
import sys
from pathlib import Path
from rbmcli.cli.main import main
from rbmcli.kernels import cache, jit
def small(x):
    return x
kernel = jit.kernel(small)
kernel._cache = cache.KernelCache(small, Path("file/below"))
kernel(1)
sys.exit(main(["warmup"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 2
    assert "cannot be kept" in done.stderr
    assert "NUMBA_CACHE_DIR" in done.stderr
