"""Folding in users of a model whose rows are items: visible parameters for users it was not trained on.

Users of a model whose rows are users need none of this: their ratings give their hidden units.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.folding import fold_in_groups
from rbmcli.kernels.scoring import row_biases
from rbmcli.models.histories import Histories
from rbmcli.models.rbm import Rbm

WEIGHT_PENALTY = 10.0
BIAS_PENALTY = 3.0
"""Pull to the centre; chosen on users that were held out of the training part of MovieLens 100K."""


def fold_in_users(
    model: Rbm,
    histories: Histories,
    user: np.ndarray,
    left_out: np.ndarray,
    parameters: Parameters,
    place: np.ndarray,
) -> None:
    """Fit the visible parameters of users to their ratings, by penalised softmax regression.

    The regression is centred on the user's trained parameters, or for a new user on the mean of all
    users; its inputs are the hidden units of the trained rows, given all their ratings.

    Parameters
    ----------
    model : Rbm
        A model whose rows are items.
    histories : Histories
        The ratings.
    user : ndarray of int, shape (G,)
        Position in the histories of each user to fold in.
    left_out : ndarray of int, shape (G,)
        The model's index of an item whose rating is left out; -1 for none.
    parameters : Parameters
        Receives weights and visible biases.
    place : ndarray of int, shape (G,)
        Column of `parameters` for each user.
    """
    assert model.states is not None
    hidden, levels = model.settings.hidden, len(model.levels)
    start, row, level = _ratings_of(histories, user, left_out)
    centre = np.empty((len(user), levels, hidden + 1))
    known = histories.model_user[user]
    trained = model.parameters
    centre[:, :, :hidden] = np.where(
        (known >= 0)[:, None, None],
        trained.weights[known, :, :hidden],
        trained.weights[:, :, :hidden].mean(axis=0),
    )
    centre[:, :, hidden] = np.where(
        (known >= 0)[:, None], trained.visible_bias[known], trained.visible_bias.mean(axis=0)
    )
    bias = np.zeros_like(model.states.counts)
    row_biases(model.states, model.row_bias_strength, bias)
    penalty = np.full(hidden + 1, WEIGHT_PENALTY)
    penalty[hidden] = BIAS_PENALTY
    value = np.empty_like(centre)
    probability = 1 / (1 + np.exp(-np.clip(model.states.activation[:, :hidden], -60, 60)))
    fold_in_groups(start, row, level, probability, bias, penalty, centre, value)
    parameters.weights[place, :, :hidden] = value[:, :, :hidden]
    parameters.visible_bias[place] = value[:, :, hidden]


def _ratings_of(
    histories: Histories, user: np.ndarray, left_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start, row and level of the ratings of known items by each user, but the one left out."""
    known = histories.known()
    lengths = np.diff(known.start)[user]
    group = np.repeat(np.arange(len(user)), lengths)
    within = np.arange(len(group)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = known.start[user][group] + within
    keep = known.column[source] != left_out[group]
    start = np.zeros(len(user) + 1, np.int64)
    np.cumsum(np.bincount(group[keep], minlength=len(user)), out=start[1:])
    return start, known.column[source][keep], known.level[source][keep]
