"""What the commands cost at one, ten and a hundred million ratings of 17,770 items.

    python -m benchmarks.scale FOLDER [--sizes 1m,10m,100m] [--only STEP,...] [--threads N] [--json FILE]

FOLDER holds the rating sets, which are drawn by `benchmarks.planted` where they are not there. Each command
is a process of its own. What a later step needs stays in FOLDER/work, and so do all figures: with `--only`,
those of other steps are taken from there. `STEPS` lists the steps.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.commands import (
    CommandFailedError,
    Outcome,
    knows_option,
    needed,
    objects_of,
    run_command,
    run_module,
)
from benchmarks.generated import Size
from benchmarks.machine import description
from benchmarks.memory import OwnMemory
from benchmarks.planted_model import NETFLIX
from benchmarks.planted_pairs import PAIRS
from benchmarks.results import write_json
from benchmarks.scale_tables import tell

SIZES = {
    "1m": Size(4_802, NETFLIX.items, 1_004_805),
    "10m": Size(48_019, NETFLIX.items, 10_048_051),
    "100m": NETFLIX,
}
"""Rating sets by name; of Netflix, a hundredth and a tenth of the users."""

MEMORY = "4GB"
"""What `prepare` is held to."""

RATINGS_APART = 40_000_000
EPOCHS_APART = (2, 40)
"""The two trainings that an epoch is the difference of are about so many ratings, so many epochs apart."""

TRAINING = (
    *("--by", "user", "--objective", "divergence", "--hidden", 100, "--level-functions", 0),
    *("--cd-steps", 1, "--reconstruction", "sampled", "--batch-size", 500, "--learning-rate", 0.05),
    *("--weight-decay", 0.01, "--no-valid"),
)
"""What is trained: the settings of `benchmarks.setting`, which do not follow from the ratings."""


class Bench:
    """Measures the steps on one rating set.

    Parameters
    ----------
    folder : Path
        Folder of rating sets.
    name : str
        The name of the set.
    size : Size
        Its size.
    threads : int
        Threads of each command.
    """

    def __init__(self, folder: Path, name: str, size: Size, threads: int) -> None:
        self.folder, self.name, self.size, self.threads = folder, name, size, threads
        self.work = folder / "work" / name
        self.work.mkdir(parents=True, exist_ok=True)
        self.model = self.work / "model.parquet"
        self.history = self.work / "prepared" / "train.parquet"

    @property
    def pairs(self) -> int:
        """How many pairs are predicted: ten million, or in proportion to the users."""
        return max(1, round(PAIRS * self.size.users / NETFLIX.users))

    def draw(self) -> None:
        """Draw the rating set, and the pairs to predict, where they are not there."""
        size = ("--users", self.size.users, "--items", self.size.items)
        ratings = self.folder / self.name
        if not ratings.exists():
            run_module("benchmarks.planted", ratings, *size, "--ratings", self.size.ratings)
        for pairs, options in ((self._pairs(""), ()), (self._pairs("-shuffled"), ("--shuffled",))):
            if not pairs.exists():
                run_module("benchmarks.planted_pairs", pairs, *size, "--pairs", self.pairs, *options)

    def measure(self, step: str) -> dict[str, Any]:
        """Do one step, and return what it cost; where it fails, how."""
        row = {"size": self.name, "ratings": self.size.ratings, "step": step, "threads": self.threads}
        try:
            return {**row, "outcome": "done", **STEPS[step](self)}
        except CommandFailedError as failure:
            return {**row, "outcome": f"failed: {str(failure).replace(f'{self.folder}/', '')}"}

    def prepare(self) -> dict[str, Any]:
        """Prepare all ratings for training."""
        shutil.rmtree(self.history.parent, ignore_errors=True)
        bound = ("--memory", MEMORY) if knows_option("prepare", "--memory") else ()
        none_left_out = ("--valid-fraction", 0, "--test-fraction", 0)
        return self._cost(
            "prepare", self.folder / self.name, *none_left_out, *bound, output=self.history.parent
        )

    def epoch(self) -> dict[str, Any]:
        """Train for one epoch, and for some more.

        Processor time is the difference by these; the time by the clock is what the command tells of them, in
        the median, since the difference of two starts may be larger than an epoch.
        """
        fewest, most = EPOCHS_APART
        more = min(max(fewest, round(RATINGS_APART / self.size.ratings)), most)
        first, last = (self._train(epochs) for epochs in (1, 1 + more))
        seconds = last.pop("epoch_seconds")[1:]
        return {
            **last,
            "wall_seconds": statistics.median(seconds),
            "fastest_wall_seconds": min(seconds),
            "cpu_seconds": max(last["cpu_seconds"] - first["cpu_seconds"], 0.0) / more,
            "epochs_apart": more,
            "training_of_one_epoch": first,
        }

    def _train(self, epochs: int) -> dict[str, Any]:
        options = (*TRAINING, "--epochs", epochs, "--log-format", "json")
        outcome, cost = self._run("train", self.history, *options, output=self.model, quiet=False)
        told = [each["ratings_per_second"] for each in objects_of(outcome.talk) if "epoch" in each]
        return {**cost, "epoch_seconds": [self.size.ratings / rate for rate in told]}

    def predict(self) -> dict[str, Any]:
        """Predict pairs that are sorted by user."""
        return self._predict(self._pairs(""))

    def predict_shuffled(self) -> dict[str, Any]:
        """Predict the same pairs, in no order."""
        return self._predict(self._pairs("-shuffled"))

    def recommend(self) -> dict[str, Any]:
        """Recommend ten items to every user."""
        output = self.work / "recommendations.parquet"
        return self._cost(
            "recommend", self.model, "--history", self.history, "--top", 10, output=output, keep=False
        )

    def _predict(self, pairs: Path) -> dict[str, Any]:
        asked = ("--history", self.history, "--pairs", pairs)
        output = self.work / "predictions.parquet"
        return {**self._cost("predict", self.model, *asked, output=output, keep=False), "pairs": self.pairs}

    def _pairs(self, kind: str) -> Path:
        if self.size == NETFLIX:
            return self.folder / f"pairs-10m{kind}.parquet"
        return self.work / f"pairs{kind}.parquet"

    def _cost(self, *arguments: object, output: Path, keep: bool = True) -> dict[str, Any]:
        return self._run(*arguments, output=output, keep=keep)[1]

    def _run(
        self, *arguments: object, output: Path, keep: bool = True, quiet: bool = True
    ) -> tuple[Outcome, dict[str, Any]]:
        watching: list[OwnMemory] = []
        outcome = needed(
            run_command(
                *(*arguments, "--threads", self.threads, "-o", output),
                started=lambda pid: watching.append(OwnMemory(pid)),
                quiet=quiet,
            )
        )
        if not keep:
            output.unlink()
        return outcome, {
            "wall_seconds": outcome.wall_seconds,
            "cpu_seconds": outcome.cpu_seconds,
            "peak_bytes": outcome.peak_bytes,
            "own_peak_bytes": watching[0].peak_bytes,
        }


STEPS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "prepare": Bench.prepare,
    "epoch": Bench.epoch,
    "predict": Bench.predict,
    "predict-shuffled": Bench.predict_shuffled,
    "recommend": Bench.recommend,
}


def measure_all(folder: Path, sizes: dict[str, Size], steps: list[str], threads: int) -> list[dict[str, Any]]:
    """Measure steps on rating sets, and return all rows that there are of these sets.

    Parameters
    ----------
    folder : Path
        Folder of rating sets.
    sizes : dict
        Sizes of the sets by name.
    steps : list of str
        The steps to measure; others are as they were measured last, if ever.
    threads : int
        Threads of each command.
    """
    kept = folder / "work" / "figures.json"
    rows = (
        {(row["size"], row["step"]): row for row in json.loads(kept.read_text())["rows"]}
        if kept.exists()
        else {}
    )
    if steps:
        needed(run_command("warmup"))
    for name, size in sizes.items():
        bench = Bench(folder, name, size, threads)
        bench.draw()
        for step in (each for each in STEPS if each in steps):
            rows[name, step] = bench.measure(step)
            write_json(kept, {"rows": list(rows.values())})
    return [rows[key] for name in sizes for step in STEPS if (key := (name, step)) in rows]


def _chosen(names: list[str], text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [name for name in chosen if name not in names]:
        raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}: choose from {', '.join(names)}")
    return chosen


def main() -> int:
    """Measure, print tables, write the figures if asked to; return 1 if a command failed."""
    parser = argparse.ArgumentParser(description="Measure what commands cost on large rating sets.")
    parser.add_argument("folder", type=Path, help="folder of the rating sets; drawn where they are not there")
    parser.add_argument("--sizes", type=lambda text: _chosen(list(SIZES), text), default=list(SIZES))
    parser.add_argument(
        "--only", type=lambda text: _chosen(list(STEPS), text), default=list(STEPS), metavar="STEP,..."
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of each command")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    chosen = parser.parse_args()
    sizes = {name: SIZES[name] for name in SIZES if name in chosen.sizes}
    rows = measure_all(chosen.folder.resolve(), sizes, chosen.only, chosen.threads)
    result = {"benchmark": "scale", "machine": description(), "rows": rows}
    tell(result)
    if chosen.json:
        write_json(chosen.json, result)
    return int(any(row["outcome"] != "done" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
