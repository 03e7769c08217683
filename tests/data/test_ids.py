"""Ids keep their type and value, and have one order."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.hashing import hash_ids
from rbmcli.data.ids import IdIndex, align_ids, normalise_ids, round_trips
from rbmcli.data.ordering import PairCodes
from rbmcli.errors import DataError, MismatchError

IDS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1) | st.lists(st.text(max_size=4), min_size=1)


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint32(), pa.int64(), pa.float32()])
@pytest.mark.parametrize("as_dictionary", [False, True])
def test_whole_numbers_of_any_type_are_int64(kind: pa.DataType, as_dictionary: bool) -> None:
    ids = column([1, 2], kind)

    found = normalise_ids(ids.dictionary_encode() if as_dictionary else ids, "u", "r")

    assert found.type == pa.int64()
    assert found.to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "kind"), [([2**63], pa.uint64()), ([1.5], pa.float64()), ([True], pa.bool_())]
)
def test_values_that_are_no_ids_are_refused(values: list[Any], kind: pa.DataType) -> None:
    with pytest.raises(DataError, match="column 'u'"):
        normalise_ids(column(values, kind), "u", "r")


def test_a_missing_id_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match="row 2"):
        normalise_ids(column([1, None]), "u", "r")


@pytest.mark.parametrize("text", ["007", "+1", "-0", "1.0", " 1", "", "0x1F", "9223372036854775808"])
def test_texts_that_would_change_do_not_round_trip(text: str) -> None:
    assert round_trips(column(["12", "-3", "9223372036854775807"]))
    assert not round_trips(column(["12", text]))


def test_texts_of_integers_join_integers_and_others_do_not() -> None:
    assert align_ids(column(["1", "2"]), pa.int64(), "u", "r").type == pa.int64()
    with pytest.raises(MismatchError, match="the ids it is joined with are int64"):
        align_ids(column(["1", "x"]), pa.int64(), "u", "r")
    with pytest.raises(MismatchError, match="the ids it is joined with are string"):
        align_ids(column([1]), pa.string(), "u", "r")


@settings(max_examples=60, deadline=None)
@given(IDS)
def test_an_index_is_ordered_and_finds_every_id(ids: list[Any]) -> None:
    index = IdIndex.of(column(ids))

    expected = sorted(set(ids), key=lambda each: each.encode() if isinstance(each, str) else each)
    assert index.values.to_pylist() == expected
    assert [expected[place] for place in index.lookup(column(ids))] == ids


def test_an_id_that_is_not_in_the_index_is_minus_one() -> None:
    assert IdIndex.of(column([1, 5])).lookup(column([5, 7])).tolist() == [1, -1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=2), st.integers(-3, 3)), min_size=1, max_size=20))
def test_rows_are_ordered_by_user_bytes_then_item_value(pairs: list[tuple[str, int]]) -> None:
    users, items = zip(*pairs, strict=True)
    codes = PairCodes.of(pa.table({"user": list(users), "item": list(items)}))

    in_order = [pairs[row] for row in codes.order()]

    assert in_order == sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True))
def test_the_hash_of_an_id_does_not_depend_on_the_type_of_its_column(ids: list[int]) -> None:
    numbers = hash_ids(pa.array(ids, pa.int64()))
    texts = [str(each) for each in ids]

    assert hash_ids(pa.array(texts)).tolist() == numbers.tolist()
    assert hash_ids(pa.array([*texts, "x"])).tolist()[:-1] == numbers.tolist()
    assert len(set(numbers.tolist())) == len(ids)
