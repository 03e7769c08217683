"""A model applied to histories: sources, leaving a rating out, folding in, and the file round trip."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.errors import DataError, MismatchError
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import fingerprint
from rbmcli.pipeline.predict import PredictResult

BOTH = pytest.mark.parametrize("by", ["user", "item"])


def ratings(users: int = 30, items: int = 12) -> pa.Table:
    """Return ratings of about half of all pairs, users being strings and items integers."""
    generator = np.random.default_rng(3)
    user, item = np.nonzero(generator.random((users, items)) < 0.5)
    rating = np.clip(1 + (user + 2 * item + generator.integers(0, 2, len(user))) % 5, 1, 5)
    names = [f"u{number:02d}" for number in user]
    return pa.table({"user": names, "item": item + 100, "rating": rating.astype(np.float32)})


def trained(by: str, table: pa.Table | None = None) -> Rbm:
    settings = rbmcli.TrainSettings(by=by, hidden=6, epochs=8, validation="none")
    return rbmcli.train(ratings() if table is None else table, settings=settings).model


def pairs_of(user: str, *items: int) -> pa.Table:
    return pa.table({"user": [user] * len(items), "item": pa.array(items, pa.int64())})


def without(table: pa.Table, user: str, item: int) -> pa.Table:
    rows = zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True)
    return table.filter(pa.array([row != (user, item) for row in rows]))


def first_pair(table: pa.Table) -> tuple[str, int]:
    return table["user"][0].as_py(), table["item"][0].as_py()


def predicted(model: Rbm, history: pa.Table, pairs: pa.Table, **options: bool) -> PredictResult:
    return rbmcli.predict(model, history, pairs, settings=rbmcli.PredictSettings(**options))


@BOTH
def test_a_history_as_trained_is_served_by_the_model_and_another_one_is_folded_in(by: str) -> None:
    table, model = ratings(), trained(by)
    user, item = first_pair(table)
    asked = pairs_of(user, 100, 101, 102)
    assert set(predicted(model, table, asked).table["source"].to_pylist()) == {"model"}
    changed = without(table, user, item)
    assert set(predicted(model, changed, asked).table["source"].to_pylist()) == {"folded_in"}


@BOTH
def test_what_the_model_does_not_know_is_told_by_base_rates(by: str) -> None:
    table, model = ratings(), trained(by)
    user, _ = first_pair(table)
    known_user = predicted(model, table, pairs_of(user, 999)).table["source"][0].as_py()
    stranger = predicted(model, table, pairs_of("stranger", 100, 999)).table["source"].to_pylist()
    assert known_user == ("row_prior" if by == "user" else "visible_prior")
    assert stranger == ["visible_prior" if by == "user" else "row_prior", "global_prior"]


def test_with_rows_of_users_a_pair_of_the_history_is_predicted_as_if_it_were_not_there() -> None:
    table, model = ratings(), trained("user")
    user, item = first_pair(table)
    asked = pairs_of(user, item)
    left_out = predicted(model, table, asked)
    deleted = predicted(model, without(table, user, item), asked)
    assert left_out.n_own == 1
    np.testing.assert_allclose(left_out.table["prediction"], deleted.table["prediction"], atol=1e-5)


def test_a_new_user_of_a_model_of_items_is_folded_in_without_the_pair_asked_for() -> None:
    table = ratings()
    user, item = first_pair(table)
    others = table.filter(pa.array([name != user for name in table["user"].to_pylist()]))
    model = trained("item", others)
    asked = pairs_of(user, item)
    left_out = predicted(model, table, asked)
    deleted = predicted(model, without(table, user, item), asked)
    kept = predicted(model, table, asked, keep_own=True)
    np.testing.assert_allclose(left_out.table["prediction"], deleted.table["prediction"], atol=1e-5)
    assert abs(kept.table["prediction"][0].as_py() - deleted.table["prediction"][0].as_py()) > 1e-4


@BOTH
def test_every_pair_gets_probabilities_that_sum_to_one_and_a_prediction_on_the_scale(by: str) -> None:
    table, model = ratings(), trained(by)
    asked = pa.table({"user": ["u03", "nobody", "u07"] * 3, "item": list(range(98, 107))})
    result = predicted(model, table, asked, probabilities=True).table
    probability = np.array(result["probabilities"].to_pylist())
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    assert all(1 <= value <= 5 for value in result["prediction"].to_pylist())
    assert result["item"].to_pylist() == asked["item"].to_pylist()


@BOTH
def test_a_model_is_read_back_as_it_was_written(by: str, tmp_path: Path) -> None:
    model = trained(by)
    rbmcli.save_model(model, tmp_path / "a.parquet")
    again = rbmcli.load_model(str(tmp_path / "a.parquet"))
    rbmcli.save_model(again, tmp_path / "b.parquet")
    assert fingerprint(again) == fingerprint(model)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    table = ratings()
    asked = table.select(["user", "item"])
    assert predicted(again, table, asked).table.equals(predicted(model, table, asked).table)


def test_a_damaged_model_is_refused_or_read_as_it_was(tmp_path: Path) -> None:
    model = trained("item")
    path = tmp_path / "model.parquet"
    rbmcli.save_model(model, path)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(place) % 8
        path.write_bytes(damaged)
        try:
            assert fingerprint(rbmcli.load_model(path)) == fingerprint(model)
        except (DataError, MismatchError):
            continue


@BOTH
def test_recommendations_leave_out_what_was_rated_and_come_best_first(by: str) -> None:
    table, model = ratings(), trained(by)
    result = rbmcli.recommend(model, table, settings=rbmcli.RecommendSettings(top=3)).table.to_pylist()
    rated = set(zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True))
    assert not rated & {(row["user"], row["item"]) for row in result}
    for before, after in itertools.pairwise(result):
        if before["user"] == after["user"]:
            assert after["rank"] == before["rank"] + 1
            assert after["score"] <= before["score"]
        else:
            assert after["rank"] == 1


@BOTH
def test_equal_runs_give_equal_models_in_whatever_order_the_ratings_come(by: str) -> None:
    table = ratings()
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert fingerprint(trained(by, table)) == fingerprint(trained(by, shuffled))


def test_nothing_known_at_all_is_a_mismatch_unless_allowed() -> None:
    model = trained("user")
    strange = pa.table({"user": ["x"], "item": [7], "rating": [3.0]})
    with pytest.raises(MismatchError, match="not one of its users and items"):
        predicted(model, strange, pairs_of("x", 8))
    allowed = predicted(model, strange, pairs_of("x", 8), allow_unknown=True)
    assert allowed.table["source"].to_pylist() == ["row_prior"]
