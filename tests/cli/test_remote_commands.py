"""Real commands read from a remote store and write to it, and end soon where it cannot be reached."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.csv
import pytest

from tests.s3_store import S3Store, running_store
from tests.small_ratings import ratings

QUICK = ("--epochs", "1", "--hidden", "5", "-q")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Store]:
    with running_store() as store:
        yield store


@pytest.fixture
def store(server: S3Store) -> S3Store:
    server.reset()
    file = io.BytesIO()
    pyarrow.csv.write_csv(ratings(), file)
    server.put("in/r.csv", file.getvalue())
    return server


@pytest.fixture
def run(run_command: Run, store: S3Store, tmp_path: Path) -> Run:
    """Run a command with the store in its environment and a place for temporary files of its own."""
    (tmp_path / "temporary").mkdir()

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        place = {"TMPDIR": str(tmp_path / "temporary")}
        return run_command(*arguments, **{**store.environment, **place, **environment})

    return run


def test_every_command_reads_and_writes_a_remote_store(run: Run, store: S3Store, tmp_path: Path) -> None:
    at = "s3://ratings/"
    history = ("--history", f"{at}prepared/train.parquet")

    ended = [
        run("prepare", f"{at}in/r.csv", "-o", f"{at}prepared", "-q"),
        run("train", f"{at}prepared/train.parquet", "-o", f"{at}m.parquet", *QUICK),
        run(
            *("predict", f"{at}m.parquet", *history, "--pairs", f"{at}prepared/test.parquet", "-q"),
            *("-o", f"{at}p.csv"),
        ),
        run("recommend", f"{at}m.parquet", *history, "-o", f"{at}top.parquet", "-q"),
        run("evaluate", f"{at}p.csv", "-o", f"{at}metrics.parquet", "-q"),
        run("inspect", f"{at}m.parquet", "--json"),
    ]

    assert [(each.returncode, each.stderr) for each in ended] == [(0, "")] * 6
    assert json.loads(ended[-1].stdout)["figures"]["format"] == "model"
    assert store.get("p.csv").startswith(b'"user","item"')
    prepared = [f"prepared/{name}" for name in ("_SUCCESS", "test.parquet", "train.parquet", "valid.parquet")]
    written = ["in/r.csv", "m.parquet", "metrics.parquet", "p.csv", *prepared, "top.parquet"]
    assert store.names() == written
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_remote_folder_is_replaced_only_by_what_is_made_of_the_same(run: Run, store: S3Store) -> None:
    store.put("in/other.csv", store.get("in/r.csv"))
    first = run("prepare", "s3://ratings/in/r.csv", "-o", "s3://ratings/out", "-q")
    again = run("prepare", "s3://ratings/in/r.csv", "-o", "s3://ratings/out", "-q")
    store.written.clear()
    other = run("prepare", "s3://ratings/in/other.csv", "-o", "s3://ratings/out", "-q")

    assert (first.returncode, again.returncode, other.returncode) == (0, 0, 2)
    assert "made of other inputs: s3://ratings/in/r.csv" in other.stderr
    assert store.written == []


def test_a_cross_validation_in_a_remote_folder_goes_on_with_what_is_missing(run: Run, store: S3Store) -> None:
    command = ("crossval", "s3://ratings/in/r.csv", "--folds", "2", "-o", "s3://ratings/cv", *QUICK)
    first = run(*command)
    written = {name: store.get(name) for name in store.names() if name.startswith("cv/")}
    store.client.delete_object(Bucket="ratings", Key="cv/fold-2.parquet")
    store.written.clear()
    again = run(*command, "--json")

    assert (first.returncode, again.returncode, again.stderr) == (0, 0, "")
    names = ["_SUCCESS", "fold-1.parquet", "fold-2.parquet", "metrics.parquet", "predictions.parquet"]
    assert sorted(written) == [f"cv/{name}" for name in names]
    assert not any("fold-1" in request for request in store.written)
    assert {name: store.get(name) for name in written} == written


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("inspect", "s3://ratings/none.parquet"), 3, "no such file"),
        (("inspect", "s3://no-such-bucket/m.parquet"), 3, "no such file"),
        (("train", "r.csv", "-o", "s3://no-such-bucket/m.parquet"), 1, "NO_SUCH_BUCKET"),
        (("inspect", "zz://ratings/m.parquet"), 2, "Unrecognized filesystem"),
        (("prepare", "s3://ratings/in/", "-o", "s3://ratings/in/out"), 2, "is an input"),
        (
            ("prepare", "s3://ratings/in/r.csv", "--split", "none", "-o", "s3://ratings/in/r.csv"),
            2,
            "is an input",
        ),
    ],
)
def test_what_cannot_be_ends_with_its_code_and_writes_nothing(
    run: Run, store: S3Store, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended = run(*arguments)

    assert (ended.returncode, words in ended.stderr) == (code, True)
    assert "unexpected" not in ended.stderr
    assert store.written == []


@pytest.mark.parametrize(
    ("arguments", "code"), [(("inspect", "s3://b/m"), 3), (("train", "r.csv", "-o", "s3://b/m"), 1)]
)
def test_a_host_that_is_not_there_is_given_up_before_any_work(
    run: Run, arguments: tuple[str, ...], code: int
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        ended = run(*arguments, AWS_ENDPOINT_URL=url)

    assert (ended.returncode, "NETWORK_CONNECTION" in ended.stderr) == (code, True)


def test_a_command_that_is_terminated_while_it_reads_leaves_no_copy(
    store: S3Store, command_environment: dict[str, str], tmp_path: Path
) -> None:
    store.fails, store.waits = (
        (lambda method, target: method == "GET" and "r.csv" in target),
        threading.Event(),
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "rbmcli", "evaluate", "s3://ratings/in/r.csv"],
        env={**command_environment, **store.environment, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert store.reached.wait(timeout=60)
    copies = len(os.listdir(tmp_path))  # noqa: PTH208
    running.send_signal(signal.SIGTERM)
    store.waits.set()
    running.communicate(timeout=60)

    assert (copies, running.returncode) == (1, 143)
    assert list(tmp_path.iterdir()) == []
