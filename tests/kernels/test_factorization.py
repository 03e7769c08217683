"""Draws of a factorization and folding into it, against the oracle, and against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.factor_folding import ItemSamples, fold_in
from rbmcli.kernels.factorization import add_implicit, draw_implicit, draw_rows
from rbmcli.kernels.normal_equations import LANES, STRETCH, padded
from tests.reference_factorization import derive, drawn_implicit, drawn_row, folded, posterior

ROWS, COLUMNS = 7, 40


class Case:
    """Some ratings in rows, with factors of both sides; `used` of them, with the bias."""

    def __init__(self, seed: int, used: int = 5) -> None:
        generator = np.random.default_rng(seed)
        # From a row without ratings to one of more than a block.
        row, column = np.nonzero(generator.random((ROWS, COLUMNS)) < np.linspace(0, 1, ROWS)[:, None])
        self.rated = CompressedRows.build(
            row.astype(np.int32), column.astype(np.int32), np.zeros(len(row), np.uint8), (ROWS, COLUMNS)
        )
        self.pairs = list(zip(row.tolist(), column.tolist(), strict=True))
        size = padded(used)
        self.used, self.value = used, generator.normal(size=len(row)).astype(np.float32)
        self.others, self.expected, self.rows, self.implicit = (
            np.zeros((count, size), np.float32) for count in (COLUMNS, ROWS, ROWS, COLUMNS)
        )
        for array in (self.others, self.expected, self.implicit):
            array[:, :used] = generator.normal(size=(len(array), used))
        self.precision, self.alpha, self.key = generator.uniform(1, 3, size), 1.4, np.uint64(seed + 5)
        self.noisy, self.noise_precision = True, generator.uniform(0.5, 2, COLUMNS)
        self.own = generator.uniform(0.5, 2, ROWS)
        self.squares, self.weight = np.full(ROWS, np.nan), generator.uniform(0.2, 1, ROWS).astype(np.float32)

    def draw_rows(self, first: int = 0, last: int = ROWS) -> None:
        rated = self.rated
        draw_rows(
            first, last, rated.start, rated.column, self.value, self.others, self.noise_precision, self.alpha,
            self.own, self.precision, self.used, self.expected, self.noisy, self.key, self.rows, self.squares,
        )  # fmt: skip

    def of_row(self, row: int) -> tuple[np.ndarray, ...]:
        """Return what the oracle takes of a row, all but the key."""
        mine = slice(self.rated.start[row], self.rated.start[row + 1])
        return (
            self.rated.column[mine], self.value[mine], self.others[:, : self.used], self.noise_precision,
            self.alpha * self.own[row], self.precision[: self.used], self.expected[row, : self.used],
        )  # fmt: skip


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize("used", [1, 5, 16, 19])
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_the_oracle(seed, used, noisy):
    case = Case(seed, used)
    case.noisy = noisy

    case.draw_rows()

    for row in range(ROWS):
        drawn, squares = drawn_row(*case.of_row(row), derive(int(case.key), row), noisy)
        np.testing.assert_allclose(case.rows[row, :used], drawn, rtol=1e-4, atol=1e-5)
        assert case.squares[row] == pytest.approx(squares, rel=1e-4)
    assert not case.rows[:, used:].any()


def test_only_the_rows_of_a_call_are_drawn():
    case = Case(1)

    case.draw_rows(2, 4)

    np.testing.assert_array_equal(np.flatnonzero(case.rows[:, 0]), [2, 3])


def test_a_row_of_many_stretches_is_that_of_the_oracle():
    case, count = Case(2), 3 * STRETCH + 5
    generator = np.random.default_rng(0)
    column = generator.integers(COLUMNS, size=count).astype(np.int32)
    case.value = generator.normal(size=count).astype(np.float32)
    case.rated = CompressedRows(np.array([0, count]), column, np.zeros(count, np.uint8), COLUMNS)

    case.draw_rows(0, 1)

    drawn, _ = drawn_row(*case.of_row(0), derive(int(case.key), 0))
    np.testing.assert_allclose(case.rows[0, : case.used], drawn, rtol=1e-4, atol=1e-5)


def test_many_draws_have_the_mean_and_the_covariance_of_the_posterior():
    case, drawn = Case(1), []
    for number in range(4000):
        case.key = np.uint64(number)
        case.draw_rows()
        drawn.append(case.rows[:, : case.used].copy())

    for row in range(ROWS):
        mean, covariance = posterior(*case.of_row(row))
        found, deviation = np.array(drawn)[:, row], np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(
            found.mean(axis=0), mean, rtol=0, atol=4.5 * deviation.max() / np.sqrt(4000)
        )
        np.testing.assert_allclose(
            np.cov(found.T) / np.outer(deviation, deviation),
            covariance / np.outer(deviation, deviation),
            atol=0.1,
        )


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_what_columns_add_is_that_of_the_oracle_and_what_is_left_follows(seed, noisy):
    case, generator = Case(seed, used=19), np.random.default_rng(seed)
    by_column = case.rated.transposed()
    gain = np.bincount(case.rated.column, case.weight[case.rated.row_of_each()].astype(float) ** 2, COLUMNS)
    lanes = padded(case.used) // LANES
    scale, own, prior = generator.uniform(0.5, 2, (3, lanes, LANES))
    left = generator.normal(size=(lanes, ROWS, LANES)).astype(np.float32)
    implicit = generator.normal(size=(lanes, COLUMNS, LANES)).astype(np.float32)
    before = left.copy(), implicit.copy()

    for first, last in ((0, 7), (7, COLUMNS)):
        draw_implicit(
            first, last, by_column.start, by_column.column, case.weight, gain, scale, own, prior,
            noisy, case.key, left, implicit,
        )  # fmt: skip

    for lane in range(lanes):
        for k in range(LANES):
            drawn, rest = drawn_implicit(
                case.pairs, case.weight.astype(float), scale[lane, k], own[lane, k], prior[lane, k],
                lambda column, lane=lane, k=k: (derive(derive(int(case.key), lane), column), k),
                before[0][lane, :, k], before[1][lane, :, k], noisy,
            )  # fmt: skip
            np.testing.assert_allclose(implicit[lane, :, k], drawn, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(left[lane, :, k], rest, rtol=1e-4, atol=1e-5)


def test_what_is_added_to_rows_is_the_weighted_sum_over_their_columns():
    case, added = Case(4), np.full((ROWS, LANES), np.nan, np.float32)
    rated = np.zeros((ROWS, COLUMNS))
    rated[tuple(np.transpose(case.pairs))] = 1

    add_implicit(0, ROWS, case.rated.start, case.rated.column, case.weight, case.implicit, added)

    np.testing.assert_allclose(added, case.weight[:, None] * (rated @ case.implicit), rtol=1e-5, atol=1e-6)


def items_of(seed: int, samples: int = 8, items: int = 6, used: int = 4) -> ItemSamples:
    generator = np.random.default_rng(seed)
    size = padded(used)
    factors, implicit = np.zeros((2, samples, items + 1, size), np.float32)
    factors[:, :, :used] = generator.normal(0, 0.5, (samples, items + 1, used))
    implicit[:, :-1, :used] = generator.normal(0, 0.2, (samples, items, used))
    mean, precision = np.zeros((samples, size)), np.ones((samples, size))
    mean[:, :used] = generator.normal(0, 0.1, (samples, used))
    precision[:, :used] = generator.uniform(1, 4, (samples, used))
    noise_precision = generator.uniform(0.5, 2, (samples, items + 1)).astype(np.float32)
    return ItemSamples(
        factors, implicit, mean, precision, noise_precision, generator.uniform(0.8, 1.6, samples)
    )


def ask(items: ItemSamples, rated: dict[int, float], asked: list[tuple[int, float]]) -> np.ndarray:
    """Return mean, mean square and variance of items that a user, the second of three, is asked for."""
    mean, square, variance = np.full((3, len(asked)), np.nan)
    start = np.array([0, 0, len(rated), len(rated)])
    ask_start = np.array([0, 0, len(asked), len(asked)])
    fold_in(
        start,
        np.array(list(rated), np.int32),
        np.array(list(rated.values()), np.float64),
        ask_start,
        np.array([item for item, _ in asked], np.int32),
        np.array([own for _, own in asked], np.float64),
        items,
        3.5,
        1.0,
        5.0,
        mean,
        square,
        variance,
    )
    return np.stack([mean, square, variance])


@pytest.mark.parametrize("rated", [{}, {2: 4.0}, {0: 1.0, 3: 5.0, 4: 2.0}])
def test_folding_in_is_that_of_dense_algebra(rated):
    items = items_of(3)

    found = ask(items, rated, [(1, np.nan), (5, np.nan), (6, np.nan)])

    for place, item in enumerate((1, 5, 6)):
        np.testing.assert_allclose(found[:, place], folded(items, 3.5, rated, item, (1.0, 5.0)), rtol=1e-5)


@pytest.mark.parametrize("own", [0, 3, 4])
def test_an_own_rating_is_left_out_as_if_it_were_not_there(own):
    items, rated = items_of(4), {0: 1.0, 3: 5.0, 4: 2.0}

    found = ask(items, rated, [(1, np.nan), (own, rated[own])])

    others = {item: value for item, value in rated.items() if item != own}
    np.testing.assert_allclose(found[:, 1], ask(items, others, [(own, np.nan)])[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found[:, 0], ask(items, rated, [(1, np.nan)])[:, 0], rtol=1e-12)
