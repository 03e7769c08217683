"""What is done block by block is what would be done at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.data import blocks
from rbmcli.data.blocks import looked_up, marked_before
from rbmcli.data.fingerprints import LEVELS, fingerprint_in_order
from rbmcli.data.ids import IdIndex
from rbmcli.data.ordering import PairCodes
from rbmcli.data.ratings import CompressedRows


@pytest.fixture(params=[1, 7, 100, 10_000])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Numbers of a block."""
    monkeypatch.setattr(blocks, "BLOCK", request.param)
    return int(request.param)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101])
def test_blocks_cover_all_numbers_in_order(block: int, count: int) -> None:
    covered = [number for part in blocks.blocks(count) for number in range(count)[part]]

    assert covered == list(range(count))


@pytest.mark.usefixtures("block")
def test_a_table_is_looked_up() -> None:
    places = np.random.default_rng(1).integers(0, 10, 333).astype(np.uint8)
    for table in (np.arange(10, dtype=np.float32) ** 2, np.arange(30).reshape(10, 3)):
        found = looked_up(table, places)

        assert found.dtype == table.dtype
        np.testing.assert_array_equal(found, table[places])


@pytest.mark.usefixtures("block")
def test_marks_are_counted_before_places() -> None:
    marks = np.random.default_rng(2).random(300) < 0.4
    places = np.array([0, 0, 3, 3, 99, 100, 101, 299, 300, 300])

    expected = [np.count_nonzero(marks[:place]) for place in places]

    assert marked_before(marks, places).tolist() == expected
    assert marked_before(marks[:0], np.zeros(4, np.int64)).tolist() == [0] * 4


@pytest.mark.usefixtures("block")
def test_some_ratings_of_compressed_rows_are_taken_and_blocks_know_their_rows() -> None:
    generator = np.random.default_rng(3)
    row, column = np.nonzero(generator.random((40, 30)) < 0.3 * (np.arange(40) % 3 > 0)[:, None])
    level = generator.integers(0, 5, len(row)).astype(np.uint8)
    rows = CompressedRows.build(row, column, level, (40, 30))
    which = generator.random(len(row)) < 0.5

    found = rows.chosen(which)

    expected = CompressedRows.build(row[which], column[which], level[which], (40, 30))
    for name in ("start", "column", "level"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for part in blocks.blocks(rows.n_ratings):
        np.testing.assert_array_equal(rows.rows_of(part), rows.row_of_each()[part])


def test_a_fingerprint_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    row, column = np.nonzero(np.random.default_rng(4).random((20, 30)) < 0.3)
    ids = [IdIndex.of(pa.array(values)) for values in (range(20), [f"i{n:02}" for n in range(30)])]
    codes = PairCodes(*ids, row.astype(np.int32), column.astype(np.int32))
    level, chosen = (column % 5).astype(np.uint8), column % 2 == 0

    found = []
    for size in (7, 10_000):
        monkeypatch.setattr(blocks, "BLOCK", size)
        found += [fingerprint_in_order(codes, level, LEVELS, which) for which in (None, chosen)]

    assert found[:2] == found[2:]
    assert found[0] != found[1]
