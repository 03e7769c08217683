"""Where work is done: the options of engines on the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pytest

from tests.small_ratings import tastes

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
TRAINING = ("train", "ratings.csv", "--epochs", "2", "--hidden", "4", "--batch-size", "10", "--workers", "2")


@pytest.fixture(autouse=True)
def ratings(tmp_path: Path) -> None:
    pyarrow.csv.write_csv(tastes(30, 12), tmp_path / "ratings.csv")


def test_a_cluster_writes_the_same_model_to_standard_output_and_nothing_else(
    tmp_path: Path, run_command: RunCommand, command_environment: dict[str, str]
) -> None:
    assert run_command(*TRAINING, "-o", "here").returncode == 0
    with (tmp_path / "there").open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "rbmcli", "-q", *TRAINING, "--engine", "ray", "-o", "-"],
            stdout=output,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=command_environment,
            timeout=120,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


def test_how_many_workers_there_were_is_a_setting_of_the_model_where_there_were_several(
    run_command: RunCommand,
) -> None:
    several, one = (
        run_command(*TRAINING[:-1], workers, "-o", "model", "--json").stdout for workers in ("2", "1")
    )

    assert '"workers": 2' in several
    assert '"average_every": 4' in several
    assert "workers" not in one


def test_an_address_without_a_cluster_and_models_that_are_not_trained_together_are_refused(
    run_command: RunCommand,
) -> None:
    told = run_command(*TRAINING, "--address", "10.0.0.1:6379", "-o", "model")
    assert (told.returncode, "--address 10.0.0.1:6379: is for --engine ray" in told.stderr) == (2, True)
    told = run_command(*TRAINING[:2], "--model", "bias", "--workers", "2", "-o", "model")
    assert (told.returncode, "several workers train --model rbm alone" in told.stderr) == (2, True)
    told = run_command(*TRAINING, "--persistent", "-o", "model")
    assert (told.returncode, "--persistent: cannot be learned by several workers" in told.stderr) == (2, True)
