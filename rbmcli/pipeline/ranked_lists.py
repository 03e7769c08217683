"""Lists of recommendations, as tables of rbmcli or of another tool tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.fingerprints import column_fingerprint
from rbmcli.data.schemas import RECOMMENDATIONS, check_contract
from rbmcli.data.tables import PairsTable
from rbmcli.errors import DataError, UsageError
from rbmcli.models.ranking import RankedItems
from rbmcli.pipeline.scored import finite_column
from rbmcli.progress import Progress

RANK, SCORE = "rank", "score"
UNTOLD = "not known: the lists do not tell"


@dataclass(frozen=True)
class Listed:
    """What one predictor lists.

    Attributes
    ----------
    name : str
        Name of the predictor.
    ranked : RankedItems
        The lists, on the indices of users and items.
    candidates : str
        What they were chosen from, in words.
    """

    name: str
    ranked: RankedItems
    candidates: str


@dataclass(frozen=True)
class RankedLists:
    """The lists that one predictor gives.

    Attributes
    ----------
    name : str
        Name of the predictor.
    asked : PairsTable
        The lists as they were read.
    ranked : RankedItems
        The same on the indices of users and items.
    depth : int
        Items that a list has at most, or was asked to have.
    """

    name: str
    asked: PairsTable
    ranked: RankedItems
    depth: int

    @property
    def candidates(self) -> str:
        """What the lists were chosen from, in words."""
        if not _is_own(self.asked):
            return UNTOLD
        least = self.settings.get("min_support", 1)
        rated = f" with at least {least:,} ratings in training" if least > 1 else ""
        return f"all items of the model{rated} that the user has not rated in the history; none are sampled"

    @property
    def listed(self) -> Listed:
        """What stands in the lists, without where it comes from."""
        return Listed(self.name, self.ranked, self.candidates)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the lists, the same in any order of rows and with any scores."""
        pairs = self.asked.table.select(["user", "item"])
        return column_fingerprint(pairs.append_column(RANK, pa.array(self.ranked.rank)), RANK)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of `recommend`, empty for lists of another tool."""
        return self.asked.metadata.get("settings") or {}


def are_lists(asked: Sequence[PairsTable]) -> bool:
    """Return whether tables hold lists of recommendations, and no predictions.

    Those of rbmcli say so; one of another tool has a column `rank` or `score` and none of predictions.

    Raises
    ------
    UsageError
        If some do and others do not.
    """
    lists = [each for each in asked if _holds_lists(each)]
    others = [each for each in asked if not _holds_lists(each)]
    if lists and others:
        raise UsageError(
            f"{lists[0].where} holds lists of recommendations and {others[0].where} does not: they have no "
            "figures in common",
            hint="evaluate them by themselves",
        )
    return bool(lists)


def as_lists(asked: PairsTable) -> pa.Table:
    """Return the table of lists with its score under that name, which pairs take for a rating.

    Raises
    ------
    DataError
        If there are none.
    MismatchError
        If the table is of another contract, or a newer version of it.
    """
    table = asked.table
    if _score_is_rating(asked):
        names = [SCORE if name == "rating" else name for name in table.column_names]
        table = table.rename_columns(names)
    if asked.metadata:
        check_contract(table.schema, asked.metadata, RECOMMENDATIONS, asked.where)
    if len(table) == 0:
        raise DataError(f"{asked.where}: there are no recommendations")
    return table


def ranked_lists(
    name: str, asked: PairsTable, user: np.ndarray, item: np.ndarray, progress: Progress
) -> RankedLists:
    """Return lists in their order: that of a column `rank`, or else of `score`, the highest first.

    Parameters
    ----------
    name : str
        Name of the predictor.
    asked : PairsTable
        The lists.
    user, item : ndarray of int, shape (n,)
        Indices of each row's ids, in the order of the ids.
    progress : Progress
        Told of equal scores.

    Raises
    ------
    DataError
        If an item stands twice in a list, or ranks are not 1, 2, 3 ... of each user.
    """
    table = as_lists(asked)
    _check_items(table, asked.where, user, item)
    if RANK in table.column_names:
        given = finite_column(table, RANK, asked.where)
        rank = _places(user, np.lexsort((given, user)))
        _check_ranks(table, asked.where, given, rank)
    elif SCORE in table.column_names:
        score = finite_column(table, SCORE, asked.where)
        order = np.lexsort((item, -score, user))
        rank = _places(user, order)
        equal = (np.diff(user[order]) == 0) & (np.diff(score[order]) == 0)
        if equal.any():
            progress.warn(
                f"{asked.where}: {np.count_nonzero(equal):,} items have the score of the one above them in "
                "their list: those are ranked by their ids"
            )
    else:
        raise DataError(f"{asked.where}: there is neither a column '{RANK}' nor a column '{SCORE}'")
    lists = RankedLists(name, asked, RankedItems(user, rank, item), int(rank.max()))
    top = int(lists.settings.get("top", 0))
    return RankedLists(name, asked, lists.ranked, max(top, lists.depth))


def _holds_lists(asked: PairsTable) -> bool:
    told = asked.metadata.get("format")
    if told is not None:
        return bool(told == RECOMMENDATIONS.format)
    names = asked.table.column_names
    return "prediction" not in names and (RANK in names or SCORE in names or _score_is_rating(asked))


def _is_own(asked: PairsTable) -> bool:
    return asked.metadata.get("format") == RECOMMENDATIONS.format


def _score_is_rating(asked: PairsTable) -> bool:
    return asked.rating_name == SCORE


def _places(user: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the place of each row in its user's list, from 1, given the rows by user and place."""
    _, starts, counts = np.unique(user[order], return_index=True, return_counts=True)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(1, len(order) + 1) - np.repeat(starts, counts)
    return place


def _check_ranks(table: pa.Table, where: str, given: np.ndarray, rank: np.ndarray) -> None:
    wrong = np.flatnonzero(given != rank)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{where}: rank {given[row]:g} in row {row + 1}: expected the items of user "
            f"'{table['user'][row]}' to have the ranks 1, 2, 3 ..., each once",
            hint="number the items of each list anew, or leave out the column 'rank' where there are scores",
        )


def _check_items(table: pa.Table, where: str, user: np.ndarray, item: np.ndarray) -> None:
    order = np.lexsort((item, user))
    same = np.flatnonzero((np.diff(user[order]) == 0) & (np.diff(item[order]) == 0))
    if len(same):
        first, second = sorted(order[same[0] : same[0] + 2])
        raise DataError(
            f"{where}: item '{table['item'][int(first)]}' stands twice in the list of user "
            f"'{table['user'][int(first)]}', in rows {first + 1} and {second + 1}",
            hint="an item counts once: leave one of them out",
        )
