"""The figures of lists of recommendations: by hand, of what users, beside each other, in files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import RankingSettings
from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, METRICS, RATINGS
from rbmcli.data.storage import read_parquet
from rbmcli.errors import GateError, UsageError
from rbmcli.models.bootstrap import intervals, paired_intervals
from rbmcli.models.ranking import MEANS, RANKING_FIGURES, judge, mean_moments, ranking_values
from rbmcli.pipeline.evaluate_ranking import evaluate_ranking
from tests.models.lists import random_lists
from tests.recorder import Recorder
from tests.small_lists import HISTORY, LISTS, TRUTH, held_out, lists, name_of, tables_of
from tests.small_ratings import shuffled

AT = (1, 3, 10)


def test_a_small_case_worked_out_by_hand() -> None:
    result = evaluate_ranking(LISTS, truth=TRUTH, ranking=RankingSettings(at=(3,)))

    figures = result.segments()["all"]
    assert result.n == figures["n"] == 3
    assert figures["precision@3"] == pytest.approx((1 / 3 + 1 / 3 + 0) / 3)
    assert figures["recall@3"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    ideal = 1 + 1 / math.log2(3)
    assert figures["ndcg@3"] == pytest.approx((1 / math.log2(3) / ideal + 1 / ideal + 0) / 3)
    assert figures["map@3"] == pytest.approx((1 / 2 / 2 + 1 / 2 + 0) / 3)
    assert figures["mrr@3"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert figures["hit_rate@3"] == pytest.approx(2 / 3)


def test_users_without_relevant_items_are_left_out_and_those_without_a_list_count_0_and_all_are_told() -> (
    None
):
    told = Recorder()

    result = evaluate_ranking(LISTS, truth=TRUTH, progress=told)

    [counts] = result.counts
    assert (counts.lists, counts.left_out, counts.without_list) == (3, 1, 1)
    assert "1 of 3 users with relevant items have no list and count as 0" in told.warnings[0]


def test_only_ratings_of_at_least_the_given_one_are_relevant() -> None:
    result = evaluate_ranking(LISTS, truth=TRUTH, ranking=RankingSettings(relevant=4))

    assert (result.n, result.n_relevant) == (2, 3)
    assert result.counts[0].left_out == 2
    assert result.relevance == "held-out items rated 4 or higher"


def test_a_rating_is_not_less_than_itself_for_being_stored_in_fewer_bits() -> None:
    truth = held_out([(1, "a", 4.2), (1, "b", 4.1)])

    assert evaluate_ranking(LISTS, truth=truth, ranking=RankingSettings(relevant=4.2)).n_relevant == 1


def test_gains_are_what_ratings_are_above_the_lowest_level() -> None:
    truth = held_out([(1, "a", 2), (1, "b", 5), (2, "c", 1)])
    graded = RankingSettings(at=(2,), gain="rating")
    levels = {"levels": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "edges": None}
    with_levels = truth.replace_schema_metadata({METADATA_KEY: encode_metadata(RATINGS, levels)})

    result, told = (evaluate_ranking(LISTS, truth=each, ranking=graded) for each in (truth, with_levels))

    of_one = (1 + 4 / math.log2(3)) / (4 + 1 / math.log2(3))
    assert (result.n, result.segments()["all"]["ndcg@2"]) == (1, pytest.approx(of_one))
    of_first = (2 + 5 / math.log2(3)) / (5 + 2 / math.log2(3))
    assert (told.n, told.segments()["all"]["ndcg@2"]) == (2, pytest.approx((of_first + 1) / 2))


def test_the_catalogue_is_that_of_the_history_and_novelty_is_in_bits() -> None:
    result = evaluate_ranking(LISTS, truth=TRUTH, history=HISTORY, ranking=RankingSettings(at=(1, 3)))

    figures = result.segments()["all"]
    # Seven ratings: a and x have two of them, b, c and y one.
    assert figures["catalogue_coverage@1"] == pytest.approx(2 / 5)
    assert figures["catalogue_coverage@3"] == pytest.approx(3 / 5)
    assert figures["novelty@1"] == pytest.approx((2 * math.log2(7 / 2) + math.log2(7)) / 3)
    entry = next(entry for entry in result.metrics if entry.metric == "novelty@3")
    assert (entry.predictor, entry.n, entry.low) == ("model", 3, None)


def test_given_a_history_the_most_popular_items_not_rated_there_stand_beside_the_lists() -> None:
    result = evaluate_ranking(LISTS, truth=TRUTH, history=HISTORY, ranking=RankingSettings(at=(1, 3)))

    # By popularity a, x, b, c, y: users 1 and 2, who have rated x, get a, b, c, and user 3 gets a, x, b.
    assert (result.predictors, result.n_given) == (["model", "most popular"], 1)
    figures = result.segments("most popular")["all"]
    assert figures["n"] == 3
    assert figures["precision@3"] == pytest.approx((1 / 3 + 2 / 3 + 0) / 3)
    assert figures["recall@3"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    ideal = 1 + 1 / math.log2(3)
    assert figures["ndcg@3"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(3) + 1 / 2) / ideal / 3)
    assert figures["mrr@3"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert figures["hit_rate@1"] == 0
    assert [figures[f"catalogue_coverage@{cutoff}"] for cutoff in (1, 3)] == pytest.approx([1 / 5, 4 / 5])
    assert figures["novelty@1"] == pytest.approx(math.log2(7 / 2))
    counts = result.counts[1]
    assert (counts.lists, counts.left_out, counts.without_list, counts.already_rated) == (3, 1, 1, 0)
    assert counts.candidates == "all items of the history that the user has not rated there"


def test_every_predictor_is_compared_with_the_most_popular_items_on_the_same_draws() -> None:
    ranked, relevant = random_lists(users=80, items=30, seed=5)
    listed, truth = tables_of(ranked, relevant)
    # Nobody with a list is in the history, so everybody's most popular items are the same.
    strangers = held_out([(f"other {user}", user * user % 29, 3) for user in range(80)])
    counts = pc.value_counts(strangers["item"]).to_pylist()
    popular = sorted(counts, key=lambda each: (-each["counts"], each["values"]))[:10]
    users = sorted(set(listed["user"].to_pylist()))
    same = lists([(user, rank, each["values"]) for user in users for rank, each in enumerate(popular, 1)])

    result = evaluate_ranking(
        [listed, same], truth=truth, history=strangers, seed=7, resamples=200, ranking=RankingSettings(at=AT)
    )

    assert result.predictors == ["lists 1", "lists 2", "most popular"]
    pairs = list(dict.fromkeys((entry.predictor, entry.against) for entry in result.differences()))
    assert pairs == [("lists 1", "lists 2"), ("lists 1", "most popular"), ("lists 2", "most popular")]
    by_pair = {
        pair: [
            (entry.metric, entry.value, entry.low, entry.high)
            for entry in result.differences()
            if (entry.predictor, entry.against) == pair
        ]
        for pair in pairs
    }
    assert by_pair[pairs[0]] == by_pair[pairs[1]]
    assert {(value, low, high) for _, value, low, high in by_pair[pairs[2]]} == {(0, 0, 0)}
    assert any(entry.beyond_chance for entry in result.differences())


def test_users_of_any_of_the_lists_get_the_most_popular_items() -> None:
    other = lists([(4, 1, "c"), (4, 2, "b")])

    result = evaluate_ranking([LISTS, other], truth=TRUTH, history=HISTORY)

    assert [counts.without_list for counts in result.counts] == [1, 2, 0]
    assert result.segments("most popular")["all"]["hit_rate@1"] == pytest.approx(1 / 3)


def test_where_all_has_been_rated_the_most_popular_items_are_none_and_have_no_novelty() -> None:
    history = held_out([(user, "a", 3) for user in (1, 2, 3)])

    result = evaluate_ranking(LISTS, truth=TRUTH, history=history)

    told = json.loads(json.dumps(result.as_dict(), allow_nan=False))["predictors"][1]
    assert (told["lists"], told["without_list"]) == (0, 3)
    assert told["segments"]["all"]["hit_rate@1"] == told["segments"]["all"]["catalogue_coverage@1"] == 0
    assert "novelty@1" not in told["segments"]["all"]


def test_lists_that_are_named_as_the_baseline_get_another_name(tmp_path: Path) -> None:
    paths = [tmp_path / "most popular.csv", tmp_path / "other.csv"]
    for path in paths:
        pa.csv.write_csv(LISTS, path)

    result = evaluate_ranking(paths, truth=TRUTH, history=HISTORY)

    assert result.predictors == [*map(str, paths), "most popular"]


def test_without_a_history_there_is_no_catalogue_and_that_is_said() -> None:
    told = Recorder()

    result = evaluate_ranking(LISTS, truth=TRUTH, progress=told)

    assert not any("novelty" in entry.metric or "catalogue" in entry.metric for entry in result.metrics)
    assert "without --history there is neither catalogue coverage nor novelty, nor a baseline" in told.told
    assert result.counts[0].already_rated is None
    assert (result.predictors, result.differences()) == (["model"], [])


def test_what_stands_in_the_history_already_is_counted_and_warned_of() -> None:
    told = Recorder()
    seen = pa.concat_tables([HISTORY, held_out([(1, "a", 3), (2, "c", 4), (3, "z", 1)])])

    result = evaluate_ranking(LISTS, truth=TRUTH, history=seen, progress=told)

    assert result.counts[0].already_rated == 2
    assert any("2 of 6 items listed have been rated by their user" in message for message in told.warnings)
    assert any("1 of 5 relevant items have been rated by their user" in message for message in told.warnings)


def test_items_that_the_history_lacks_are_warned_of_and_count_in_the_catalogue() -> None:
    told = Recorder()
    strange = lists([(1, 1, "new"), (2, 1, "c"), (4, 1, "a")])

    result = evaluate_ranking([strange, LISTS], truth=TRUTH, history=HISTORY, progress=told)

    assert any("1 of its items have no rating" in message for message in told.warnings)
    coverage = [result.segments(name)["all"]["catalogue_coverage@1"] for name in result.predictors[:2]]
    assert coverage == pytest.approx([3 / 6, 2 / 6])


def test_users_are_cut_by_their_ratings_in_the_history() -> None:
    result = evaluate_ranking(LISTS, truth=TRUTH, history=HISTORY, segments=["activity"])

    assert list(result.segments()) == ["all", "activity=0", "activity=1-2"]
    assert result.segments()["activity=1-2"]["n"] == 2
    assert result.segments()["activity=1-2"]["share"] == pytest.approx(2 / 3)
    assert result.segments()["activity=1-2"]["mrr@1"] == 0.5
    assert evaluate_ranking(LISTS, truth=TRUTH, history=HISTORY, segments=["all"]).metrics == result.metrics


@pytest.mark.parametrize("name", ["level", "popularity", "source", "time", "genre"])
def test_users_are_not_cut_by_what_is_of_pairs(name: str) -> None:
    with pytest.raises(UsageError, match=f"--segments {name}: .* activity alone"):
        evaluate_ranking(LISTS, truth=TRUTH, history=HISTORY, segments=["activity", name])


def test_activity_needs_a_history() -> None:
    with pytest.raises(UsageError, match="--segments activity: give the ratings"):
        evaluate_ranking(LISTS, truth=TRUTH, segments=["activity"])


def test_figures_and_intervals_are_those_of_values_of_users_on_the_same_draws() -> None:
    ranked, relevant = random_lists(users=80, items=30, seed=5)
    listed, truth = tables_of(ranked, relevant)

    result = evaluate_ranking(listed, truth=truth, ranking=RankingSettings(at=AT), seed=7, resamples=200)

    values = ranking_values(judge(ranked, relevant, 10), AT)
    low, high = intervals(mean_moments(values), 7, 200, figures=MEANS)
    names = [f"{figure}@{cutoff}" for cutoff in AT for figure in RANKING_FIGURES]
    for place, (name, mean) in enumerate(zip(names, values.mean(axis=0).ravel(), strict=True)):
        assert result.segments()["all"][name] == pytest.approx(mean, abs=1e-12)
        assert result.intervals()["all"][name] == pytest.approx([low[place], high[place]], abs=1e-9)


def test_several_lists_are_compared_on_the_same_users_with_paired_intervals() -> None:
    ranked, relevant = random_lists(users=80, items=30, seed=5)
    other, _ = random_lists(users=60, items=30, seed=6)
    (first, truth), (second, _) = tables_of(ranked, relevant), tables_of(other, relevant)

    result = evaluate_ranking(
        [first, second], truth=truth, ranking=RankingSettings(at=AT), seed=7, resamples=200
    )

    values = [ranking_values(judge(each, relevant, 10), AT) for each in (ranked, other)]
    [expected] = paired_intervals([mean_moments(each) for each in values], 7, 200, figures=MEANS)
    found = result.differences()
    assert result.predictors == ["lists 1", "lists 2"]
    assert [entry.metric for entry in found] == [
        f"{figure}@{cutoff}" for cutoff in AT for figure in RANKING_FIGURES
    ]
    assert {(entry.predictor, entry.against, entry.n) for entry in found} == {
        ("lists 1", "lists 2", result.n)
    }
    assert [entry.value for entry in found] == pytest.approx(expected.difference, abs=1e-12)
    assert [entry.low for entry in found] == pytest.approx(expected.low, abs=1e-9)
    assert [entry.high for entry in found] == pytest.approx(expected.high, abs=1e-9)


def test_without_resamples_there_are_no_intervals() -> None:
    result = evaluate_ranking([LISTS, LISTS], truth=TRUTH, resamples=0)

    assert {(entry.low, entry.high) for entry in result.metrics} == {(None, None)}
    assert {entry.value for entry in result.differences()} == {0.0}


def test_the_metrics_file_follows_its_contract_says_what_was_compared_and_is_the_same_again(
    tmp_path: Path,
) -> None:
    settings = RankingSettings(at=(2, 1), relevant=2)
    for name in ("a.parquet", "b.parquet"):
        result = evaluate_ranking(
            LISTS, truth=TRUTH, history=HISTORY, ranking=settings, output=tmp_path / name
        )

    table, metadata = read_parquet(tmp_path / "a.parquet", METRICS)
    assert table.equals(result.table)
    assert (metadata["settings"]["at"], metadata["settings"]["relevant"]) == ([1, 2], 2.0)
    assert metadata["recommendations"][0]["fingerprint"] != metadata["truth_fingerprint"]
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_gate_on_a_figure_of_lists_trips(tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"--fail-if ndcg@1<0\.9: ndcg@1 is 0\.") as caught:
        evaluate_ranking(LISTS, truth=TRUTH, fail_if=["ndcg@1<0.9"], output=tmp_path / "m.parquet")

    assert caught.value.result.n == 3
    assert not (tmp_path / "m.parquet").exists()
    evaluate_ranking(LISTS, truth=TRUTH, fail_if=["ndcg@1<0.1", "n<3"], output=tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").exists()


@pytest.mark.parametrize("condition", ["ndcg@5<0.1", "ndcg<0.1", "rmse>1"])
def test_a_gate_on_a_figure_that_lists_do_not_have_is_refused(condition: str) -> None:
    with pytest.raises(UsageError, match="no figure"):
        evaluate_ranking(LISTS, truth=TRUTH, fail_if=[condition])


def test_the_result_is_ready_for_json() -> None:
    result = evaluate_ranking([LISTS, LISTS], truth=TRUTH, history=HISTORY)

    told = json.loads(json.dumps(result.as_dict(), allow_nan=False))

    assert (told["n"], told["at"], told["relevant"]) == (3, [1], 5)
    assert told["predictors"][1]["without_list"] == 1
    assert [each["is_baseline"] for each in told["predictors"]] == [False, False, True]
    assert told["predictors"][0]["segments"]["all"]["hit_rate@1"] == pytest.approx(1 / 3)
    assert told["differences"][0]["beyond_chance"] is False


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_makes_no_difference(seed: int) -> None:
    listed, truth = tables_of(*random_lists(users=8, items=12, seed=seed % 5, graded=True))
    history = held_out([(name_of(user), item, 3) for user in range(9) for item in range(12, 12 + user)])
    given_settings = RankingSettings(at=(1, 4), gain="rating")

    result = evaluate_ranking(
        listed, truth=truth, history=history, segments=["activity"], ranking=given_settings
    )
    again = evaluate_ranking(
        shuffled(listed, seed),
        truth=shuffled(truth, seed),
        history=shuffled(history, seed),
        segments=["activity"],
        ranking=given_settings,
    )

    assert again == result


@settings(max_examples=25, deadline=None)
@given(
    wanted=st.dictionaries(st.integers(0, 5), st.sets(st.integers(0, 9), min_size=4, max_size=4), min_size=1),
    graded=st.booleans(),
)
def test_lists_of_just_the_relevant_items_are_perfect(wanted: dict[int, set[int]], graded: bool) -> None:
    truth = held_out([(user, item, 2 + item % 4) for user, items in wanted.items() for item in items])
    scores = pc.add(pc.multiply(truth["rating"], 100), truth["item"])
    perfect = truth.select(["user", "item"]).append_column("score", scores)
    lowest = held_out([(99, 0, 1)])

    result = evaluate_ranking(
        perfect,
        truth=pa.concat_tables([truth, lowest]),
        ranking=RankingSettings(at=(1, 4), relevant=2, gain="rating" if graded else "binary"),
        resamples=0,
    )

    figures = result.segments()["all"]
    assert result.n == len(wanted)
    assert [figures[f"{figure}@4"] for figure in RANKING_FIGURES] == pytest.approx([1] * 6)
    for figure in ("precision", "ndcg", "mrr", "hit_rate"):
        assert figures[f"{figure}@1"] == pytest.approx(1)
