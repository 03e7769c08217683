"""What a Restricted Boltzmann Machine holds of each item, as a vector.

With rows of users an item is a column: its vector is what its ratings add to the pre-activations, W_ij^k
over levels and hidden units, and D_ij. With rows of items it is a row: its vector is its pre-activation less
the hidden bias, for one rating, (a_j - b_j) / n. From either the mean over all items is subtracted, which is
what any rating says.
"""

from __future__ import annotations

import numpy as np

from rbmcli.models.rbm import Rbm


def item_vectors(model: Rbm) -> np.ndarray:
    """Return a vector of length 1 for each item, float64 (items, P); zeros where the model holds nothing."""
    hidden, parameters = model.form.hidden, model.parameters
    if model.by_user:
        weights = parameters.weights.astype(np.float64)
        if model.form.factors:
            weights = weights @ parameters.factors.astype(np.float64)
        # The functions of the level are orthonormal: cosines are those of the weights by level.
        groups = weights[:, :, :hidden].reshape(len(weights), -1)
        vectors = np.hstack([groups, parameters.conditional[:, :hidden].astype(np.float64)])
    else:
        assert model.states is not None
        added = model.states.activation[:, :hidden].astype(np.float64) - parameters.hidden_bias[:hidden]
        vectors = added / np.maximum(model.row_ratings, 1)[:, None]
    vectors -= vectors.mean(axis=0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
