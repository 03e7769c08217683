"""The day bias in training and prediction: against a dense twin, and against histories without a rating."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.kernels.day_bias import NO_DAY
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.day_bias import Occasions, day_offsets, days_of
from rbmcli.models.rbm import Rbm
from tests import reference
from tests.kernels.runs import smoothing
from tests.models.dense import DenseModel
from tests.models.held_out import every_tenth, fit_on, levelled
from tests.small_ratings import FORMS, dated, pairs_of, predicted, quick, ratings, shuffled, trained, without

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEMS = list(range(100, 112))
DAY = 86_400


def asked_of(user: str, days: list[int | None]) -> pa.Table:
    """Return a user's pairs with all items, on the days given."""
    seconds = [None if day is None else day * DAY + 17 for day in days]
    return pairs_of(user, *ITEMS).append_column("timestamp", pa.array(seconds, pa.int64()))


def probabilities(model: Rbm, history: pa.Table, pairs: pa.Table, **options: object) -> np.ndarray:
    return np.array([row["probabilities"] for row in predicted(model, history, pairs, **options)])


def test_days_are_those_of_utc_and_of_no_timestamp_there_is_none() -> None:
    seconds = pa.chunked_array([[0, DAY - 1, DAY, -1], [None, -DAY]])

    assert days_of(seconds).tolist() == [0, 0, 1, -1, NO_DAY, -1]


def random_occasions(seed: int) -> Occasions:
    """Return ratings by four users of six items on three days, some of no known day."""
    generator = np.random.default_rng(seed)
    user, item = np.nonzero(generator.random((4, 6)) < 0.8)
    day = generator.integers(-1, 3, len(user))
    level = generator.integers(5, size=len(user)).astype(np.uint8)
    return Occasions(user, item, level, np.where(day < 0, NO_DAY, day))


def test_offsets_come_in_the_order_of_the_pairs_and_do_not_depend_on_that_of_the_ratings() -> None:
    rated, generator = random_occasions(1), np.random.default_rng(2)
    prior = generator.dirichlet(np.full(5, 2.0), 6).astype(np.float32)
    how, order = smoothing(5, 60.0, 8.0), generator.permutation(len(rated.user))

    offsets = day_offsets(rated, rated, prior, how, how)

    assert day_offsets(rated.take(order), rated, prior, how, how).tobytes() == offsets.tobytes()
    np.testing.assert_array_equal(day_offsets(rated, rated.take(order), prior, how, how), offsets[order])
    for place, (user, item, level, day) in enumerate(zip(*rated, strict=True)):
        mine = (rated.user == user) & (rated.item != item)
        visible, of_day = np.zeros((6, 5)), np.zeros(6, bool)
        visible[rated.item[mine], rated.level[mine]] = 1.0
        of_day[rated.item[mine & (rated.day == day) & (day != NO_DAY)]] = True
        expected = reference.day_bias(visible, of_day, prior.astype(np.float64), how, how)
        np.testing.assert_allclose(offsets[place], expected, atol=5e-5, err_msg=f"{level}")


def test_a_user_with_ratings_and_no_pairs_or_the_other_way_round_is_no_trouble() -> None:
    prior, how = np.full((3, 5), 0.2, np.float32), Smoothing(60.0, 8.0, smoothing(5).values)
    one = Occasions(np.array([0, 0]), np.array([0, 1]), np.array([4, 4], np.uint8), np.array([1, 1]))
    other = one._replace(user=np.array([3, 3]), level=np.full(2, NOT_OWN, np.uint8))

    assert not day_offsets(one, other, prior, how, how).any()
    assert day_offsets(one, one, prior, how, how).all()
    assert day_offsets(one.take(np.zeros(2, bool)), other, prior, how, how).tolist() == [[0.0] * 5] * 2
    assert day_offsets(one, other.take(np.zeros(2, bool)), prior, how, how).shape == (0, 5)


def test_ratings_that_are_learned_from_are_left_out_of_their_own_offset_and_others_are_in_none() -> None:
    table = dated(ratings())
    held_out = every_tenth(table)
    days = days_of(table["timestamp"])
    given = levelled(table, day=days)
    prior = np.random.default_rng(1).dirichlet(np.full(5, 2.0), len(given.codes.items)).astype(np.float32)
    how = smoothing(5, 60.0, 8.0)

    offsets = given.day_offsets(~held_out, prior, how, how)

    users, items = given.codes.user_codes, given.codes.item_codes
    for place in range(0, table.num_rows, 7):
        visible, of_day = np.zeros((len(given.codes.items), 5)), np.zeros(len(given.codes.items), bool)
        others = (users == users[place]) & ~held_out & (items != items[place])
        visible[items[others], given.level[others]] = 1.0
        of_day[items[others & (days == days[place])]] = True
        expected = reference.day_bias(visible, of_day, prior.astype(np.float64), how, how)
        np.testing.assert_allclose(offsets[place], expected, atol=5e-5)


@BOTH
@pytest.mark.parametrize("inference", ["mean-field", "exact"])
@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
def test_predictions_agree_with_the_dense_twin(by: str, inference: str, changes: dict) -> None:
    table = dated(ratings())
    model = trained(by, table, day_bias=True, **changes)
    dense = DenseModel(model, table)
    days = [11_000 + place % 4 for place in range(12)]

    for user in ("u00", "u07"):
        found = probabilities(model, table, asked_of(user, days), inference=inference)

        expected = [
            dense.score_pair(
                table,
                user,
                item,
                exact=inference == "exact",
                offset=dense.day_bias(table, user, item, day),
            )
            for item, day in zip(ITEMS, days, strict=True)
        ]
        np.testing.assert_allclose(found, expected, atol=5e-5)


@BOTH
def test_a_pair_of_the_history_is_predicted_as_from_a_history_without_it(by: str) -> None:
    table = dated(ratings())
    model = trained(by, table, day_bias=True)
    renamed = pa.array(["n" + name for name in table["user"].to_pylist()])
    history = table.set_column(0, "user", renamed)
    rows = [row for row in history.to_pylist() if row["user"] == "nu03"]

    for row in rows[:4]:
        asked = pa.table({name: [row[name]] for name in ("user", "item", "timestamp")})
        np.testing.assert_allclose(
            probabilities(model, history, asked),
            probabilities(model, without(history, row["user"], row["item"]), asked),
            atol=1e-5,
        )


@BOTH
def test_a_pair_of_no_known_day_or_of_one_without_ratings_gets_no_day_bias(by: str) -> None:
    table = dated(ratings())
    model = trained(by, table, day_bias=True)
    undated = probabilities(model, table, pairs_of("u00", *ITEMS))

    dates = probabilities(model, table, asked_of("u00", [None, 20_000, 11_001] * 4))

    same = np.arange(12) % 3 < 2
    np.testing.assert_allclose(dates[same], undated[same], atol=1e-6)
    assert np.abs(dates[~same] - undated[~same]).max() > 1e-2


@BOTH
@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_moods_that_last_a_day_are_learned_from_the_other_ratings_of_the_day(by: str, objective: str) -> None:
    generator, days = np.random.default_rng(5), 6
    user, item = np.nonzero(generator.random((60, 40)) < 0.7)
    day = generator.integers(days, size=len(user))
    mood = generator.integers(2, size=(60, days))[user, day]
    rating = np.where(mood, generator.integers(3, 6, len(user)), generator.integers(1, 4, len(user)))
    table = pa.table(
        {
            "user": [f"u{number:02d}" for number in user],
            "item": item + 100,
            "rating": pa.array(rating, pa.float32()),
        }
    )
    how = {"validation": "holdout", "objective": objective, "epochs": 30, "network_rate": 0.01}

    with_days, without_days = (
        fit_on(table, every_tenth(table), quick(by, day_bias=has_days, **how), day=day if has_days else None)
        for has_days in (True, False)
    )

    better, worse = (
        min(figures["valid_rmse"] for figures in model.record["epochs"])
        for model in (with_days, without_days)
    )
    assert better < 0.9 * worse


@BOTH
def test_a_model_does_not_depend_on_the_order_of_the_ratings(by: str) -> None:
    table = dated(ratings())
    settings = quick(by, day_bias=True, validation="holdout")

    one, other = (rbmcli.train(each, settings=settings).model for each in (table, shuffled(table)))

    for array, same in zip(one.parameters, other.parameters, strict=True):
        assert array.tobytes() == same.tobytes()
