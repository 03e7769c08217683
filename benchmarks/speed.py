"""How fast training is, beside what the same machine can do, measured in one run.

    python -m benchmarks.speed [--data FOLDER] [--json FILE]

All that is timed takes turns, and of each the best of several turns counts: whatever slows the machine down
for a while meets all of it. Nothing is compiled while the clock runs.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.generated import ML_1M, Size, generated_ratings
from benchmarks.machine import Copying, Multiplying, description
from benchmarks.memory import peak_of_training
from benchmarks.phases import PHASES, PhaseClock
from benchmarks.results import write_json
from benchmarks.setting import CD_1, Setting
from benchmarks.speed_tables import tell
from benchmarks.work import bytes_moved, multiply_adds

GROWTH_OF_RATINGS = 10
GROWTH_OF_HIDDEN = 4
BYTES_OF_A_RATING = 9
"""A user and an item of four bytes each, and a level."""

MAIN = "CD-1"
OBJECTIVES: dict[str, dict[str, str]] = {
    MAIN: {},
    "CD-1, mean field": {"reconstruction": "mean-field"},
    "discriminative": {"objective": "discriminative"},
}


Action = Callable[[int], dict[str, float]]


def best_of(rounds: int, actions: dict[str, Action]) -> dict[str, dict[str, float]]:
    """Do all actions in turn, `rounds` times, after a turn that does not count.

    Parameters
    ----------
    rounds : int
        Turns that count.
    actions : dict
        What to do by name: functions of the number of the turn that return its `seconds`, and what else there
        is to say of it.

    Returns
    -------
    dict
        For each action what it returned in the turn of the fewest seconds.
    """
    best: dict[str, dict[str, float]] = {}
    for turn in range(rounds + 1):
        for name, action in actions.items():
            taken = action(turn)
            if turn and (name not in best or taken["seconds"] < best[name]["seconds"]):
                best[name] = taken
    return best


class Bench:
    """What is timed on some ratings.

    Parameters
    ----------
    ratings : pyarrow.Table
        Columns user, item and rating.
    hidden : int
        F.
    threads : list of int
        Numbers of threads to measure with; the first is what others are compared with.
    """

    def __init__(self, ratings: pa.Table, hidden: int, threads: list[int]) -> None:
        self.ratings, self.hidden, self.threads = ratings, hidden, threads
        self.objectives = {name: Setting(ratings, hidden=hidden, **made) for name, made in OBJECTIVES.items()}
        self.main = self.objectives[MAIN]
        self.fewer = Setting(_part_of_users(ratings, GROWTH_OF_RATINGS), hidden=hidden)
        self.wider = Setting(ratings, hidden=GROWTH_OF_HIDDEN * hidden)
        self.multiplying, self.copying = Multiplying(), Copying()

    def measure(self, rounds: int) -> dict[str, Any]:
        """Return the figures, as the JSON file has them."""
        best = best_of(rounds, self._actions())
        seconds = {name: taken["seconds"] for name, taken in best.items()}
        levels, width = self.main.parameters.visible_bias.shape[1], len(self.main.parameters.hidden_bias)
        work = {
            "multiply_adds": float(multiply_adds(levels, self.hidden)),
            "bytes": bytes_moved(self.main.batches, levels, width),
        }
        rates = {
            "multiply_adds": self.multiplying.multiply_adds / seconds["multiply"],
            "bytes": self.copying.moved / seconds["copy"],
        }
        per_rating = 1e9 / self.main.n_ratings
        return {
            "ratings": {"ratings": self.main.n_ratings, "levels": levels},
            "settings": {
                "by": "user",
                "hidden": self.hidden,
                "batch_size": CD_1.batch_size,
                "rounds": rounds,
            },
            "work_a_rating": work,
            "machine_a_second": rates,
            "epochs": self._epochs(best, work, rates),
            "planning": {"seconds": seconds["plan"], "ns_a_rating": seconds["plan"] * per_rating},
            "phases": [
                {"phase": phase, "threads": count, "ns_a_rating": best[f"phases {count}"][phase] * per_rating}
                for count in self.threads
                for phase in PHASES
            ],
            "growth": self._growth(seconds),
            "memory": _memory(self.ratings, self.main, self.hidden),
        }

    def _actions(self) -> dict[str, Action]:
        def epoch(setting: Setting, count: int) -> Action:
            return lambda turn: setting.epoch_seconds(turn, count)

        def phases(count: int) -> Action:
            def run(turn: int) -> dict[str, float]:
                clock = PhaseClock()
                self.main.epoch_by(clock, turn, count)
                return {"seconds": sum(clock.seconds.values()), **clock.seconds}

            return run

        actions: dict[str, Action] = {
            "multiply": lambda _: {"seconds": self.multiplying.seconds()},
            "copy": lambda _: {"seconds": self.copying.seconds()},
            "plan": lambda _: {"seconds": self.main.planning_seconds()},
            "fewer ratings": epoch(self.fewer, self.threads[0]),
            "more hidden units": epoch(self.wider, self.threads[0]),
        }
        for count in self.threads:
            for name, setting in self.objectives.items():
                actions[f"{name} {count}"] = epoch(setting, count)
            actions[f"phases {count}"] = phases(count)
        return actions

    def _epochs(
        self, best: dict[str, dict[str, float]], work: dict[str, float], rates: dict[str, float]
    ) -> list[dict[str, Any]]:
        figures = []
        for name, count in itertools.product(self.objectives, self.threads):
            taken = best[f"{name} {count}"]
            speed = self.main.n_ratings / taken["seconds"]
            # What a rating costs is counted for the objective that is measured with; others do other work.
            counted = name == MAIN
            figures.append(
                {
                    "objective": name,
                    "threads": count,
                    "seconds": taken["seconds"],
                    "cores_had": taken["cpu_seconds"] / taken["seconds"],
                    "ns_a_rating": 1e9 / speed,
                    "ratings_a_second": speed,
                    "speedup": best[f"{name} {self.threads[0]}"]["seconds"] / taken["seconds"],
                    "share_of_sgemm": speed * work["multiply_adds"] / (count * rates["multiply_adds"])
                    if counted
                    else None,
                    # Threads share what the memory can move, so more of them are not told apart by it.
                    "share_of_copying": speed * work["bytes"] / rates["bytes"]
                    if counted and count == 1
                    else None,
                }
            )
        return figures

    def _growth(self, seconds: dict[str, float]) -> list[dict[str, Any]]:
        whole = seconds[f"{MAIN} {self.threads[0]}"]
        return [
            {
                "of": "ratings",
                "factor": self.main.n_ratings / self.fewer.n_ratings,
                "time_factor": whole / seconds["fewer ratings"],
            },
            {
                "of": "hidden units",
                "factor": float(GROWTH_OF_HIDDEN),
                "time_factor": seconds["more hidden units"] / whole,
            },
        ]


def _part_of_users(ratings: pa.Table, parts: int) -> pa.Table:
    """Return the ratings of one user in so many, each with all of them."""
    dense = ratings["user"].combine_chunks().dictionary_encode().indices.to_numpy()
    return ratings.filter(pa.array(dense % parts == 0))


def _memory(ratings: pa.Table, setting: Setting, hidden: int) -> dict[str, Any]:
    """Return the peak of fresh processes, and the bytes of what they need to hold."""
    with tempfile.TemporaryDirectory() as folder:
        everything, handful = Path(folder) / "ratings.parquet", Path(folder) / "handful.parquet"
        pq.write_table(ratings, everything)
        pq.write_table(generated_ratings(Size(10, 10, 50)), handful)
        imports = peak_of_training(None)
        loaded = peak_of_training(handful, hidden)
        peak = peak_of_training(everything, hidden)
    of_ratings = BYTES_OF_A_RATING * setting.n_ratings
    of_parameters = sum(array.nbytes for array in setting.parameters)
    return {
        "imports_bytes": imports,
        "a_handful_of_ratings_bytes": loaded,
        "all_ratings_bytes": peak,
        "ratings_bytes": of_ratings,
        "parameters_bytes": of_parameters,
        "beyond_imports_over_both": (peak - imports) / (of_ratings + of_parameters),
        "beyond_a_handful_over_both": (peak - loaded) / (of_ratings + of_parameters),
    }


def main() -> None:
    """Measure, print and write as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of rating sets; ratings are generated without it")
    parser.add_argument("--set", default="ml-1m-r90", help="folder in it whose train.parquet is used")
    parser.add_argument("--size", type=Size.parse, default=ML_1M, help="users,items,ratings to generate")
    parser.add_argument("--hidden", type=int, default=100, help="hidden units")
    parser.add_argument(
        "--threads", default="1,2", help="numbers of threads; the first is what others are compared with"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns, of which the best counts")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    chosen = parser.parse_args()
    if chosen.data is None:
        name, ratings = "generated", generated_ratings(chosen.size)
    else:
        # Read through a file of its own, since `read_table` would bring pandas in.
        name = chosen.set
        with pq.ParquetFile(chosen.data / name / "train.parquet") as file:
            ratings = file.read(columns=["user", "item", "rating"])
    most = numba.config.NUMBA_NUM_THREADS
    threads = [count for count in map(int, chosen.threads.split(",")) if count <= most]
    figures = Bench(ratings, chosen.hidden, threads).measure(chosen.rounds)
    figures["ratings"]["name"] = name
    result = {"benchmark": "speed", "machine": description(), **figures}
    tell(result)
    if chosen.json:
        write_json(chosen.json, result)


if __name__ == "__main__":
    main()
