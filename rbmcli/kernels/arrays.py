"""The bundles of arrays that kernels take: what an RBM consists of, and one mini-batch in two orders.

Widths: R training rows, N visible groups (columns), K levels, S functions of the level (K in a plain
form), F hidden units, W = F rounded up to a multiple of 16, V the padded number of factors (W in a plain
form). Positions F..W of every hidden axis are padding: hidden values there are 0, and so stay the
weights. A mini-batch has B rows, E ratings, M distinct columns. Above the first layer of hidden units stand
L upper ones, most often none; the widest of them has A units, and the widest layer below one of them G, both
rounded up likewise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

UNKNOWN = 255
"""Level of a rating that is known only to have been given."""

VECTOR_WIDTH = 16
"""Float32 numbers in one AVX-512 register, or two of AVX2; the hidden axis is padded to a multiple of it.

What is left over of a vector the compiler works off number by number.
"""


_NO_LAYERS = np.empty(0, np.int64)


class Form(NamedTuple):
    """What kind of machine the parameters make, as far as the kernels need to know.

    Attributes
    ----------
    hidden : int
        F, the hidden units without padding.
    factors : int
        C, the factors without padding; 0 where weights are not factored.
    gaussian : bool
        Whether hidden units are normal, h_j ~ N(a_j, 1), rather than binary.
    conditional : bool
        Whether there is a term D.
    shared : bool
        Whether levels share weights, so that `basis` is not the identity.
    basis : float32 (K, S)
        phi_s(k), the columns orthonormal.
    upper : int64 (L,)
        Hidden units of each upper layer, the lowest first.
    """

    hidden: int
    factors: int
    gaussian: bool
    conditional: bool
    shared: bool
    basis: np.ndarray
    upper: np.ndarray = _NO_LAYERS


class Parameters(NamedTuple):
    """The parameters of an RBM, or their velocity, or any other value there is one of for each.

    The logits of group i are b_i + Phi U_i g, with Phi the basis of the form, U_i the weights, and g the
    hidden units or, where weights are factored, B h. In a plain form Phi is the identity and U_i = W_i.

    Attributes
    ----------
    weights : float32 (N, S, V)
        U_i^s; W_ij^k in a plain form, A_ic^k in a factored one.
    conditional : float32 (N, W)
        D_ij; zero where the model has no conditional term.
    visible_bias : float32 (N, K)
        b_i^k.
    hidden_bias : float32 (W,)
        b_j.
    factors : float32 (V, W)
        B_cj; of no rows, (0, W), in a form that is not factored.
    upper_weights, decoding_weights : float32 (L, A, G)
        X_ji and Y_ji between unit j of each upper layer and unit i of the layer below: on the way up, and on
        the way down.
    upper_bias : float32 (L, A)
        Bias of each unit of the upper layers on the way up.
    decoding_bias : float32 (L, G)
        What is added to the pre-activations of the layer below each upper one on the way down.
    """

    weights: np.ndarray
    conditional: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    factors: np.ndarray
    upper_weights: np.ndarray
    decoding_weights: np.ndarray
    upper_bias: np.ndarray
    decoding_bias: np.ndarray

    @classmethod
    def zeros(cls, columns: int, levels: int, form: Form) -> Parameters:
        """Return zeros for N columns and K levels."""
        width = padded(form.hidden)
        inner = padded(form.factors)
        layers, above, below = upper_shape(form)
        return cls(
            np.zeros((columns, form.basis.shape[1], inner or width), np.float32),
            np.zeros((columns, width), np.float32),
            np.zeros((columns, levels), np.float32),
            np.zeros(width, np.float32),
            np.zeros((inner, width), np.float32),
            np.zeros((layers, above, below), np.float32),
            np.zeros((layers, above, below), np.float32),
            np.zeros((layers, above), np.float32),
            np.zeros((layers, below), np.float32),
        )

    def copy(self) -> Parameters:
        """Return a copy that shares no memory."""
        return Parameters(*(array.copy() for array in self))

    def of_columns(self, columns: np.ndarray) -> Parameters:
        """Return a copy with some of the columns, in the order given; a column may come several times."""
        return self._replace(
            weights=self.weights[columns],
            conditional=self.conditional[columns],
            visible_bias=self.visible_bias[columns],
        )

    def is_finite(self) -> bool:
        """Return whether every number is finite."""
        return all(bool(np.isfinite(array).all()) for array in self)


def padded(hidden: int) -> int:
    """Return the number of hidden units rounded up to whole vector registers."""
    return -(-hidden // VECTOR_WIDTH) * VECTOR_WIDTH


def upper_shape(form: Form) -> tuple[int, int, int]:
    """Return L, A and G, the shape of the weights of the upper layers."""
    widths = [form.hidden, *(int(width) for width in form.upper)]
    if len(widths) == 1:
        return 0, 0, 0
    return len(widths) - 1, padded(max(widths[1:])), padded(max(widths[:-1]))


class Batch(NamedTuple):
    """One mini-batch: its ratings by row, and an order that goes through them by column.

    A rating whose level is `UNKNOWN` is known only to have been given: it enters the hidden units by D.
    Chunks are runs of rows, or of columns, with about equally many ratings. A chunk is worked off by
    one thread; where chunks begin does not depend on the number of threads.

    Attributes
    ----------
    rows : int32 (B,)
        Index of each row in the training set.
    row_start : int64 (B + 1,)
        First rating of each row.
    row_rated : int64 (B,)
        Where the ratings of a known level end in each row; those of an unknown one come after.
    column : int32 (E,)
        Column of each rating, by row.
    level : uint8 (E,)
        Level of each rating, by row.
    columns : int32 (M,)
        The distinct columns, increasing.
    column_start : int64 (M + 1,)
        First place of each column in `entry`.
    entry : int32 (E,)
        Ratings by column, and within a column by level: positions in `column` and `level`.
    entry_row, entry_column, entry_level : int32 (E,), int32 (E,), uint8 (E,)
        Row within the batch (0..B-1), column and level of each element of `entry`.
    entry_offset : float32 (E, K), or (0, K) where there are none
        What is known to be added to the logits of each element of `entry`.
    row_chunk, column_chunk : int64 (chunks + 1,)
        First row, first element of `columns`, of each chunk.
    """

    rows: np.ndarray
    row_start: np.ndarray
    row_rated: np.ndarray
    column: np.ndarray
    level: np.ndarray
    columns: np.ndarray
    column_start: np.ndarray
    entry: np.ndarray
    entry_row: np.ndarray
    entry_column: np.ndarray
    entry_level: np.ndarray
    entry_offset: np.ndarray
    row_chunk: np.ndarray
    column_chunk: np.ndarray


class Scratch(NamedTuple):
    """Memory that one mini-batch needs between its phases, allocated once for the largest batch.

    What a column meets of the hidden units is h in most forms and g = B h where weights are factored: the
    `features`. Where they are the same, so are the arrays. Upper layers put `decoded` in the place of h.

    Attributes
    ----------
    data_hidden, data_features : float32 (B, W), (B, V)
        E[h | v] given the ratings, or the part of them that is kept; B of it.
    model_hidden, model_features : float32 (B, W), (B, V)
        E[h | v] given the reconstruction, or the derivative of the loss by a; B of it.
    state, state_features : float32 (B, W), (B, V)
        The hidden state that the next reconstruction starts from, or the derivative of the loss by h.
    decoded : float32 (B, W)
        The first layer after the way through the upper ones and back; `data_hidden` without them.
    decoded_slope : float32 (B, W)
        The derivative of the loss by its pre-activation; unused without them.
    upper_hidden, upper_decoded : float32 (L, B, A)
        The upper layers on the way up, and on the way down.
    upper_slope, upper_decoded_slope : float32 (L, B, A)
        The derivatives of the loss by their pre-activations.
    data_sums, model_sums : float32 (B, V)
        sum_i U_i^{k(i)}, the input of the hidden units before the factors; unused in other forms.
    row_bias : float32 (B, K)
        b_u^k of each row.
    outcome : float32 (E, K)
        By rating: probabilities of the reconstructed visibles, or derivatives of the loss by the logits.
    drawn : uint8 (E,)
        By rating: the level drawn in a reconstruction, or whether the rating is kept.
    entry_drawn : uint8 (E,)
        The same in the order by column.
    kept_column, kept_level : int32 (E,), uint8 (E,)
        The ratings that are kept, by row, each row's from its `row_start`.
    kept_end : int64 (B,)
        Where they end.
    loss : float64 (chunks,)
        Sum of the loss, by chunk of columns.
    """

    data_hidden: np.ndarray
    data_features: np.ndarray
    model_hidden: np.ndarray
    model_features: np.ndarray
    state: np.ndarray
    state_features: np.ndarray
    decoded: np.ndarray
    decoded_slope: np.ndarray
    upper_hidden: np.ndarray
    upper_decoded: np.ndarray
    upper_slope: np.ndarray
    upper_decoded_slope: np.ndarray
    data_sums: np.ndarray
    model_sums: np.ndarray
    row_bias: np.ndarray
    outcome: np.ndarray
    drawn: np.ndarray
    entry_drawn: np.ndarray
    kept_column: np.ndarray
    kept_level: np.ndarray
    kept_end: np.ndarray
    loss: np.ndarray

    @classmethod
    def sized(cls, rows: int, ratings: int, chunks: int, form: Form) -> Scratch:
        """Return scratch memory for at most so many rows, ratings and chunks."""
        levels, width, inner = len(form.basis), padded(form.hidden), padded(form.factors)
        hidden = [np.zeros((rows, width), np.float32) for _ in range(3)]
        layers, above, _ = upper_shape(form)
        decoded = [np.zeros((rows, width), np.float32) for _ in range(2)] if layers else hidden
        upper = [np.zeros((layers, rows, above), np.float32) for _ in range(4)]
        plain = [decoded[0], *hidden[1:]]
        features = [np.zeros((rows, inner), np.float32) for _ in range(3)] if inner else plain
        return cls(
            data_hidden=hidden[0],
            data_features=features[0],
            model_hidden=hidden[1],
            model_features=features[1],
            state=hidden[2],
            state_features=features[2],
            decoded=decoded[0],
            decoded_slope=decoded[1],
            upper_hidden=upper[0],
            upper_decoded=upper[1],
            upper_slope=upper[2],
            upper_decoded_slope=upper[3],
            data_sums=np.zeros((rows if inner else 0, inner), np.float32),
            model_sums=np.zeros((rows if inner else 0, inner), np.float32),
            row_bias=np.zeros((rows, levels), np.float32),
            outcome=np.zeros((ratings, levels), np.float32),
            drawn=np.zeros(ratings, np.uint8),
            entry_drawn=np.zeros(ratings, np.uint8),
            kept_column=np.zeros(ratings, np.int32),
            kept_level=np.zeros(ratings, np.uint8),
            kept_end=np.zeros(rows, np.int64),
            loss=np.zeros(chunks, np.float64),
        )
