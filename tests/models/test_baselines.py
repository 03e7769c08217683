"""The baselines are the means and ridge solutions they claim to be, and clip and fall back as told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.models.baselines import BiasModel, History, choose_lambdas, fit_baselines, fit_user_item_bias
from rbmcli.models.metrics import rmse

UNSEEN = np.array([-1])


def history_of(*rows: tuple[int, int, float]) -> History:
    user, item, rating = (np.array(column) for column in zip(*rows, strict=True))
    return History(
        user.astype(np.int32),
        item.astype(np.int32),
        rating.astype(np.float64),
        user.max() + 1,
        item.max() + 1,
    )


def random_history(seed: int, n_users: int = 12, n_items: int = 9) -> History:
    generator = np.random.default_rng(seed)
    chosen = np.flatnonzero(generator.random(n_users * n_items) < 0.6)
    ratings = generator.integers(1, 6, len(chosen)).astype(np.float64)
    user, item = (index.astype(np.int32) for index in np.divmod(chosen, n_items))
    return History(user, item, ratings, n_users, n_items)


def by_name(history: History) -> dict[str, BiasModel]:
    return {baseline.name: baseline for baseline in fit_baselines(history)}


def test_there_are_three_baselines() -> None:
    assert list(by_name(random_history(0))) == ["global mean", "item mean", "user+item bias"]


def test_the_global_mean_predicts_the_mean_of_all_ratings() -> None:
    baseline = by_name(history_of((0, 0, 1.0), (1, 0, 2.0), (1, 1, 6.0)))["global mean"]

    assert baseline.predict(np.array([0, 1, -1]), np.array([0, 1, -1])) == pytest.approx([3.0, 3.0, 3.0])


def test_the_item_mean_predicts_the_items_mean_and_the_global_mean_of_an_unseen_item() -> None:
    baseline = by_name(history_of((0, 0, 1.0), (1, 0, 2.0), (1, 1, 6.0)))["item mean"]

    assert baseline.predict(np.array([0, 0, 0]), np.array([0, 1, -1])) == pytest.approx([1.5, 6.0, 3.0])


def test_an_item_without_ratings_left_has_the_global_mean() -> None:
    history = history_of((0, 0, 1.0), (1, 1, 5.0), (0, 2, 3.0)).part(np.array([True, True, False]))

    assert by_name(history)["item mean"].predict(np.array([0]), np.array([2])) == pytest.approx([3.0])


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lambda_user=st.sampled_from([0.5, 5.0]),
    lambda_item=st.sampled_from([1.0, 10.0]),
)
def test_the_biases_solve_the_ridge_regression_that_the_docstring_states(
    seed: int, lambda_user: float, lambda_item: float
) -> None:
    history = random_history(seed)
    n = len(history.rating)
    design = np.zeros((n, history.n_users + history.n_items))
    design[np.arange(n), history.user] = 1
    design[np.arange(n), history.n_users + history.item] = 1
    penalty = np.diag([lambda_user] * history.n_users + [lambda_item] * history.n_items)
    centred = history.rating - history.rating.mean()
    expected = np.linalg.solve(design.T @ design + penalty, design.T @ centred)

    model = fit_user_item_bias(history, lambda_user, lambda_item, sweeps=500)

    assert np.concatenate([model.user_bias, model.item_bias]) == pytest.approx(expected, abs=1e-3)


def test_an_unseen_user_and_item_have_no_bias() -> None:
    model = fit_user_item_bias(random_history(1), 5.0, 5.0)

    assert model.predict(UNSEEN, UNSEEN) == pytest.approx([model.mean])
    assert model.predict(UNSEEN, np.array([2])) == pytest.approx([model.mean + model.item_bias[2]])
    assert model.predict(np.array([3]), UNSEEN) == pytest.approx([model.mean + model.user_bias[3]])


def test_predictions_are_clipped_to_the_scale_of_the_history() -> None:
    model = BiasModel("", 3.0, np.array([9.0, -9.0]), np.zeros(1), 1.0, 5.0)

    assert model.predict(np.array([0, 1]), np.array([0, 0])) == pytest.approx([5.0, 1.0])


def test_one_rating_is_enough() -> None:
    baselines = fit_baselines(history_of((0, 0, 4.0)))

    assert [float(each.predict(UNSEEN, UNSEEN)[0]) for each in baselines] == [4.0, 4.0, 4.0]


def test_strong_user_biases_are_penalised_less_than_none() -> None:
    generator = np.random.default_rng(0)
    user, item = (index.ravel().astype(np.int32) for index in np.indices((100, 20)))
    noise = generator.normal(0, 0.3, 2000)
    strong = History(user, item, 3 + generator.normal(0, 2, 100)[user] + noise, 100, 20)
    absent = History(user, item, 3 + noise, 100, 20)

    assert choose_lambdas(strong)[0] < choose_lambdas(absent)[0]


def test_on_the_sample_each_baseline_beats_the_one_before(sample_ratings: Path) -> None:
    table = pyarrow.csv.read_csv(sample_ratings)
    user, item = (
        np.unique(table[name].to_numpy(), return_inverse=True)[1].astype(np.int32)
        for name in ("user", "item")
    )
    rating = table["rating"].to_numpy().astype(np.float64)
    sample = History(user, item, rating, user.max() + 1, item.max() + 1)
    held_out = np.random.default_rng(1).random(len(rating)) < 0.1

    baselines = fit_baselines(sample.part(~held_out))
    errors = [rmse(each.predict(user[held_out], item[held_out]), rating[held_out]) for each in baselines]

    assert errors[0] > errors[1] > errors[2]
