"""The whole pipeline as a user runs it: real commands in a shell, on a slice of the sample."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SLICE = 4000
"""Ratings of the sample that are taken: the first ones, which are those of some items."""

Shell = Callable[..., "subprocess.CompletedProcess[str]"]

SETTINGS = {"RBMCLI_TRAIN_HIDDEN": "8", "RBMCLI_TRAIN_EPOCHS": "4", "RBMCLI_PREPARE_SEED": "3"}


@pytest.fixture
def shell(tmp_path: Path, command_environment: dict[str, str]) -> Shell:
    """Run a script in a shell in which `rbmcli` is this source tree's."""
    program = tmp_path / "bin" / "rbmcli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rbmcli "$@"\n')
    program.chmod(0o755)
    search = f"{program.parent}:{command_environment['PATH']}"

    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", script],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**command_environment, "PATH": search, **environment},
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def some_ratings(sample_ratings: Path, tmp_path: Path) -> Path:
    """The first ratings of the sample, as CSV."""
    path = tmp_path / "ratings.csv"
    with sample_ratings.open() as whole, path.open("w") as part:
        part.writelines(line for line, _ in zip(whole, range(SLICE + 1), strict=False))
    return path


def column(path: Path, name: str) -> list:
    return pq.ParquetFile(path).read()[name].to_pylist()


def test_a_csv_in_a_pipe_becomes_predictions_recommendations_and_metrics(
    shell: Shell, some_ratings: Path, tmp_path: Path
) -> None:
    done = shell(
        """
        set -e
        cat ratings.csv | rbmcli prepare - -o data
        rbmcli train data/train.parquet --valid data/valid.parquet --by item -o model.parquet
        rbmcli predict model.parquet --history data/train.parquet --pairs data/test.parquet -o p.parquet
        rbmcli recommend model.parquet --history data/train.parquet --top 3 -o r.parquet
        rbmcli --json evaluate p.parquet --history data/train.parquet
        """,
        RBMCLI_QUIET="1",
        **SETTINGS,
    )

    assert (done.returncode, done.stderr) == (0, "")
    model, global_mean = json.loads(done.stdout)["figures"]["predictors"][:2]
    assert model["segments"]["all"]["n"] == len(column(tmp_path / "data" / "test.parquet", "user"))
    assert model["segments"]["all"]["rmse"] < global_mean["segments"]["all"]["rmse"]
    ranks = column(tmp_path / "r.parquet", "rank")
    assert len(ranks) == 3 * len(set(column(tmp_path / "data" / "train.parquet", "user")))
    assert set(ranks) == {1, 2, 3}
    told = shell("rbmcli inspect model.parquet").stdout
    assert "rbmcli model, format version 1" in told


def test_compressed_input_and_two_threads_leave_every_file_as_it_is(
    shell: Shell, some_ratings: Path, tmp_path: Path
) -> None:
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress(some_ratings.read_bytes()))
    steps = """
        set -e
        rbmcli -q prepare {source} -o data
        rbmcli -q train data/train.parquet -o model.parquet
        rbmcli -q predict model.parquet --history data/valid.parquet --pairs data/test.parquet -o p.parquet
        rbmcli -q recommend model.parquet --history data/valid.parquet -o r.parquet
        """
    contents = []
    for source, threads in (("ratings.csv", "1"), ("ratings.csv.gz", "2")):
        done = shell(steps.format(source=source), RBMCLI_THREADS=threads, **SETTINGS)
        assert (done.returncode, done.stderr) == (0, "")
        names = ["data/train.parquet", "model.parquet", "p.parquet", "r.parquet"]
        contents.append({name: (tmp_path / name).read_bytes() for name in names})
        shutil.rmtree(tmp_path / "data")

    assert contents[0] == contents[1]


def test_the_accurate_preset_with_pairs_of_unknown_rating_goes_through_all_steps(
    shell: Shell, some_ratings: Path, tmp_path: Path
) -> None:
    done = shell(
        """
        set -e
        rbmcli -q prepare ratings.csv -o data
        pairs="--also-rated data/test.parquet"
        rbmcli train data/train.parquet --valid data/valid.parquet $pairs --preset accurate -o model.parquet
        rbmcli -q predict model.parquet --history data/train.parquet \
            --pairs data/test.parquet $pairs -o p.parquet
        rbmcli -q recommend model.parquet --history data/train.parquet $pairs --top 2 -o r.parquet
        rbmcli -q --json evaluate p.parquet --history data/train.parquet
        """,
        **SETTINGS,
    )

    assert done.returncode == 0, done.stderr
    assert "chosen for its validation RMSE of" in done.stderr
    model, global_mean = json.loads(done.stdout)["figures"]["predictors"][:2]
    assert model["segments"]["all"]["rmse"] < global_mean["segments"]["all"]["rmse"]
    assert set(column(tmp_path / "r.parquet", "rank")) == {1, 2}
    train, valid, test = (tmp_path / "data" / f"{name}.parquet" for name in ("train", "valid", "test"))
    users, items = (set(column(train, name)) | set(column(valid, name)) for name in ("user", "item"))
    pairs = zip(column(test, "user"), column(test, "item"), strict=True)
    count = sum(user in users and item in items for user, item in pairs)
    assert f"n_also_rated {count}" in " ".join(shell("rbmcli inspect model.parquet").stdout.split())


def test_every_kind_of_mistake_has_its_exit_code_and_no_traceback(
    shell: Shell, some_ratings: Path, tmp_path: Path
) -> None:
    equal = pa.table({"user": [1, 2], "item": [1, 2], "rating": [3.0, 3.0]})
    pq.write_table(equal, tmp_path / "equal.parquet")
    done = shell(
        """
        code() { "$@" > /dev/null; echo $?; }
        code rbmcli train ratings.csv -o model.parquet --by shop
        code rbmcli train equal.parquet -o model.parquet
        code rbmcli predict ratings.csv --history ratings.csv --all-items -o p.parquet
        code rbmcli predict equal.parquet --history ratings.csv --all-items -o p.parquet
        """,
        **SETTINGS,
    )

    assert done.stdout.split() == ["2", "3", "3", "4"]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("[mp]*.parquet"))
