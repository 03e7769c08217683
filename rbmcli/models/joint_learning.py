"""Learning by a crew: each member has its share of the rows of every mini-batch.

In a round all members start from the same parameters and the same momentum, learn from their shares of the
same mini-batches, and what they come to is averaged. A round of one mini-batch of contrastive divergence is
that of one machine, as far as its columns are met by all members: the gradient is a mean over rows, momentum
and decay are linear, and random numbers go by the row. Hidden units could be exchanged with one another, so
that an average means something only because members start every round from the same ones.

What a member gives is a function of what it is told: a round that was lost with a member can be repeated.

Source: H. B. McMahan et al. (2017), "Communication-efficient learning of deep networks from decentralized
data", AISTATS; S. Stich (2019), "Local SGD converges fast and communicates little", ICLR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rbmcli.kernels.arrays import Parameters
from rbmcli.models.crews import Crew
from rbmcli.models.dealing import Part
from rbmcli.models.learners import Learner
from rbmcli.models.making_learners import learner_of
from rbmcli.models.plan import Batches

_BY_COLUMN = ("weights", "conditional", "visible_bias")
"""Arrays of `Parameters` whose first axis is that of the columns."""


@dataclass(frozen=True)
class Round:
    """What all members of a crew are told.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What they start from, as of `Learner.memory`.
    places, keys : list of int, list of uint64
        The mini-batches, and the keys of their random numbers.
    epoch : int
        Number of the epoch, from 0.
    """

    arrays: dict[str, np.ndarray]
    places: list[int]
    keys: list[np.uint64]
    epoch: int


class Learned(NamedTuple):
    """What a member has come to.

    Attributes
    ----------
    arrays : dict of str to ndarray
        As in `Round`.
    losses : list of pairs of float and int
        Of each mini-batch the sum of the loss, and over how many ratings it is.
    met : ndarray of int64, shape (N + 1,)
        Of each column the rows of all mini-batches that met it, and last those of all mini-batches.
    """

    arrays: dict[str, np.ndarray]
    losses: list[tuple[float, int]]
    met: np.ndarray


class Member:
    """A learner of a part of the rows.

    Attributes
    ----------
    learner : Learner
        What learns.
    batches : Batches
        Its shares of the mini-batches that it has rows of.
    place : dict of int to int
        The place among these of each mini-batch that it has rows of.
    """

    def __init__(self, part: Part) -> None:
        data = part.data
        of_own = [number for number, rows in enumerate(part.rows) if len(rows)]
        self.place = {number: place for place, number in enumerate(of_own)}
        shares = [part.rows[number] for number in of_own]
        self.batches = Batches(data.ratings, shares, data.also_rated, data.offset)
        columns, levels = data.column_prior.shape
        start = Parameters.zeros(columns, levels, part.form)
        settings, decay = part.settings, part.decay
        self.learner = learner_of(part.objective, start, part.form, data, self.batches, settings, decay)

    def learn(self, told: Round) -> Learned:
        """Do a round."""
        memory = self.learner.memory()
        for name, array in memory.items():
            array[...] = told.arrays[name]
        losses = []
        met = np.zeros(len(self.learner.parameters.visible_bias) + 1, np.int64)
        for number, key in zip(told.places, told.keys, strict=True):
            place = self.place.get(number)
            if place is None:
                losses.append((0.0, 0))
                continue
            losses.append(self.learner.learn(place, told.epoch, key))
            batch = self.batches[place]
            met[batch.columns] += len(batch.rows)
            met[-1] += len(batch.rows)
        return Learned(memory, losses, met)


class JointLearner(Learner):
    """Parameters that a crew learns.

    Parameters
    ----------
    held : Learner
        Holds what the members start from and come to; it learns nothing itself.
    crew : Crew
        Members made by `Member`.
    members : int
        How many there are.
    at_once : int
        Mini-batches of a round.
    """

    def __init__(self, held: Learner, crew: Crew, members: int, at_once: int) -> None:
        self.parameters, self.form, self.measured = held.parameters, held.form, held.measured
        self._held, self._crew, self._members, self.at_once = held, crew, members, at_once

    def learn(self, place: int, epoch: int, key: np.uint64) -> tuple[float, int]:
        """Do a mini-batch."""
        return self.learn_several([place], epoch, [key])[0]

    def learn_several(
        self, places: Sequence[int], epoch: int, keys: Sequence[np.uint64]
    ) -> list[tuple[float, int]]:
        """Do a round, and return what `learn` does of each of its mini-batches."""
        told = Round(self.memory(), [int(place) for place in places], list(keys), epoch)
        learned: list[Learned] = self._crew.each(Member.learn, [told] * self._members)
        average(self.memory(), learned)
        of_batches = zip(*(each.losses for each in learned), strict=True)
        return [(sum(loss for loss, _ in each), sum(count for _, count in each)) for each in of_batches]

    def memory(self) -> dict[str, np.ndarray]:
        """Return what a round starts from; it is changed in place."""
        return self._held.memory()

    def exported(self, parameters: Parameters) -> Parameters:
        """Return the parameters in the form of the model."""
        return self._held.exported(parameters)


def average(into: Mapping[str, np.ndarray], learned: Sequence[Learned]) -> None:
    """Replace what a round started from by the weighted mean of what members have come to.

    Weights are rows, since the gradient is a mean over them; those of what belongs to a column are the rows
    of mini-batches that met it, so that of a column that one member alone has met its values are taken.
    Counts of updates are the largest.
    """
    if len(learned) == 1:
        for name, array in into.items():
            array[...] = learned[0].arrays[name]
        return
    met = np.stack([each.met for each in learned]).astype(np.float64)
    shares = (met / np.maximum(met.sum(axis=0), 1.0)).astype(np.float32)
    for name, array in into.items():
        if array.dtype.kind in "iu":
            array[...] = np.max([each.arrays[name] for each in learned], axis=0)
            continue
        by_column = name.rpartition("/")[2] in _BY_COLUMN
        share = (
            shares[:, :-1].reshape(len(learned), -1, *(1,) * (array.ndim - 1)) if by_column else shares[:, -1]
        )
        moved = np.zeros_like(array)
        for own, each in zip(share, learned, strict=True):
            moved += own * (each.arrays[name] - array)
        array += moved
