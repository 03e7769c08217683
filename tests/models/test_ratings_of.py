"""What else is asked changes no bit of a prediction, and recommending scores what predicting says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.data.ids import IdIndex
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories
from rbmcli.models.kinds import predictor_of
from rbmcli.models.predictor import Predictor
from rbmcli.models.rating_model import RatingModel
from tests.every_kind import OPTIONS, model_of, parts
from tests.small_ratings import FORMS, WAYS, ratings, table_of, trained

WITH_LAYERS = {**FORMS, "three layers": WAYS["three layers"]}


def predictor(model: RatingModel, table: pa.Table) -> Predictor:
    """Return a model with the ratings of all users of a table, and of one who has rated nothing known."""
    table = pa.concat_tables([table.select(["user", "item", "rating"]), table_of(["zz"], [1], [3])])
    users = IdIndex.of(table["user"])
    level = model.levels.nearest(table["rating"].to_numpy())
    return predictor_of(model, Histories.build(model, users, table["user"], table["item"], level))


def said_one_by_one(asked: Predictor, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    none = np.full(1, NOT_OWN, np.uint8)
    one_by_one = [
        asked.answers(user[at : at + 1], item[at : at + 1], none).prediction for at in range(len(user))
    ]
    return np.concatenate(one_by_one).astype(np.float32)


def agrees(asked: Predictor) -> None:
    users = np.arange(len(asked.histories.users), dtype=np.int32)
    items = np.arange(len(asked.model.item_ids), dtype=np.int32)

    found = asked.ratings_of(users, items)

    user, item = np.repeat(users, len(items)), np.tile(items, len(users))
    together = asked.answers(user, item, np.full(len(user), NOT_OWN, np.uint8)).prediction
    np.testing.assert_array_equal(found.ravel(), together.astype(np.float32))
    some = np.random.default_rng(0).permutation(len(user))[:40]
    np.testing.assert_array_equal(found.ravel()[some], said_one_by_one(asked, user[some], item[some]))
    np.testing.assert_array_equal(asked.ratings_of(users[3:6], items[2:9]), found[3:6, 2:9])


@pytest.mark.parametrize("changes", WITH_LAYERS.values(), ids=WITH_LAYERS)
@pytest.mark.parametrize("levels", [5, 7])
def test_machines_of_every_form_say_the_same_of_a_pair_whatever_is_asked_besides(
    changes: dict, levels: int
) -> None:
    # More users than are scored at once.
    table = ratings(users=90, levels=levels)

    agrees(predictor(trained("user", table, **changes, epochs=2), table))


def test_an_exact_machine_says_the_same_of_a_pair_whatever_is_asked_besides() -> None:
    agrees(predictor(trained("user", inference="exact"), ratings()))


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_kind_says_the_same_of_a_pair_whatever_is_asked_besides(kind: str) -> None:
    agrees(predictor(model_of(kind), parts().train))
