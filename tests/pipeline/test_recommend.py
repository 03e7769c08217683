"""Histories to the best unseen items of each user: against predictions of all pairs, ranked by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rbmcli
from rbmcli.config import RecommendSettings
from rbmcli.data.schemas import RECOMMENDATIONS
from rbmcli.data.storage import read_parquet
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.models.rbm import Rbm
from rbmcli.pipeline import best_items, history_by_user, recommendation_input
from tests.recorder import Recorder
from tests.small_ratings import predicted, ratings, rows_of, shuffled, table_of, trained, with_rating

BOTH = pytest.mark.parametrize("by", ["user", "item"])
EVERYTHING = RecommendSettings(top=1000)


def mixed_history() -> pa.Table:
    """Return ratings with a changed user and a new one among those trained on."""
    new = table_of(["new"] * 3, [100, 104, 999], [5, 1, 2])
    return pa.concat_tables([with_rating(ratings(), "u01", 999, 3), new])


def recommended(model: Rbm, history: pa.Table, **changes: object) -> list[dict]:
    chosen = {"top": 1000, **changes}
    return rbmcli.recommend(model, history, settings=RecommendSettings(**chosen)).table.to_pylist()


def scores_by_hand(model: Rbm, history: pa.Table, deviations: float) -> dict[tuple[str, int], float]:
    """Return the score of every unseen pair, from the predictions of all pairs."""
    rated = {row[:2] for row in rows_of(history)}
    items, users = model.item_ids.values.to_pylist(), sorted(set(history["user"].to_pylist()))
    pairs = [pair for pair in itertools.product(users, items) if pair not in rated]
    asked = pa.table({"user": [user for user, _ in pairs], "item": [item for _, item in pairs]})
    scores = {}
    for pair, row in zip(pairs, predicted(model, history, asked), strict=True):
        share, values = np.array(row["probabilities"]), np.arange(1, 6)
        spread = np.sqrt(share @ values**2 - (share @ values) ** 2)
        scores[pair] = row["prediction"] - deviations * spread
    return scores


@BOTH
@pytest.mark.parametrize(("rank_by", "deviations"), [("expectation", 0.0), ("lower-bound", 1.5)])
def test_scores_are_those_of_predictions_and_what_was_rated_is_left_out(
    by: str, rank_by: str, deviations: float
) -> None:
    history = mixed_history()
    expected = scores_by_hand(trained(by), history, deviations)

    found = recommended(trained(by), history, rank_by=rank_by, deviations=deviations)

    assert {(row["user"], row["item"]): row["score"] for row in found} == pytest.approx(expected, abs=2e-4)


@BOTH
def test_ranks_count_from_one_and_scores_go_down(by: str) -> None:
    found = recommended(trained(by), mixed_history())

    assert [row["user"] for row in found] == sorted(row["user"] for row in found)
    for _, group in itertools.groupby(found, key=lambda row: row["user"]):
        rows = list(group)
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)


@BOTH
@pytest.mark.parametrize("top", [1, 3])
def test_the_top_few_are_the_first_of_all(by: str, top: int) -> None:
    everything = recommended(trained(by), mixed_history())

    assert recommended(trained(by), mixed_history(), top=top) == [
        row for row in everything if row["rank"] <= top
    ]


@BOTH
def test_who_has_rated_nearly_everything_gets_what_is_left_and_who_has_all_gets_nothing(by: str) -> None:
    items = list(range(100, 112))
    history = table_of(["all"] * 12 + ["most"] * 11, items + items[1:], [3] * 23)

    found = recommended(trained(by), history, top=5)

    assert [(row["user"], row["rank"], row["item"]) for row in found] == [("most", 1, 100)]


@BOTH
def test_items_with_too_few_ratings_in_training_are_left_out(by: str) -> None:
    counts = np.bincount(np.array(ratings()["item"]) - 100)
    support = int(np.sort(counts)[6])

    found = recommended(trained(by), mixed_history(), min_support=support)

    assert {row["item"] for row in found} == {100 + item for item in np.flatnonzero(counts >= support)}
    assert recommended(trained(by), mixed_history(), min_support=10_000) == []


@BOTH
def test_of_equal_scores_the_item_that_comes_first_is_better(by: str) -> None:
    # Nobody has rated anything but with one level each, in equal numbers: base rates are all equal.
    table = table_of(["a", "b"] * 4, [4, 4, 1, 1, 3, 3, 2, 2], [1, 5] * 4)
    model = trained(by, table)

    found = rbmcli.recommend(model, table, pa.table({"user": ["nobody"]})).table

    assert found["item"].to_pylist() == [1, 2, 3, 4]
    assert len(set(found["score"].to_pylist())) == 1


@BOTH
def test_the_users_asked_for_are_served_known_or_not_and_each_once(by: str) -> None:
    recorder = Recorder()
    users = pd.DataFrame({"user": ["u05", "nobody", "u05", "new"], "note": [1, 2, 3, 4]})

    result = rbmcli.recommend(trained(by), mixed_history(), users, settings=EVERYTHING, progress=recorder)

    found = result.table.to_pylist()
    assert result.n_users == 3
    assert sorted({row["user"] for row in found}) == ["new", "nobody", "u05"]
    everyone = recommended(trained(by), mixed_history())
    for user in ("u05", "new"):
        mine = [row for row in found if row["user"] == user]
        theirs = [row for row in everyone if row["user"] == user]
        assert [row["item"] for row in mine] == [row["item"] for row in theirs]
        assert [row["score"] for row in mine] == pytest.approx([row["score"] for row in theirs], abs=1e-6)
    assert len([row for row in found if row["user"] == "nobody"]) == 12
    assert recorder.warnings == ["1 of 3 users have no history: they get what suits everybody"]


@BOTH
def test_a_user_who_has_rated_unknown_items_only_is_served_among_others_who_are_known(by: str) -> None:
    history = pa.concat_tables([ratings(), table_of(["odd"], [999], [5])])

    result = rbmcli.recommend(trained(by), history, pa.table({"user": ["odd"]}))

    assert result.table.num_rows == 10


@BOTH
def test_a_history_of_unknown_items_only_is_a_mismatch(by: str) -> None:
    with pytest.raises(MismatchError, match="not one of the items rated there is known to the model"):
        rbmcli.recommend(trained(by), table_of(["u00"], [999], [5]))


@BOTH
def test_nobody_asked_for_is_no_recommendation(by: str, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("user,item,rating\n")

    result = rbmcli.recommend(trained(by), tmp_path / "none.csv", output=tmp_path / "r.parquet")

    assert (result.n_users, result.table.num_rows) == (0, 0)
    assert read_parquet(tmp_path / "r.parquet", RECOMMENDATIONS)[0].schema.names == [
        "user",
        "rank",
        "item",
        "score",
    ]


def test_duplicates_and_other_scales_are_refused_as_in_predict() -> None:
    with pytest.raises(DataError, match="more than once"):
        rbmcli.recommend(trained("user"), table_of(["a", "a"], [100, 100], [1, 2]))
    with pytest.raises(MismatchError, match="is on no level"):
        rbmcli.recommend(trained("user"), table_of(["a"], [100], [9]))


def test_no_input_is_written_over(tmp_path: Path) -> None:
    pq.write_table(ratings(), tmp_path / "h.parquet")

    with pytest.raises(UsageError, match="is an input"):
        rbmcli.recommend(trained("user"), tmp_path / "h.parquet", output=tmp_path / "h.parquet")


@BOTH
def test_neither_the_order_of_the_history_nor_the_size_of_blocks_shows(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rbmcli.recommend(trained(by), mixed_history(), output=tmp_path / "a", settings=EVERYTHING)
    monkeypatch.setattr(best_items, "_SCORES", 30)
    monkeypatch.setattr(best_items, "_PAIRS", 30)
    monkeypatch.setattr(recommendation_input, "USERS_AT_ONCE", 7)
    monkeypatch.setattr(history_by_user, "RATINGS_AT_ONCE", 20)
    rbmcli.recommend(trained(by), shuffled(mixed_history()), output=tmp_path / "b", settings=EVERYTHING)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


HISTORY = st.dictionaries(
    st.tuples(st.sampled_from(["u00", "u01", "new"]), st.sampled_from([100, 101, 102, 999])),
    st.integers(1, 5),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(by=st.sampled_from(["user", "item"]), history=HISTORY, top=st.integers(1, 15))
def test_nothing_rated_is_ever_recommended_and_nobody_is_left_out(by, history, top) -> None:
    users, items = (list(side) for side in zip(*history, strict=True))
    anchor = table_of(["u29"], [111], [3])
    table = pa.concat_tables([table_of(users, items, list(history.values())), anchor])

    found = recommended(trained(by), table, top=top)

    rated = {row[:2] for row in rows_of(table)}
    assert not rated & {(row["user"], row["item"]) for row in found}
    for user in {row[0] for row in rated}:
        known = sum(1 for name, item in rated if name == user and item != 999)
        assert len([row for row in found if row["user"] == user]) == min(top, 12 - known)
