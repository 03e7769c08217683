"""Pairs whose rating is unknown, in training and in asking: which count, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import RecommendSettings
from rbmcli.errors import MismatchError, UsageError
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import fingerprint
from tests.models.dense import DenseModel
from tests.recorder import Recorder
from tests.small_ratings import pairs_of, quick, ratings, rows_of, shuffled, table_of, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEMS = list(range(100, 112))
WARNING = "the model was trained with"


def unrated(users: int = 30) -> pa.Table:
    """Return every second pair of users and items that has no rating."""
    rated = {row[:2] for row in rows_of(ratings())}
    names = [f"u{number:02d}" for number in range(users)]
    pairs = [(user, item) for user in names for item in ITEMS if (user, item) not in rated][::2]
    return pa.table({"user": [user for user, _ in pairs], "item": [item for _, item in pairs]})


def rated() -> pa.Table:
    """Return the pairs that have a rating, without it."""
    return ratings().select(["user", "item"])


def train_with(by: str, pairs: object, **changes: object) -> Rbm:
    return rbmcli.train(ratings(), settings=quick(by, **changes), also_rated=pairs).model


def predictions(model: Rbm, asked: pa.Table, **options: object) -> np.ndarray:
    settings = rbmcli.PredictSettings(probabilities=True)
    table = rbmcli.predict(model, ratings(), asked, settings=settings, **options).table
    return np.array(table["probabilities"].to_pylist())


# Training.


@BOTH
@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_a_file_of_pairs_without_ratings_is_learned_from(by: str, objective: str, tmp_path: Path) -> None:
    pq.write_table(unrated(), tmp_path / "pairs.parquet")
    recorder = Recorder()

    model = rbmcli.train(
        ratings(),
        settings=quick(by, objective=objective),
        also_rated=tmp_path / "pairs.parquet",
        progress=recorder,
    ).model

    count = unrated().num_rows
    assert model.record["n_also_rated"] == count
    assert any(f"{count:,} of {count:,} pairs are of users and items" in told for told in recorder.told)
    plain = trained(by, objective=objective)
    assert np.abs(model.parameters.conditional - plain.parameters.conditional).max() > 1e-3
    # Counts and base rates are of ratings alone.
    np.testing.assert_array_equal(model.column_prior, plain.column_prior)
    np.testing.assert_array_equal(model.row_ratings, plain.row_ratings)


@BOTH
def test_pairs_that_have_a_rating_come_twice_or_are_unknown_change_nothing(by: str) -> None:
    strange = pa.table({"user": ["nobody", "u00", "nobody"], "item": [100, 999, 999]})
    more = pa.concat_tables([shuffled(unrated()), rated(), unrated(), strange])

    one, other = train_with(by, unrated()), train_with(by, more)

    assert fingerprint(one) == fingerprint(other)


@BOTH
def test_pairs_that_all_have_a_rating_are_as_good_as_none(by: str) -> None:
    model, plain = train_with(by, rated()), trained(by)

    assert model.record["n_also_rated"] == 0
    # Weights and D are learned each by itself, and the last digits may differ.
    for array, expected in zip(model.parameters, plain.parameters, strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)


@BOTH
def test_ratings_held_out_are_pairs_of_unknown_rating_while_they_are_and_ratings_after(by: str) -> None:
    valid, train = ratings().slice(0, 20), ratings().slice(20)
    settings = quick(by, validation="holdout", epochs=2)

    counts = {}
    for refit in (False, True):
        chosen = rbmcli.TrainSettings(**{**vars(settings), "refit": refit})
        result = rbmcli.train(train, valid=valid, also_rated=rated(), settings=chosen)
        counts[refit] = result.model.record["n_also_rated"]

    assert counts == {False: 20, True: 0}


def test_pairs_are_read_by_the_names_of_their_columns_and_ratings_beside_them_play_no_part() -> None:
    named = unrated().rename_columns(["userId", "movieId"])
    with_ratings = named.append_column("rating", pa.array(np.full(named.num_rows, 77.0)))

    prints = {fingerprint(train_with("user", pairs)) for pairs in (unrated(), named, with_ratings)}

    assert len(prints) == 1


def test_pairs_with_ids_of_another_type_are_a_mismatch() -> None:
    pairs = table_of(["u00"], ["none"], [1]).select(["user", "item"])

    with pytest.raises(MismatchError, match="column 'item' is string"):
        rbmcli.train(ratings(), settings=quick(), also_rated=pairs)
    with pytest.raises(MismatchError, match="column 'item' is string"):
        rbmcli.predict(trained("user"), ratings(), pairs_of("u00", 100), also_rated=pairs)


# Asking.


@BOTH
@pytest.mark.parametrize("inference", ["mean-field", "exact"])
def test_predictions_agree_with_the_dense_twin(by: str, inference: str) -> None:
    model = train_with(by, unrated(), inference=inference)
    everyone = [f"u{number:02d}" for number in range(30)]
    asked = pa.concat_tables([pairs_of(user, *ITEMS) for user in everyone])

    found = predictions(model, asked, also_rated=pa.concat_tables([unrated(), rated()]))

    pairs = set(zip(unrated()["user"].to_pylist(), unrated()["item"].to_pylist(), strict=True))
    dense, exact = DenseModel(model, ratings(), pairs), inference == "exact"
    expected = [
        dense.score_pair(ratings(), row["user"], row["item"], exact=exact) for row in asked.to_pylist()
    ]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@BOTH
def test_what_is_asked_with_the_pairs_that_were_trained_with_is_measured_as_in_validation(by: str) -> None:
    valid, train = shuffled(ratings()).slice(0, 30), shuffled(ratings()).slice(30)
    pairs = valid.select(["user", "item"])
    settings = quick(by, validation="holdout")
    result = rbmcli.train(train, valid=valid, also_rated=pairs, settings=settings)

    found = rbmcli.predict(result.model, train, valid, also_rated=pairs).table

    assert set(found["source"].to_pylist()) == {"model"}
    error = found["prediction"].to_numpy() - found["rating"].to_numpy()
    assert np.sqrt(np.mean(error**2)) == pytest.approx(result.valid_rmse, abs=1e-5)


@BOTH
def test_pairs_that_come_twice_or_are_unknown_change_no_prediction(by: str) -> None:
    model, asked = train_with(by, unrated()), pairs_of("u00", *ITEMS)
    strange = pa.table({"user": ["nobody", "u00", "nobody"], "item": [100, 999, 999]})
    more = pa.concat_tables([shuffled(unrated()), strange, unrated()])

    one, other = (predictions(model, asked, also_rated=pairs) for pairs in (unrated(), more))

    np.testing.assert_array_equal(one, other)


@BOTH
def test_a_pair_that_stands_in_the_history_is_not_counted_once_more(by: str) -> None:
    # One user asks; with rows of items the others' ratings stand in the rows already.
    model, asked = train_with(by, unrated()), pairs_of("u00", *ITEMS)

    without, with_rated = (
        predictions(model, asked, also_rated=pairs)
        for pairs in (unrated(), pa.concat_tables([unrated(), rated()]))
    )

    np.testing.assert_allclose(with_rated, without, atol=1e-6)


@pytest.mark.parametrize("command", [rbmcli.predict, rbmcli.recommend])
def test_answers_say_how_many_pairs_counted(command: Callable[..., Any]) -> None:
    # Of the rated pairs given with them none counts, and who does not ask tells of no other user.
    pairs = pa.concat_tables([unrated(), rated(), pairs_of("nobody", 100)])
    model = train_with("user", unrated())

    counts = [command(model, ratings(), also_rated=given).metadata["n_also_rated"] for given in (None, pairs)]

    assert counts == [0, unrated().num_rows]


@BOTH
def test_a_model_that_was_trained_with_pairs_warns_where_none_are_given(by: str) -> None:
    model, recorders = train_with(by, unrated()), [Recorder() for _ in range(4)]

    rbmcli.predict(model, ratings(), pairs_of("u00", 100), progress=recorders[0])
    rbmcli.recommend(model, ratings(), progress=recorders[1])
    rbmcli.predict(model, ratings(), pairs_of("u00", 100), also_rated=unrated(), progress=recorders[2])
    rbmcli.predict(trained(by), ratings(), pairs_of("u00", 100), progress=recorders[3])

    expected = f"{WARNING} {unrated().num_rows:,} pairs of unknown rating, and none are given"
    assert [sum(message.startswith(expected) for message in each.warnings) for each in recorders] == [
        1,
        1,
        0,
        0,
    ]


@BOTH
def test_a_model_without_d_warns_that_pairs_change_nothing(by: str) -> None:
    recorder, model, asked = Recorder(), trained(by, conditional=False), pairs_of("u00", *ITEMS)

    found = predictions(model, asked, also_rated=unrated(), progress=recorder)

    assert any("they change nothing" in message for message in recorder.warnings)
    np.testing.assert_array_equal(found, predictions(model, asked))


def test_with_rows_of_users_how_many_pairs_count_is_told() -> None:
    recorder = Recorder()
    of_user = sum(user == "u03" for user in unrated()["user"].to_pylist())

    predictions(trained("user"), pairs_of("u03", 100), also_rated=unrated(), progress=recorder)

    assert of_user > 0
    assert any(f"{of_user} pairs count as rated" in message for message in recorder.told)


@BOTH
def test_recommendations_are_scored_as_predictions_with_the_same_pairs_are(by: str) -> None:
    model = train_with(by, unrated())
    everything = RecommendSettings(top=100)

    found = rbmcli.recommend(model, ratings(), also_rated=unrated(), settings=everything).table

    asked = found.select(["user", "item"])
    table = rbmcli.predict(model, ratings(), asked, also_rated=unrated()).table
    np.testing.assert_allclose(found["score"], table["prediction"], atol=1e-5)
    # A pair of unknown rating is still one that may be recommended.
    unseen = 30 * 12 - ratings().num_rows
    assert found.num_rows == unseen


@pytest.mark.parametrize("ask", ["train", "predict", "recommend"])
def test_the_file_of_pairs_is_not_written_over(ask: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    pq.write_table(unrated(), path)
    calls = {
        "train": lambda: rbmcli.train(ratings(), path, also_rated=path, settings=quick()),
        "predict": lambda: rbmcli.predict(trained("user"), ratings(), unrated(), path, also_rated=path),
        "recommend": lambda: rbmcli.recommend(trained("user"), ratings(), None, path, also_rated=path),
    }

    with pytest.raises(UsageError, match="is an input"):
        calls[ask]()

    assert pq.read_table(path).equals(unrated())
