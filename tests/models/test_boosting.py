"""Boosted trees: they find steps, split as exhaustive search does, and stop where nothing is left."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.models.boosting import DEPTH, FEWEST, PULL, RATE, Trees, fit_trees


def rows(seed: int, count: int = 2_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(count, 4))
    return features, generator.normal(size=count), np.arange(count) % 5


def test_a_step_of_two_features_is_found() -> None:
    features, noise, part = rows(0)
    truth = np.where((features[:, 1] > 0) & (features[:, 2] > 0.5), 2.0, 0.0)

    trees = fit_trees(features, truth + 0.5 * noise, part)

    assert len(trees.value) > 20
    assert np.mean((trees.said(features) - truth) ** 2) < 0.05


def test_nothing_left_over_grows_no_trees() -> None:
    features, _, part = rows(1)

    assert len(fit_trees(features, np.zeros(len(features)), part).value) == 0


def test_the_first_split_is_the_best_there_is() -> None:
    features, noise, part = rows(2, 500)
    rest = noise + 1.5 * (features[:, 3] > 0.2)

    trees = fit_trees(features, rest, part)

    best = (-np.inf, 0, 0.0)
    for feature, column in enumerate(features.T):
        for threshold in np.quantile(column, np.arange(1, 32) / 32, method="lower"):
            left = column <= threshold
            if FEWEST <= left.sum() <= len(rest) - FEWEST:
                gain = sum(rest[side].sum() ** 2 / (side.sum() + PULL) for side in (left, ~left))
                best = max(best, (gain, feature, threshold))
    assert (trees.feature[0, 0], trees.threshold[0, 0]) == best[1:]


def test_ends_add_a_share_of_their_mean() -> None:
    features, noise, part = rows(3)
    rest = noise + 2 * (features[:, 0] > 0)

    first = fit_trees(features, rest, part).first(1)

    said = first.said(features)
    for value in np.unique(said):
        there = said == value
        assert value == pytest.approx(RATE * rest[there].sum() / (there.sum() + PULL))
        assert there.sum() >= FEWEST
    assert len(np.unique(said)) <= 2**DEPTH


def test_no_trees_say_nothing() -> None:
    assert Trees.none().said(np.ones((3, 4))) == pytest.approx(np.zeros(3))
