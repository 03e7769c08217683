"""Deals the rows of training out to the members of a crew: of every mini-batch each has its share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Form
from rbmcli.models.training_data import TrainingData


@dataclass(frozen=True)
class Part:
    """What a member of a crew is made of.

    Attributes
    ----------
    data : TrainingData
        What it learns from: all rows, of which those that others have are empty.
    rows : list of ndarray of int32
        Its rows of every mini-batch; there may be none.
    form : Form
        The form of the model.
    objective : {"divergence", "discriminative"}
        The way of learning.
    settings : ResolvedSettings
        How.
    decay : ndarray of float32, shape (N + 1,)
        What `dealt_penalty` returns.
    """

    data: TrainingData
    rows: list[np.ndarray]
    form: Form
    objective: str
    settings: ResolvedSettings
    decay: np.ndarray


def deal_rows(ratings: CompressedRows, rows: Sequence[np.ndarray], members: int) -> list[list[np.ndarray]]:
    """Return for each member its rows of each mini-batch, in the order that they have in it.

    The rows of a mini-batch go around, those with most ratings first, there and back, so that members have
    about as much to do.

    Parameters
    ----------
    ratings : CompressedRows
        The training ratings.
    rows : sequence of ndarray of int32
        The rows of each mini-batch.
    members : int
        To how many they are dealt.
    """
    length = np.diff(ratings.start)
    there_and_back = np.concatenate((np.arange(members), np.arange(members)[::-1]))
    dealt: list[list[np.ndarray]] = [[] for _ in range(members)]
    for of_batch in rows:
        owner = np.empty(len(of_batch), np.int64)
        owner[np.argsort(-length[of_batch], kind="stable")] = np.resize(there_and_back, len(of_batch))
        for member, own in enumerate(dealt):
            own.append(of_batch[owner == member])
    return dealt


def part_of(data: TrainingData, rows: Sequence[np.ndarray]) -> TrainingData:
    """Return what is known of some rows, given by mini-batch; other rows are there, and empty."""
    chosen = np.zeros(len(data.ratings), bool)
    for of_batch in rows:
        chosen[of_batch] = True
    kept = np.repeat(chosen, np.diff(data.ratings.start))
    also = data.also_rated
    if also is not None:
        also = _kept(also, np.repeat(chosen, np.diff(also.start)))
    return dataclasses.replace(
        data,
        ratings=_kept(data.ratings, kept),
        also_rated=also,
        offset=None if data.offset is None else data.offset[kept],
    )


def dealt_penalty(penalty: float, data: TrainingData, dealt: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return the share of an L2 penalty that each column has in one visit of one member, float32 (N + 1,).

    It is that of `rbmcli.models.learners.spread_penalty`, with the mean over members of how many of their
    mini-batches meet a column. The loss of a mini-batch is a mean over rows: where few members meet a column,
    it counts the more for each, and so does the penalty then.
    """
    columns = data.ratings.columns
    visits, rows, batches = np.zeros(columns + 1), 0, len(dealt[0])
    for of_member in dealt:
        for own in filter(len, of_member):
            is_met = np.zeros(columns, bool)
            for ratings in filter(None, (data.ratings, data.also_rated)):
                for row in own:
                    is_met[ratings.column[ratings.start[row] : ratings.start[row + 1]]] = True
            visits[:-1] += is_met
            visits[-1] += 1
            rows += len(own)
    visits /= len(dealt)
    return (penalty / (rows / max(batches, 1) * np.maximum(visits, 1))).astype(np.float32)


def _kept(ratings: CompressedRows, kept: np.ndarray) -> CompressedRows:
    """Return the ratings where a mask is true, which leaves rows in their places."""
    before = np.concatenate(([0], np.cumsum(kept)))
    start = before[ratings.start].astype(np.int64)
    return CompressedRows(start, ratings.column[kept], ratings.level[kept], ratings.columns)
