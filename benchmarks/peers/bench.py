"""Trains and asks peers and rbmcli on one set after another, and has `rbmcli evaluate` judge them all.

What a peer has answered stays in a folder, and a later run with the same folder takes it from there if
nothing that it depends on is different. rbmcli is always run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.commands import CommandFailedError, needed, run_command
from benchmarks.peers.predictions import PredictionsError, Scale, take_over
from benchmarks.peers.tools import Command, Peer
from benchmarks.processes import ROOT, Ended, run_process
from benchmarks.rating_sets import Split, split_test

Row = dict[str, Any]

DONE = "done"
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS")
_USAGE_ERROR = 2
_COMPARED = ("rmse", "nll")


class Bench:
    """Does rows of the table, and compares them.

    Parameters
    ----------
    data : Path
        Folder of rating sets.
    folder : Path
        Folder for splits and predictions.
    python : Path
        The Python that has the libraries of the peers.
    requirements : str
        What was installed for it: answers of other versions are not taken from the folder.
    limit : float or None
        Seconds by the clock after which a peer is ended.
    seed : int
        Seed of everything.
    """

    def __init__(
        self,
        data: Path,
        folder: Path,
        python: Path,
        requirements: str = "",
        limit: float | None = None,
        seed: int = 0,
    ) -> None:
        self.data, self.folder, self.python = data, folder, python
        self.requirements, self.limit, self.seed = requirements, limit, seed
        self._splits: dict[str, Split] = {}

    def do(self, name: str, tool: Peer | Command) -> Row:
        """Have a tool answer a set, and return its row: what there is of it, if it fails."""
        row: Row = {"set": name, "tool": tool.name, "outcome": DONE}
        try:
            split = self._split(name)
            if isinstance(tool, Peer):
                row |= self._ask_peer(name, tool, split)
            else:
                row |= self._ask_command(name, tool, split)
            if row["outcome"] == DONE:
                row |= self._judge(name, tool, split)
        except (CommandFailedError, PredictionsError) as failure:
            row["outcome"] = f"failed: {self._without_folders(str(failure))}"
        return row

    def compare(self, name: str, rows: list[Row]) -> list[Row]:
        """Return the paired differences of each of rbmcli's models of a set from its rivals, with intervals.

        Parameters
        ----------
        name : str
            The set.
        rows : list of dict
            Its rows.
        """
        done = [row for row in rows if row["outcome"] == DONE]
        return [
            difference
            for row in done
            for rival in row.get("against", ())
            if rival in {each["tool"] for each in done}
            for difference in self._differences(name, row["tool"], rival)
        ]

    def _split(self, name: str) -> Split:
        if name not in self._splits:
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            self._splits[name] = split_test(name, self.data, folder)
        return self._splits[name]

    def _file(self, name: str, tool: str, what: str) -> Path:
        return self.folder / name / f"{tool}.{what}"

    def _ask_peer(self, name: str, peer: Peer, split: Split) -> Row:
        predictions, kept = (self._file(name, peer.name, what) for what in ("parquet", "row.json"))
        basis = self._basis(peer, split)
        if kept.exists() and predictions.exists():
            before = json.loads(kept.read_text(encoding="utf-8"))
            if before["basis"] == basis:
                return dict(before["row"])
        row: Row = {"is_own": False, "settings": peer.settings, "source": peer.source}
        answer, report, job = (
            self._file(name, peer.name, what) for what in ("answer", "report.json", "job.json")
        )
        scale = Scale.of(split.train)
        told = {
            "train": str(split.train),
            "pairs": str(split.pairs),
            "predictions": str(answer),
            "report": str(report),
            "settings": peer.settings,
            "search": peer.search,
            **scale.levels.as_metadata(),
            "seed": self.seed,
        }
        job.write_text(json.dumps(told), encoding="utf-8")
        ended = run_process([str(self.python), "-m", peer.adapter, str(job)], _environment(), self.limit)
        if ended.code:
            return {**row, "outcome": self._without_folders(_how_it_failed(ended, self.limit))}
        take_over(answer, split.pairs, scale, predictions)
        answer.unlink()
        row |= json.loads(report.read_text(encoding="utf-8"))
        kept.write_text(json.dumps({"basis": basis, "row": row}), encoding="utf-8")
        return row

    def _basis(self, peer: Peer, split: Split) -> dict[str, Any]:
        """Return what an answer depends on."""
        files = [hashlib.blake2b(path.read_bytes(), digest_size=16) for path in (split.train, split.pairs)]
        told = {name: value for name, value in asdict(peer).items() if name not in ("name", "source", "sets")}
        return {
            **told,
            "seed": self.seed,
            "requirements": self.requirements,
            "files": [each.hexdigest() for each in files],
        }

    def _ask_command(self, name: str, command: Command, split: Split) -> Row:
        model, predictions = (self._file(name, command.name, what) for what in ("model", "parquet"))
        row: Row = {
            "is_own": True,
            "settings": command.options,
            "source": "rbmcli's own defaults",
            "against": command.against,
        }
        common = ("--threads", 1, "--seed", self.seed)
        trained = run_command("train", split.train, *shlex.split(command.options), *common, "-o", model)
        if trained.code == _USAGE_ERROR:
            return {**row, "outcome": f"skipped: this rbmcli cannot do it: {trained.message}"}
        needed(trained)
        asked = ("--history", split.history, "--pairs", split.pairs, "--probabilities", "-o", predictions)
        predicted = needed(run_command("predict", model, *common, *asked))
        return {
            **row,
            "version": _version(),
            "train_cpu_seconds": trained.cpu_seconds,
            "predict_cpu_seconds": predicted.cpu_seconds,
            "peak_bytes": max(trained.peak_bytes, predicted.peak_bytes),
        }

    def _judge(self, name: str, tool: Peer | Command, split: Split) -> Row:
        predictions = self._file(name, tool.name, "parquet")
        judged = needed(run_command("evaluate", predictions, "--truth", split.truth, "--seed", self.seed))
        (told,) = judged.figures["predictors"]
        figures, intervals = told["segments"]["all"], told["intervals"]["all"]
        return {
            "n": figures["n"],
            **{metric: figures.get(metric) for metric in _COMPARED},
            **{f"{metric}_interval": intervals.get(metric) for metric in _COMPARED},
        }

    def _differences(self, name: str, tool: str, rival: str) -> list[Row]:
        split, files = self._split(name), [self._file(name, each, "parquet") for each in (tool, rival)]
        judged = needed(run_command("evaluate", *files, "--truth", split.truth, "--seed", self.seed))
        kept = ("metric", "value", "low", "high")
        return [
            {"set": name, "tool": tool, "against": rival, **{each: told[each] for each in kept}}
            for told in judged.figures["differences"]
            if told["metric"] in _COMPARED and told["segment"] == "all"
        ]

    def _without_folders(self, message: str) -> str:
        for folder in (self.folder, self.data, self.data.resolve(), ROOT):
            message = message.replace(f"{folder}/", "")
        return message


def _version() -> str:
    """Return the version of the rbmcli of this source tree, installed or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _environment() -> dict[str, str]:
    """Return an environment in which a peer keeps to one thread and sees this project's benchmarks alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": str(ROOT)}


def _how_it_failed(ended: Ended, limit: float | None) -> str:
    if ended.too_long:
        return f"failed: not done after {limit:g} seconds"
    lines = ended.talk.strip().splitlines()
    if lines and lines[-1].startswith("ModuleNotFoundError"):
        return f"not installed: {lines[-1].partition(': ')[2]}"
    return f"failed: exit code {ended.code}: {lines[-1] if lines else 'without a word'}"
