"""The rating sets that accuracy is measured on, each cut into files for training and for the question.

Ratings that are asked for are in one file, `truth`, and only `rbmcli evaluate` gets it. `predict` gets the
pairs without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.commands import needed, run_command

SOURCES = {
    "ml-100k-r90": "",
    "ml-latest-small-r90": "",
    "ml-1m-r90": "",
    "goodbooks-sample": "ratings.csv",
    "movietweetings-100k": "movietweetings-100k.dat",
    "jester5k": "jester5k.parquet",
}
"""What there is of each set in the folder of sets: '' for a folder of its own with train and test.parquet,
else a file, there or in a folder of its own, that `rbmcli prepare` splits."""

_PREPARED = ("--valid-fraction", "0", "--test-fraction", "0.1", "--seed", "0")
_NEW_USERS = 10
_PAIR = ["user", "item", "timestamp"]
_COLUMNS = [*_PAIR, "rating"]


@dataclass(frozen=True)
class Split:
    """Files of one question.

    Attributes
    ----------
    train : Path
        Ratings to train on.
    history : Path
        Those of the users asked for, for `predict`.
    known : Path
        All that is known at that time, for the baselines.
    pairs : Path
        The pairs asked for.
    truth : Path
        The same with their ratings.
    """

    train: Path
    history: Path
    known: Path
    pairs: Path
    truth: Path


def source_of(name: str, data: Path) -> Path | None:
    """Return where a set is in a folder of sets, or None if it is not there."""
    file = SOURCES[name]
    places = [data / name / file, data / file] if file else [data / name]
    return next((place for place in places if (place.is_file() if file else place.is_dir())), None)


def split_test(name: str, data: Path, folder: Path) -> Split:
    """Return a set with a tenth of its ratings as test, splitting it if it does not come so.

    Parameters
    ----------
    name : str
        A set that is in the folder of sets.
    data : Path
        That folder.
    folder : Path
        Empty folder for files that have to be made.
    """
    source = source_of(name, data)
    if source is None:
        raise FileNotFoundError(name)
    if source.is_file():
        needed(run_command("prepare", source, "-o", folder / "prepared", *_PREPARED))
        source = folder / "prepared"
    train, truth, pairs = source / "train.parquet", source / "test.parquet", folder / "pairs.parquet"
    pq.write_table(_read(truth, _PAIR), pairs)
    return Split(train, train, train, pairs, truth)


def split_new_users(train: Path, folder: Path) -> Split:
    """Return training ratings without a tenth of their users, whose ratings are half history, half asked.

    Parameters
    ----------
    train : Path
        Training ratings; nothing else is read.
    folder : Path
        Empty folder for the files.
    """
    ratings = _read(train, _COLUMNS)
    user = ratings["user"].combine_chunks().dictionary_encode()
    generator = np.random.default_rng(0)
    # By rank of the id, so that the order of the file makes no difference to who is new.
    rank = np.argsort(np.argsort(user.dictionary.to_numpy(zero_copy_only=False)))
    chosen = np.zeros(len(rank), bool)
    chosen[generator.permutation(len(rank))[: max(1, len(rank) // _NEW_USERS)]] = True
    row = rank[user.indices.to_numpy()]
    order = np.lexsort((generator.random(len(row)), row))
    within = np.empty(len(row), np.int64)
    counts = np.bincount(row)
    within[order] = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    is_new = chosen[row]
    is_asked = is_new & (within >= (counts[row] + 1) // 2)
    parts = {
        "train": ~is_new,
        "history": is_new & ~is_asked,
        "known": ~is_asked,
        "truth": is_asked,
    }
    paths = {name: folder / f"{name}.parquet" for name in [*parts, "pairs"]}
    for name, mask in parts.items():
        pq.write_table(ratings.filter(pa.array(mask)), paths[name])
    pq.write_table(_read(paths["truth"], _PAIR), paths["pairs"])
    return Split(**paths)


def _read(path: Path, columns: list[str]) -> pa.Table:
    """Read those of some columns that there are, without what other programs have noted about the file."""
    with pq.ParquetFile(path) as file:
        names = [name for name in columns if name in file.schema_arrow.names]
        return file.read(columns=names).replace_schema_metadata(None)
