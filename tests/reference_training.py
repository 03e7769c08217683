"""The oracle of learning: contrastive divergence and back-propagation as plain NumPy, in float64.

It stands on tests/reference.py, whose conventions it shares. Both take the kernels' own `Rule` and
`Objective`, so that a test says once how is learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rbmcli.kernels.backpropagation import Objective
from rbmcli.kernels.divergence import Rule
from rbmcli.kernels.row_bias import Smoothing
from tests.reference import (
    Model,
    Slopes,
    activation,
    decoded_mean,
    derive,
    hidden_mean,
    normal,
    passed,
    reconstruction,
    row_bias,
    uniform,
)
from tests.reference_layers import slopes


@dataclass(frozen=True)
class Rows:
    """The rows of a mini-batch.

    Attributes
    ----------
    index : ndarray of int, shape (B,)
        Their places in the training set, which their random numbers depend on.
    visible : ndarray of float64, shape (B, N, K)
        The ratings of a known level.
    rated : ndarray of float64, shape (B, N)
        r: those, and the pairs that are known to have been rated besides.
    offset : ndarray of float64, shape (B, N, K)
        What is known to be added to the logits.
    """

    index: np.ndarray
    visible: np.ndarray
    rated: np.ndarray
    offset: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Which columns have a rating of a known level, float64 (B, N)."""
        return self.visible.sum(axis=2)

    @property
    def place(self) -> np.ndarray:
        """Number of each rating in the mini-batch, int (B, N).

        They are counted row after row and in a row by column; pairs of unknown level come last.
        """
        counts = self.rated.sum(axis=1)
        first = np.cumsum(counts) - counts
        return (first[:, None] + np.cumsum(self.known, axis=1) - 1).astype(int)


def surprise(probability: np.ndarray) -> np.ndarray:
    """Return -log p, in nats; a level of probability 0 costs as much as one of 1e-30."""
    return -np.log(np.maximum(probability, 1e-30))


# Contrastive divergence.


def sample_hidden(model: Model, mean: np.ndarray, index: np.ndarray, key: int) -> np.ndarray:
    """Return hidden states, drawn with the number of (key, row, unit).

    h_uj = 1 where the uniform number is below the mean, or the mean plus the normal number.
    """
    state = np.zeros_like(mean)
    for u, row in enumerate(index):
        row_key = derive(key, int(row))
        for j in range(mean.shape[1]):
            if model.form.gaussian:
                state[u, j] = mean[u, j] + normal(row_key, j)
            else:
                state[u, j] = uniform(row_key, j) < mean[u, j]
    return state


def sample_levels(probability: np.ndarray, rows: Rows, key: int) -> np.ndarray:
    """Return one-hot levels of the rated columns, by inversion of the number of (key, rating)."""
    state = np.zeros_like(probability)
    for u, i in np.argwhere(rows.known > 0):
        number = uniform(key, int(rows.place[u, i]))
        passed = np.cumsum(probability[u, i, :-1]) <= number
        state[u, i, np.count_nonzero(passed)] = 1.0
    return state


def mean_statistics(visible: np.ndarray, rated: np.ndarray, hidden: np.ndarray) -> Slopes:
    """Return the means over rows of the slopes of -E(v, h).

    They are v_i^k h_j by W_ij^k, r_i h_j by D_ij, v_i^k by b_i^k and h_j by b_j.
    """
    rows = len(visible)
    return Slopes(
        np.einsum("uik,uj->ikj", visible, hidden) / rows,
        np.einsum("ui,uj->ij", rated, hidden) / rows,
        visible.mean(axis=0),
        hidden.mean(axis=0),
    )


def contrastive_gradient(
    model: Model, rows: Rows, bias: np.ndarray, rule: Rule, key: int, chain: np.ndarray | None = None
) -> tuple[Model, float, np.ndarray]:
    """Return <.>_data - <.>_T, means over rows, and the loss of the first reconstruction.

    Weights that hold D in them, V_i^k = W_i^k + D_i, move by the sum of both gradients, and D's is the sum
    over the levels of W's: g^k + sum_l g^l.

    Parameters
    ----------
    model : Model
        Parameters.
    rows : Rows
        The mini-batch.
    bias : ndarray of float64, shape (B, K)
        b_u^k of each row.
    rule : Rule
        The Gibbs chains: how many steps, and whether visibles are sampled or mean field; and whether
        weights hold D in them.
    key : int
        Key of the random numbers.
    chain : ndarray of float64, shape (B, N, K), optional
        Visibles that persistent chains go on from, in place of the data.

    Returns
    -------
    Model
        The gradient.
    float
        Sum of -log p(v_ui^k = 1 | h) over the ratings, in nats.
    ndarray of float64, shape (B, N, K)
        Where the chains are in the end.
    """

    def step(hidden: np.ndarray, move: int) -> tuple[np.ndarray, np.ndarray]:
        state = sample_hidden(model, hidden, rows.index, derive(key, 2 * move))
        probability = reconstruction(model, state, bias, rows.offset)
        probability *= rows.known[:, :, None]
        drawn = sample_levels(probability, rows, derive(key, 2 * move + 1))
        return probability, drawn if rule.sampled else probability

    data = hidden_mean(model, rows.visible, rows.rated)
    probability, shown = step(data, 0)
    loss = surprise(probability[rows.visible > 0]).sum()
    if chain is not None:
        shown = chain
    for move in range(1, rule.steps if chain is None else rule.steps + 1):
        shown = step(hidden_mean(model, shown, rows.rated), move)[1]
    end = hidden_mean(model, shown, rows.rated)
    slopes = mean_statistics(rows.visible, rows.rated, data).minus(mean_statistics(shown, rows.rated, end))
    gradient = model.gradient(slopes)
    if rule.joint:
        over_levels = gradient.weights.sum(axis=1, keepdims=True)
        gradient = replace(gradient, weights=gradient.weights + over_levels)
    return gradient, float(loss), shown


def _touched(model: Model, rows: Rows) -> tuple[np.ndarray, ...]:
    """Return which rows of each array of parameters a mini-batch moves.

    Updates are lazy: weights and visible biases move in columns with a rating of a known level, D in those
    known to be rated. Hidden biases, factors and upper layers belong to all rows and always move.
    """
    known, rated = rows.known.any(axis=0), rows.rated.any(axis=0) & model.form.conditional
    everywhere = (np.ones(len(array), bool) for array in model.arrays()[3:])
    return known, rated, known, *everywhere


def _moved(mask: np.ndarray, after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return `after` where the mask over the first axis is true, and `before` elsewhere."""
    return np.where(mask.reshape(-1, *[1] * (before.ndim - 1)), after, before)


def followed(model: Model, velocity: Model, gradient: Model, rows: Rows, rule: Rule) -> tuple[Model, Model]:
    """Return parameters and velocity after M <- momentum M + rate (g - decay W), W <- W + M.

    Biases do not decay.
    """
    rate, momentum, decay = float(rule.rate), float(rule.momentum), float(rule.decay)
    values, speeds = [], []
    for value, speed, slope, shrink, mask in zip(
        model.arrays(),
        velocity.arrays(),
        gradient.arrays(),
        (decay, decay, 0.0, 0.0, decay, decay, decay, 0.0, 0.0),
        _touched(model, rows),
        strict=True,
    ):
        moved = momentum * speed + rate * (slope - shrink * value)
        speeds.append(_moved(mask, moved, speed))
        values.append(_moved(mask, value + moved, value))
    return Model(model.form, *values), Model(model.form, *speeds)


# Back-propagation.


def kept(rows: Rows, keep: float, key: int) -> np.ndarray:
    """Return which ratings are input, float64 (B, N): those whose number of (key, row, column) is low."""
    mask = np.zeros_like(rows.rated)
    for u, i in np.argwhere(rows.known > 0):
        mask[u, i] = uniform(derive(key, int(rows.index[u])), int(i)) < keep
    return mask


def _forward(
    model: Model, rows: Rows, mask: np.ndarray, column_prior: np.ndarray, objective: Objective
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the input, its r, what columns meet of the hidden units, and the probabilities of all levels."""
    smoothing = Smoothing(objective.strength, objective.tilt_strength, objective.values)
    visible = rows.visible * mask[:, :, None]
    rated = rows.rated - rows.known + mask
    hidden = decoded_mean(model, visible, rated)
    bias = row_bias(visible, column_prior, smoothing)
    return visible, rated, hidden, reconstruction(model, hidden, bias, rows.offset)


def network_loss(
    model: Model, rows: Rows, mask: np.ndarray, column_prior: np.ndarray, objective: Objective
) -> float:
    """Return the sum over hidden ratings of (1 - s) (-log p^r) + s (m - x^r)^2 / 2, m = sum_k p^k x^k.

    Parameters
    ----------
    model : Model
        Parameters.
    rows : Rows
        The mini-batch.
    mask : ndarray of float64, shape (B, N)
        Which ratings are input.
    column_prior : ndarray of float64, shape (N, K)
        p_i^k, which the row bias is made from.
    objective : Objective
        s, and what the row bias is made by, with x among it.
    """
    share, values = float(objective.squared_share), objective.values.astype(np.float64)
    *_, probability = _forward(model, rows, mask, column_prior, objective)
    hidden_ratings = (rows.known - mask) > 0
    truth = rows.visible[hidden_ratings]
    probability = probability[hidden_ratings]
    error = probability @ values - truth @ values
    loss = (1.0 - share) * surprise((probability * truth).sum(axis=1)) + 0.5 * share * error**2
    return float(loss.sum())


def network_gradient(
    model: Model, rows: Rows, mask: np.ndarray, column_prior: np.ndarray, objective: Objective
) -> Model:
    """Return the gradient of `network_loss`, divided by the number of rows; arguments as there.

    By a logit the loss has the slope (1 - s) (p^k - v^k) + s (m - x^r) p^k (x^k - m). W_ij^k has a part in
    the logits, where the column is hidden, and in the hidden units, where it is input.
    """
    share, values = float(objective.squared_share), objective.values.astype(np.float64)
    visible, rated, hidden, p = _forward(model, rows, mask, column_prior, objective)
    mean = (p @ values)[:, :, None]
    error = mean - (rows.visible @ values)[:, :, None]
    by_logit = (1.0 - share) * (p - rows.visible) + share * error * p * (values - mean)
    by_logit *= (rows.known - mask)[:, :, None]
    by_hidden = np.einsum("uik,ikj->uj", by_logit, model.full_weights)
    upper = [np.zeros_like(array) for array in model.arrays()[5:]]
    if len(model.form.upper):
        by_activation, upper = slopes(model, passed(model, activation(model, visible, rated)), by_hidden)
    else:
        by_activation = by_hidden if model.form.gaussian else by_hidden * hidden * (1.0 - hidden)
    inputs = mean_statistics(visible, rated, by_activation)
    weights = inputs.weights + np.einsum("uik,uj->ikj", by_logit, hidden) / len(hidden)
    gradient = model.gradient(inputs._replace(weights=weights, visible_bias=by_logit.mean(axis=0)))
    return Model(model.form, *gradient.arrays()[:5], *(array / len(hidden) for array in upper))


@dataclass(frozen=True)
class Adam:
    """Parameters and what Adam remembers: its two running averages, and how often each column moved.

    Attributes
    ----------
    model, mean, square : Model
        The parameters, and the averages of the gradient and of its square.
    times : ndarray of int, shape (N + 1,)
        Updates so far of each column, and last of what all rows share.
    """

    model: Model
    mean: Model
    square: Model
    times: np.ndarray

    def after(self, gradient: Model, rows: Rows, objective: Objective, column_prior: np.ndarray) -> Adam:
        """Return the state after one step down the gradient, lazy by column.

        Visible biases are drawn to the log of the base rates p_i^k, (N, K), all else but hidden biases to 0.

        m <- 0.9 m + 0.1 g, s <- 0.999 s + 0.001 g^2, W <- W - rate m' / (sqrt(s') + 1e-8) with m' and s' the
        averages divided by 1 - 0.9^t and 1 - 0.999^t.
        """
        rate, penalty = float(objective.rate), objective.decay.astype(np.float64)
        columns, none = penalty[:-1], np.zeros(1)
        times = self.times + np.append(rows.rated.any(axis=0), True)
        rest = (0.0, 0.0, np.log(column_prior), *[0.0] * 6)
        ages = (*[times[:-1]] * 3, *[times[-1]] * 6)
        moved = []
        for value, mean, square, slope, shrink, centre, mask, age in zip(
            self.model.arrays(),
            self.mean.arrays(),
            self.square.arrays(),
            gradient.arrays(),
            (columns, columns, columns, none, *[penalty[-1:]] * 3, none, none),
            rest,
            _touched(self.model, rows),
            ages,
            strict=True,
        ):
            along = (-1, *[1] * (value.ndim - 1))
            t = np.maximum(age, 1).reshape(along)
            g = slope + shrink.reshape(along) * (value - centre)
            m, s = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
            step = rate * (m / (1.0 - 0.9**t)) / (np.sqrt(s / (1.0 - 0.999**t)) + 1e-8)
            moved.append((_moved(mask, value - step, value), _moved(mask, m, mean), _moved(mask, s, square)))
        return Adam(*(Model(self.model.form, *arrays) for arrays in zip(*moved, strict=True)), times)
