"""Mini-batches: every rating in exactly one, and both orders of a batch telling of the same ratings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN, Batch
from rbmcli.models.plan import CHUNKS, plan_batch, plan_batches
from tests.reference_planning import planned

LEVELS = 5


@st.composite
def any_ratings(draw: st.DrawFn) -> CompressedRows:
    """Ragged ratings, with rows and columns that may have none."""
    rows, columns = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    rated = draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    row, column = np.divmod(np.flatnonzero(rated), columns)
    level = draw(st.lists(st.integers(0, LEVELS - 1), min_size=len(row), max_size=len(row)))
    return CompressedRows.build(row, column, np.array(level, np.uint8), (rows, columns))


def triples_of(batch: Batch) -> list[tuple[int, int, int]]:
    """Return row of the training set, column and level of each rating, in the order by row."""
    row = np.repeat(batch.rows, np.diff(batch.row_start))
    return list(zip(row.tolist(), batch.column.tolist(), batch.level.tolist(), strict=True))


def deal(ratings: CompressedRows, batch_rows: int, seed: int) -> list[Batch]:
    """Return the batches that a seed deals."""
    return plan_batches(ratings, batch_rows, np.random.default_rng(seed))


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_every_rating_is_in_exactly_one_batch(ratings, batch_rows, seed):
    batches = deal(ratings, batch_rows, seed)

    dealt = sorted(triple for batch in batches for triple in triples_of(batch))
    given_triples = zip(
        ratings.row_of_each().tolist(), ratings.column.tolist(), ratings.level.tolist(), strict=True
    )
    assert dealt == list(given_triples)


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_all_batches_but_the_last_are_full_and_hold_rows_with_ratings_only(ratings, batch_rows, seed):
    batches = deal(ratings, batch_rows, seed)

    assert all(len(batch.rows) == batch_rows for batch in batches[:-1])
    assert all(1 <= len(batch.rows) <= batch_rows for batch in batches)
    assert all((np.diff(batch.row_start) > 0).all() for batch in batches)


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_the_order_by_column_walks_every_rating_once_column_after_column(ratings, batch_rows, seed):
    for batch in deal(ratings, batch_rows, seed):
        assert sorted(batch.entry.tolist()) == list(range(len(batch.column)))
        assert (np.diff(batch.columns) > 0).all()
        for place, column in enumerate(batch.columns):
            entries = batch.entry[batch.column_start[place] : batch.column_start[place + 1]]
            assert len(entries) > 0
            assert (batch.column[entries] == column).all()


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_the_order_by_column_knows_the_row_of_each_rating(ratings, batch_rows, seed):
    for batch in deal(ratings, batch_rows, seed):
        assert (batch.row_start[batch.entry_row] <= batch.entry).all()
        assert (batch.entry < batch.row_start[batch.entry_row + 1]).all()


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_the_order_by_column_goes_by_level_within_a_column_and_repeats_what_it_orders(
    ratings, batch_rows, seed
):
    for batch in deal(ratings, batch_rows, seed):
        np.testing.assert_array_equal(batch.entry_column, batch.column[batch.entry])
        np.testing.assert_array_equal(batch.entry_level, batch.level[batch.entry])
        for first, last in zip(batch.column_start[:-1], batch.column_start[1:], strict=True):
            assert (np.diff(batch.entry_level[first:last].astype(int)) >= 0).all()


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_without_pairs_of_unknown_rating_all_of_a_row_is_rated(ratings, batch_rows, seed):
    for batch in deal(ratings, batch_rows, seed):
        np.testing.assert_array_equal(batch.row_rated, batch.row_start[1:])


@st.composite
def ratings_and_pairs(draw: st.DrawFn) -> tuple[CompressedRows, CompressedRows]:
    """Ratings, and pairs over the same rows and columns that are not among them."""
    everything = draw(any_ratings())
    known = np.array(
        draw(st.lists(st.booleans(), min_size=everything.n_ratings, max_size=everything.n_ratings))
    )
    row, shape = everything.row_of_each(), (len(everything), everything.columns)
    parts = (
        CompressedRows.build(row[chosen], everything.column[chosen], everything.level[chosen], shape)
        for chosen in (known.astype(bool), ~known.astype(bool))
    )
    ratings, pairs = parts
    return ratings, pairs


@given(both=ratings_and_pairs(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_pairs_of_unknown_rating_come_last_in_the_rows_that_have_ratings(both, batch_rows, seed):
    ratings, pairs = both

    batches = plan_batches(ratings, batch_rows, np.random.default_rng(seed), pairs)

    assert [batch.rows.tolist() for batch in batches] == [
        batch.rows.tolist() for batch in deal(ratings, batch_rows, seed)
    ]
    for batch in batches:
        for place, row in enumerate(batch.rows):
            first, rated, last = batch.row_start[place], batch.row_rated[place], batch.row_start[place + 1]
            of_row, of_pairs = (slice(*part.start[row : row + 2]) for part in (ratings, pairs))
            np.testing.assert_array_equal(batch.column[first:rated], ratings.column[of_row])
            np.testing.assert_array_equal(batch.level[first:rated], ratings.level[of_row])
            np.testing.assert_array_equal(batch.column[rated:last], pairs.column[of_pairs])
            assert (batch.level[rated:last] == UNKNOWN).all()


@given(both=ratings_and_pairs(), seed=st.integers(0, 2**32 - 1))
def test_offsets_go_with_their_ratings_and_pairs_of_unknown_rating_have_none(both, seed):
    ratings, pairs = both
    offset = np.arange(1, 1 + 2 * ratings.n_ratings, dtype=np.float32).reshape(-1, 2)
    of_rating = {
        (row, column): tuple(numbers)
        for row, column, numbers in zip(ratings.row_of_each(), ratings.column, offset.tolist(), strict=True)
    }

    for besides in (None, pairs):
        for batch in plan_batches(ratings, 3, np.random.default_rng(seed), besides, offset):
            assert len(batch.entry_offset) == len(batch.entry)
            for place, numbers in enumerate(batch.entry_offset.tolist()):
                key = (batch.rows[batch.entry_row[place]], batch.entry_column[place])
                unknown = batch.entry_level[place] == UNKNOWN
                assert tuple(numbers) == ((0.0, 0.0) if unknown else of_rating[key])


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), seed=st.integers(0, 2**32 - 1))
def test_chunks_cover_all_rows_and_all_columns_without_overlap(ratings, batch_rows, seed):
    for batch in deal(ratings, batch_rows, seed):
        for chunk, size in ((batch.row_chunk, len(batch.rows)), (batch.column_chunk, len(batch.columns))):
            assert chunk[0] == 0
            assert chunk[-1] == size
            assert (np.diff(chunk) > 0).all()
            assert len(chunk) - 1 <= CHUNKS


def test_chunks_hold_about_equally_many_ratings():
    lengths = np.random.default_rng(1).integers(1, 40, size=2000)
    ratings = CompressedRows.build(
        np.repeat(np.arange(2000), lengths),
        np.concatenate([np.arange(length) for length in lengths]),
        np.zeros(lengths.sum(), np.uint8),
        (2000, 40),
    )

    batch = plan_batch(ratings, np.arange(2000, dtype=np.int32))

    in_chunk = np.diff(batch.row_start[batch.row_chunk])
    fair = lengths.sum() / CHUNKS
    assert len(in_chunk) == CHUNKS
    assert (np.abs(in_chunk - fair) <= 40).all()


def test_rows_stand_in_a_batch_in_the_order_they_were_given_in():
    ratings = CompressedRows.build(
        np.array([0, 1, 1, 2]), np.array([1, 0, 2, 2]), np.array([3, 1, 4, 0]), (3, 3)
    )

    batch = plan_batch(ratings, np.array([2, 0, 1], np.int32))

    assert triples_of(batch) == [(2, 2, 0), (0, 1, 3), (1, 0, 1), (1, 2, 4)]


def test_a_seed_deals_the_same_batches_again_and_another_seed_others():
    generator = np.random.default_rng(2)
    row, column = np.nonzero(generator.random((30, 6)) < 0.5)
    ratings = CompressedRows.build(row, column, np.zeros(len(row), np.uint8), (30, 6))

    first, again, other = (deal(ratings, 7, seed) for seed in (1, 1, 2))

    assert [batch.rows.tolist() for batch in first] == [batch.rows.tolist() for batch in again]
    assert [batch.rows.tolist() for batch in first] != [batch.rows.tolist() for batch in other]


def assert_equal_batches(ours: Batch, theirs: Batch) -> None:
    """Check that two mini-batches are the same array by array, types and shapes too."""
    for name, array, other in zip(Batch._fields, ours, theirs, strict=True):
        assert (array.dtype, array.shape) == (other.dtype, other.shape), name
        np.testing.assert_array_equal(array, other, err_msg=name)


@given(both=ratings_and_pairs(), seed=st.integers(0, 2**32 - 1))
def test_a_batch_is_that_of_the_twin(both, seed):
    ratings, pairs = both
    rows = np.random.default_rng(seed).permutation(len(ratings)).astype(np.int32)
    offset = np.arange(2 * ratings.n_ratings, dtype=np.float32).reshape(-1, 2)

    for besides in (None, pairs):
        for known in (None, offset):
            ours = plan_batch(ratings, rows, besides, known)
            assert_equal_batches(ours, planned(ratings, rows, besides, known, CHUNKS))


@pytest.mark.parametrize("columns", [1, 2, 2048, 2049, 70_000, 5_000_000])
def test_a_batch_is_that_of_the_twin_whatever_digits_its_columns_have(columns):
    generator = np.random.default_rng(columns)
    row, column = generator.integers(0, 50, 4000), generator.integers(0, columns, 4000)
    row, column = np.unique(np.stack((row, column)), axis=1)
    level = generator.integers(0, 255, len(row)).astype(np.uint8)
    ratings = CompressedRows.build(row, column, level, (50, columns))
    rows = generator.permutation(50)[:30].astype(np.int32)

    assert_equal_batches(plan_batch(ratings, rows), planned(ratings, rows, None, None, CHUNKS))


@given(ratings=any_ratings(), batch_rows=st.integers(1, 15), kept=st.integers(0, 5000))
def test_batches_are_the_same_whether_or_not_their_plans_are_kept(ratings, batch_rows, kept):
    all_kept, some_kept = (
        plan_batches(ratings, batch_rows, np.random.default_rng(1), kept=most) for most in (10**9, kept)
    )

    for _ in range(2):
        for ours, theirs in zip(some_kept, all_kept, strict=True):
            assert_equal_batches(ours, theirs)
    rows, entries = all_kept.largest
    assert rows == max(len(batch.rows) for batch in all_kept[:]) if len(all_kept) else rows == 0
    assert entries == max(len(batch.entry) for batch in all_kept[:]) if len(all_kept) else entries == 0


def test_plans_are_kept_up_to_a_number_of_bytes_and_made_anew_beyond():
    generator = np.random.default_rng(2)
    row, column = np.nonzero(generator.random((40, 20)) < 0.5)
    ratings = CompressedRows.build(row, column, np.zeros(len(row), np.uint8), (40, 20))
    size = sum(array.nbytes for array in plan_batches(ratings, 10, np.random.default_rng(1))[0])

    batches = plan_batches(ratings, 10, np.random.default_rng(1), kept=int(2.5 * size))

    is_kept = [batch is again for batch, again in zip(list(batches), list(batches), strict=True)]
    assert is_kept == [True, True, False, False]
