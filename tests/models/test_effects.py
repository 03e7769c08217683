"""User and item effects as a model: what is said is the formula, new and changed users are folded in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import BiasSettings
from rbmcli.errors import MismatchError, UsageError
from rbmcli.models.effects import BiasModel
from rbmcli.models.store import fingerprint
from tests.small_ratings import pairs_of, ratings, rows_of, shuffled, table_of, tastes, with_rating, without

SETTINGS = BiasSettings(user_penalty=3.0, item_penalty=5.0)


def model_of(table: pa.Table | None = None, settings: BiasSettings = SETTINGS) -> BiasModel:
    model = rbmcli.train(tastes() if table is None else table, settings=settings).model
    assert isinstance(model, BiasModel)
    return model


def predicted(model: BiasModel, history: pa.Table, pairs: pa.Table) -> list[dict]:
    settings = rbmcli.PredictSettings(probabilities=True)
    return rbmcli.predict(model, history, pairs, settings=settings).table.to_pylist()


def by_hand(model: BiasModel, history: pa.Table, user: str, item: int) -> float:
    """Return mu + b_u + b_i, straight from the ratings of a user."""
    effects, place = model.effects, {id_: at for at, id_ in enumerate(model.item_ids.values.to_pylist())}
    rated = [(i, r) for u, i, r in rows_of(history) if u == user and i != item and i in place]
    residual = sum(r - effects.mean - effects.item[place[i]] for i, r in rated)
    total = effects.mean + residual / (3.0 + len(rated)) + (effects.item[place[item]] if item in place else 0)
    return float(np.clip(total, 1, 5))


def test_predictions_are_those_of_the_formula() -> None:
    model, history = model_of(), tastes()

    found = predicted(model, history, pairs_of("u03", 100, 101, 102, 999))

    for row in found:
        assert row["prediction"] == pytest.approx(by_hand(model, history, "u03", row["item"]), abs=1e-5)
    assert {row["source"] for row in found} == {"model", "row_prior"}


def test_new_users_and_new_ratings_are_folded_in() -> None:
    model = model_of()
    history = with_rating(table_of(["new"] * 3, [100, 101, 105], [5.0, 4.0, 1.0]), "u03", 110, 1.0)

    found = predicted(model, history, pa.concat_tables([pairs_of("new", 103, 100), pairs_of("u03", 104)]))

    assert [row["source"] for row in found] == ["folded_in"] * 3
    for row in found:
        assert row["prediction"] == pytest.approx(by_hand(model, history, row["user"], row["item"]), abs=1e-5)


def test_a_pair_of_the_history_is_predicted_as_by_a_history_without_it() -> None:
    model, history = model_of(), tastes()
    user, item, _ = rows_of(history)[7]

    (own,) = predicted(model, history, pairs_of(user, item))
    (other,) = predicted(model, without(history, user, item), pairs_of(user, item))

    assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-6)
    assert own["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


def test_what_nobody_has_rated_gets_means() -> None:
    model = model_of()
    history = table_of(["a"], [999], [5.0])

    found = predicted(model, history, pa.concat_tables([pairs_of("a", 100), pairs_of("b", 998)]))

    assert [row["source"] for row in found] == ["visible_prior", "global_prior"]
    assert found[0]["prediction"] == pytest.approx(model.effects.mean + model.effects.item[0], abs=1e-5)
    assert found[1]["prediction"] == pytest.approx(model.effects.mean, abs=1e-5)


def test_it_predicts_as_the_baseline_of_evaluate_does() -> None:
    table = ratings(users=60, items=40)
    chosen = np.random.default_rng(0).random(table.num_rows) < 0.8
    train, test = table.filter(pa.array(chosen)), table.filter(pa.array(~chosen))
    model = rbmcli.train(train, settings=BiasSettings(validation="none")).model

    result = rbmcli.evaluate(rbmcli.predict(model, train, test).table, history=train)

    ours, theirs = (result.segments(name)["all"]["rmse"] for name in ("model", "user+item bias"))
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_probabilities_are_better_than_base_rates_on_ratings_not_seen() -> None:
    generator = np.random.default_rng(0)
    user, item = np.nonzero(generator.random((150, 30)) < 0.6)
    mood, worth = generator.normal(0, 0.7, 150), generator.normal(0, 0.7, 30)
    rating = np.clip(np.round(3 + mood[user] + worth[item] + generator.normal(0, 0.7, len(user))), 1, 5)
    table = table_of([f"u{number}" for number in user], list(item), list(rating))
    chosen = generator.random(table.num_rows) < 0.8
    train, test = table.filter(pa.array(chosen)), table.filter(pa.array(~chosen))
    model = rbmcli.train(train, settings=BiasSettings()).model

    settings = rbmcli.PredictSettings(probabilities=True)
    figures = rbmcli.evaluate(rbmcli.predict(model, train, test, settings=settings).table).segments()["all"]

    share = np.bincount(train["rating"].to_numpy().astype(int), minlength=6)[1:] / train.num_rows
    level = test["rating"].to_numpy().astype(int) - 1
    assert figures["nll"] < -np.log(share[level]).mean() - 0.2
    assert figures["nll"] == pytest.approx(model.record["epochs"][0]["valid_nll"], abs=0.12)


def test_a_file_gives_the_same_model_back(tmp_path: Path) -> None:
    model = model_of()
    rbmcli.save_model(model, tmp_path / "m.parquet")

    loaded = rbmcli.load_model(tmp_path / "m.parquet")

    assert fingerprint(loaded) == fingerprint(model)
    pairs = pairs_of("u03", 100, 101)
    assert predicted(loaded, tastes(), pairs) == predicted(model, tastes(), pairs)  # type: ignore[arg-type]


def test_equal_ratings_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    for name, table in (("a", tastes()), ("b", shuffled(tastes()))):
        rbmcli.train(table, tmp_path / name, settings=BiasSettings(seed=4))

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_refit_validation_ratings_are_no_part_of_the_model() -> None:
    valid = table_of(["u00"], [777], [1.0])

    kept_out = rbmcli.train(tastes(), valid=valid, settings=BiasSettings(refit=False)).model
    taken_in = rbmcli.train(tastes(), valid=valid, settings=BiasSettings()).model

    assert 777 not in kept_out.item_ids.values.to_pylist()
    assert 777 in taken_in.item_ids.values.to_pylist()


def test_it_can_be_explained_but_holds_nothing_by_which_items_are_alike() -> None:
    model = model_of()

    told = rbmcli.explain(model, tastes(), "u03", 101)

    assert set(told.start) == {"all", "item", "user"}
    assert told.whole == pytest.approx(told.prediction, abs=1e-6)
    with pytest.raises(MismatchError, match="holds nothing of items"):
        rbmcli.similar(model, 101)


def test_it_can_be_cross_validated_and_set_right(tmp_path: Path) -> None:
    result = rbmcli.crossval(tastes(), train_settings=SETTINGS)
    model = model_of()
    settings = rbmcli.PredictSettings(probabilities=True)
    rbmcli.predict(model, tastes(), tastes(seed=5), tmp_path / "p.parquet", settings=settings)

    rbmcli.evaluate(tmp_path / "p.parquet", model=model, calibrate=tmp_path / "right.parquet")

    assert len(result.folds) == 5
    assert rbmcli.load_model(tmp_path / "right.parquet").calibration is not None


def test_what_is_for_other_kinds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--model rbm"):
        rbmcli.train(tastes(), settings=SETTINGS, checkpoint=tmp_path / "c")
    with pytest.raises(UsageError, match="--model rbm"):
        rbmcli.train(tastes(), settings=SETTINGS, also_rated=pairs_of("u03", 100))
