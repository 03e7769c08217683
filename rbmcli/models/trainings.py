"""Training a model of whatever kind, by its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rbmcli.config import (
    AnyTrainSettings,
    AutoencoderSettings,
    BiasSettings,
    BlendSettings,
    EnsembleSettings,
    FactorizationSettings,
    NeighboursSettings,
    TrainSettings,
)
from rbmcli.data.levels import Levels
from rbmcli.models.autoencoder_training import train_autoencoder
from rbmcli.models.blend_members import members_of
from rbmcli.models.blend_training import train_blend
from rbmcli.models.checkpoint import KEEPING_NOTHING, Checkpoint
from rbmcli.models.crews import MakeCrew
from rbmcli.models.effects_training import train_bias
from rbmcli.models.factorization_training import train_factorization
from rbmcli.models.kinds import predictor_of
from rbmcli.models.levelled import LevelledRatings, shape_of
from rbmcli.models.neighbours_training import train_neighbours
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.training import train_rbm
from rbmcli.progress import Progress

_TRAININGS: dict[type[AnyTrainSettings], Callable[..., RatingModel]] = {
    BiasSettings: train_bias,
    FactorizationSettings: train_factorization,
    AutoencoderSettings: train_autoencoder,
}


def train_model(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: AnyTrainSettings,
    progress: Progress,
    checkpoint: Checkpoint = KEEPING_NOTHING,
    measured: Callable[[RatingModel], None] | None = None,
    make_crew: MakeCrew | None = None,
) -> RatingModel:
    """Train a model on ratings, some of which serve as validation.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    held_out : ndarray of bool
        Which of them serve as validation; none with ``settings.validation == "none"``.
    levels : Levels
        The scale.
    settings : AnyTrainSettings
        The kind of model, and its training.
    progress : Progress
        Told how it goes.
    checkpoint : Checkpoint
        What keeps how far the training of an RBM has come; other kinds have none.
    measured : callable, optional
        Given the model that has not seen the validation ratings, before it is trained again with them; not
        for a blend or an ensemble.
    make_crew : callable, optional
        Makes the crew that learns an RBM; without it all is learned in this process, as other kinds are.
    """
    parts = ratings, held_out, levels
    if isinstance(settings, TrainSettings):
        return train_rbm(*parts, settings, progress, checkpoint, measured, make_crew)
    if isinstance(settings, BlendSettings | EnsembleSettings):
        members = members_of(settings, shape_of(*parts))
        return train_blend(*parts, settings, members, progress, train_model, predictor_of)
    if isinstance(settings, NeighboursSettings):
        return train_neighbours(*parts, settings, progress, train_model, predictor_of, measured)
    given: Any = settings
    return _TRAININGS[type(settings)](*parts, given, progress, measured=measured)
