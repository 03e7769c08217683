"""Figures of ranked lists, against another implementation, by hand, and within their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.models.bootstrap import intervals
from rbmcli.models.ranking import (
    MEANS,
    RANKING_FIGURES,
    RankedItems,
    RelevantItems,
    catalogue_coverage,
    judge,
    mean_moments,
    novelty,
    ranking_values,
)
from tests.models.lists import by_another, random_lists

CUTOFFS = (1, 3, 10)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_figures_of_every_user_are_those_of_another_implementation(seed: int, graded: bool) -> None:
    ranked, relevant = random_lists(users=60, items=30, seed=seed, graded=graded)

    judged = judge(ranked, relevant, depth=max(CUTOFFS))
    values = ranking_values(judged, CUTOFFS)

    for place, cutoff in enumerate(CUTOFFS):
        expected = by_another(ranked, relevant, cutoff)
        assert judged.user.tolist() == sorted(expected)
        for row, user in enumerate(judged.user):
            np.testing.assert_allclose(values[row, place], expected[user], rtol=0, atol=1e-9)
    assert 0 < values.mean() < 1


def test_a_small_case_worked_out_by_hand() -> None:
    ranked = RankedItems(np.zeros(4, int), np.array([1, 2, 3, 4]), np.array([7, 5, 8, 6]))
    relevant = RelevantItems.binary(np.zeros(3, int), np.array([5, 6, 9]))

    values = ranking_values(judge(ranked, relevant, depth=5), [3, 5])[0]

    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    np.testing.assert_allclose(values[0], [1 / 3, 1 / 3, 1 / np.log2(3) / ideal, 1 / 2 / 3, 1 / 2, 1])
    both = 1 / np.log2(3) + 1 / np.log2(5)
    np.testing.assert_allclose(values[1], [2 / 5, 2 / 3, both / ideal, (1 / 2 + 2 / 4) / 3, 1 / 2, 1])


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 8), st.integers(2, 15)),
    graded=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_figures_are_shares_and_some_never_fall_with_the_cutoff(
    sizes: tuple[int, int], graded: bool, seed: int
) -> None:
    values = ranking_values(judge(*random_lists(*sizes, seed=seed, graded=graded), depth=10), CUTOFFS)

    assert (values >= 0).all()
    assert (values <= 1 + 1e-12).all()
    rising = [RANKING_FIGURES.index(name) for name in ("recall", "map", "mrr", "hit_rate")]
    assert (np.diff(values[:, :, rising], axis=1) >= 0).all()


@settings(max_examples=30, deadline=None)
@given(sizes=st.tuples(st.integers(1, 8), st.integers(2, 15)), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_makes_no_difference(sizes: tuple[int, int], seed: int) -> None:
    ranked, relevant = random_lists(*sizes, seed=seed, graded=True)
    generator = np.random.default_rng(seed)
    rows, held = generator.permutation(len(ranked.user)), generator.permutation(len(relevant.user))
    moved = (
        RankedItems(ranked.user[rows], ranked.rank[rows], ranked.item[rows]),
        RelevantItems(relevant.user[held], relevant.item[held], relevant.gain[held]),
    )

    found, again = (ranking_values(judge(*lists, depth=10), CUTOFFS) for lists in ((ranked, relevant), moved))

    np.testing.assert_array_equal(found, again)


def test_a_list_that_begins_with_all_relevant_items_in_order_of_their_gains_is_perfect() -> None:
    ranked = RankedItems(np.zeros(5, int), np.arange(1, 6), np.array([3, 1, 4, 0, 2]))
    relevant = RelevantItems(np.zeros(3, int), np.array([4, 3, 1]), np.array([1.0, 5.0, 2.0]))

    values = ranking_values(judge(ranked, relevant, depth=5), [3, 5])[0]

    np.testing.assert_allclose(values[0], 1)
    np.testing.assert_allclose(values[1], [3 / 5, 1, 1, 1, 1, 1])


def test_users_without_relevant_items_are_left_out_and_counted_and_those_without_a_list_have_0() -> None:
    ranked = RankedItems(np.array([0, 2, 3]), np.array([1, 1, 1]), np.array([0, 0, 0]))
    relevant = RelevantItems(np.array([0, 1, 2]), np.array([0, 0, 0]), np.array([1.0, 1.0, 0.0]))

    judged = judge(ranked, relevant, depth=1)

    assert judged.user.tolist() == [0, 1]
    assert judged.left_out == 2
    np.testing.assert_array_equal(ranking_values(judged, [1])[:, 0], [[1] * 6, [0] * 6])


def test_nobody_with_relevant_items_leaves_no_users() -> None:
    nothing = np.empty(0, np.int64)
    ranked = RankedItems(np.array([0]), np.array([1]), np.array([0]))

    judged = judge(ranked, RelevantItems.binary(nothing, nothing), depth=3)

    assert ranking_values(judged, [1, 3]).shape == (0, 2, 6)
    assert judged.left_out == 1


def test_coverage_is_the_share_of_items_in_any_list() -> None:
    ranked = RankedItems(np.array([0, 0, 1, 1]), np.array([1, 2, 1, 2]), np.array([4, 1, 4, 2]))

    np.testing.assert_allclose(catalogue_coverage(ranked, 5, [1, 2]), [1 / 5, 3 / 5])


def test_novelty_is_the_mean_number_of_bits_and_an_item_without_ratings_counts_as_having_one() -> None:
    ranked = RankedItems(np.array([0, 0, 1, 1]), np.array([1, 2, 1, 2]), np.array([0, 1, 0, 2]))
    popularity = np.array([32, 31, 0, 1])

    found = novelty(ranked, popularity, [1, 2])

    np.testing.assert_allclose(found, [1, (1 + np.log2(64 / 31) + 1 + 6) / 4])


def test_novelty_of_no_lists_is_not_a_number() -> None:
    nothing = np.empty(0, np.int64)

    assert np.isnan(novelty(RankedItems(nothing, nothing, nothing), np.array([3]), [1])).all()


def test_means_over_users_have_intervals() -> None:
    values = ranking_values(judge(*random_lists(200, 30, seed=3), depth=10), CUTOFFS)

    low, high = intervals(mean_moments(values), 0, figures=MEANS)

    mean = values.mean(axis=0).ravel()
    error = values.std(axis=0).ravel() / np.sqrt(len(values))
    assert (low < mean).all()
    assert (mean < high).all()
    hit_rates = np.arange(5, values[0].size, len(RANKING_FIGURES))
    np.testing.assert_allclose((high - low)[hit_rates], 2 * 1.97 * error[hit_rates], rtol=0.15)
    # Recall at 1 is 1 for the few users with one relevant item and small for others: it is less sure.
    assert (high - low)[1] > 1.2 * 2 * 1.97 * error[1]


def test_slopes_of_means_are_those_of_small_differences() -> None:
    sums = np.array([4.0, 1.0, 3.0])

    slopes = MEANS.slopes(sums)

    np.testing.assert_allclose(slopes, [[-1 / 16, 1 / 4, 0], [-3 / 16, 0, 1 / 4]])
    np.testing.assert_allclose(slopes @ sums, 0, atol=1e-12)
