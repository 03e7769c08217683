"""What a model keeps of its training: ids, counts, base rates, states, and the figures of the epochs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.scoring import NOT_OWN
from tests import reference
from tests.models.dense import DenseModel, Pairs, column_rates, smoothed
from tests.models.held_out import SCALE, every_tenth, fit_on, levelled
from tests.recorder import Recorder
from tests.small_ratings import ALL_WAYS, HIDDEN, quick, ratings, rows_of, table_of, tastes, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])


@BOTH
def test_a_model_keeps_counts_and_base_rates_of_both_sides(by: str) -> None:
    table, model = ratings(), trained(by)
    overall = np.bincount(np.array(table["rating"], int) - 1, minlength=5) + 1.0
    overall /= overall.sum()

    np.testing.assert_allclose(model.global_prior, overall, rtol=1e-6)
    for side, ids, total in (
        (by, model.row_ids, model.row_ratings),
        ("item" if by == "user" else "user", model.column_ids, model.column_ratings),
    ):
        for place, name in enumerate(ids.values.to_pylist()):
            mine = [row[2] for row in rows_of(table) if row[0 if side == "user" else 1] == name]
            counts = np.bincount(np.array(mine, int) - 1, minlength=5)
            assert total[place] == len(mine)
            if side == by:
                np.testing.assert_allclose(model.row_prior[place], smoothed(counts, model), rtol=2e-5)
    of_columns = list(column_rates(model, table).values())
    np.testing.assert_allclose(model.column_prior, of_columns, rtol=1e-4)


def test_only_a_model_of_items_keeps_the_states_of_its_rows() -> None:
    table, model = ratings(), trained("item")
    dense = DenseModel(model, table)

    assert trained("user").states is None
    assert model.states is not None
    for place, item in enumerate(model.row_ids.values.to_pylist()):
        visible = dense.visible([(user, rating) for user, i, rating in rows_of(table) if i == item])
        assert model.states.counts[place].tolist() == visible.sum(axis=0).tolist()
        rated = visible.any(axis=1)
        prior = model.column_prior[rated].astype(np.float64)
        np.testing.assert_allclose(model.states.base[place], prior.sum(axis=0), rtol=1e-5)
        spread = reference.variance(prior, model.row_smoothing.values).sum()
        np.testing.assert_allclose(model.states.spread[place], spread, rtol=1e-5)


@BOTH
def test_who_only_stands_in_a_validation_file_is_none_of_the_model(by: str) -> None:
    table = pa.concat_tables([ratings(), table_of(["late", "u00"], [100, 777], [1, 2])])
    held_out = np.arange(table.num_rows) >= table.num_rows - 2

    model = fit_on(table, held_out, quick(by, validation="file"))

    assert "late" not in model.user_ids.values.to_pylist()
    assert 777 not in model.item_ids.values.to_pylist()
    assert len(model.parameters.weights) == len(model.column_ids)
    assert model.row_ratings.sum() == model.column_ratings.sum() == ratings().num_rows
    assert len(model.user_hash) == len(model.user_ids)


@BOTH
@ALL_WAYS
@pytest.mark.parametrize("with_pairs", [False, True])
def test_the_figures_of_validation_are_those_of_predictions_from_the_training_ratings(
    by: str, changes: dict, with_pairs: bool
) -> None:
    table = tastes()
    held_out = every_tenth(table)
    asked = rows_of(table.filter(pa.array(held_out)))
    # Of the pairs to predict every second one is known to have been rated.
    pairs = [row[:2] for row in asked][::2] if with_pairs else []

    model = fit_on(table, held_out, quick(by, validation="file", **changes), also_rated=pairs)

    dense = DenseModel(model, table.filter(pa.array(~held_out)), pairs)
    exact = model.settings.inference == "exact"
    shares = np.array([dense.score_pair(dense.training, user, item, exact=exact) for user, item, _ in asked])
    rating = np.array([row[2] for row in asked])
    best = model.record["epochs"][model.record["best_epoch"] - 1]
    error = shares @ SCALE.values - rating
    true = shares[np.arange(len(rating)), rating.astype(int) - 1]
    assert best["valid_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-5)
    assert best["valid_nll"] == pytest.approx(-np.log(true).mean(), abs=1e-5)


@BOTH
def test_held_out_ratings_change_nothing_that_is_learned(by: str) -> None:
    table = ratings()
    held_out = every_tenth(table)
    other = table.set_column(
        2, "rating", pa.array(np.where(held_out, 1, table["rating"].to_numpy()).astype(np.float32))
    )

    one, two = (fit_on(each, held_out, quick(by, validation="file")) for each in (table, other))
    last = min(one.record["best_epoch"], two.record["best_epoch"])

    losses = [[report["loss"] for report in model.record["epochs"][:last]] for model in (one, two)]
    assert losses[0] == losses[1]
    assert one.record["epochs"][0]["valid_rmse"] != two.record["epochs"][0]["valid_rmse"]
    np.testing.assert_array_equal(one.global_prior, two.global_prior)
    np.testing.assert_array_equal(one.column_prior, two.column_prior)


# Pairs of unknown rating.


@BOTH
@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_pairs_of_unknown_rating_are_counted_once_beyond_what_is_trained_on(by: str, objective: str) -> None:
    table = ratings()
    held_out = every_tenth(table)
    settings = quick(by, validation="file", objective=objective)
    unrated = [("u00", item) for item in range(100, 112) if ("u00", item) not in _pairs_of(table)]
    pairs = [*_pairs_of(table), *unrated, *unrated, ("nobody", 100), ("u00", 999)]

    model = fit_on(table, held_out, settings, also_rated=pairs)

    # Of the ratings those held out are not trained on, so that their pairs count.
    assert model.record["n_also_rated"] == len(unrated) + np.count_nonzero(held_out)
    assert fit_on(table, held_out, settings).record["n_also_rated"] == 0


@BOTH
@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_pairs_of_unknown_rating_are_learned_from_by_a_conditional_model_alone(
    by: str, objective: str
) -> None:
    table, none = ratings(), np.zeros(ratings().num_rows, bool)
    unrated = [("u00", item) for item in range(100, 112) if ("u00", item) not in _pairs_of(table)]
    assert unrated

    def learned(conditional: bool, pairs: Pairs) -> Parameters:
        settings = quick(by, conditional=conditional, objective=objective)
        return fit_on(table, none, settings, also_rated=pairs).parameters

    assert np.abs(learned(True, unrated).conditional - learned(True, []).conditional).max() > 1e-3
    np.testing.assert_allclose(learned(False, unrated).weights, learned(False, []).weights, atol=1e-6)


def _pairs_of(table: pa.Table) -> list[tuple[object, object]]:
    return [row[:2] for row in rows_of(table)]


# What is recorded.


def test_the_record_holds_the_figures_of_every_epoch_and_nothing_of_the_machine() -> None:
    recorder = Recorder()

    model = fit_on(ratings(), every_tenth(ratings()), quick(validation="holdout"), recorder)

    assert [set(figures) for figures in model.record["epochs"]] == [
        {"epoch", "loss", "valid_rmse", "valid_nll"}
    ] * len(recorder.reports)
    assert [figures["loss"] for figures in model.record["epochs"]] == [
        report.loss for report in recorder.reports
    ]


def test_validation_pairs_are_dealt_to_their_rows_with_none_of_them_in_it() -> None:
    table = table_of(["c", "a", "c", "b", "d"], [102, 103, 101, 101, 100], [2, 3, 4, 1, 5])
    offset = np.arange(25, dtype=np.float32).reshape(5, 5)

    pairs = levelled(table).validation("user", np.array([True, True, True, False, False]), offset)

    assert pairs.asked.start.tolist() == [0, 1, 1, 3, 3]
    assert pairs.asked.column.tolist() == [3, 1, 2]
    assert pairs.level.tolist() == [2, 3, 1]
    assert pairs.rating.tolist() == [3, 4, 2]
    assert set(pairs.asked.own.tolist()) == {NOT_OWN}
    assert pairs.asked.offset[:, 0].tolist() == [5, 10, 0]


@BOTH
def test_single_ratings_of_users_and_of_items_are_fine(by: str) -> None:
    table = table_of(["a", "b", "c", "c"], [1, 2, 3, 1], [1, 5, 3, 2])

    model = fit_on(table, np.zeros(4, bool), quick(by))

    assert model.parameters.is_finite()
    assert model.parameters.weights.shape[2] >= HIDDEN
    assert len(model.row_ids) == len(model.column_ids) == 3


@pytest.mark.parametrize("by", ["user", "item"])
def test_a_column_that_is_only_held_out_has_no_parameters_and_is_none_of_the_model(by: str) -> None:
    table = pa.concat_tables([ratings(), table_of(["u00", "late"], [999, 100], [4, 2])])
    held_out = np.arange(table.num_rows) >= table.num_rows - 2

    model = fit_on(table, held_out, quick(by, validation="holdout"))

    side, gone = ("item", 999) if by == "user" else ("user", "late")
    ids = model.item_ids if side == "item" else model.user_ids
    assert gone not in ids.values.to_pylist()
    assert model.column_ratings.min() > 0
