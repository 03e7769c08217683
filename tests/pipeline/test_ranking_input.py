"""Lists of recommendations, of rbmcli or of another tool, are read with the held-out ratings, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.config import InputSettings, RankingSettings, RecommendSettings
from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, RATINGS, RECOMMENDATIONS
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.evaluate_files import evaluate_files
from rbmcli.pipeline.evaluate_ranking import evaluate_ranking
from rbmcli.pipeline.recommend import recommend
from tests.recorder import Recorder
from tests.small_lists import HISTORY, LISTS, TRUTH, held_out, lists
from tests.small_ratings import ratings, shuffled, trained


def test_cutoffs_are_those_of_1_5_and_10_that_the_shortest_lists_reach() -> None:
    long = lists([(1, rank, f"i{rank}") for rank in range(1, 13)])
    middle = lists([(1, rank, "abcdefg"[rank - 1]) for rank in range(1, 8)])

    assert evaluate_ranking(long, truth=TRUTH).at == (1, 5, 10)
    assert evaluate_ranking([long, middle], truth=TRUTH).at == (1, 5)
    assert evaluate_ranking(LISTS, truth=TRUTH).at == (1,)
    assert evaluate_ranking(long, truth=TRUTH, ranking=RankingSettings(at=(7, 2))).at == (2, 7)


def test_a_cutoff_beyond_the_lists_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--at 4: the lists of .* have at most 3 items") as caught:
        evaluate_ranking(LISTS, truth=TRUTH, ranking=RankingSettings(at=(1, 4)))

    assert "recommend --top 4" in caught.value.hint


def test_lists_without_truth_are_refused() -> None:
    with pytest.raises(UsageError, match="--truth is missing"):
        evaluate_ranking(LISTS, truth=None)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(1, 1, "a"), (1, 2, "b"), (1, 3, "a")], r"item 'a' stands twice .* user '1', in rows 1 and 3"),
        ([(1, 1, "a"), (1, 1, "b")], r"rank 1 in row 2: expected the items of user '1'"),
        ([(1, 1, "a"), (2, 1, "a"), (1, 3, "b")], r"rank 3 in row 3"),
        ([(1, 0, "a"), (1, 1, "b")], r"rank 0 in row 1"),
        ([(1, 1.5, "a")], r"rank 1\.5 in row 1"),
        ([(1, None, "a")], r"column 'rank' is null in row 1"),
    ],
)
def test_lists_that_are_none_are_refused(rows: list[tuple], words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate_ranking(lists(rows), truth=TRUTH)


@pytest.mark.parametrize(
    ("truth", "ranking", "words"),
    [
        (TRUTH, RankingSettings(relevant=6), "none of its 5 ratings is of a relevant item; the highest is 5"),
        (TRUTH.slice(0, 0), RankingSettings(), "none of its 0 ratings"),
        (held_out([(1, "a", 3), (1, "b", 3)]), RankingSettings(gain="rating"), "none of its 2 ratings"),
    ],
)
def test_a_truth_without_relevant_items_is_refused(
    truth: pa.Table, ranking: RankingSettings, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        evaluate_ranking(LISTS, truth=truth, ranking=ranking)


def test_no_lists_and_no_history_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="there are no recommendations"):
        evaluate_ranking(LISTS.slice(0, 0), truth=TRUTH)
    with pytest.raises(DataError, match="there are no ratings"):
        evaluate_ranking(LISTS, truth=TRUTH, history=HISTORY.slice(0, 0))


def test_predictions_are_no_lists() -> None:
    predictions = pa.table({"user": [1], "item": ["a"], "prediction": [3.0], "rank": [1]})

    with pytest.raises(MismatchError, match="expected lists of recommendations"):
        evaluate_ranking(predictions, truth=TRUTH)


def test_lists_of_other_users_are_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="none of its users has a relevant item"):
        evaluate_ranking(lists([(7, 1, "a")]), truth=TRUTH)


def test_lists_of_other_items_are_warned_of() -> None:
    told = Recorder()

    evaluate_ranking(lists([(1, 1, "Title"), (2, 1, "Other"), (4, 1, "More")]), truth=TRUTH, progress=told)

    assert any("not one of its items is relevant to anyone" in message for message in told.warnings)


@pytest.mark.parametrize("users", [["1", "1", "1", "2", "2", "3"], [1.0, 1.0, 1.0, 2.0, 2.0, 3.0]])
def test_ids_of_another_type_that_are_the_same_numbers_are_joined(users: list[object]) -> None:
    changed = LISTS.set_column(0, "user", pa.array(users))

    assert evaluate_ranking(changed, truth=TRUTH).metrics == evaluate_ranking(LISTS, truth=TRUTH).metrics


def test_ids_that_cannot_be_joined_are_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="column 'user'"):
        evaluate_ranking(lists([("one", 1, "a")]), truth=TRUTH)


def test_lists_may_have_scores_in_place_of_ranks_and_equal_ones_go_by_the_id() -> None:
    told = Recorder()
    scored = lists(
        [(1, 2.5, "c"), (1, 9, "a"), (1, 2.5, "b"), (2, 4, "a"), (2, 7, "c"), (3, 0, "a")], "score"
    )

    result = evaluate_ranking(shuffled(scored), truth=TRUTH, progress=told)

    assert result.metrics == evaluate_ranking(LISTS, truth=TRUTH).metrics
    assert any("1 items have the score of the one above them" in message for message in told.warnings)


def test_predictions_and_lists_do_not_go_together(tmp_path: Path) -> None:
    pq.write_table(LISTS, tmp_path / "lists.parquet")
    pq.write_table(
        pa.table({"user": [1], "item": ["a"], "prediction": [3.0]}), tmp_path / "predictions.parquet"
    )
    files = [str(tmp_path / f"{name}.parquet") for name in ("predictions", "lists")]

    with pytest.raises(UsageError, match=r"holds lists of recommendations and .* does not"):
        evaluate_files(
            files,
            truth=TRUTH,
            history=None,
            model=None,
            calibrate=None,
            output=None,
            segments=None,
            ranking=RankingSettings(),
            input_settings=InputSettings(),
            progress=Recorder(),
        )


@pytest.mark.parametrize(
    ("least", "words"), [(1, "model that"), (5, "model with at least 5 ratings in training that")]
)
def test_lists_of_recommend_tell_their_candidates_and_how_long_they_were_to_be(
    least: int, words: str, tmp_path: Path
) -> None:
    history, path = ratings(), tmp_path / "r.parquet"
    wanted = RecommendSettings(top=20, min_support=least)
    recommend(trained("user"), history, output=path, settings=wanted)
    truth = held_out([("u01", item, 4) for item in range(100, 112)])

    result = evaluate_ranking(path, truth=truth)

    assert result.at == (1, 5, 10)
    assert result.counts[0].candidates.startswith(f"all items of the {words} the user has not rated")
    [told] = result.metadata["recommendations"]
    assert (told["settings"]["top"], told["settings"]["min_support"]) == (20, least)
    assert told["model_fingerprint"]
    with pytest.raises(UsageError, match="at most 20 items"):
        evaluate_ranking(path, truth=truth, ranking=RankingSettings(at=(21,)))


def test_lists_of_another_tool_say_nothing_of_their_candidates() -> None:
    assert evaluate_ranking(LISTS, truth=TRUTH).counts[0].candidates.startswith("not known")


def test_lists_of_a_newer_version_are_a_mismatch() -> None:
    table = pa.table(
        {
            "user": pa.array([1]),
            "rank": pa.array([1], pa.int32()),
            "item": ["a"],
            "score": pa.array([3], pa.float32()),
        }
    )
    newer = encode_metadata(replace(RECOMMENDATIONS, version=RECOMMENDATIONS.version + 1), {})

    with pytest.raises(MismatchError, match="expected at most"):
        evaluate_ranking(table.replace_schema_metadata({METADATA_KEY: newer}), truth=TRUTH)


def test_files_of_two_runs_of_prepare_are_a_mismatch() -> None:
    truth, history = (
        table.cast(
            pa.schema([("user", pa.int64()), ("item", pa.string()), ("rating", pa.float32())])
        ).replace_schema_metadata({METADATA_KEY: encode_metadata(RATINGS, {"run": run})})
        for table, run in ((TRUTH, "one"), (HISTORY, "two"))
    )

    with pytest.raises(MismatchError, match="different runs of prepare"):
        evaluate_ranking(LISTS, truth=truth, history=history)


def test_the_table_that_recommend_returns_tells_its_candidates_too_and_is_no_predictions() -> None:
    table = recommend(trained("user"), ratings(), settings=RecommendSettings(top=3)).table
    truth = held_out([("u01", item, 4) for item in range(100, 112)])

    assert evaluate_ranking(table, truth=truth).counts[0].candidates.startswith("all items of the model")
    with pytest.raises(MismatchError, match="found 'recommendations'") as caught:
        evaluate(table, truth=truth)
    assert "rbmcli.evaluate_ranking" in caught.value.hint
