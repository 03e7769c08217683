"""Rows that are sorted by way of files are the rows of a stable sort in memory."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.external_sort import SortedRows, sorted_by_user, write_run
from rbmcli.data.ordering import PairCodes, pair_order
from rbmcli.errors import OutputError

SCHEMAS = st.sampled_from(["integers", "texts", "wide integers"])


def rows(count: int, kind: str, users: int, seed: int) -> pa.Table:
    """Rows of few pairs, so that many are there several times; `row` tells one from the other."""
    random = np.random.default_rng(seed)
    user, item = random.integers(-users, users, count), random.integers(0, 5, count)
    number = np.arange(count)
    texts = pa.array([f"ü{n % 7}" * (n % 3) for n in number], pa.string())
    columns: dict[str, Any] = {
        "user": user,
        "item": item,
        "rating": (number % 5).astype(np.float32),
        "row": number,
        "text": texts,
        "flag": pa.array([None if n % 3 else bool(n % 2) for n in number], pa.bool_()),
        "coded": texts.dictionary_encode(),
        "list": pa.array([list(range(n % 4)) for n in number], pa.list_(pa.int16())),
        "nested": pa.array([{"a": n, "b": str(n)} for n in number], pa.struct({"a": "int64", "b": "string"})),
    }
    if kind == "texts":
        columns |= {"user": [f"{'é' if n % 2 else 'z'}{n}" for n in user], "item": [f"{n}" for n in item]}
        columns |= {"user": pa.array(columns["user"], pa.string())}
        columns |= {"item": pa.array(columns["item"], pa.string())}
    elif kind == "wide integers":
        columns |= {"user": user * (2**61 // users), "item": item * 2**60}
    return pa.table(columns)


def expected(table: pa.Table) -> pa.Table:
    return table.take(pa.array(PairCodes.of(table).order())).combine_chunks()


def cut(table: pa.Table, sizes: list[int]) -> list[pa.Table]:
    pieces, first = [], 0
    for size in sizes:
        pieces.append(table.slice(first, size))
        first += size
    return [*pieces, table.slice(first)]


def check(found: SortedRows, table: pa.Table) -> None:
    tables = list(found)
    assert found.rows == table.num_rows
    whole = pa.concat_tables([found.schema.empty_table(), *tables]).unify_dictionaries().combine_chunks()
    assert plain(whole).equals(plain(expected(table)))
    users = [set(each["user"].to_pylist()) for each in tables]
    assert all(each for each in users)
    assert sum(map(len, users)) == len(set.union(set(), *users))
    for each in tables:
        assert each.schema == table.schema


def plain(table: pa.Table) -> pa.Table:
    """Dictionaries may hold their values in any order."""
    place = table.schema.get_field_index("coded")
    return table.set_column(place, "coded", table["coded"].cast(pa.string())).combine_chunks()


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 400),
    sizes=st.lists(st.integers(0, 120), max_size=6),
    kind=SCHEMAS,
    users=st.sampled_from([1, 4, 60]),
    memory=st.sampled_from([1, 20_000, 200_000, 10**9]),
    seed=st.integers(0, 9),
)
def test_it_is_a_stable_sort_whatever_the_pieces_and_the_memory(
    count: int, sizes: list[int], kind: str, users: int, memory: int, seed: int
) -> None:
    table = rows(count, kind, users, seed)

    with sorted_by_user(cut(table, sizes), table.schema, memory) as found:
        check(found, table)
        check(found, table)


@pytest.mark.parametrize("kind", ["integers", "texts"])
def test_runs_of_many_batches_are_cut_into_ranges_of_few_rows(kind: str) -> None:
    table = rows(100_000, kind, 5000, 1).select(["user", "item", "row", "coded"])
    memory = 20 * table.nbytes // 6

    with sorted_by_user(cut(table, [10_000] * 9), table.schema, memory // 20) as found:
        check(found, table)
        tables = list(found)

    assert len(found.runs) >= 10
    # What a range may have, and a batch of each run beyond.
    assert max(each.num_rows for each in tables) <= 100_000 // 40 + 4096 * len(found.runs)


@pytest.mark.parametrize("memory", [1, 10**9])
@pytest.mark.parametrize("kind", ["integers", "texts"])
def test_any_range_of_users_can_be_read(kind: str, memory: int) -> None:
    table = rows(20_000, kind, 300, 2)
    whole = expected(table)
    users = sorted(set(table["user"].to_pylist()))

    with sorted_by_user(cut(table, [4000] * 4), table.schema, memory) as found:
        for first, last in [(users[3], users[9]), (users[0], users[1]), (None, users[5]), (users[-2], None)]:
            wanted = [
                (first is None or user >= first) and (last is None or user < last)
                for user in whole["user"].to_pylist()
            ]
            assert plain(found.read((first, last))).equals(plain(whole.filter(pa.array(wanted))))
        assert found.read((users[4], users[4])).num_rows == 0


def test_what_fits_into_memory_touches_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbmcli.data.external_sort.temporary_folder", None)
    table = rows(1000, "integers", 30, 0)

    with sorted_by_user(cut(table, [300, 300]), table.schema, 10**9) as found:
        check(found, table)


def test_no_file_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    table = rows(1000, "integers", 30, 0)

    with sorted_by_user(cut(table, [300, 300]), table.schema, 1):
        assert list(tmp_path.iterdir())

    assert not list(tmp_path.iterdir())


@given(
    users=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=40),
    in_runs=st.booleans(),
)
def test_the_order_of_pairs_is_that_of_their_codes(users: list[int], in_runs: bool) -> None:
    table = pa.table(
        {
            "user": pa.array(users, pa.int64()),
            "item": pa.array([n // 2 for n in reversed(users)], pa.int64()),
        }
    )

    assert pair_order(table, in_runs=in_runs).tolist() == PairCodes.of(table).order().tolist()


def test_a_large_table_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    table = rows(3000, "integers", 100, 3)

    with sorted_by_user([table], table.schema, table.nbytes) as found:
        check(found, table)

    assert len(found.runs) >= 6


def test_sorted_rows_go_to_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    table = rows(3000, "texts", 100, 3)

    with sorted_by_user([table], table.schema, table.nbytes) as found:
        there = pickle.loads(pickle.dumps(found))
        check(there, table)


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    table = expected(rows(1000, "integers", 30, 0))

    with pytest.raises(OutputError, match=r"TMPDIR.* no space left on device") as caught:
        write_run(table, Path("/dev/full"))

    assert "more space" in caught.value.hint
