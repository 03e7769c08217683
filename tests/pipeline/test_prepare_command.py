"""The real command `prepare`: what it prints, where, its exit codes, and pipes into it."""

from __future__ import annotations

import bz2
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rbmcli.data.schemas import RATINGS
from rbmcli.data.storage import read_parquet

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = "".join(
    f"{user}::{item}::{(user * item) % 5 + 1}::{user + item}\n" for user in range(20) for item in range(9)
)


def test_it_tells_what_it_read_left_out_and_wrote(run_command: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_text(SMALL + "1::1\n" + "1::1::5::0\n")

    done = run_command("prepare", "r.dat", "-o", "out", "--on-error", "skip", "--duplicates", "first")

    assert done.returncode == 0
    assert done.stdout == ""
    for words in (
        "r.dat:181: 2 columns, expected 4",
        "r.dat: 182 rows read",
        "1 left out: bad rows",
        "1 left out: duplicates",
        "out/train.parquet: ",
    ):
        assert words in done.stderr
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_json_is_one_object_on_standard_output(run_command: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_text(SMALL)

    done = run_command("prepare", "r.dat", "-o", "out", "--json", "--seed", "3")

    told = json.loads(done.stdout)
    _, metadata = read_parquet(tmp_path / "out" / "train.parquet", RATINGS)
    assert told["command"] == "prepare"
    assert told["seed"] == 3
    assert told["figures"]["counts"]["written"] == 180
    assert told["figures"]["levels"] == [1, 2, 3, 4, 5]
    assert told["figures"]["run"] == metadata["run"]
    assert [Path(file["path"]).name for file in told["files"]] == [
        "train.parquet",
        "valid.parquet",
        "test.parquet",
    ]


@pytest.mark.parametrize(
    ("content", "options", "code", "words"),
    [
        ("1,1,1\n1,2,x\n", [], 3, "r.csv:2: rating 'x' is no finite number"),
        ("1,1,1\n1,1,2\n", [], 3, "user 1 rated item 1 more than once"),
        ("1,1,1\n1,2,2\n", ["--split", "time"], 3, "there is no timestamp"),
        ("1,1,1\n1,2,2\n", ["--levels", "1,5"], 3, "rating 2 (row 2) is on no level"),
        ("1,1,1\n1,2,2\n", ["--valid-fraction", "2"], 2, "--valid-fraction"),
        ("1,1,1\n1,2,2\n", ["--user-column", "who"], 3, "there is no column 'who'"),
        ("", [], 3, "r.csv: is empty"),
    ],
)
def test_a_mistake_ends_with_its_code_and_no_traceback(
    run_command: RunCommand, tmp_path: Path, *, content: str, options: list[str], code: int, words: str
) -> None:
    (tmp_path / "r.csv").write_text(content)

    done = run_command("prepare", "r.csv", "-o", "out", *options)

    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_compressed_pipe_is_read_from_standard_input(
    tmp_path: Path, command_environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rbmcli", "prepare", "-", "-o", "out", "-q"],
        input=bz2.compress(SMALL.encode()),
        cwd=tmp_path,
        env=command_environment,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert read_parquet(tmp_path / "out" / "train.parquet", RATINGS)[0].num_rows > 100


def test_a_prepared_file_can_be_chained_through_a_pipe(
    tmp_path: Path, command_environment: dict[str, str]
) -> None:
    (tmp_path / "r.dat").write_text(SMALL)
    rbmcli = f"{sys.executable} -m rbmcli"
    script = (
        f"{rbmcli} prepare r.dat -o all.parquet --split none -q"
        f" && cat all.parquet | {rbmcli} prepare - -o out --split leave-last -q"
    )

    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env=command_environment,
        timeout=60,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert read_parquet(tmp_path / "out" / "test.parquet", RATINGS)[0].num_rows == 20


def test_an_option_can_come_from_the_environment(run_command: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_text(SMALL)

    run_command("prepare", "r.dat", "-o", "out", RBMCLI_PREPARE_SPLIT="none")

    assert (tmp_path / "out" / "ratings.parquet").exists()


def test_files_are_the_same_in_little_memory_and_the_memory_is_no_setting(
    run_command: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "r.dat").write_text(SMALL)

    plain = run_command("prepare", "r.dat", "-o", "a", "--json")
    bounded = run_command("prepare", "r.dat", "-o", "b", "--json", "--memory", "256MB")
    refused = run_command("prepare", "r.dat", "-o", "c", "--memory", "few")

    assert json.loads(plain.stdout)["settings"] == json.loads(bounded.stdout)["settings"]
    for name in ("train", "valid", "test"):
        assert (tmp_path / "a" / f"{name}.parquet").read_bytes() == (
            tmp_path / "b" / f"{name}.parquet"
        ).read_bytes()
    assert refused.returncode == 2
    assert "--memory 'few'" in refused.stderr
