"""The kinds of models: what is done in a way of its own for each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex
from rbmcli.data.ratings import CompressedRows
from rbmcli.models import rbm_vectors
from rbmcli.models.also_rated import AlsoRated, besides
from rbmcli.models.autoencoder import AutoencoderModel, AutoencoderPredictor, vectors_of_codes
from rbmcli.models.blend import BlendModel, BlendPredictor, side_by_side
from rbmcli.models.effects import BiasModel, BiasPredictor
from rbmcli.models.factorization import FactorizationModel, FactorizationPredictor, vectors_of_factors
from rbmcli.models.histories import Histories
from rbmcli.models.neighbours import NeighboursModel, NeighboursPredictor
from rbmcli.models.portrait import WITHOUT_VECTORS
from rbmcli.models.predictor import Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.rbm import Rbm
from rbmcli.models.rbm_predictor import RbmPredictor
from rbmcli.models.starting_point import base_rates
from rbmcli.models.starting_point import starting_point as starting_point_of_rbm


def predictor_of(
    model: RatingModel,
    histories: Histories,
    *,
    exact: bool | None = None,
    also_rated: CompressedRows | None = None,
) -> Predictor:
    """Return a model together with the ratings of the users who are asked for.

    Parameters
    ----------
    model : RatingModel
        The model.
    histories : Histories
        The users and their ratings.
    exact : bool or None
        Whether the hidden units of an RBM are summed out exactly; None does as it was trained to.
    also_rated : CompressedRows or None
        Pairs that are known to have been rated besides, for a model that makes use of them.
    """
    if isinstance(model, BiasModel):
        return BiasPredictor(model, histories)
    if isinstance(model, FactorizationModel):
        return FactorizationPredictor(model, histories)
    if isinstance(model, AutoencoderModel):
        return AutoencoderPredictor(model, histories)
    if isinstance(model, BlendModel):
        members = [predictor_of(each, histories.of(each), exact=exact) for each in model.members]
        return BlendPredictor(model, histories, members)
    if isinstance(model, NeighboursModel):
        base = predictor_of(model.base, histories.of(model.base), exact=exact)
        return NeighboursPredictor(model, histories, base)
    return RbmPredictor(_rbm(model), histories, exact=exact, also_rated=also_rated)


def has_vectors(model: RatingModel) -> bool:
    """Return whether a model holds anything of items by which they could be alike."""
    if isinstance(model, BlendModel | NeighboursModel):
        return any(has_vectors(member) for member in model.members)
    return model.kind != WITHOUT_VECTORS


def item_vectors(model: RatingModel) -> np.ndarray:
    """Return a vector of length 1 for each item, float64 (items, P); zeros where the model holds nothing."""
    if isinstance(model, BiasModel):
        return np.zeros((len(model.item_ids), 1))
    if isinstance(model, FactorizationModel):
        return vectors_of_factors(model)
    if isinstance(model, AutoencoderModel):
        return vectors_of_codes(model)
    if isinstance(model, BlendModel | NeighboursModel):
        members = [member for member in model.members if has_vectors(member)]
        places = [member.item_ids.lookup(model.item_ids.values) for member in members]
        return side_by_side([item_vectors(member) for member in members], places)
    return rbm_vectors.item_vectors(_rbm(model))


def starting_point(model: RatingModel, histories: Histories, item: int, own: int) -> dict[str, np.ndarray]:
    """Return level probabilities that lead to a prediction, see `rbmcli.models.starting_point`."""
    if not isinstance(model, Rbm):
        return base_rates(model, histories, item, own)
    return starting_point_of_rbm(model, histories, item, own)


def also_rated_for(
    model: RatingModel, users: IdIndex, history: Iterable[pa.Table], pairs: pa.Table
) -> AlsoRated | None:
    """Return pairs of unknown rating as a model needs them; None for one that makes no use of them."""
    if not isinstance(model, Rbm):
        return None
    return besides(model, users, history, pairs)


def _rbm(model: RatingModel) -> Rbm:
    assert isinstance(model, Rbm)
    return model
