"""Draws of a factorization and folding into it, against the oracle, and against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.factor_folding import ItemSamples, fold_in
from rbmcli.kernels.factorization import draw_implicit, draw_own, move_residuals
from tests.reference_factorization import drawn_implicit, drawn_own, folded

ROWS, COLUMNS = 7, 5


class Case:
    """Some ratings in rows, with factors of both sides and residuals."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        row, column = np.nonzero(generator.random((ROWS, COLUMNS)) < 0.5)
        self.rated = CompressedRows.build(
            row.astype(np.int32), column.astype(np.int32), np.zeros(len(row), np.uint8), (ROWS, COLUMNS)
        )
        # Where residuals stand is another order than that of the rows.
        self.place = generator.permutation(len(row)).astype(np.int32)
        self.ratings = [(0, 0)] * len(row)
        for entry, at in enumerate(self.place):
            self.ratings[at] = (int(row[entry]), int(column[entry]))
        self.residual = generator.normal(size=len(row))
        self.other, self.own = generator.normal(size=COLUMNS), generator.normal(size=ROWS)
        self.implicit = generator.normal(size=COLUMNS)
        self.weight = generator.uniform(0.2, 1, ROWS)
        self.prior = np.array([0.3, 1.7])
        self.alpha, self.key = 1.4, np.uint64(seed + 5)
        self.gain, self.pull, self.change = np.full((3, ROWS), np.nan)

    def draw_own(self) -> None:
        rated = self.rated
        draw_own(
            rated.start, rated.column, self.place, self.residual, self.other, self.alpha, self.prior,
            self.key, self.own, self.gain, self.pull, self.change,
        )  # fmt: skip

    def draw_implicit(self) -> None:
        by_column = self.rated.transposed()
        draw_implicit(
            by_column.start, by_column.column, self.weight, self.alpha, self.prior, self.key,
            self.implicit, self.gain, self.pull, self.change,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_own_factors_are_those_of_the_oracle(seed):
    case = Case(seed)
    before = case.own.copy()
    expected = drawn_own(
        case.ratings, case.residual, case.other, case.alpha, case.prior, int(case.key), case.own
    )

    case.draw_own()

    np.testing.assert_allclose(case.own, expected, rtol=1e-6)
    np.testing.assert_allclose(case.change, expected - before, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_what_columns_add_is_that_of_the_oracle_and_residuals_follow(seed):
    case = Case(seed)
    before = case.own.copy()
    case.draw_own()
    after_own = case.residual.copy()
    for place, (row, column) in enumerate(case.ratings):
        after_own[place] -= (case.own[row] - before[row]) * case.other[column]
    added, residual = drawn_implicit(
        case.ratings, after_own, case.other, case.weight, case.alpha, case.prior, int(case.key), case.implicit
    )
    total = before.copy()

    case.draw_implicit()
    move_residuals(
        case.rated.start, case.rated.column, case.place, case.other, case.change, total, case.residual
    )

    np.testing.assert_allclose(case.implicit, added, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(case.residual, residual, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(total - before, case.change, rtol=1e-12)


def test_many_draws_have_the_mean_and_the_variance_of_the_posterior():
    case = Case(1)
    target = case.residual.copy()
    for place, (row, column) in enumerate(case.ratings):
        target[place] += case.own[row] * case.other[column]
    drawn = []
    for number in range(4000):
        case.key = np.uint64(number)
        case.own[:] = 0.0
        case.residual[:] = target
        case.draw_own()
        drawn.append(case.own.copy())

    for row in range(ROWS):
        mine = [n for n, (r, _) in enumerate(case.ratings) if r == row]
        x = np.array([case.other[case.ratings[n][1]] for n in mine])
        precision = case.prior[1] + case.alpha * x @ x
        mean = (case.prior[1] * case.prior[0] + case.alpha * x @ target[mine]) / precision
        found = np.array(drawn)[:, row]
        assert found.mean() == pytest.approx(mean, abs=4 / np.sqrt(4000 * precision))
        assert found.var() == pytest.approx(1 / precision, rel=0.1)


def items_of(seed: int, samples: int = 8, items: int = 6, size: int = 4) -> ItemSamples:
    generator = np.random.default_rng(seed)
    features = generator.normal(0, 0.5, (samples, items + 1, size)).astype(np.float32)
    features[:, :, -1] = 1
    implicit = generator.normal(0, 0.2, features.shape).astype(np.float32)
    implicit[:, -1] = 0
    return ItemSamples(
        features,
        implicit,
        generator.normal(0, 0.3, (samples, items + 1)).astype(np.float32),
        generator.normal(0, 0.1, (samples, size)),
        generator.uniform(1, 4, (samples, size)),
        generator.uniform(0.8, 1.6, samples),
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
        np.testing.assert_allclose(found[:, place], folded(items, 3.5, rated, item, (1.0, 5.0)), rtol=1e-6)


@pytest.mark.parametrize("own", [0, 3, 4])
def test_an_own_rating_is_left_out_as_if_it_were_not_there(own):
    items, rated = items_of(4), {0: 1.0, 3: 5.0, 4: 2.0}

    found = ask(items, rated, [(1, np.nan), (own, rated[own])])

    others = {item: value for item, value in rated.items() if item != own}
    np.testing.assert_allclose(found[:, 1], ask(items, others, [(own, np.nan)])[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found[:, 0], ask(items, rated, [(1, np.nan)])[:, 0], rtol=1e-12)
