"""Folding a visible group in, against the oracle's regression and against its minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.folding import STEPS, fold_in_groups
from tests.reference_folding import Regression


@dataclass(frozen=True)
class Sizes:
    """Groups to fold in, rows that they may have rated, levels, features, and functions of the level.

    Of 0 functions weights are by level.
    """

    groups: int
    rows: int
    levels: int
    features: int
    functions: int = 0


@dataclass(frozen=True)
class Folding:
    """What `fold_in_groups` takes, all but its result."""

    start: np.ndarray
    row: np.ndarray
    level: np.ndarray
    features: np.ndarray
    offset: np.ndarray
    penalty: np.ndarray
    rotation: np.ndarray
    functions: int
    centre: np.ndarray

    def run(self) -> np.ndarray:
        """Return the parameters that the kernel finds, (G, K, P + 1)."""
        value = np.full_like(self.centre, np.nan)
        fold_in_groups(
            self.start,
            self.row,
            self.level,
            self.features,
            self.offset,
            self.penalty,
            self.rotation,
            self.functions,
            self.centre,
            value,
        )
        return value

    def regressions(self) -> list[Regression]:
        """Return the same problem, group by group, for the oracle."""
        problems = []
        for group, centre in enumerate(self.centre):
            mine = slice(self.start[group], self.start[group + 1])
            rows = self.row[mine]
            problems.append(
                Regression(
                    np.hstack([self.features[rows].astype(np.float64), np.ones((len(rows), 1))]),
                    self.offset[mine].astype(np.float64),
                    self.level[mine],
                    self.penalty,
                    centre,
                    self.rotation,
                    self.functions,
                )
            )
        return problems


def random_folding(sizes: Sizes, seed: int, pull: float = 1.0) -> Folding:
    """Return groups that have rated a random half of the rows; `pull` is their penalty, about."""
    generator = np.random.default_rng(seed)
    group, row = np.nonzero(generator.random((sizes.groups, sizes.rows)) < 0.5)
    levels, functions = sizes.levels, sizes.functions or sizes.levels
    rotation = np.eye(levels)
    if sizes.functions:
        rotation = np.ascontiguousarray(np.linalg.qr(generator.standard_normal((levels, levels)))[0])
    centre = generator.standard_normal((sizes.groups, levels, sizes.features + 1))
    centre[:, functions:, :-1] = 0.0
    return Folding(
        np.concatenate(([0], np.cumsum(np.bincount(group, minlength=sizes.groups)))).astype(np.int64),
        row.astype(np.int32),
        generator.integers(levels, size=len(row)).astype(np.uint8),
        generator.random((sizes.rows, sizes.features)).astype(np.float32),
        generator.standard_normal((len(row), levels)).astype(np.float32),
        pull * generator.uniform(0.5, 2.0, sizes.features + 1),
        rotation,
        functions,
        centre,
    )


@pytest.mark.parametrize("functions", [0, 1, 2])
@pytest.mark.parametrize("levels", [3, 5, 11])
@pytest.mark.parametrize("features", [1, 6, 9])
def test_folded_in_parameters_agree_with_the_oracle(features, levels, functions):
    sizes = Sizes(groups=3, rows=12, levels=levels, features=features, functions=functions)
    folding = random_folding(sizes, seed=levels + features)

    value = folding.run()

    expected = [problem.after(STEPS) for problem in folding.regressions()]
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9)


def test_functions_without_weights_keep_none_and_have_a_bias():
    folding = random_folding(Sizes(groups=2, rows=12, levels=5, features=4, functions=2), seed=6)

    value = folding.run()

    assert not value[:, 2:, :-1].any()
    assert (value[:, :, -1] != folding.centre[:, :, -1]).all()


def test_a_group_without_ratings_is_its_centre():
    folding = random_folding(Sizes(groups=2, rows=0, levels=3, features=4), seed=1)

    value = folding.run()

    np.testing.assert_array_equal(value, folding.centre)


def test_a_strong_penalty_keeps_a_group_at_its_centre():
    folding = random_folding(Sizes(groups=2, rows=10, levels=3, features=4), seed=2, pull=1e9)

    value = folding.run()

    np.testing.assert_allclose(value, folding.centre, atol=1e-6)


@pytest.mark.parametrize("functions", [0, 2])
@pytest.mark.parametrize("rows", [4, 40, 200])
def test_the_steps_taken_end_near_the_minimum(rows, functions):
    sizes = Sizes(groups=1, rows=rows, levels=5, features=3, functions=functions)
    folding = random_folding(sizes, seed=rows)
    (problem,) = folding.regressions()

    (value,) = folding.run()

    lowest = problem.after(5000)
    assert np.abs(problem.slope(lowest)).max() < 1e-6
    gained, possible = (problem.loss(problem.centre) - problem.loss(end) for end in (value, lowest))
    assert gained > 0.99 * possible


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.builds(
        Sizes,
        groups=st.integers(1, 3),
        rows=st.integers(0, 12),
        levels=st.integers(3, 11),
        features=st.integers(1, 6),
        functions=st.integers(0, 2),
    ),
    pull=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_folding_in_never_fits_worse_than_the_centre(sizes, pull, seed):
    folding = random_folding(sizes, seed, pull)

    values = folding.run()

    assert np.isfinite(values).all()
    for problem, value in zip(folding.regressions(), values, strict=True):
        assert problem.loss(value) <= problem.loss(problem.centre) + 1e-9


@pytest.mark.parametrize("functions", [0, 2])
def test_the_slope_of_the_oracle_is_that_of_its_loss(functions):
    sizes = Sizes(groups=1, rows=8, levels=3, features=2, functions=functions)
    (problem,) = random_folding(sizes, seed=3).regressions()
    step = 1e-5

    slopes = np.zeros_like(problem.centre)
    for place in np.ndindex(slopes.shape):
        moved = np.zeros_like(slopes)
        moved[place] = step
        above, below = problem.loss(problem.centre + moved), problem.loss(problem.centre - moved)
        slopes[place] = (above - below) / (2 * step)

    if functions:
        slopes[functions:, :-1] = 0.0
    np.testing.assert_allclose(problem.slope(problem.centre), slopes, atol=1e-7)
