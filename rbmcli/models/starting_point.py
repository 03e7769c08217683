"""What is expected of a pair before hidden units say anything: base rates, and the row bias upon them."""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.row_bias import Tallies, row_biases
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories
from rbmcli.models.priors import smoothed, tallies_of
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.rbm import Rbm

STRENGTH = 20.0


def base_rates(model: RatingModel, histories: Histories, item: int, own: int) -> dict[str, np.ndarray]:
    """Return the shares of the levels among all ratings, the item's and the user's, as `starting_point` does.

    Those of few ratings are held to the shares of all by `STRENGTH` ratings.
    """
    counts = histories.count[0].astype(np.float64)
    if own != NOT_OWN:
        counts[own] -= 1
    overall = model.global_prior.astype(np.float64)
    return {
        "all": overall,
        "item": model.item_prior[item].astype(np.float64),
        "user": (counts + STRENGTH * overall) / (counts.sum() + STRENGTH),
    }


def starting_point(model: Rbm, histories: Histories, item: int, own: int) -> dict[str, np.ndarray]:
    """Return level probabilities that lead to a prediction, float64 (K,) each, by name.

    `all` are the base rates of all ratings, `item` and `user` those of the two, `row_bias` those of the
    visible side with the row bias upon them, p_i^k exp(b_u^k), normalised: what the model's visible biases
    and hidden units start from.

    Parameters
    ----------
    model : Rbm
        The model.
    histories : Histories
        The history of one user, who has rated something.
    item : int
        The model's index of the item.
    own : int
        Level of the user's own rating of it, which is left out, or `NOT_OWN`.
    """
    counts = histories.count[:1].copy()
    if own != NOT_OWN:
        counts[0, own] -= 1
    of_user = smoothed(counts, model.global_prior, model.column_smoothing)[0]
    if not model.by_user and histories.as_trained[0]:
        of_user = model.column_prior[histories.model_user[0]]
    of_item = model.item_prior[item]
    bias = np.zeros((1, len(model.levels)), np.float32)
    row_biases(_tallies(model, histories, item, own), model.row_smoothing, bias)
    tilted = (of_item if model.by_user else of_user) * np.exp(bias[0].astype(np.float64))
    return {
        "all": model.global_prior.astype(np.float64),
        "item": of_item.astype(np.float64),
        "user": of_user.astype(np.float64),
        "row_bias": tilted / tilted.sum(),
    }


def _tallies(model: Rbm, histories: Histories, item: int, own: int) -> Tallies:
    """Return what the row bias of the pair is made from, without the pair's own rating."""
    if model.by_user:
        known = histories.known()
        others = np.ones(known.columns, bool)
        others[item : item + 1] = False
        return tallies_of(known.in_columns(others), model.column_prior, model.row_smoothing)
    assert model.states is not None
    of_item = Tallies(*(part[item : item + 1].copy() for part in model.states.tallies))
    if own != NOT_OWN and histories.as_trained[0]:
        column, values = histories.model_user[0], model.row_smoothing.values.astype(np.float64)
        rates = model.column_prior[column].astype(np.float64)
        rates /= rates.sum()
        of_item.counts[0, own] -= 1
        of_item.base[0] -= model.column_prior[column]
        of_item.spread[0] -= rates @ (values - rates @ values) ** 2
    return of_item
