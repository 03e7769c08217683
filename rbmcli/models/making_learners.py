"""Makes what learns in a stage of training, from the ratings that it is to learn from."""

from __future__ import annotations

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.kernels.arrays import Form, Parameters, Scratch
from rbmcli.kernels.row_bias import row_biases
from rbmcli.models.learners import DivergenceLearner, Learner, NetworkLearner, spread_penalty
from rbmcli.models.plan import CHUNKS, Batches
from rbmcli.models.priors import tallies_of
from rbmcli.models.training_data import TrainingData


def learner_of(
    objective: str,
    parameters: Parameters,
    form: Form,
    data: TrainingData,
    batches: Batches,
    settings: ResolvedSettings,
    decay: np.ndarray | None = None,
) -> Learner:
    """Return a learner of all layers but upper ones by contrastive divergence, or of all of them.

    Parameters
    ----------
    objective : {"divergence", "discriminative"}
        The way of learning.
    parameters : Parameters
        What it starts from, and changes.
    form : Form
        The form of the model.
    data : TrainingData
        What is learned from.
    batches : Batches
        Its mini-batches; without any the learner is one that holds parameters, and learns nothing.
    settings : ResolvedSettings
        How.
    decay : ndarray of float32, shape (N + 1,), optional
        As of `spread_penalty`, where that is not of these mini-batches.
    """
    if objective == "divergence":
        form = form._replace(upper=form.upper[:0])
        bias = _row_bias(data) if len(batches) else np.empty((0, data.column_prior.shape[1]), np.float32)
        also = data.also_rated is not None
        scratch = Scratch.sized(*batches.largest, CHUNKS, form)
        return DivergenceLearner(parameters, form, batches, scratch, bias, settings, also_rated=also)
    if decay is None:
        decay = spread_penalty(settings.penalty, batches, len(data.column_prior))
    scratch = Scratch.sized(*batches.largest, CHUNKS, form)
    return NetworkLearner(
        parameters, form, batches, scratch, decay, data.column_prior, data.smoothing, settings
    )


def _row_bias(data: TrainingData) -> np.ndarray:
    tallies = tallies_of(data.ratings, data.column_prior, data.smoothing)
    bias = np.zeros_like(tallies.counts)
    row_biases(tallies, data.smoothing, bias)
    return bias
