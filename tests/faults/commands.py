"""The commands that write files, each with what it reads, what it writes, and who reads that next."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.processes import fresh

ROWS = 1200
"""Ratings in the inputs."""

TRAIN = ("--by", "item", "--hidden", "4", "--epochs", "2")
SEARCH = ("--by", "item", "--hidden", "4", "--epochs", "1", "--trials", "3")
"""Small and quick; their kernels are those of the demo."""

INPUTS = "in"
"""The way from where a command runs to what it reads."""

State = Mapping[str, bytes]
"""Names and contents of files of a folder."""


@dataclass(frozen=True)
class Command:
    """A command that is run in a folder of its own.

    Attributes
    ----------
    name : str
        For the names of tests.
    arguments : str
        What is run; `in` is the folder of the inputs.
    targets : tuple of str
        Files that it writes, apart from a journal.
    otherwise : str
        Options that have it write something else, which is what stood there before.
    reader : str
        A command that reads what it writes, and writes `read.out`.
    journal : str
        File that grows while the command runs, and that it goes on from.
    """

    name: str
    arguments: str
    targets: tuple[str, ...]
    otherwise: str
    reader: str = ""
    journal: str = ""

    def words(self, *, before: bool = False) -> list[str]:
        """Return the arguments, of the run now or of the one before it."""
        return (f"{self.arguments} {self.otherwise}" if before else self.arguments).split()


COMMANDS = [
    Command(
        "prepare into a folder",
        "prepare in/ratings.csv -o prepared",
        tuple(f"prepared/{name}" for name in ("train.parquet", "valid.parquet", "test.parquet", "_SUCCESS")),
        "--seed 1",
        "prepare prepared/train.parquet prepared/valid.parquet prepared/test.parquet --split none "
        "-o read.csv",
    ),
    Command(
        "prepare to a file",
        "prepare in/ratings.csv --split none -o all.parquet",
        ("all.parquet",),
        "--min-user-ratings 2",
        "prepare all.parquet --split none -o read.csv",
    ),
    Command(
        "train",
        f"train in/prepared/train.parquet {' '.join(TRAIN)} -o model.parquet",
        ("model.parquet",),
        "--seed 1",
        "predict model.parquet --history in/prepared/train.parquet --pairs in/prepared/test.parquet "
        "-o read.csv",
    ),
    Command(
        "train with a checkpoint",
        f"train in/prepared/train.parquet {' '.join(TRAIN)} --checkpoint run.checkpoint --resume "
        "--checkpoint-interval 0 -o resumed.parquet",
        ("resumed.parquet",),
        "--seed 1 --checkpoint other.checkpoint",
        "predict resumed.parquet --history in/prepared/train.parquet --pairs in/prepared/test.parquet "
        "-o read.csv",
        "run.checkpoint",
    ),
    Command(
        "predict",
        "predict in/model.parquet --history in/prepared/train.parquet --pairs in/prepared/test.parquet "
        "--probabilities -o predictions.parquet",
        ("predictions.parquet",),
        "--keep-own",
        "evaluate predictions.parquet --format csv -o read.csv",
    ),
    Command(
        "recommend",
        "recommend in/model.parquet --history in/prepared/train.parquet -o recommendations.parquet",
        ("recommendations.parquet",),
        "--top 3",
        "predict in/model.parquet --history in/prepared/train.parquet --pairs recommendations.parquet "
        "-o read.csv",
    ),
    Command(
        "evaluate",
        "evaluate in/predictions.parquet -o metrics.parquet",
        ("metrics.parquet",),
        "--history in/prepared/train.parquet",
        "inspect metrics.parquet",
    ),
    Command(
        "report",
        "report --model in/model.parquet --predictions in/predictions.parquet --resamples 0 -o report.html",
        ("report.html",),
        "--title Other",
    ),
    Command(
        "tune",
        f"tune in/prepared/train.parquet {' '.join(SEARCH)} -o best.toml",
        ("best.toml",),
        "--trials 1 --journal other.journal",
        "train in/prepared/train.parquet --config best.toml --epochs 1 -o read.csv",
        "best.tune.journal",
    ),
]
"""All that write files."""


def make_inputs(folder: Path) -> dict[str, float]:
    """Fill a folder with what the commands read, by running them; return the seconds that each takes."""
    lines = (ROOT / "sample_data" / "ratings.csv").read_text().splitlines(keepends=True)
    put({"ratings.csv": "".join(lines[: ROWS + 1]).encode()}, folder, folder)
    seconds = {}
    for command in COMMANDS:
        start = time.monotonic()
        made = fresh(command.words(), folder)
        assert made.code == 0, made.err
        seconds[command.name] = time.monotonic() - start
    return seconds


def put(state: State, folder: Path, inputs: Path) -> None:
    """Make a folder that holds the files of a state, and a way to the inputs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / INPUTS).symlink_to(inputs)
    for name, content in state.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def state_of(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder but the inputs, by its name from there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name != INPUTS and (path.is_file() or path.is_symlink())
    }
