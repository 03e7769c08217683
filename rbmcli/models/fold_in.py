"""Folding in users of a model whose rows are items: visible parameters for users it was not trained on.

Users of a model whose rows are users need none of this: their ratings give their hidden units.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.folding import fold_in_groups
from rbmcli.kernels.row_bias import row_biases
from rbmcli.kernels.scoring import RowStates
from rbmcli.models.day_bias import Occasions, day_offsets
from rbmcli.models.histories import Histories
from rbmcli.models.layers import decoded_means
from rbmcli.models.rbm import Rbm

WEIGHT_PENALTY = 10.0
BIAS_PENALTY = 3.0
"""Pull to the centre; chosen on users that were held out of the training part of MovieLens 100K."""


def fold_in_users(
    model: Rbm,
    states: RowStates,
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
    states : RowStates
        Its rows.
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
    form, levels = model.form, len(model.levels)
    start, rated = _ratings_of(histories, user, left_out)
    features, penalty = _features(model, states)
    rotation = _rotation(form)
    width, functions = features.shape[1], form.basis.shape[1]
    known = histories.model_user[user]
    trained = model.parameters
    mean_weights, mean_bias = model.mean_of_columns
    centre = np.zeros((len(user), levels, width + 1))
    centre[:, :functions, :width] = np.where(
        (known >= 0)[:, None, None],
        trained.weights[known, :, :width],
        mean_weights[:, :width],
    )
    bias_centre = np.where((known >= 0)[:, None], trained.visible_bias[known], mean_bias)
    centre[:, :, width] = bias_centre @ rotation
    bias = np.zeros_like(states.counts)
    row_biases(states.tallies, model.row_smoothing, bias)
    offset = bias[rated.item]
    if histories.day is not None:
        offset += day_offsets(rated, rated, model.item_prior, *model.day_smoothings)
    value = np.empty_like(centre)
    fold_in_groups(
        start, rated.item, rated.level, features, offset, penalty, rotation, functions, centre, value
    )
    parameters.weights[place, :, :width] = value[:, :functions, :width]
    parameters.visible_bias[place] = value[:, :, width] @ rotation.T


def _features(model: Rbm, states: RowStates) -> tuple[np.ndarray, np.ndarray]:
    """Return what logits are linear in, float32 (R, P), and the pull on each of it and on the bias.

    That is the hidden means, or B times them where weights are factored; then W = A B, so that a pull on
    W is one on A_c that grows with the square of B_c.
    """
    form = model.form
    mean = states.activation[:, : form.hidden]
    if len(form.upper):
        mean = decoded_means(states.activation, model.parameters, form)
    elif not form.gaussian:
        mean = 1 / (1 + np.exp(-np.clip(mean, -60, 60)))
    weight = np.full(form.factors or form.hidden, WEIGHT_PENALTY)
    if form.factors:
        factors = model.parameters.factors[: form.factors, : form.hidden]
        mean = mean @ factors.T
        weight *= np.maximum((factors.astype(np.float64) ** 2).sum(axis=1), 1e-3)
    return np.ascontiguousarray(mean, np.float32), np.append(weight, BIAS_PENALTY)


def _rotation(form: Form) -> np.ndarray:
    """Return orthonormal functions of the level, float64 (K, K), of which the form's come first."""
    levels, functions = form.basis.shape
    basis = form.basis.astype(np.float64)
    if functions == levels:
        return basis
    rest = np.linalg.svd(basis, full_matrices=True)[0][:, functions:]
    return np.ascontiguousarray(np.hstack([basis, rest]))


def _ratings_of(histories: Histories, user: np.ndarray, left_out: np.ndarray) -> tuple[np.ndarray, Occasions]:
    """Return the ratings of known items by each user, user after user, but the one left out.

    The first of each user comes with them.
    """
    known, start = histories.occasions(), histories.known().start
    lengths = np.diff(start)[user]
    group = np.repeat(np.arange(len(user)), lengths)
    within = np.arange(len(group)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = start[user][group] + within
    keep = known.item[source] != left_out[group]
    group, source = group[keep], source[keep]
    start = np.zeros(len(user) + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=len(user)), out=start[1:])
    return start, known.take(source)._replace(user=group)
