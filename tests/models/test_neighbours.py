"""Neighbours of items on the residuals of a base: what they add is the formula, files give models back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import BiasSettings, BlendSettings, FactorizationSettings, Member, NeighboursSettings
from rbmcli.errors import DataError, UsageError
from rbmcli.models.neighbours import NeighboursModel
from rbmcli.models.store import fingerprint, load_model, save_model
from tests.models.model_files import rewrite
from tests.small_ratings import pairs_of, rows_of, shuffled, table_of, tastes, with_rating, without

ON_EFFECTS = NeighboursSettings(base="bias", neighbours=8, similarity_shrinkage=5.0)


def model_of(table: pa.Table | None = None, settings: NeighboursSettings = ON_EFFECTS) -> NeighboursModel:
    model = rbmcli.train(tastes() if table is None else table, settings=settings).model
    assert isinstance(model, NeighboursModel)
    return model


@pytest.fixture(scope="module")
def model() -> NeighboursModel:
    return model_of()


def predicted(model: object, history: pa.Table, pairs: pa.Table) -> list[dict]:
    settings = rbmcli.PredictSettings(probabilities=True)
    return rbmcli.predict(model, history, pairs, settings=settings).table.to_pylist()  # type: ignore[arg-type]


def by_hand(model: NeighboursModel, history: pa.Table, user: str, item: int) -> float:
    """Return base_ui + g sum w e / (sum w + lambda), with every residual asked of the base by itself."""
    near, place = model.neighbourhood, {id_: at for at, id_ in enumerate(model.item_ids.values.to_pylist())}
    weights = {}
    if item in place:
        line = zip(near.neighbour[place[item]], near.weight[place[item]], strict=True)
        weights = {int(j): float(w) for j, w in line if j >= 0}
    rest = without(history, user, item)
    (said,) = predicted(model.base, rest, pairs_of(user, item))
    total = support = 0.0
    for rater, other, rating in rows_of(rest):
        if rater == user and place.get(other) in weights:
            (base,) = predicted(model.base, without(rest, user, other), pairs_of(user, other))
            total += weights[place[other]] * (rating - base["prediction"])
            support += weights[place[other]]
    return float(np.clip(said["prediction"] + near.gain * total / (support + near.pull), 1, 5))


def test_predictions_are_those_of_the_formula(model: NeighboursModel) -> None:
    history = with_rating(tastes(), "new", 103, 5.0)
    asked = pa.concat_tables([pairs_of("u03", 100, 101, 102, 103, 999), pairs_of("new", 101, 103)])

    found = predicted(model, history, asked)

    for row in found:
        expected = by_hand(model, history, row["user"], row["item"])
        assert row["prediction"] == pytest.approx(expected, abs=1e-5)
    assert {row["source"] for row in found} >= {"model", "row_prior", "folded_in"}


@pytest.mark.parametrize("base", ["bias", "mf", "als"])
def test_a_pair_of_the_history_is_predicted_as_by_a_history_without_it(base: str) -> None:
    model, history = model_of(settings=NeighboursSettings(base=base, neighbours=8)), tastes()
    for user, item, _ in rows_of(history)[7:300:60]:
        (own,) = predicted(model, history, pairs_of(user, item))
        (other,) = predicted(model, without(history, user, item), pairs_of(user, item))

        assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-5)
        assert own["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_a_folded_in_user_of_rows_of_items_is_predicted_without_the_own_rating() -> None:
    model = model_of(settings=NeighboursSettings())
    history = table_of(["new"] * 4, [100, 101, 105, 106], [5.0, 1.0, 2.0, 4.0])

    (own,) = predicted(model, history, pairs_of("new", 101))
    (other,) = predicted(model, without(history, "new", 101), pairs_of("new", 101))

    assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-4)


def test_they_find_what_effects_cannot_say(model: NeighboursModel) -> None:
    (base,) = model.record["of_members"]
    (epoch,) = model.record["epochs"]

    assert base["member"] == "bias"
    assert base["valid_rmse"] > 1.5
    assert epoch["valid_rmse"] < 0.7
    assert epoch["valid_nll"] < base["valid_nll"] - 0.4
    # Items of the same parity are liked by the same users.
    near = model.neighbourhood.neighbour
    is_there = near >= 0
    assert np.all((near % 2 == np.arange(len(near))[:, None] % 2)[is_there])


@pytest.mark.parametrize(("base", "method"), [("mf", "gibbs"), ("als", "als")])
def test_a_factorization_is_the_base_by_either_method(base: str, method: str) -> None:
    found = NeighboursSettings(base=base, seed=4, refit=False).of_base()

    assert found == FactorizationSettings(method=method, seed=4, refit=False)


def test_the_base_is_what_training_it_alone_gives(model: NeighboursModel) -> None:
    alone = rbmcli.train(tastes(), settings=BiasSettings()).model
    pairs = pairs_of("u03", 100, 101)

    assert predicted(model.base, tastes(), pairs) == predicted(alone, tastes(), pairs)


def test_a_file_gives_the_same_model_back(model: NeighboursModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.parquet")

    loaded = load_model(tmp_path / "m.parquet")

    assert isinstance(loaded, NeighboursModel)
    assert fingerprint(loaded) == fingerprint(model)
    assert loaded.settings == model.settings
    np.testing.assert_array_equal(loaded.neighbourhood.neighbour, model.neighbourhood.neighbour)
    pairs = pairs_of("u03", 100, 101)
    assert predicted(loaded, tastes(), pairs) == predicted(model, tastes(), pairs)


@pytest.mark.parametrize(
    "changes", [{"gain": -1.0}, {"pull": 0.0}, {"most": 3}, {"gain": 7.0}, {"sharpness": 0.0}]
)
def test_numbers_that_are_not_those_of_the_file_are_bad_data(
    model: NeighboursModel, changes: dict, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "m.parquet")
    numbers = {name: getattr(model.neighbourhood, name) for name in ("gain", "pull", "sharpness")}
    facts = {**numbers, "most": 8, **changes}
    rewrite(tmp_path / "m.parquet", {"neighbourhood": facts})

    with pytest.raises(DataError, match="the model is damaged"):
        load_model(tmp_path / "m.parquet")


@pytest.mark.parametrize(("column", "value"), [("neighbour", 999.0), ("neighbour", -1.0), ("weight", 0.0)])
def test_neighbours_that_are_none_are_bad_data(
    model: NeighboursModel, column: str, value: float, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "m.parquet")

    def changed(table: pa.Table) -> pa.Table:
        lists = table.column(column).to_pylist()
        lists[0][0] = value
        at = table.column_names.index(column)
        return table.set_column(at, column, pa.array(lists, table.column(column).type))

    rewrite(tmp_path / "m.parquet", table_change=changed)

    with pytest.raises(DataError, match="neighbours are no items in order"):
        load_model(tmp_path / "m.parquet")


@pytest.mark.parametrize("base", ["bias", "rbm"])
def test_equal_ratings_give_equal_bytes_in_any_order(base: str, tmp_path: Path) -> None:
    for name, table in (("a", tastes()), ("b", shuffled(tastes()))):
        rbmcli.train(table, tmp_path / name, settings=NeighboursSettings(base=base, seed=4))

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_refit_validation_ratings_are_no_part_of_the_model() -> None:
    valid = table_of(["u00"], [777], [1.0])
    settings = NeighboursSettings(base="bias", refit=False)

    kept_out = rbmcli.train(tastes(), valid=valid, settings=settings).model
    taken_in = rbmcli.train(tastes(), valid=valid, settings=NeighboursSettings(base="bias")).model

    for model, is_in in ((kept_out, False), (taken_in, True)):
        assert (777 in model.item_ids.values.to_pylist()) == is_in
        assert (777 in model.members[0].item_ids.values.to_pylist()) == is_in


def test_a_blend_can_have_them_among_its_members() -> None:
    members = tuple(Member.of(text) for text in ("bias", "neighbours:base=bias"))

    blend = rbmcli.train(tastes(), settings=BlendSettings(members=members)).model

    assert [member.kind for member in blend.members] == ["bias", "neighbours"]
    assert blend.record["of_members"][1]["weight"] > blend.record["of_members"][0]["weight"]


def test_without_validation_a_base_of_machines_is_refused() -> None:
    with pytest.raises(UsageError, match="--base rbm chooses"):
        NeighboursSettings(validation="none")
