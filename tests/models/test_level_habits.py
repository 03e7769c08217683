"""Level habits: who gives no half stars is found out, and what means nothing adds nothing."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.models.level_habits import LevelHabits, fit_habits
from rbmcli.models.metrics import nll

LEVELS = 6


def planted(generator: np.random.Generator, pairs: int) -> tuple[np.ndarray, ...]:
    """Return what is known of pairs: half of the users give even levels alone, whatever the mean says."""
    even = generator.random(pairs) < 0.5
    centre = generator.uniform(1, 4, pairs)
    plain = np.exp(-((np.arange(LEVELS) - centre[:, None]) ** 2) / 2)
    kinds = [plain * share for share in (np.ones(LEVELS), np.where(np.arange(LEVELS) % 2 == 1, 0.02, 1.0))]
    of_kind = [each / each.sum(axis=1, keepdims=True) for each in kinds]
    # Who does not know the user knows the mean of both.
    probability, true = (of_kind[0] + of_kind[1]) / 2, np.where(even[:, None], of_kind[1], of_kind[0])
    overall = true.mean(axis=0)
    shares = np.where(even[:, None] & (np.arange(LEVELS) % 2 == 1), 0.02, 1.0) * overall
    shares /= shares.sum(axis=1, keepdims=True)
    count = np.stack([generator.multinomial(40, row) for row in shares])
    level = np.array([generator.choice(LEVELS, p=row) for row in true])
    item_share = np.tile(overall, (pairs, 1))
    return probability, count, item_share, overall, level


def test_users_who_use_half_of_the_levels_are_found_out() -> None:
    generator = np.random.default_rng(0)
    *fitted_on, level = planted(generator, 2_000)
    *others, truth = planted(generator, 2_000)

    habits = fit_habits(*fitted_on, level)

    before, after = nll(others[0], truth), nll(habits.added(*others), truth)
    assert after < before - 0.05
    assert habits.added(*others).sum(axis=1) == pytest.approx(np.ones(2_000), abs=1e-5)
    # The rest is what it is about; and of items nothing is known.
    assert habits.weights[2] > 0.6
    assert habits.weights[3:] == pytest.approx(np.zeros(3), abs=1e-6)


def test_no_other_weights_make_the_true_levels_more_probable() -> None:
    generator = np.random.default_rng(1)
    *known, level = planted(generator, 300)
    habits = fit_habits(*known, level)

    def loss(weights: np.ndarray) -> float:
        found = LevelHabits(habits.strength, weights).added(*known).astype(np.float64)
        return 300 * nll(found, level) + weights @ weights / 2

    best = loss(habits.weights)
    for _ in range(50):
        assert loss(habits.weights + generator.normal(0, 0.05, 6)) >= best - 1e-3


def test_habits_that_are_chance_change_little() -> None:
    generator = np.random.default_rng(2)
    *known, level = planted(generator, 3_000)
    *others, truth = planted(generator, 3_000)
    known[1], others[1] = generator.permutation(known[1]), generator.permutation(others[1])

    habits = fit_habits(*known, level)

    assert abs(habits.weights[2]) < 0.1
    assert nll(habits.added(*others), truth) == pytest.approx(nll(others[0], truth), abs=0.005)


def test_without_any_probabilities_stay_as_they_are() -> None:
    probability, count, item_share, overall, _ = planted(np.random.default_rng(3), 10)

    found = LevelHabits.none(LEVELS).added(probability, count, item_share, overall)

    np.testing.assert_array_equal(found, probability.astype(np.float32))


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_few_levels_have_fewer_parts(levels: int) -> None:
    generator = np.random.default_rng(levels)
    probability = generator.dirichlet(np.ones(levels), 50).astype(np.float32)
    count, overall = generator.integers(0, 9, (50, levels)), generator.dirichlet(np.ones(levels))

    habits = fit_habits(probability, count, probability, overall, generator.integers(0, levels, 50))

    assert len(habits.weights) == 2 * min(levels - 1, 3)
    assert np.isfinite(habits.added(probability, count, probability, overall)).all()


def test_plain_values_give_the_same_habits_back() -> None:
    habits = LevelHabits(10.0, np.arange(6.0))

    found = LevelHabits.from_dict(habits.as_dict(), LEVELS)

    assert found.strength == 10.0
    np.testing.assert_array_equal(found.weights, habits.weights)
    for wrong in ({"weights": [1.0]}, {"strength": 0}, {"weights": [np.inf] * 6}):
        with pytest.raises(ValueError, match="level habits"):
            LevelHabits.from_dict({**habits.as_dict(), **wrong}, LEVELS)
