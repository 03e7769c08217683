"""Models of several layers: what they predict, how they are learned and kept, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import rbmcli
from rbmcli.errors import UsageError
from rbmcli.kernels.folding import STEPS
from rbmcli.models.hidden_units import strongest_units
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import fingerprint, load_model, save_model
from tests import reference
from tests.models.dense import DenseModel
from tests.models.model_files import assert_same_model
from tests.models.tasks import SETTINGS, bytes_of, taste
from tests.models.test_fold_in import folded, regression_of
from tests.small_ratings import pairs_of, predicted, ratings, rows_of, table_of, trained, with_rating

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEMS = list(range(100, 112))
LAYERED = {
    "two": {"layers": "6,4"},
    "three, the first factored": {"layers": "6,9,3", "factors": 3, "learning_rate": 0.1},
    "two, at once": {"layers": "6,4", "objective": "discriminative", "network_rate": 0.03},
    "two, one by one and at once": {"layers": "6,4", "fine_tune": True, "level_functions": 2},
}
ALL_LAYERED = pytest.mark.parametrize("changes", LAYERED.values(), ids=LAYERED)
GREEDY = replace(SETTINGS, layers="10,6,4", epochs=3)


def with_strong_layers(model: Rbm) -> Rbm:
    """Return a model whose upper layers are random and far from small, with items' states as they were."""
    parameters, generator = model.parameters.copy(), np.random.default_rng(1)
    widths = [model.form.hidden, *model.form.upper]
    for layer, (below, above) in enumerate(pairwise(widths)):
        parameters.upper_weights[layer, :above, :below] = generator.standard_normal((above, below))
        parameters.decoding_weights[layer, :above, :below] = generator.standard_normal((above, below))
        parameters.upper_bias[layer, :above] = generator.standard_normal(above)
        parameters.decoding_bias[layer, :below] = generator.standard_normal(below)
    return replace(model, parameters=parameters)


@BOTH
@ALL_LAYERED
def test_predictions_agree_with_the_dense_twin_with_own_ratings_left_out(by: str, changes: dict) -> None:
    table, model = ratings(), with_strong_layers(trained(by, **changes))
    dense = DenseModel(model, table)
    pairs = [(user, item) for user in ("u00", "u07", "u29") for item in ITEMS]
    asked = table_of(*map(list, zip(*pairs, strict=True)), [0] * len(pairs)).select(["user", "item"])

    found = np.array([row["probabilities"] for row in predicted(model, table, asked)])

    expected = [dense.score_pair(table, *pair, exact=False) for pair in pairs]
    np.testing.assert_allclose(found, expected, atol=3e-5)
    without = replace(model, parameters=trained(by, **changes).parameters)
    flat = np.array([row["probabilities"] for row in predicted(without, table, asked)])
    assert np.abs(found - flat).max() > 1e-3


@ALL_LAYERED
def test_a_user_is_folded_in_on_what_columns_meet_of_the_items(changes: dict) -> None:
    model = with_strong_layers(trained("item", **changes))
    table = with_rating(ratings(), "new", 100, 5.0)
    for item in ITEMS[1:7]:
        table = with_rating(table, "new", item, float(1 + item % 5))

    weights, bias = folded(model, table, "new")

    regression = regression_of(model, table, "new")
    expected = regression.after(STEPS)
    value = np.zeros_like(expected)
    value[: weights.shape[0], :-1], value[:, -1] = weights, bias @ regression.rotation
    np.testing.assert_allclose(value, expected, atol=1e-4)
    assert np.abs(expected - regression.centre).max() > 0.01


@BOTH
@ALL_LAYERED
def test_a_model_is_read_back_to_the_last_bit_and_predicts_the_same(
    by: str, changes: dict, tmp_path: Path
) -> None:
    model = with_strong_layers(trained(by, **changes))
    save_model(model, tmp_path / "m.parquet")

    again = load_model(tmp_path / "m.parquet")

    assert_same_model(again, model)
    assert fingerprint(again) == fingerprint(model)
    asked = pairs_of("u03", *ITEMS)
    assert predicted(again, ratings(), asked) == predicted(model, ratings(), asked)


def test_models_that_differ_in_an_upper_layer_alone_have_other_fingerprints() -> None:
    model = trained("user", layers="6,4")

    assert fingerprint(with_strong_layers(model)) != fingerprint(model)


def test_one_layer_by_its_list_is_one_layer() -> None:
    one, other = trained("user", layers="6"), trained("user")

    assert fingerprint(one) == fingerprint(other)
    assert one.settings == other.settings


def test_layers_are_learned_one_after_the_other_and_leave_those_below_as_they_are() -> None:
    task = taste()

    first = task.fit_without_validation(replace(GREEDY, layers=""), epochs=(3,)).parameters
    outcome = task.fit_without_validation(GREEDY, epochs=(3, 2, 2))
    two = task.fit_without_validation(replace(GREEDY, layers="10,6"), epochs=(3, 2)).parameters

    found = outcome.parameters
    assert outcome.best_epochs == (3, 2, 2)
    for name in ("weights", "conditional", "visible_bias", "hidden_bias"):
        assert getattr(found, name).tobytes() == getattr(first, name).tobytes()
    assert found.decoding_weights.tobytes() == found.upper_weights.tobytes()
    for name in ("upper_weights", "decoding_weights", "upper_bias", "decoding_bias"):
        lower = getattr(two, name)[0]
        np.testing.assert_array_equal(getattr(found, name)[0][tuple(map(slice, lower.shape))], lower)
        assert getattr(found, name)[1].any()


def test_a_further_layer_is_kept_though_the_one_before_alone_were_better() -> None:
    outcome = taste().fit(replace(GREEDY, learning_rate=0.3, epochs=4))

    assert all(epochs > 0 for epochs in outcome.best_epochs)
    assert outcome.parameters.upper_weights[0].any()
    assert outcome.parameters.upper_weights[1].any()


def test_an_upper_layer_learns_to_reconstruct_the_one_below() -> None:
    outcome = taste().fit_without_validation(replace(GREEDY, layers="10,6"), epochs=(5, 40))

    losses = [report.loss for report in outcome.epochs[5:]]
    assert losses[-1] < 0.95 * losses[0]


def test_fine_tuning_moves_all_layers() -> None:
    task = taste()

    before = task.fit_without_validation(replace(GREEDY, fine_tune=True), epochs=(3, 2, 2, 0)).parameters
    after = task.fit_without_validation(replace(GREEDY, fine_tune=True), epochs=(3, 2, 2, 2)).parameters

    for one, other in zip(before, after, strict=True):
        assert one.tobytes() != other.tobytes() or one.size == 0


def test_equal_seeds_give_equal_bytes_and_others_others() -> None:
    task, settings = taste(), replace(GREEDY, fine_tune=True)

    one, same, other = (task.fit(replace(settings, seed=seed)).parameters for seed in (1, 1, 2))

    assert bytes_of(one) == bytes_of(same) != bytes_of(other)


def test_units_are_told_by_what_columns_meet_of_them() -> None:
    model = with_strong_layers(trained("item", layers="6,4"))

    response = strongest_units(model, units=1, top=3, min_support=1)[0]

    hidden = DenseModel(model, ratings()).item_rows()[0][:, response.unit]
    np.testing.assert_allclose(response.high_response, np.sort(hidden)[::-1][:3], atol=1e-5)


def test_several_layers_cannot_be_summed_out() -> None:
    model = trained("user", layers="6,4")

    with pytest.raises(UsageError, match="exact sums out one layer of hidden units, and this model has 2"):
        predicted(model, ratings(), pairs_of("u00", 100), inference="exact")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": "6,4", "inference": "exact"}, "--inference exact sums out one layer"),
        ({"layers": "6,4", "hidden_units": "gaussian"}, "layers of binary hidden units"),
        ({"layers": "6,4", "hidden": 7}, "--hidden 7 and --layers 6,4 differ on the first layer"),
        ({"layers": "6,,4"}, "'6,,4' is not a list of hidden units"),
        ({"layers": "6,0"}, "'6,0' is not a list of hidden units"),
        ({"layers": "six"}, "'six' is not a list of hidden units"),
    ],
)
def test_what_does_not_go_with_layers_is_told(changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rbmcli.TrainSettings(**changes)


def test_the_list_gives_the_first_layer_and_those_above() -> None:
    settings = rbmcli.TrainSettings(layers=" 6, 4,3")

    assert (settings.hidden, settings.layers, settings.upper_layers) == (6, "6,4,3", (4, 3))


def test_pairs_of_unknown_rating_go_through_all_layers() -> None:
    table, model = ratings(), with_strong_layers(trained("user", layers="6,4"))
    rated = {item for user, item, _ in rows_of(table) if user == "u00"}
    besides = [item for item in ITEMS if item not in rated][:2]
    also = {("u00", item) for item in besides}
    dense = DenseModel(model, table, also)

    answer = rbmcli.predict(
        model,
        table,
        pairs_of("u00", *ITEMS),
        also_rated=pairs_of("u00", *besides),
        settings=rbmcli.PredictSettings(probabilities=True),
    ).table.to_pylist()

    found = np.array([row["probabilities"] for row in answer])
    expected = [dense.score_pair(table, "u00", item, exact=False) for item in ITEMS]
    np.testing.assert_allclose(found, expected, atol=3e-5)
    assert reference.layers_of(dense.model)
