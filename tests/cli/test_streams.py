"""Standard input and output serve where a file would, in each format, and only where that makes sense."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from rbmcli.cli.main import main
from tests.lock_holder import held_by_another
from tests.small_ratings import ratings

QUICK = ("--epochs", "1", "--hidden", "5", "-q")


class Shell:
    """Runs the real command with bytes going in and out."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "rbmcli", *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=60,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path, command_environment: dict[str, str]) -> Iterator[Shell]:
    pyarrow.csv.write_csv(ratings(), tmp_path / "r.csv")
    yield Shell(tmp_path, command_environment)


def test_prepare_train_and_predict_form_a_pipe(shell: Shell) -> None:
    prepared = shell.run("prepare", "r.csv", "--split", "none", "-o", "-", "-q")
    model = shell.run("train", "-", "-o", "-", *QUICK, stdin=prepared.stdout)
    predicted = shell.run(
        *("predict", "-", "--history", "r.csv", "--pairs", "r.csv", "-o", "-", "-q"), stdin=model.stdout
    )

    assert (prepared.stderr, model.stderr, predicted.stderr) == (b"", b"", b"")
    assert pq.read_table(io.BytesIO(predicted.stdout)).num_rows == ratings().num_rows


def test_what_goes_to_standard_output_is_what_would_stand_in_the_file(shell: Shell) -> None:
    piped = shell.run("prepare", "r.csv", "--split", "none", "-o", "-")
    shell.run("prepare", "r.csv", "--split", "none", "-o", "p.parquet")

    assert piped.stdout == (shell.folder / "p.parquet").read_bytes()


@pytest.mark.parametrize("output_format", ["parquet", "arrow", "csv", "jsonl"])
def test_every_format_that_is_written_is_read_again(shell: Shell, output_format: str) -> None:
    written = shell.run("prepare", "r.csv", "--split", "none", "--format", output_format, "-o", "-")
    again = shell.run("prepare", "-", "--split", "none", "--format", "csv", "-o", "-", stdin=written.stdout)
    direct = shell.run("prepare", "r.csv", "--split", "none", "--format", "csv", "-o", "-")

    assert again.stdout == direct.stdout != b""


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.arrow", "p.parquet"])
def test_the_ending_of_a_name_tells_the_format(shell: Shell, name: str) -> None:
    shell.run("train", "r.csv", "-o", "m.parquet", *QUICK)
    ended = shell.run("predict", "m.parquet", "--history", "r.csv", "--pairs", "r.csv", "-o", name)

    content = (shell.folder / name).read_bytes()
    assert ended.returncode == 0
    assert content.startswith(
        {"csv": b'"user","item"', "jsonl": b'{"user": ', "arrow": b"\xff\xff\xff\xff", "parquet": b"PAR1"}[
            name.partition(".")[2]
        ]
    )


def test_json_lines_hold_the_probabilities_as_a_list_and_csv_as_columns(shell: Shell) -> None:
    shell.run("train", "r.csv", "-o", "m.parquet", *QUICK)
    asked = (
        "predict",
        "m.parquet",
        "--history",
        "r.csv",
        "--pairs",
        "r.csv",
        "--probabilities",
        "-q",
        "-o",
        "-",
    )

    lines = shell.run(*asked, "--format", "jsonl").stdout.splitlines()
    table = pyarrow.csv.read_csv(io.BytesIO(shell.run(*asked, "--format", "csv").stdout))

    first = json.loads(lines[0])["probabilities"]
    columns = [name for name in table.column_names if name.startswith("probabilities_")]
    assert len(lines) == table.num_rows == ratings().num_rows
    assert [table[name][0].as_py() for name in columns] == first
    assert abs(sum(first) - 1) < 1e-5


def test_a_reader_that_stops_early_ends_the_command_quietly(shell: Shell) -> None:
    arguments = ("prepare", "r.csv", "--split", "none", "--format", "csv", "-o", "-", "-q")
    running = subprocess.Popen(
        [sys.executable, "-m", "rbmcli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=shell.folder,
        env=shell.environment,
    )
    assert running.stdout is not None
    running.stdout.close()
    _, told = running.communicate(timeout=60)

    assert (running.returncode, told) == (141, b"")


@pytest.mark.parametrize(
    ("output_format", "code"), [("auto", 2), ("parquet", 2), ("arrow", 2), ("csv", 0), ("jsonl", 0)]
)
def test_binary_data_is_not_written_to_a_terminal(shell: Shell, output_format: str, code: int) -> None:
    arguments = ("prepare", "r.csv", "--split", "none", "-q", "-o", "-", "--format", output_format)
    terminal, inner = pty.openpty()
    ended = subprocess.run(
        [sys.executable, "-m", "rbmcli", *arguments],
        stdout=inner,
        stderr=subprocess.PIPE,
        cwd=shell.folder,
        env=shell.environment,
        timeout=60,
        check=False,
    )
    os.write(inner, b"the end")
    told = os.read(terminal, 1 << 20)
    os.close(inner)
    os.close(terminal)

    assert ended.returncode == code
    assert (b"not written to a terminal" in ended.stderr) == (code == 2)
    assert (told == b"the end") == (code == 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "-", "--history", "-", "--pairs", "r.csv", "-o", "p"], "named twice"),
        (["prepare", "-", "-", "-o", "out"], "named twice"),
        (["prepare", "r.csv", "-o", "-"], "a split is several files"),
        (["train", "r.csv", "-o", "-", "--json"], "--json prints the result"),
    ],
)
def test_what_cannot_go_through_one_pipe_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    assert (code, words in capsys.readouterr().err) == (2, True)


def test_a_command_whose_output_is_being_written_ends_with_5_before_it_loads_anything(
    tmp_path: Path, command_environment: dict[str, str]
) -> None:
    program = (
        "import sys; from rbmcli.cli.main import main\n"
        "code = main(['train', 'missing.csv', '-o', 'm.parquet'])\n"
        "print(code, [name for name in ('numba', 'pandas', 'pyarrow', 'numpy') if name in sys.modules])"
    )
    with held_by_another(tmp_path / "m.parquet") as holder:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=command_environment,
            timeout=60,
            check=True,
        )

    assert ended.stdout == "5 []\n"
    assert f"process {holder.pid}" in ended.stderr


def test_a_command_may_wait_for_the_lock(shell: Shell) -> None:
    with held_by_another(shell.folder / "p.parquet") as holder:
        waiting = subprocess.Popen(
            [
                *(sys.executable, "-m", "rbmcli", "prepare", "r.csv", "--split", "none", "-o", "p.parquet"),
                *("--lock-timeout", "60"),
            ],
            cwd=shell.folder,
            env=shell.environment,
            stderr=subprocess.DEVNULL,
        )
        assert holder.stdin is not None
        holder.stdin.close()

    assert waiting.wait(timeout=60) == 0
    assert (shell.folder / "p.parquet").exists()


def test_what_a_killed_run_left_is_removed_even_by_a_run_that_fails(shell: Shell) -> None:
    (shell.folder / ".m.parquet.tmp").write_text("half")

    ended = shell.run("train", "missing.csv", "-o", "m.parquet")

    assert ended.returncode == 3
    assert sorted(path.name for path in shell.folder.iterdir()) == ["r.csv"]


def test_a_table_of_arrow_carries_the_levels(shell: Shell) -> None:
    written = shell.run(
        "prepare", "r.csv", "--split", "none", "--levels", "1,2,3,4,5,6", "--format", "arrow", "-o", "-"
    )

    metadata = pa.ipc.open_stream(written.stdout).schema.metadata

    assert json.loads(metadata[b"rbmcli"])["levels"] == [1, 2, 3, 4, 5, 6]


def test_standard_output_is_written_once(
    run_command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ended = run_command("evaluate", "p.csv", "-o", "-", "--format", "csv", "--model", "m", "--calibrate", "-")

    assert ended.returncode == 2
    assert "standard output (-) is named twice" in ended.stderr
