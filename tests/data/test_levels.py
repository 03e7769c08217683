"""Ratings stand on levels: found, named, or cut from a continuous scale."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import LevelSettings
from rbmcli.data.levels import DEFAULT_BINS, UNKNOWN, Levels, bin_counts, bin_levels, choose_levels
from rbmcli.data.rating_counts import RatingCounts
from rbmcli.data.unknown_levels import assign_levels
from rbmcli.errors import DataError, UsageError

FIVE = Levels(np.array([1, 2, 3, 4, 5], np.float32))
RATINGS = st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=60)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_few_distinct_ratings_are_the_levels() -> None:
    found = choose_levels(floats(3, 1, 3, 0.5), LevelSettings(), "r.csv")

    assert isinstance(found, Levels)
    assert found.values.tolist() == [0.5, 1, 3]
    assert found.edges is None


def test_many_distinct_ratings_are_binned() -> None:
    assert choose_levels(np.arange(20, dtype=np.float32), LevelSettings(), "r.csv") != DEFAULT_BINS
    assert choose_levels(np.arange(21, dtype=np.float32), LevelSettings(), "r.csv") == DEFAULT_BINS
    assert choose_levels(floats(1, 2), LevelSettings(bins=4), "r.csv") == 4


def test_named_levels_are_taken() -> None:
    found = choose_levels(floats(1, 2), LevelSettings(levels=(1.0, 2.0, 3.0)), "r.csv")

    assert isinstance(found, Levels)
    assert found.values.tolist() == [1, 2, 3]


@pytest.mark.parametrize("levels", [(1.0,), (2.0, 1.0), (1.0, 1.0), tuple(float(n) for n in range(255))])
def test_named_levels_that_make_no_scale_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises((DataError, UsageError), match="--levels"):
        choose_levels(floats(1, 2), LevelSettings(levels=levels), "r.csv")


@pytest.mark.parametrize(("ratings", "words"), [((), "no ratings"), ((3, 3), "all ratings are 3")])
def test_a_scale_needs_two_ratings_that_differ(ratings: tuple[float, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        choose_levels(floats(*ratings), LevelSettings(), "r.csv")


def test_a_rating_is_on_the_level_it_is_close_to_and_on_no_other() -> None:
    assert FIVE.assign(floats(1, 2.00005, 2.9998, 9)).tolist() == [0, 1, UNKNOWN, UNKNOWN]


def test_the_nearest_level_of_a_rating_in_the_middle_is_the_lower() -> None:
    assert FIVE.nearest(floats(-7, 1.5, 1.6, 99)).tolist() == [0, 0, 1, 4]


@settings(max_examples=60, deadline=None)
@given(ratings=RATINGS, bins=st.integers(2, 12))
def test_bins_hold_every_rating_and_stand_for_their_mean(ratings: list[float], bins: int) -> None:
    values = floats(*ratings)
    if len(np.unique(values)) < 2:
        return

    levels = bin_levels(values, bins)

    index = levels.assign(values)
    assert levels.edges is not None
    assert 2 <= len(levels) <= bins
    assert sorted(set(index.tolist())) == list(range(len(levels)))
    means = [values[index == level].astype(np.float64).mean() for level in range(len(levels))]
    assert levels.values == pytest.approx(means, rel=1e-5, abs=1e-5)
    assert np.all(np.diff(index[np.argsort(values)].astype(int)) >= 0)


@settings(max_examples=40, deadline=None)
@given(ratings=RATINGS)
def test_levels_come_back_from_metadata_as_they_were(ratings: list[float]) -> None:
    values = floats(*ratings)
    if len(np.unique(values)) < 2:
        return
    levels = bin_levels(values, 5)

    back = Levels.from_metadata(levels.as_metadata())

    assert back is not None
    assert np.array_equal(back.values, levels.values)
    assert back.edges is not None
    assert np.array_equal(back.edges, levels.edges)


def test_a_rating_on_no_level_is_refused_with_its_row_and_the_levels() -> None:
    table = pa.table({"rating": floats(1, 6.5, 7)})

    with pytest.raises(DataError) as caught:
        assign_levels(table, FIVE, "error", "r.csv")

    assert caught.value.message == (
        "r.csv: rating 6.5 (row 2) is on no level, expected 5 levels: 1, 2, 3, 4, 5; 2 such ratings in all"
    )
    assert "--unknown-level" in caught.value.hint


def test_a_rating_on_no_level_can_be_dropped_or_put_on_the_nearest() -> None:
    table = pa.table({"rating": floats(1, 6.5, 3)})

    dropped, dropped_index, n_dropped = assign_levels(table, FIVE, "drop", "r.csv")
    nearest, nearest_index, n_nearest = assign_levels(table, FIVE, "nearest", "r.csv")

    assert dropped["rating"].to_pylist() == [1, 3]
    assert dropped_index.tolist() == [0, 2]
    assert nearest["rating"].to_pylist() == [1, 6.5, 3]
    assert nearest_index.tolist() == [0, 4, 2]
    assert n_dropped == n_nearest == 1


@settings(max_examples=60, deadline=None)
@given(ratings=RATINGS, places=st.lists(st.integers(0, 60), max_size=3), bins=st.integers(2, 12))
def test_bins_do_not_depend_on_the_order_or_the_pieces_of_ratings(
    ratings: list[float], places: list[int], bins: int
) -> None:
    values = floats(*ratings)
    if len(np.unique(values)) < 2:
        return
    counted = RatingCounts()

    for piece in np.split(values[::-1], sorted(places)):
        counted.update(piece)

    assert bin_counts(counted, bins).as_metadata() == bin_levels(values, bins).as_metadata()
    assert counted.counts.sum() == len(values)
