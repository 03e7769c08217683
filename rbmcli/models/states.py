"""What the ratings of rows come down to under a model."""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import RowStates, activate_also_rated, activate_rows, empty_states


def row_states(
    ratings: CompressedRows,
    parameters: Parameters,
    column_prior: np.ndarray,
    smoothing: Smoothing,
    form: Form,
    also_rated: CompressedRows | None = None,
) -> RowStates:
    """Return the states of rows.

    Parameters
    ----------
    ratings : CompressedRows
        R rows over the columns of the model.
    parameters : Parameters
        The model.
    column_prior : ndarray of float32, shape (N, K)
        Smoothed base rates of each column.
    smoothing : Smoothing
        What the row bias is made by.
    form : Form
        What kind of machine the model is.
    also_rated : CompressedRows or None
        Pairs that are known to have been rated besides; their D is added.
    """
    states = empty_states(len(ratings), parameters)
    activate_rows(
        ratings.start,
        ratings.column,
        ratings.level,
        parameters,
        column_prior,
        smoothing.values,
        form,
        states,
    )
    if also_rated is not None:
        activate_also_rated(also_rated.start, also_rated.column, parameters, states)
    return states
