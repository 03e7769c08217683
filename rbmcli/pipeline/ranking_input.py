"""Reads what an evaluation of ranked lists compares, and brings it onto common indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings, RankingSettings
from rbmcli.data.ids import IdIndex, align_ids
from rbmcli.data.intake import Source, check_same_run, read_ratings
from rbmcli.data.levels import Levels
from rbmcli.data.tables import PairsTable, RatingsTable
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.models.popular import MOST_POPULAR, most_popular
from rbmcli.models.ranking import RelevantItems
from rbmcli.pipeline.evaluation_input import fingerprint_of, names_of, read_asked
from rbmcli.pipeline.ranked_lists import Listed, RankedLists, are_lists, as_lists, ranked_lists
from rbmcli.pipeline.segments import ACTIVITY, EVERY
from rbmcli.progress import Progress

DEFAULT_CUTOFFS = (1, 5, 10)


@dataclass(frozen=True)
class KnownPairs:
    """Ratings, at least one, on the indices of users and items.

    Attributes
    ----------
    user, item : ndarray of int32, shape (m,)
        Indices of each rating.
    n_users, n_items : int
        How many users and items there are in all.
    """

    user: np.ndarray
    item: np.ndarray
    n_users: int
    n_items: int

    def activity(self) -> np.ndarray:
        """Return how many ratings each user has, int64 (n_users,)."""
        return np.bincount(self.user, minlength=self.n_users)

    def popularity(self) -> np.ndarray:
        """Return how many ratings each item has, int64 (n_items,)."""
        return np.bincount(self.item, minlength=self.n_items)

    def count_of(self, user: np.ndarray, item: np.ndarray) -> int:
        """Return how many of some pairs are rated."""
        keys = user.astype(np.int64) * self.n_items + item
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return int(np.count_nonzero(self._keys[place] == keys))

    @cached_property
    def _keys(self) -> np.ndarray:
        """One int64 for each rating, rising."""
        return np.sort(self.user.astype(np.int64) * self.n_items + self.item)


@dataclass(frozen=True)
class RankingInput:
    """Ranked lists, and what they are held against.

    Attributes
    ----------
    lists : list of RankedLists
        The lists of each predictor; no two names are the same.
    told : RatingsTable
        The truth.
    ratings : RatingsTable or None
        The history.
    relevant : RelevantItems
        What should stand in the lists.
    past : KnownPairs or None
        The history, on the indices.
    at : tuple of int
        Cutoffs, rising; the lists reach the last one.
    """

    lists: list[RankedLists]
    told: RatingsTable
    ratings: RatingsTable | None
    relevant: RelevantItems
    past: KnownPairs | None
    at: tuple[int, ...]

    def catalogue_size(self) -> int:
        """Return how many items have a rating in the history, or stand in a list."""
        listed = [np.unique(each.ranked.item) for each in self.lists]
        rated = [] if self.past is None else [np.flatnonzero(self.past.popularity())]
        return len(np.unique(np.concatenate([*listed, *rated])))

    def baselines(self) -> list[Listed]:
        """Return what the lists are held against: given a history, the most popular items not rated in it."""
        if self.past is None:
            return []
        users = np.unique(np.concatenate([each.ranked.user for each in self.lists]))
        ranked = most_popular(users, self.past.user, self.past.item, self.at[-1])
        return [Listed(MOST_POPULAR, ranked, "all items of the history that the user has not rated there")]

    @property
    def asked(self) -> list[PairsTable]:
        """The lists as they were read."""
        return [each.asked for each in self.lists]

    def metadata(self, settings: InputSettings, further: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata that says what was compared with what, with further settings."""
        return {
            "command": "evaluate",
            "settings": {"duplicates": settings.duplicates, "at": list(self.at), **further},
            "recommendations": [
                {
                    "name": each.name,
                    "fingerprint": each.fingerprint,
                    "candidates": each.candidates,
                    "settings": each.settings,
                    "model_fingerprint": each.asked.metadata.get("model_fingerprint"),
                    "history_fingerprint": each.asked.metadata.get("history_fingerprint"),
                }
                for each in self.lists
            ],
            "truth_fingerprint": fingerprint_of(self.told),
            "history_fingerprint": fingerprint_of(self.ratings),
        }


def read_ranking_input(
    recommendations: Sequence[Source | PairsTable],
    truth: Source | None,
    history: Source | None,
    segments: Sequence[str],
    ranking: RankingSettings,
    settings: InputSettings,
    progress: Progress,
) -> RankingInput:
    """Read and check what `evaluate_ranking` is given; raises as that does."""
    _check_segments(segments, history)
    asked = read_asked(recommendations, (), settings, progress)
    if not are_lists(asked):
        raise MismatchError(f"{asked[0].where}: expected lists of recommendations, found none")
    if truth is None:
        raise UsageError(
            f"{asked[0].where} holds lists of recommendations: --truth is missing",
            hint="give the held-out ratings that the items should be among",
        )
    told = read_ratings(truth, settings, progress)
    ratings = None if history is None else read_ratings(history, settings, progress)
    if ratings is not None and not ratings.table.num_rows:
        raise DataError(f"{ratings.where}: there are no ratings")
    check_same_run(*((each.metadata, each.where) for each in (told, ratings) if each is not None))
    tables = [(as_lists(each), each.where) for each in asked]
    tables += [(each.table, each.where) for each in (told, ratings) if each is not None]
    users, user = _on_one_index(tables, "user")
    items, item = _on_one_index(tables, "item")
    names = names_of(recommendations, "lists", [MOST_POPULAR])
    lists = [
        ranked_lists(name, each, user[place], item[place], progress)
        for place, (name, each) in enumerate(zip(names, asked, strict=True))
    ]
    at_truth = len(lists)
    relevant = _relevant(told, user[at_truth], item[at_truth], ranking)
    past = None if ratings is None else KnownPairs(user[-1], item[-1], len(users), len(items))
    given = RankingInput(lists, told, ratings, relevant, past, _cutoffs(ranking.at, lists))
    _tell(given, progress)
    return given


def _check_segments(segments: Sequence[str], history: Source | None) -> None:
    for name in segments:
        if name not in {ACTIVITY, EVERY}:
            raise UsageError(
                f"--segments {name}: users of ranked lists can be cut by {ACTIVITY} alone, since the other "
                "segments are of pairs"
            )
        if history is None:
            raise UsageError(
                f"--segments {name}: give the ratings that the model was trained on as --history"
            )


def _on_one_index(tables: Sequence[tuple[pa.Table, str]], name: str) -> tuple[IdIndex, list[np.ndarray]]:
    """Return all ids of a column of several tables, and the indices of each table's rows among them."""
    columns = [table[name] for table, _ in tables]
    integers = any(pa.types.is_int64(column.type) for column in columns if len(column))
    kind = pa.int64() if integers else pa.string()
    columns = [
        align_ids(column, kind, name, where) for column, (_, where) in zip(columns, tables, strict=True)
    ]
    index = IdIndex.of(pa.chunked_array([chunk for column in columns for chunk in column.chunks], kind))
    return index, [index.lookup(column) for column in columns]


def _relevant(
    told: RatingsTable, user: np.ndarray, item: np.ndarray, ranking: RankingSettings
) -> RelevantItems:
    """Return what is relevant: what is rated high enough, and worth more than nothing."""
    rating = told.table["rating"].to_numpy()
    chosen = np.ones(len(rating), dtype=bool)
    gain = np.ones(len(rating))
    if ranking.relevant is not None:
        # As float32, which ratings are, so that 4.2 is not less than 4.2.
        chosen = rating >= np.float32(ranking.relevant)
    if ranking.gain == "rating" and len(rating):
        levels = Levels.from_metadata(told.metadata)
        gain = rating.astype(np.float64) - float(rating.min() if levels is None else levels.values[0])
    chosen &= gain > 0
    if not chosen.any():
        highest = f"; the highest is {rating.max():g}" if len(rating) else ""
        raise DataError(
            f"{told.where}: none of its {len(rating):,} ratings is of a relevant item{highest}",
            hint="give a lower --relevant, or other ratings as --truth",
        )
    return RelevantItems(user[chosen], item[chosen], gain[chosen])


def _cutoffs(at: Sequence[int], lists: Sequence[RankedLists]) -> tuple[int, ...]:
    shortest = min(lists, key=lambda each: each.depth)
    for cutoff in at:
        if cutoff > shortest.depth:
            raise UsageError(
                f"--at {cutoff}: the lists of {shortest.asked.where} have at most {shortest.depth} items",
                hint=f"make longer ones with recommend --top {cutoff}",
            )
    return tuple(sorted(at or (cutoff for cutoff in DEFAULT_CUTOFFS if cutoff <= shortest.depth)))


def _tell(given: RankingInput, progress: Progress) -> None:
    """Warn of what makes figures misleading; raise `MismatchError` where they would say nothing."""
    users = np.unique(given.relevant.user)
    for each in given.lists:
        where, ranked = each.asked.where, each.ranked
        without = len(np.setdiff1d(users, ranked.user))
        if without == len(users):
            raise MismatchError(
                f"{where}: none of its users has a relevant item in {given.told.where}",
                hint="give held-out ratings of the same users as --truth",
            )
        if without:
            progress.warn(
                f"{where}: {without:,} of {len(users):,} users with relevant items have no list and count "
                "as 0; where none was asked for, leave their ratings out of --truth"
            )
        if not np.isin(ranked.item, given.relevant.item).any():
            progress.warn(f"{where}: not one of its items is relevant to anyone; are the ids the same?")
        if given.past is not None:
            _tell_of_past(each, given.past, given, progress)
    if given.past is None:
        progress.info("without --history there is neither catalogue coverage nor novelty, nor a baseline")
        return
    held = given.past.count_of(given.relevant.user, given.relevant.item)
    if held:
        assert given.ratings is not None
        progress.warn(
            f"{given.told.where}: {held:,} of {len(given.relevant.user):,} relevant items have been rated by "
            f"their user in {given.ratings.where} already: no list should hold them"
        )


def _tell_of_past(each: RankedLists, past: KnownPairs, given: RankingInput, progress: Progress) -> None:
    assert given.ratings is not None
    ranked, history = each.ranked, given.ratings.where
    seen = past.count_of(ranked.user, ranked.item)
    if seen:
        progress.warn(
            f"{each.asked.where}: {seen:,} of {len(ranked.user):,} items listed have been rated by their "
            f"user in {history} already: the figures are misleading"
        )
    unknown = np.count_nonzero(past.popularity()[np.unique(ranked.item)] == 0)
    if unknown:
        progress.warn(
            f"{each.asked.where}: {unknown:,} of its items have no rating in {history}: catalogue coverage "
            "and novelty need the ratings that the model was trained on"
        )
