"""What a history knows of asked pairs: how active their users, how popular their items are; baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.data.tables import RatingsTable
from rbmcli.errors import DataError
from rbmcli.models.baselines import BiasModel, History, fit_baselines
from rbmcli.pipeline.pair_join import PairJoin
from rbmcli.progress import Progress


@dataclass(frozen=True)
class Past:
    """A history beside asked pairs, without the ratings that are asked pairs too.

    Attributes
    ----------
    history : History
        The ratings, in the order of the ids.
    asked_user, asked_item : ndarray of int32, shape (n,)
        Indices of the asked pairs in it; -1 for what has no rating there.
    excluded : int
        Ratings left out because they are asked pairs.
    """

    history: History
    asked_user: np.ndarray
    asked_item: np.ndarray
    excluded: int

    @classmethod
    def of(cls, pairs: pa.Table, where: str, ratings: RatingsTable, progress: Progress) -> Past:
        """Bring a history and asked pairs together.

        Parameters
        ----------
        pairs : pyarrow.Table
            Columns user and item.
        where : str
            Name of the pairs, for messages.
        ratings : RatingsTable
            The history.
        progress : Progress
            Told what is left out.

        Raises
        ------
        DataError
            If no rating is left.
        MismatchError
            If ids are integers on one side and text on the other.
        """
        join = PairJoin.of(pairs, where, ratings.table, ratings.where)
        known_key = join.known_key()
        is_asked = np.isin(known_key, join.asked_key())
        excluded = int(np.count_nonzero(is_asked))
        if excluded:
            progress.warn(
                f"{ratings.where}: {excluded:,} of {len(is_asked):,} ratings are asked pairs too; "
                "the baselines are fitted without them"
            )
        if excluded == len(is_asked):
            raise DataError(
                f"{ratings.where}: no rating is left to fit the baselines on",
                hint="give the ratings that the model was trained on as --history",
            )
        # In the order of the ids, so that the order of the rows makes no difference.
        order = np.argsort(known_key, kind="stable")
        order = order[~is_asked[order]]
        history = History(
            user=join.known_user[order],
            item=join.known_item[order],
            rating=ratings.table["rating"].to_numpy().astype(np.float64)[order],
            n_users=join.n_users,
            n_items=join.n_items,
        )
        return cls(history, join.asked_user, join.asked_item, excluded)

    def baselines(self) -> list[tuple[BiasModel, np.ndarray]]:
        """Return each baseline, and what it predicts for the pairs: float64 (n,)."""
        fitted = fit_baselines(self.history)
        return [(baseline, baseline.predict(self.asked_user, self.asked_item)) for baseline in fitted]

    def activity(self) -> np.ndarray:
        """Return how many ratings the user of each pair has, int64 (n,)."""
        return _counts(self.history.user, self.history.n_users, self.asked_user)

    def popularity(self) -> np.ndarray:
        """Return how many ratings the item of each pair has, int64 (n,)."""
        return _counts(self.history.item, self.history.n_items, self.asked_item)


def _counts(index: np.ndarray, size: int, asked: np.ndarray) -> np.ndarray:
    # A last entry of 0 is what the index -1 finds.
    return np.append(np.bincount(index, minlength=size), 0)[asked]
