"""What a rating adds to a score is the score less that of a history that never had it, to the last bit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.data.ids import IdIndex
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models import leave_one_out
from rbmcli.models.histories import Histories
from rbmcli.models.leave_one_out import changes
from rbmcli.models.rbm import Rbm
from rbmcli.models.rbm_predictor import RbmPredictor
from rbmcli.progress import Step
from tests.small_ratings import FORMS, ratings, trained

ALL_FORMS = pytest.mark.parametrize("options", FORMS.values(), ids=FORMS)
BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEM = 3


class Counted(Step):
    """Counts what it is told."""

    done = 0

    def advance(self, amount: int) -> None:
        """Count."""
        self.done += amount


def history(model: Rbm, without: int | None = None, user: str = "u07", asked: str | None = None) -> Histories:
    """Return the history of a user, under another name if one is given, without one of the ratings."""
    table = ratings()
    kept = np.flatnonzero(np.asarray(table["user"]) == user)
    if without is not None:
        kept = np.delete(kept, without)
    table = table.take(pa.array(kept))
    level = (np.asarray(table["rating"]) - 1).astype(np.uint8)
    name = asked or user
    users = pa.chunked_array([[name] * len(kept)], pa.string())
    return Histories.build(model, IdIndex(pa.array([name])), users, table["item"], level)


def score(predictor: RbmPredictor, own: int = NOT_OWN) -> float:
    probability, _ = predictor.probabilities(
        np.zeros(1, np.int32), np.array([ITEM], np.int32), np.array([own], np.uint8)
    )
    return float(probability[0].astype(np.float64) @ predictor.model.levels.values)


@BOTH
@ALL_FORMS
@pytest.mark.parametrize("asked", ["u07", "somebody new"])
@pytest.mark.parametrize("exact", [False, True])
def test_a_score_without_a_rating_is_that_of_a_history_that_never_had_it(
    by: str, options: dict, asked: str, exact: bool
) -> None:
    model = trained(by, **options)
    whole = history(model, asked=asked)
    places = np.arange(whole.rated.n_ratings)

    found = changes(RbmPredictor(model, whole, exact=exact), ITEM, NOT_OWN, places, Step())

    alone = [score(RbmPredictor(model, history(model, place, asked=asked), exact=exact)) for place in places]
    np.testing.assert_array_equal(found.without, alone)
    assert found.change.any()
    np.testing.assert_array_equal(found.change, found.whole - found.without)


@BOTH
def test_the_whole_is_the_prediction_where_the_user_is_served_in_the_same_way(by: str) -> None:
    model = trained(by)
    predictor = RbmPredictor(model, history(model, asked="somebody new"))

    found = changes(predictor, ITEM, NOT_OWN, np.arange(2), Step())

    assert found.whole == score(predictor)


def test_with_rows_of_items_the_whole_is_folded_in_as_the_parts_are() -> None:
    model = trained("item")

    found = changes(RbmPredictor(model, history(model)), ITEM, NOT_OWN, np.arange(2), Step())

    assert found.whole != score(RbmPredictor(model, history(model)))


@BOTH
def test_ratings_are_left_out_in_blocks_with_one_result(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, step = trained(by), Counted()
    predictor = RbmPredictor(model, history(model))
    places = np.arange(predictor.histories.rated.n_ratings)
    at_once = changes(predictor, ITEM, NOT_OWN, places, Step())

    monkeypatch.setattr(leave_one_out, "_RATINGS_AT_ONCE", 3 * len(places))
    in_blocks = changes(predictor, ITEM, NOT_OWN, places, step)

    np.testing.assert_array_equal(in_blocks.without, at_once.without)
    assert (in_blocks.whole, step.done) == (at_once.whole, len(places))
