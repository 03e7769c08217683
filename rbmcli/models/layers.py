"""The layers above the first: what rows come down to in them, and learning one by contrastive divergence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.kernels.arrays import Batch, Form, Parameters
from rbmcli.kernels.divergence import Rule
from rbmcli.kernels.upper import pass_rows
from rbmcli.kernels.upper_divergence import LayerScratch, layer_divergence
from rbmcli.models.learners import Learner, named

_LEAST_MEAN = 1e-4


def decoded_means(activation: np.ndarray, parameters: Parameters, form: Form) -> np.ndarray:
    """Return what columns meet of each row, after all layers: h_1', or h_1 without upper ones.

    Parameters
    ----------
    activation : ndarray of float32, shape (R, W)
        Pre-activations of the first layer.
    parameters : Parameters
        The model.
    form : Form
        What kind of machine it is.

    Returns
    -------
    ndarray of float32, shape (R, F)
        The means, from 0 to 1 where units are binary.
    """
    return _passed(activation, parameters, form)[0][:, : form.hidden]


def top_means(activation: np.ndarray, parameters: Parameters, form: Form) -> np.ndarray:
    """Return the means of the highest layer of each row, float32 (R, its units); arguments as above."""
    decoded, top = _passed(activation, parameters, form)
    return top[:, : form.upper[-1]] if len(form.upper) else decoded[:, : form.hidden]


def _passed(activation: np.ndarray, parameters: Parameters, form: Form) -> tuple[np.ndarray, np.ndarray]:
    decoded = np.zeros_like(activation)
    top = np.zeros((len(activation), parameters.upper_bias.shape[1]), np.float32)
    pass_rows(activation, parameters, form, decoded, top)
    return decoded, top


class UpperLearner(Learner):
    """Contrastive divergence of the highest layer of a form, with momentum, on the means of the one below.

    Its decoding bias is learned on top of the log odds of the mean of each unit below, which an RBM's bias is
    best started at (Hinton 2010, section 8). The layer below has these from its own bias and ratings already.

    Parameters
    ----------
    parameters : Parameters
        Where it starts; changed in place.
    form : Form
        The machine up to the layer that is learned.
    batches : sequence of Batch
        The rows of each mini-batch.
    below : ndarray of float32, shape (R, units below)
        Means of the layer below.
    settings : ResolvedSettings
        How.
    """

    def __init__(
        self,
        parameters: Parameters,
        form: Form,
        batches: Sequence[Batch],
        below: np.ndarray,
        settings: ResolvedSettings,
    ) -> None:
        self.parameters, self.form, self.measured = parameters, form, form
        self.velocity = Parameters(*(np.zeros_like(array) for array in parameters))
        self.rows = [batch.rows for batch in batches]
        self.scratch = LayerScratch.sized(max(map(len, self.rows), default=0), form)
        self.below, self.settings = np.ascontiguousarray(below), settings
        learned = np.concatenate([np.empty(0, np.int32), *self.rows])
        mean = np.clip(below[learned].mean(axis=0, dtype=np.float64), _LEAST_MEAN, 1 - _LEAST_MEAN)
        self.prior = np.log(mean / (1 - mean)).astype(np.float32)

    def learn(self, place: int, epoch: int, key: np.uint64) -> tuple[float, int]:
        """Do a mini-batch; the loss is that of the first reconstruction of the units below."""
        settings, rows = self.settings, self.rows[place]
        rule = Rule(
            steps=settings.steps_at(epoch),
            sampled=False,
            persistent=False,
            joint=False,
            rate=np.float32(settings.learning_rate / (1 + settings.rate_decay * epoch)),
            momentum=np.float32(settings.momentum_at(epoch)),
            decay=np.float32(settings.weight_decay),
        )
        loss = layer_divergence(
            rows,
            self.below,
            self.prior,
            len(self.form.upper) - 1,
            self.parameters,
            self.velocity,
            self.scratch,
            self.form,
            rule,
            key,
        )
        return loss, self.below.shape[1] * len(rows)

    def memory(self) -> dict[str, np.ndarray]:
        """Return parameters and velocities."""
        return named(parameters=self.parameters, velocity=self.velocity)

    def exported(self, parameters: Parameters) -> Parameters:
        """Return the parameters with the weights of the layer for the way down too."""
        layer, decoding = len(self.form.upper) - 1, parameters.decoding_weights.copy()
        decoding[layer] = parameters.upper_weights[layer]
        return parameters._replace(decoding_weights=decoding)
