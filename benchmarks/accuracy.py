"""How good predictions are, by the real commands: `train`, `predict`, `evaluate`.

    python -m benchmarks.accuracy --data FOLDER [--only GROUP,...] [--sets SET,...] [--json FILE]

The runs are listed in `benchmarks.runs`, the sets in `benchmarks.rating_sets`. Only `evaluate`
reads the ratings of test files.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.accuracy_tables import tell
from benchmarks.commands import CommandFailedError, Outcome, needed, run_command
from benchmarks.generated import Size, generated_ratings
from benchmarks.machine import description
from benchmarks.names import names_of
from benchmarks.rating_sets import SOURCES, Split, source_of, split_new_users, split_test
from benchmarks.results import write_json
from benchmarks.runs import GROUPS, NEW_USERS, NOTHING, Run

_CHOSEN = ("by", "objective", "fine_tune", "hidden", "level_functions", "penalty", "weight_decay", "refit")
_RATES = ("learning_rate", "network_rate")
_BIAS = "user+item bias"
_LEFT_FINITE = "left the finite numbers"


class Bench:
    """Does runs, and remembers what several of them have in common.

    Parameters
    ----------
    data : Path
        Folder of rating sets.
    folder : Path
        Empty folder for files on the way.
    epochs : int or None
        Most epochs of every training, for a trial; None leaves them to the options of the runs.
    """

    def __init__(self, data: Path, folder: Path, epochs: int | None = None) -> None:
        self.data, self.folder, self.epochs = data, folder, epochs
        self._splits: dict[tuple[str, bool], Split] = {}
        self._trained: dict[tuple[Path, str, int], tuple[Outcome, Path]] = {}
        self._bias: dict[Path, float] = {}

    def warm_up(self) -> None:
        """Compile every kernel, so that no run has to."""
        folder = self._new_folder("warm")
        ratings = folder / "ratings.parquet"
        pq.write_table(generated_ratings(Size(40, 30, 400)), ratings)
        split = split_new_users(ratings, folder)
        for way in ("item", "user"):
            for objective in ("divergence", "discriminative"):
                model = folder / f"{way}-{objective}.parquet"
                chosen = ["--by", way, "--objective", objective, "--epochs", 1]
                needed(run_command("train", split.train, *chosen, "-o", model))
                asked = ["--history", split.history, "--pairs", split.pairs, "-o", folder / "asked.parquet"]
                needed(run_command("predict", model, *asked))

    def do(self, run: Run) -> dict[str, Any]:
        """Do one run, and return its figures: those that there are, for a run that fails."""
        figures: dict[str, Any] = {**asdict(run), "outcome": "done"}
        try:
            split = self._split(run)
            outcome, model = self._train(split, self.options_of(run), run.seed)
            figures |= _of_training(outcome)
            if run.asks == NOTHING:
                figures["outcome"] = ending(outcome, model)
            else:
                needed(outcome)
                figures |= self._ask(split, model, run.inference)
        except CommandFailedError as failure:
            figures["outcome"] = f"failed: {self._without_folders(str(failure))}"
        return figures

    def options_of(self, run: Run) -> str:
        """Return the options of a run, with learning rates that are those of the same run, multiplied."""
        if run.rate_factor == 1:
            return run.options
        settings = needed(self._train(self._split(run), run.options, run.seed)[0]).settings
        rates = [f"--{name.replace('_', '-')} {run.rate_factor * settings[name]:g}" for name in _RATES]
        return " ".join([run.options, *rates]).strip()

    def _split(self, run: Run) -> Split:
        key = (run.set, run.asks == NEW_USERS)
        if key not in self._splits:
            folder = self._new_folder("-".join([run.set, *(["new"] if key[1] else [])]))
            if key[1]:
                train = self._split(Run(run.set)).train
                self._splits[key] = split_new_users(train, folder)
            else:
                self._splits[key] = split_test(run.set, self.data, folder)
        return self._splits[key]

    def _train(self, split: Split, options: str, seed: int) -> tuple[Outcome, Path]:
        key = (split.train, options, seed)
        if key not in self._trained:
            model = self.folder / f"model-{len(self._trained)}.parquet"
            words = shlex.split(options) + ([] if self.epochs is None else ["--epochs", str(self.epochs)])
            outcome = run_command("train", split.train, *words, "--seed", seed, "-o", model)
            self._trained[key] = (outcome, model)
        return self._trained[key]

    def _ask(self, split: Split, model: Path, inference: str) -> dict[str, Any]:
        predictions = self.folder / "predictions.parquet"
        predicted = needed(
            run_command(
                "predict",
                model,
                *("--history", split.history, "--pairs", split.pairs),
                *("--inference", inference, "--probabilities", "-o", predictions),
            )
        )
        known = () if split.truth in self._bias else ("--history", split.known)
        judged = needed(run_command("evaluate", predictions, "--truth", split.truth, *known)).figures
        figures = {each["name"]: each["segments"]["all"] for each in judged["predictors"]}
        if known:
            self._bias[split.truth] = figures[_BIAS]["rmse"]
        return {
            "n": figures["model"]["n"],
            "rmse": figures["model"]["rmse"],
            "nll": figures["model"].get("nll"),
            "bias_rmse": self._bias[split.truth],
            "predict_cpu_seconds": predicted.cpu_seconds,
            "sources": {name: count for name, count in predicted.figures["sources"].items() if count},
        }

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / name
        # It is there already where the first try to fill it failed.
        folder.mkdir(exist_ok=True)
        return folder

    def _without_folders(self, message: str) -> str:
        for folder in (self.folder, self.data, self.data.resolve()):
            message = message.replace(f"{folder}/", "")
        return message


def _of_training(outcome: Outcome) -> dict[str, Any]:
    names = ("best_epoch", "epochs_run", "valid_rmse", "valid_nll", "ratings")
    return {
        "chosen": {name: outcome.settings[name] for name in _CHOSEN if name in outcome.settings},
        "train_cpu_seconds": outcome.cpu_seconds,
        **{name: outcome.figures[name] for name in names if name in outcome.figures},
    }


def ending(outcome: Outcome, model: Path) -> str:
    """Return whether training ended as it may: in finite numbers, or in a clear error and no file.

    Parameters
    ----------
    outcome : Outcome
        How `train` ended.
    model : Path
        Where its model would be.
    """
    if outcome.code == 0 and model.exists():
        return "finite model" if _is_finite(model) else "failed: the model has numbers that are not finite"
    if outcome.code == 0:
        return "failed: no model, and no error"
    if model.exists():
        return "failed: an error, and a model"
    if _LEFT_FINITE in outcome.message:
        return "clear error, no model"
    return f"failed: exit code {outcome.code}"


def _is_finite(model: Path) -> bool:
    with pq.ParquetFile(model) as file:
        table = file.read()
    lists = [column for column in table.columns if pa.types.is_list(column.type)]
    numbers = [chunk.flatten() for column in lists for chunk in column.chunks]
    return bool(numbers) and all(np.isfinite(each.to_numpy(zero_copy_only=False)).all() for each in numbers)


def main() -> int:
    """Do the runs that the arguments name; the exit code is 1 if one of them failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of rating sets")
    groups, sets = list(GROUPS), list(SOURCES)
    parser.add_argument(
        "--only", type=lambda text: names_of(text, groups), default=groups, help="groups of runs"
    )
    parser.add_argument("--sets", type=lambda text: names_of(text, sets), default=sets, help="rating sets")
    parser.add_argument("--epochs", type=int, help="most epochs of every training, for a trial")
    parser.add_argument("--json", type=Path, help="file to write the figures to, after every run")
    chosen = parser.parse_args()
    present = [name for name in chosen.sets if source_of(name, chosen.data)]
    if not present:
        parser.error(f"none of {', '.join(chosen.sets)} is in the folder that --data names")
    result: dict[str, Any] = {
        "benchmark": "accuracy",
        "machine": description(),
        "epochs": chosen.epochs,
        "groups": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(chosen.data, Path(folder), chosen.epochs)
        bench.warm_up()
        for group in chosen.only:
            runs = [run for run in GROUPS[group] if run.set in present]
            done = result["groups"][group] = []
            for run in runs:
                done.append(bench.do(run))
                # A line at a time, since all of them take long.
                tell_one = f"{group} {run.set} {run.options}".strip()
                print(
                    f"{len(done)}/{len(runs)} {tell_one}: {done[-1]['outcome']}", file=sys.stderr, flush=True
                )
                if chosen.json:
                    write_json(chosen.json, result)
            if done:
                tell(group, done)
    results = [each for done in result["groups"].values() for each in done]
    return int(any(each["outcome"].startswith("failed") for each in results))


if __name__ == "__main__":
    sys.exit(main())
