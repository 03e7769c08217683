"""Autoencoders: what was planted is found, new users are folded in, files give models back."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import AutoencoderSettings
from rbmcli.errors import DataError, DivergenceError, UsageError
from rbmcli.models import autoencoder_training
from rbmcli.models.autoencoder import AutoencoderModel, vectors_of_codes
from rbmcli.models.store import fingerprint
from tests.small_ratings import pairs_of, rows_of, shuffled, table_of, tastes, without

WAYS = {
    "by item": {"by": "item"},
    "by user": {"by": "user"},
    "by item, two layers": {"by": "item", "layers": "9,5"},
    "by user, two layers": {"by": "user", "layers": "9,5"},
}
ALL_WAYS = pytest.mark.parametrize("way", WAYS)


def settings_of(way: str, **changes: object) -> AutoencoderSettings:
    quick = {"layers": "10", "epochs": 150, "batch_size": 10, "network_rate": 0.02, "dropout": 0.1}
    return AutoencoderSettings(**{**quick, **WAYS[way], **changes})


def trained(table: pa.Table, settings: AutoencoderSettings) -> AutoencoderModel:
    model = rbmcli.train(table, settings=settings).model
    assert isinstance(model, AutoencoderModel)
    return model


@functools.cache
def model_of(way: str) -> AutoencoderModel:
    return trained(tastes(), settings_of(way))


def predicted(model: AutoencoderModel, history: pa.Table, pairs: pa.Table) -> list[dict]:
    settings = rbmcli.PredictSettings(probabilities=True)
    return rbmcli.predict(model, history, pairs, settings=settings).table.to_pylist()


@ALL_WAYS
def test_tastes_are_found_far_better_than_by_effects(way: str) -> None:
    chosen = np.random.default_rng(4).random(tastes().num_rows) < 0.8
    train, test = tastes().filter(pa.array(chosen)), tastes().filter(pa.array(~chosen))
    model = trained(train, settings_of(way))

    said = rbmcli.predict(model, train, test, settings=rbmcli.PredictSettings(probabilities=True)).table
    result = rbmcli.evaluate(said, history=train)

    ours, theirs = (result.segments(name)["all"] for name in ("model", "user+item bias"))
    assert ours["rmse"] < 0.75
    assert theirs["rmse"] > 1.5
    assert ours["nll"] < 1.0


@ALL_WAYS
def test_sources_tell_who_was_trained_on_and_who_is_folded_in(way: str) -> None:
    history = pa.concat_tables([tastes(), table_of(["new"] * 2, [100, 101], [5.0, 1.0])])
    history = without(history, "u05", next(item for user, item, _ in rows_of(history) if user == "u05"))
    pairs = pa.concat_tables(
        [pairs_of("u03", 104, 999), pairs_of("new", 103, 999), pairs_of("u05", 104), pairs_of("nobody", 103)]
    )

    found = predicted(model_of(way), history, pairs)

    expected = ["model", "row_prior", "folded_in", "row_prior", "folded_in", "visible_prior"]
    assert [row["source"] for row in found] == expected
    assert all(1 <= row["prediction"] <= 5 for row in found)


@ALL_WAYS
def test_a_new_user_is_told_by_a_few_ratings(way: str) -> None:
    likes_even = table_of(["even"] * 6, list(range(100, 106)), [5.0, 1.0] * 3)
    likes_odd = table_of(["odd"] * 6, list(range(100, 106)), [1.0, 5.0] * 3)
    pairs = pa.concat_tables([pairs_of("even", 110, 111), pairs_of("odd", 110, 111)])

    found = predicted(model_of(way), pa.concat_tables([likes_even, likes_odd]), pairs)

    at = {(row["user"], row["item"]): row["prediction"] for row in found}
    assert at["even", 110] > at["even", 111] + 1
    assert at["odd", 111] > at["odd", 110] + 1


@ALL_WAYS
def test_a_new_user_s_own_pair_is_predicted_as_by_a_history_without_it(way: str) -> None:
    mine = [(item, rating) for user, item, rating in rows_of(tastes()) if user == "u03"]
    history = table_of(["new"] * len(mine), [item for item, _ in mine], [rating for _, rating in mine])
    model = model_of(way)

    for item, _ in mine[:3]:
        (own,) = predicted(model, history, pairs_of("new", item))
        (other,) = predicted(model, without(history, "new", item), pairs_of("new", item))

        assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-5)


def test_of_a_known_user_an_item_is_predicted_without_what_its_own_rating_adds() -> None:
    model, (user, item, rating) = model_of("by item"), rows_of(tastes())[7]
    assert model.sums is not None
    network = model.network
    place = model.item_ids.lookup(pa.array([item]))[0]
    column = model.user_ids.lookup(pa.array([user]))[0]
    y = np.float32(rating - network.mean) - network.centring.effect[column]
    left = model.sums._replace(
        inputs=model.sums.inputs - (y * network.weights.given[column] + network.weights.rated[column]),
        given=model.sums.given - network.weights.given[column],
        total=model.sums.total - y,
        rated=model.sums.rated - 1,
    )

    (own,) = predicted(model, tastes(), pairs_of(user, item))

    nothing = np.full(1, 255, np.uint8)
    alone = network.said(left, np.array([place]), np.array([column]), nothing)[0]
    assert own["prediction"] == pytest.approx(np.clip(alone, 1, 5), abs=1e-5)


@ALL_WAYS
def test_a_file_gives_the_same_model_back(way: str, tmp_path: Path) -> None:
    model = model_of(way)
    rbmcli.save_model(model, tmp_path / "m.parquet")

    loaded = rbmcli.load_model(tmp_path / "m.parquet")

    assert isinstance(loaded, AutoencoderModel)
    assert fingerprint(loaded) == fingerprint(model)
    history = pa.concat_tables([tastes(), table_of(["new"] * 2, [100, 101], [5.0, 1.0])])
    pairs = pa.concat_tables([pairs_of("u03", 100, 101, 999), pairs_of("new", 104)])
    assert predicted(loaded, history, pairs) == predicted(model, history, pairs)


@pytest.mark.parametrize("layers", ["11", "10,10"])
@pytest.mark.parametrize("way", ["by item", "by user"])
def test_a_model_whose_settings_are_of_another_size_is_damaged(way: str, layers: str, tmp_path: Path) -> None:
    changed = dataclasses.replace(model_of(way), settings=settings_of(way, layers=layers))
    rbmcli.save_model(changed, tmp_path / "m.parquet")

    with pytest.raises(DataError, match="the model is damaged"):
        rbmcli.load_model(tmp_path / "m.parquet")


@ALL_WAYS
def test_equal_ratings_give_equal_bytes_in_any_order(way: str, tmp_path: Path) -> None:
    for name, table in (("a", tastes()), ("b", shuffled(tastes()))):
        rbmcli.train(table, tmp_path / name, settings=settings_of(way, epochs=3, seed=4))

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_best_epoch_is_chosen_on_validation_and_all_ratings_trained_for_as_many() -> None:
    result = rbmcli.train(tastes(), settings=settings_of("by item", epochs=400, patience=5))

    epochs = result.model.record["epochs"]
    best = min(range(len(epochs)), key=lambda place: epochs[place]["valid_rmse"])
    assert result.best_epoch == best + 1
    assert len(epochs) == result.best_epoch + 5 < 400
    assert [place for place, epoch in enumerate(epochs) if epoch["valid_nll"] is not None] == [best]
    assert result.model.item_ratings.sum() == tastes().num_rows


def test_items_that_the_same_people_like_are_alike() -> None:
    for way in ("by item", "by user"):
        model = model_of(way)
        vectors, item = vectors_of_codes(model), np.array(model.item_ids.values.to_pylist())
        alike = vectors @ vectors.T
        same = (item[:, None] - item) % 2 == 0

        assert alike[same].mean() > alike[~same].mean() + 0.5


def test_training_that_leaves_the_finite_numbers_writes_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoder_training, "learn_batch", lambda *arguments: (np.inf, 1))

    with pytest.raises(DivergenceError, match="in epoch 1: no model is written") as raised:
        rbmcli.train(tastes(), tmp_path / "m.parquet", settings=settings_of("by user"))

    assert raised.value.hint == "choose a --network-rate below 0.02"
    assert not (tmp_path / "m.parquet").exists()


@pytest.mark.parametrize("layers", ["", "0", "5,", "a", "5,-3", "1000000"])
def test_layers_that_are_no_sizes_are_refused(layers: str) -> None:
    with pytest.raises(UsageError, match="--layers"):
        AutoencoderSettings(layers=layers)


def test_of_a_member_of_a_blend_layers_are_written_with_dashes() -> None:
    from rbmcli.config import Member

    assert Member.of("autoencoder:layers=20-10").settings == AutoencoderSettings(layers="20-10")
    assert AutoencoderSettings(layers="20-10").sizes == AutoencoderSettings(layers="20,10").sizes == (20, 10)
    assert Member.of("autoencoder:layers=20").settings.sizes == (20,)
