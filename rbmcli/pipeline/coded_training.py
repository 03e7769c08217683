"""What training starts from, read from Parquet piece by piece: memory is a few bytes a rating.

Only ratings that need no whole table come this way. Whatever is out of the ordinary, such as pairs that stand
there twice or ratings on no level, is left to `rbmcli.pipeline.training_input`, which reads all at once and
has the words for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from rbmcli.config import InputSettings, LevelSettings
from rbmcli.data.blocks import looked_up
from rbmcli.data.coded import SECOND, CodedRatings, read_coded
from rbmcli.data.intake import Source
from rbmcli.data.levels import UNKNOWN, Levels, choose_levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.counting import are_rising, repeat_a_column
from rbmcli.models.compression import by_column, starts_of, transposed
from rbmcli.models.levelled import LevelledRatings
from rbmcli.progress import Progress, Step


@dataclass(frozen=True)
class CodedInput:
    """Ratings to train on, and after them those for validation if they were given, in the order of files.

    Attributes
    ----------
    ratings : LevelledRatings
        The ratings.
    is_second : ndarray of bool
        Which of them were given for validation.
    levels : Levels
        The scale.
    where : str
        Name of the ratings, for messages.
    """

    ratings: LevelledRatings
    is_second: np.ndarray
    levels: Levels
    where: str


def read_coded_training(
    ratings: Source,
    valid: Source | None,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    progress: Progress,
) -> CodedInput | None:
    """Read ratings, and those for validation, if they are Parquet files without anything out of the ordinary.

    Raises
    ------
    MismatchError, DataError
        If the files are of two runs of prepare, or the ratings have no scale.
    """
    heard = _Later(progress)
    coded = read_coded([ratings] if valid is None else [ratings, valid], input_settings, heard)
    if coded is None:
        return None
    where, scale = coded.read[0].where, Levels.from_metadata(coded.read[0].metadata)
    rows, codes = _in_order(coded)
    if repeat_a_column(rows.start, rows.column):
        return None
    if scale is None or level_settings != LevelSettings():
        chosen = choose_levels(coded.values, level_settings, where)
        if not isinstance(chosen, Levels):
            return None
        scale = chosen
    if np.any(scale.assign(coded.values) == UNKNOWN):
        return None
    heard.tell()
    is_second = rows.level >= SECOND
    both = np.zeros((2, SECOND), np.float32)
    both[:, : len(coded.values)] = coded.values
    rating = looked_up(both.ravel(), rows.level)
    rows = dataclasses.replace(rows, level=looked_up(scale.nearest(both.ravel()), rows.level))
    levelled = LevelledRatings(codes, rows.level, rating, by_user=rows)
    return CodedInput(levelled, is_second, scale, where)


def _in_order(coded: CodedRatings) -> tuple[CompressedRows, PairCodes]:
    """Return the ratings in rows of users, with numbers of ratings for levels; takes their arrays away."""
    users, items = coded.users, coded.items
    user, item, value = coded.take()
    if are_rising(user, item):
        rows = CompressedRows(starts_of(user, len(users)), item, value, len(items))
        return rows, PairCodes(users, items, user, item)
    columns = by_column(user, item, value, (len(users), len(items)))
    del user, item, value
    rows = transposed(columns)
    del columns
    return rows, PairCodes(users, items, rows.row_of_each(), rows.column)


class _Later(Progress):
    """Shows steps at once and keeps what is said, which a second reading may say again."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._heard: list[tuple[Callable[[str], None], str]] = []

    def info(self, message: str) -> None:
        """Keep a message."""
        self._heard.append((self._progress.info, message))

    def detail(self, message: str) -> None:
        """Keep a detail."""
        self._heard.append((self._progress.detail, message))

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self._heard.append((self._progress.warn, message))

    @contextmanager
    def step(self, description: str, total: int | None = None, *, is_brief: bool = False) -> Iterator[Step]:
        """Show a step."""
        with self._progress.step(description, total, is_brief=is_brief) as step:
            yield step

    def tell(self) -> None:
        """Say all that was kept."""
        for say, message in self._heard:
            say(message)
