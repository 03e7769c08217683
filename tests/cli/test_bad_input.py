"""What cannot be read or written ends in the documented code and one message, and leaves outputs alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from rbmcli.cli.main import main
from tests.small_ratings import ratings

COLUMNS = {"user": [1, 2], "item": [3, 4], "rating": [1.0, 2.0]}
LONG_NAME = "x" * 5000
LONG_LINE_BYTES = 150 << 20
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def as_parquet(path: Path, **columns: pa.Array) -> None:
    pq.write_table(pa.table({**COLUMNS, **columns}), path)


def encrypted(path: Path) -> None:
    as_parquet(path)
    path.write_bytes(b"PARE" + path.read_bytes()[4:-4] + b"PARE")


def loop(path: Path) -> None:
    path.symlink_to(path.name + "2")
    path.with_name(path.name + "2").symlink_to(path.name)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # Its path may be longer than what an address has room for.
        here = Path.cwd()
        os.chdir(path.parent)
        made.bind(path.name)
        os.chdir(here)


BAD_INPUTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "encrypted Parquet": (encrypted, "not a readable Parquet file"),
    "foreign Parquet": (lambda path: path.write_bytes(b"PAR1\x89PNG" + bytes(99)), "not a readable Parquet"),
    "no columns": (lambda path: pq.write_table(pa.table({}), path), "no column is known to be the user"),
    "lists of ratings": (lambda path: as_parquet(path, rating=[[1], [2]]), "expected ratings: numbers"),
    "structures as ids": (lambda path: as_parquet(path, user=[{"a": 1}, {"a": 2}]), "integers or strings"),
    "times as ids": (lambda path: as_parquet(path, user=pa.array([1, 2], pa.timestamp("s"))), "or strings"),
    "large ids": (lambda path: as_parquet(path, user=pa.array([2**64 - 1, 2], pa.uint64())), "64-bit"),
    "times as ratings": (
        lambda path: as_parquet(path, rating=pa.array([1, 2], pa.timestamp("s"))),
        "numbers",
    ),
    "nulls as ratings": (lambda path: as_parquet(path, rating=pa.nulls(2)), "rating is empty"),
    "UTF-16": (lambda path: path.write_bytes("user,item,rating\n1,2,3".encode("utf-16")), "iconv -f UTF-16"),
    "UTF-32": (lambda path: path.write_bytes("user,item,rating\n1,2,3".encode("utf-32")), "iconv -f UTF-32"),
    "noughts": (lambda path: path.write_bytes(bytes(1000)), "no text at all"),
    "a huge number": (lambda path: path.write_text("1,2,3\n1,3,1e400\n"), "'1e400' is no finite number"),
    "deep JSON": (
        lambda path: path.write_text('{"user":' + "[" * 10000 + "]" * 10000 + "}"),
        "no valid JSON",
    ),
    "a socket": (bound_socket, "cannot be read"),
    "a loop of links": (loop, "symbolic links"),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), "no such file"),
    "an empty folder": (Path.mkdir, "holds no Parquet file"),
}


@pytest.mark.parametrize("kind", BAD_INPUTS)
@pytest.mark.parametrize("command", ["prepare", "train", "evaluate --truth"])
def test_an_input_that_cannot_be_read_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    command: str,
) -> None:
    make, words = BAD_INPUTS[kind]
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "bad")
    Path("old").write_text("old")
    pq.write_table(pa.table({**COLUMNS, "prediction": [1.0, 2.0]}), "p.parquet")
    arguments = {
        "prepare": ["prepare", "bad", "-o", "out"],
        "train": ["train", "bad", "-o", "old"],
        "evaluate --truth": ["evaluate", "p.parquet", "--truth", "bad", "-o", "old"],
    }[command]
    before = sorted(os.listdir())  # noqa: PTH208

    code = main([*arguments, "-q"])

    message = capsys.readouterr().err
    assert (code, words in message, "unexpected" in message) == (3, True, False), message
    assert (Path("old").read_text(), sorted(os.listdir())) == ("old", before)  # noqa: PTH208


@pytest.mark.parametrize("name", [b"\xff\xfe.csv", b"new\nline.csv"])
def test_a_name_need_not_be_text_and_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    text = os.fsdecode(name)
    Path(text).write_text("user,item,rating\n1,2,3\n1,3,4\n")
    assert main(["prepare", text, "--split", "none", "-o", "out", "-q"]) == 0

    Path(text).write_text("user,item,rating\n1,2,x\n")
    assert main(["prepare", text, "--split", "none", "-o", "out", "-q"]) == 3

    first, *_ = capsys.readouterr().err.splitlines()
    shown = {b"\xff\xfe.csv": r"\xff\xfe.csv", b"new\nline.csv": r"new\nline.csv"}[name]
    assert f"error: {shown}:2: rating 'x'" in first


@pytest.mark.parametrize("name", [LONG_NAME, "d/" * 2500, f"{LONG_NAME}/r.csv"])
def test_a_path_that_is_too_long_is_no_input_and_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.csv").write_text("1,2,3\n1,3,4\n")

    codes = [main(["prepare", name, "-o", "out"]), main(["train", "r.csv", "-o", name])]

    assert codes[0] == 3
    assert codes[1] in {1, 2}
    assert "unexpected" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [["evaluate"], ["prepare", "--split", "none", "--overwrite"]])
@pytest.mark.parametrize("kind", ["pipe", "socket", "link to an open stream", "device"])
def test_what_is_no_file_is_not_replaced_by_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    kind: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({**COLUMNS, "prediction": [1.0, 2.0]}), "p.parquet")
    out = Path("out")
    if kind == "pipe":
        os.mkfifo(out)
    elif kind == "socket":
        bound_socket(tmp_path / "out")
    elif kind == "device":
        # Never a real one: where this fails it is gone.
        out.symlink_to("/dev/null")
    else:
        out.symlink_to("/proc/self/fd/1")
    before = out.lstat()

    code = main([command[0], "p.parquet", *command[1:], "-o", "out"])

    assert (code, "is a device, a pipe or a socket" in capsys.readouterr().err) == (2, True)
    assert os.path.samestat(before, out.lstat())


@pytest.mark.parametrize(
    ("start", "line"),
    [("user,item,rating\n1,2,3\n", 3), ('{"user":1,"item":2,"rating":3}\n', 2), ("1::2::3\n", 2)],
)
def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, start: str, line: int) -> None:
    with (tmp_path / "r").open("wb") as file:
        file.write(start.encode())
        for _ in range(LONG_LINE_BYTES >> 20):
            file.write(b"a" * (1 << 20))
    program = (
        "import sys; from pathlib import Path; from rbmcli.cli.main import main\n"
        "code = main(['prepare', 'r', '-o', 'out', '-q'])\n"
        # Not of getrusage, which counts what the parent of a process has as well.
        "status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())\n"
        "print(int(status['VmHWM'].split()[0]) // 1024); sys.exit(code)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.returncode, f"r:{line}: longer than" in ended.stderr) == (3, True)
    assert int(ended.stdout) < 300


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("{rbmcli} evaluate - <&-", 3, "standard input: is closed"),
        ("{rbmcli} inspect missing 2>&-", 3, ""),
        ("{rbmcli} --version >&-", 1, "standard output: cannot be written"),
        ("{rbmcli} --help > /dev/full", 1, "standard output: cannot be written: no space left"),
    ],
)
def test_standard_streams_may_be_closed_or_full(
    tmp_path: Path, command_environment: dict[str, str], script: str, code: int, words: str
) -> None:
    ended = subprocess.run(
        ["bash", "-c", script.format(rbmcli=f"{sys.executable} -m rbmcli")],
        cwd=tmp_path,
        env=command_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == code
    assert words in ended.stderr
    assert "unexpected" not in ended.stderr


def as_anybody() -> list[str]:
    """Return what to put before a command so that the modes of files hold for it; root is above them."""
    if os.getuid() != 0:
        return []
    dropped = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*dropped, "true"], check=False).returncode:
        pytest.skip("root is above the modes of files, and setpriv cannot take that away")
    return dropped


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["prepare", "closed/r.csv", "-o", "out"], 3, "Permission denied"),
        (["prepare", "closed", "-o", "out"], 3, "cannot be read: Permission denied"),
        (["prepare", "r.csv", "-o", "closed"], 1, "closed: cannot be written: permission denied"),
        (["prepare", "r.csv", "-o", "closed/out"], 1, "permission denied"),
        (["prepare", "r.csv", "-o", "kept/out"], 1, "permission denied"),
        (["train", "r.csv", "-o", "kept/m.parquet"], 1, "m.parquet: cannot be written: permission denied"),
    ],
)
def test_folders_that_may_not_be_read_or_written_are_told(
    tmp_path: Path, command_environment: dict[str, str], arguments: list[str], code: int, words: str
) -> None:
    with (tmp_path / "r.csv").open("wb") as file:
        pa.csv.write_csv(ratings(), file)
    for name, mode in (("closed", 0o000), ("kept", 0o555)):
        (tmp_path / name).mkdir()
        shutil.copy(tmp_path / "r.csv", tmp_path / name)
        (tmp_path / name).chmod(mode)

    ended = subprocess.run(
        [*as_anybody(), sys.executable, "-m", "rbmcli", *arguments, "-q"],
        cwd=tmp_path,
        env=command_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    for name in ("closed", "kept"):
        (tmp_path / name).chmod(0o755)
    assert (ended.returncode, words in ended.stderr, "unexpected" in ended.stderr) == (code, True, False)
    assert sorted(os.listdir(tmp_path / "kept")) == ["r.csv"]  # noqa: PTH208
