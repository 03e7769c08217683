"""The files of prepare are the same in any memory, however the input is cut and ordered."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings, LevelSettings, PrepareSettings
from rbmcli.data.row_store import RowStore
from rbmcli.data.storage import read_parquet
from rbmcli.errors import DataError
from rbmcli.pipeline.prepare import prepare

LITTLE = 1 << 16
"""Bytes in which no more than some hundred ratings are sorted at once."""

SPLITS = ("random", "leave-last", "time", "none")


@pytest.fixture(autouse=True)
def _little_is_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbmcli.pipeline.prepare.memory_for_rows", lambda memory: memory or 10**9)
    monkeypatch.setattr("rbmcli.pipeline.preparing._BYTES_OF_A_ROW", LITTLE // 50)


def some_ratings(*, texts: bool = False, continuous: bool = False, repeats: bool = False) -> pa.Table:
    random = np.random.default_rng(0)
    pairs = random.integers(0, 2400, 1500) if repeats else random.permutation(2400)[:1500]
    user, item = pairs // 40 - 30, pairs % 40
    ratings = np.round(random.normal(0, 2, 1500), 1) if continuous else random.integers(1, 6, 1500)
    return pa.table(
        {
            "user": [f"ü{each}" for each in user] if texts else user,
            "item": [f"{each}" for each in item] if texts else item,
            "rating": ratings.astype(np.float64),
            "timestamp": random.integers(0, 30, 1500),
            "note": [None if each % 3 == 0 else f"note {each}" for each in user],
        }
    )


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def cut(table: pa.Table, sizes: list[int], folder: Path) -> Path:
    bounds = [0, *itertools.accumulate(sizes), table.num_rows]
    folder.mkdir()
    for number, (first, last) in enumerate(itertools.pairwise(bounds)):
        pq.write_table(table.slice(first, last - first), folder / f"{number}.parquet", row_group_size=70)
    return folder


@settings(max_examples=25, deadline=None)
@given(
    split=st.sampled_from(SPLITS),
    least=st.sampled_from([(1, 1), (22, 1), (10, 35)]),
    texts=st.booleans(),
    continuous=st.booleans(),
    sizes=st.lists(st.integers(0, 400), max_size=3),
    seed=st.integers(0, 99),
    memory=st.sampled_from([LITTLE, 3 * LITTLE, 10**9]),
)
def test_files_are_equal_in_any_memory_and_for_any_order_and_partition(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    split: str,
    least: tuple[int, int],
    texts: bool,
    continuous: bool,
    sizes: list[int],
    seed: int,
    memory: int,
) -> None:
    place = tmp_path_factory.mktemp("p")
    table = some_ratings(texts=texts, continuous=continuous)
    shuffled = table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))
    chosen = PrepareSettings(split=split, min_user_ratings=least[0], min_item_ratings=least[1])

    at_once = prepare(table, place / "at_once", chosen)
    in_pieces = prepare(cut(shuffled, sizes, place / "in"), place / "in_pieces", chosen, memory=memory)

    assert written(place / "at_once") == written(place / "in_pieces")
    assert len(written(place / "at_once")) == (1 if split == "none" else 3)
    assert at_once.counts == in_pieces.counts
    assert at_once.run == in_pieces.run
    for name in ("train", "valid", "test", "ratings"):
        one, other = getattr(at_once, name), getattr(in_pieces, name)
        assert (one is None) == (other is None)
        assert one is None or (one.equals(other) and one.schema.metadata == other.schema.metadata)


@pytest.mark.parametrize("policy", ["first", "last", "mean"])
@pytest.mark.parametrize("continuous", [False, True])
def test_duplicates_are_resolved_alike(tmp_path: Path, policy: str, *, continuous: bool) -> None:
    table = some_ratings(repeats=True, continuous=continuous)
    given_settings = InputSettings(duplicates=policy)

    at_once = prepare(table, tmp_path / "a", input_settings=given_settings)
    in_pieces = prepare(
        cut(table, [300, 300], tmp_path / "in"), tmp_path / "b", input_settings=given_settings, memory=LITTLE
    )

    assert written(tmp_path / "a") == written(tmp_path / "b")
    assert at_once.counts == in_pieces.counts
    assert at_once.counts["duplicate"] > 100


@pytest.mark.parametrize(
    ("given_settings", "levels"),
    [
        (InputSettings(), LevelSettings()),
        (InputSettings(duplicates="last"), LevelSettings(levels=(1.0, 2.0, 3.0))),
        (InputSettings(duplicates="mean"), LevelSettings(levels=(1.0, 2.0, 5.0))),
        (InputSettings(duplicates="first", unknown_level="drop"), LevelSettings(levels=(8.0, 9.0))),
    ],
)
def test_errors_name_the_same_rows(
    tmp_path: Path, given_settings: InputSettings, levels: LevelSettings
) -> None:
    source = cut(some_ratings(repeats=True), [300, 300], tmp_path / "in")

    told = set()
    for memory in (LITTLE, 10**9):
        with pytest.raises(DataError) as caught:
            prepare(source, None, PrepareSettings(), given_settings, levels, memory=memory)
        told.add(caught.value.message)

    assert len(told) == 1


def test_a_first_duplicate_is_told_by_its_rows_in_the_whole_input(tmp_path: Path) -> None:
    table = some_ratings()
    again = table.slice(1000, 1).set_column(2, "rating", pa.array([3.0]))
    table = pa.concat_tables([table.slice(0, 1400), again, table.slice(1400), table.slice(5, 1)])

    with pytest.raises(DataError, match="in the ratings 1,001 and 1,401; 2 such repeats"):
        prepare(cut(table, [300, 300], tmp_path / "in"), memory=LITTLE)


@pytest.mark.parametrize("split", SPLITS)
def test_no_temporary_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    spilled = []
    spill = RowStore._spill
    monkeypatch.setattr(RowStore, "_spill", lambda store: (spilled.append(store), spill(store)))
    source = cut(some_ratings(), [], tmp_path / "in")

    result = prepare(
        source, tmp_path / "out", PrepareSettings(split=split, min_item_ratings=2), memory=LITTLE
    )

    assert spilled
    assert not list((tmp_path / "tmp").iterdir())
    part = result.train if result.train is not None else result.ratings
    assert part is not None
    assert part.num_rows > 1000


def test_further_columns_of_any_type_are_the_same(tmp_path: Path) -> None:
    table = some_ratings()
    codes = pa.array([f"c{n % 7}" for n in range(table.num_rows)]).dictionary_encode()
    lists = pa.ListArray.from_arrays(pa.array(range(table.num_rows + 1), pa.int32()), codes)
    table = table.append_column("code", codes).append_column("codes", lists)
    table = table.append_column("pair", pa.StructArray.from_arrays([codes, lists], ["a", "b"]))
    table = table.append_column("view", codes.cast(pa.string()).cast(pa.string_view()))
    halves = [table.slice(0, 700), table.slice(700)]

    prepare(table, tmp_path / "a")
    prepare(halves, tmp_path / "b", memory=LITTLE)

    assert written(tmp_path / "a") == written(tmp_path / "b")
    kinds = read_parquet(tmp_path / "a" / "train.parquet")[0].schema
    assert [str(kinds.field(name).type) for name in ("code", "codes", "view")] == [
        *("string", "list<element: string>", "string")
    ]


def test_a_part_that_is_too_large_for_memory_is_read_from_its_file(tmp_path: Path) -> None:
    result = prepare(cut(some_ratings(), [], tmp_path / "in"), tmp_path / "out", memory=LITTLE)

    assert result.train is not None
    assert result.train.replace_schema_metadata(None).equals(
        read_parquet(tmp_path / "out" / "train.parquet")[0]
    )
    (tmp_path / "out" / "train.parquet").unlink()
    with pytest.raises(DataError, match="no such file"):
        _ = result.train


def test_ratings_without_a_file_are_given_back_whole(tmp_path: Path) -> None:
    source = cut(some_ratings(), [], tmp_path / "in")

    in_pieces, at_once = prepare(source, memory=LITTLE), prepare(source)

    assert in_pieces.train is not None
    assert in_pieces.train.equals(at_once.train)
