"""An autoencoder's mini-batch and what it says of pairs, against the oracle and slopes of its loss."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.autoencoder import learn_batch
from rbmcli.kernels.autoencoder_arrays import Centring, Course, Weights, Workspace
from rbmcli.kernels.autoencoder_scoring import RowSums, encode_rows, score_rows, sum_rows
from rbmcli.kernels.ridge import ridge_groups
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.plan import plan_batch
from tests import reference_autoencoder as oracle

ROWS, COLUMNS, LEVELS = 9, 7, 4
SIZES = pytest.mark.parametrize("sizes", [(3,), (18,), (4, 3), (3, 5, 2)], ids=str)


class Case:
    """Some ratings in rows, and a network with random parameters."""

    def __init__(self, sizes: tuple[int, ...], seed: int) -> None:
        generator = np.random.default_rng(seed)
        row, column = np.nonzero(generator.random((ROWS, COLUMNS)) < 0.6)
        level = generator.integers(LEVELS, size=len(row)).astype(np.uint8)
        self.rated = CompressedRows.build(
            row.astype(np.int32), column.astype(np.int32), level, (ROWS, COLUMNS)
        )
        self.centring = Centring(
            np.array([-1.5, -0.5, 0.5, 1.5], np.float32),
            generator.normal(0, 0.3, COLUMNS).astype(np.float32),
            np.float32(2.5),
        )
        self.sizes, self.weights = sizes, Weights.zeros(COLUMNS, sizes)
        first, last = sizes[0], sizes[-1]
        self.weights.given[:, :first] = generator.normal(size=(COLUMNS, first))
        self.weights.rated[:, :first] = generator.normal(size=(COLUMNS, first))
        self.weights.output[:, :last] = generator.normal(size=(COLUMNS, last))
        self.weights.bias[:, 0] = generator.normal(size=COLUMNS)
        for layer, size in enumerate(sizes):
            self.weights.hidden_bias[layer, :size] = generator.normal(size=size)
            if layer > 0:
                below = sizes[layer - 1]
                self.weights.dense[layer - 1, :below, :size] = generator.normal(size=(below, size))
        self.dense = np.full((ROWS, COLUMNS), np.nan)
        self.dense[row, column] = self.centring.values[level]

    @property
    def layers(self) -> np.ndarray:
        return np.array(self.sizes, np.int64)

    def exact(self) -> dict[str, np.ndarray]:
        """The parameters without padding, in float64."""
        first, last, widest = self.sizes[0], self.sizes[-1], max(self.sizes)
        cut = {
            "given": self.weights.given[:, :first],
            "rated": self.weights.rated[:, :first],
            "output": self.weights.output[:, :last],
            "bias": self.weights.bias,
            "hidden_bias": self.weights.hidden_bias[:, :widest],
            "dense": self.weights.dense[:, :widest, :widest],
        }
        return {name: array.astype(np.float64) for name, array in cut.items()}

    def sums(self, rated: CompressedRows | None = None) -> RowSums:
        rated = self.rated if rated is None else rated
        sums = RowSums.zeros(ROWS, self.weights.given.shape[1])
        sum_rows(rated.start, rated.column, rated.level, self.weights, self.centring, sums)
        return sums

    def scored(self, own: np.ndarray, sums: RowSums | None = None) -> np.ndarray:
        """What is said of all pairs, (R, N)."""
        start = np.arange(ROWS + 1, dtype=np.int64) * COLUMNS
        column = np.tile(np.arange(COLUMNS, dtype=np.int32), ROWS)
        found = np.empty(ROWS * COLUMNS)
        score_rows(
            start, column, own.ravel(), self.sums() if sums is None else sums,
            self.weights, self.layers, self.centring, found,
        )  # fmt: skip
        return found.reshape(ROWS, COLUMNS)


def at_rest(weights: Weights) -> Weights:
    return Weights(*(np.zeros_like(array) for array in weights))


@SIZES
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_mini_batch_follows_the_slopes_of_the_loss(sizes: tuple[int, ...], dropout: float) -> None:
    case, key = Case(sizes, seed=2), 77
    rows = np.array([5, 0, 3, 8, 1], np.int32)
    batch = plan_batch(case.rated, rows)
    decay = np.linspace(0.01, 0.08, COLUMNS + 1).astype(np.float32)
    course = Course(np.float32(0.6), np.float32(dropout), np.float32(0.01), decay)
    masks = [oracle.input_mask(0.6, key, int(row), COLUMNS) for row in rows]
    factors = [oracle.unit_factors(dropout, key, int(row), sizes) for row in rows]
    exact, given = case.exact(), case.weights.copy()
    given_loss = oracle.loss(exact, sizes, case.centring, case.dense[rows], masks, factors)
    expected = oracle.slopes(exact, sizes, case.centring, case.dense[rows], masks, factors)
    mean, square = at_rest(given), at_rest(given)
    times = np.zeros(COLUMNS + 1, np.int64)
    work = Workspace.sized(len(rows), len(batch.column), given)

    loss, hidden = learn_batch(
        batch, case.weights, mean, square, times, case.layers, case.centring, course, work, np.uint64(key)
    )

    rated = ~np.isnan(case.dense[rows])
    touched = rated.any(axis=0)
    assert hidden == (rated & ~np.array(masks)).sum()
    assert loss == pytest.approx(given_loss, rel=1e-5)
    np.testing.assert_array_equal(times, np.append(touched, True))
    of_columns = np.where(touched, decay[:-1], 0)
    pulls = {"hidden_bias": 0.0, "dense": float(decay[-1])}
    for name, slope in expected.items():
        pull = pulls.get(name, of_columns[:, None])
        gradient = slope / len(rows) + pull * exact[name]
        cut = tuple(slice(length) for length in gradient.shape)
        np.testing.assert_allclose(getattr(mean, name)[cut] / 0.1, gradient, atol=2e-5, err_msg=name)
        np.testing.assert_allclose(getattr(square, name)[cut] / 0.001, gradient**2, atol=2e-5, err_msg=name)
        assert np.abs(getattr(mean, name)).sum() == pytest.approx(np.abs(getattr(mean, name)[cut]).sum())
    for name in Weights._fields:
        speed, spread = getattr(mean, name) / 0.1, np.sqrt(getattr(square, name) / 0.001)
        moved = getattr(given, name) - 0.01 * speed / (spread + 1e-8)
        np.testing.assert_allclose(getattr(case.weights, name), moved, atol=2e-6, err_msg=name)


@SIZES
def test_pairs_are_predicted_from_the_whole_row_or_from_what_else_is_in_it(sizes: tuple[int, ...]) -> None:
    case = Case(sizes, seed=3)
    own = np.full((ROWS, COLUMNS), NOT_OWN, np.uint8)
    own[case.rated.row_of_each(), case.rated.column] = case.rated.level

    whole, left_out = case.scored(np.full_like(own, NOT_OWN)), case.scored(own)

    exact = case.exact()
    for row in range(ROWS):
        rated = ~np.isnan(case.dense[row])
        rating = np.nan_to_num(case.dense[row])
        expected = oracle.said(exact, sizes, case.centring, rating, rated)
        np.testing.assert_allclose(whole[row], expected, atol=3e-6)
        for column in range(COLUMNS):
            others = rated & (np.arange(COLUMNS) != column)
            alone = oracle.said(exact, sizes, case.centring, rating, others)[column]
            assert left_out[row, column] == pytest.approx(alone, abs=5e-6)


def test_codes_are_what_scores_are_made_of() -> None:
    case = Case((4, 3), seed=4)
    code, effect = np.empty((ROWS, 16), np.float32), np.empty(ROWS, np.float32)

    encode_rows(case.sums(), case.weights, case.layers, case.centring, code, effect)

    said = case.scored(np.full((ROWS, COLUMNS), NOT_OWN, np.uint8))
    of_columns = case.centring.effect + case.weights.bias[:, 0]
    np.testing.assert_allclose(effect[:, None] + of_columns + code @ case.weights.output.T, said, atol=3e-6)


def test_ridge_regressions_are_those_of_dense_algebra_and_leave_out_exactly() -> None:
    generator = np.random.default_rng(5)
    features = generator.normal(size=(12, 5)).astype(np.float32)
    start = np.array([0, 4, 4, 13], np.int64)
    row = np.concatenate([[3, 1, 7, 2], generator.permutation(12)[:9]]).astype(np.int32)
    target, penalty = generator.normal(size=13), generator.uniform(0.2, 2, 5)
    centre, wanted = generator.normal(size=(3, 5)), np.arange(13) % 3 != 0
    value, left = np.empty((3, 5)), np.full(13, np.nan)

    ridge_groups(start, row, target, features, penalty, centre, wanted, value, left)

    for group in range(3):
        mine = np.arange(start[group], start[group + 1])
        x = features[row[mine]].astype(np.float64)
        np.testing.assert_allclose(
            value[group], oracle.ridge(x, target[mine], penalty, centre[group]), atol=1e-9
        )
        for n, place in enumerate(mine):
            if wanted[place]:
                others = np.arange(len(mine)) != n
                without = oracle.ridge(x[others], target[mine][others], penalty, centre[group])
                assert left[place] == pytest.approx(x[n] @ without, abs=1e-9)
    assert np.isnan(left[~wanted]).all()
