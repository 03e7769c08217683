"""Files are written whole or not at all, keep what they are given, and show every damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbmcli.data.schemas import (
    METADATA_KEY,
    METRICS,
    MODEL,
    PREDICTIONS,
    RATINGS,
    RECOMMENDATIONS,
    Contract,
)
from rbmcli.data.storage import read_footer, read_parquet
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError, MismatchError, RbmcliError

TYPES = {
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "int32": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "string": (pa.string(), st.text(max_size=5)),
    "float": (pa.float32(), st.floats(width=32, allow_nan=False)),
    "double": (pa.float64(), st.floats(allow_nan=False)),
    "list<element: float>": (
        pa.list_(pa.float32()),
        st.lists(st.floats(width=32, allow_nan=False), max_size=3),
    ),
    "list<element: int32>": (pa.list_(pa.int32()), st.lists(st.integers(0, 9), max_size=3)),
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
RATING = pa.table({"user": pa.array([1]), "item": pa.array([2]), "rating": pa.array([3], pa.float32())})


@pytest.mark.parametrize(
    "contract", [RATINGS, MODEL, PREDICTIONS, RECOMMENDATIONS, METRICS], ids=lambda c: c.format
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_under_a_contract_is_read_back(
    tmp_path: Path, contract: Contract, data: st.DataObject
) -> None:
    n = data.draw(st.integers(0, 4))
    columns = {}
    for name, accepted in contract.columns.items():
        kind, values = TYPES[data.draw(st.sampled_from(accepted))]
        columns[name] = pa.array(data.draw(st.lists(values, min_size=n, max_size=n)), kind)
    table = pa.table(columns)
    metadata = data.draw(st.dictionaries(st.sampled_from(["levels", "settings", "run"]), JSON_VALUES))
    path = tmp_path / "file.parquet"

    write_table(table, path, contract, metadata)
    found, found_metadata = read_parquet(path, contract)

    assert found.equals(table)
    assert found_metadata == {"format": contract.format, "format_version": contract.version, **metadata}


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(RATING, tmp_path / name, RATINGS, {"seed": 1})

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    write_table(RATING, path, RATINGS, {"levels": [1.0, 2.0]})
    whole = path.read_bytes()
    expected = read_parquet(path, RATINGS)

    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = read_parquet(path, RATINGS)
        except RbmcliError:
            continue
        assert found[0].to_pydict() == expected[0].to_pydict()
        assert found[1] == expected[1]


def test_a_file_that_breaks_its_contract_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"

    with pytest.raises(MismatchError, match="column 'rating' is double, expected float"):
        write_table(RATING.set_column(2, "rating", pa.array([3.0])), path, RATINGS, {})

    assert not path.exists()


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "expected a file of format 'ratings', found 'no rbmcli file'"),
        (b"{}", "damaged"),
        (b"no", "damaged"),
    ],
)
def test_a_file_without_sound_metadata_is_refused(tmp_path: Path, metadata: bytes | None, words: str) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(RATING.replace_schema_metadata(metadata and {METADATA_KEY: metadata}), path)

    with pytest.raises((DataError, MismatchError), match=words):
        read_parquet(path, RATINGS)


def test_the_footer_alone_tells_schema_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    write_table(RATING, path, RATINGS, {"seed": 1})

    schema, metadata, parquet = read_footer(path)

    assert schema.names == ["user", "item", "rating"]
    assert metadata["seed"] == 1
    assert parquet.num_rows == 1


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "file.parquet"
    make(path)

    with pytest.raises(DataError, match=r"no such file|is a folder"):
        read_parquet(path)


def test_metadata_whose_name_is_damaged_are_not_those_of_another_tool(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    write_table(RATING, path, RATINGS, {"seed": 1})
    metadata = pq.read_metadata(path).metadata[METADATA_KEY]
    pq.write_table(RATING.replace_schema_metadata({b"rbmclj": metadata}), path)

    for read in (read_parquet, read_footer):
        with pytest.raises(DataError, match="metadata is damaged"):
            read(path)


def test_a_footer_that_tells_of_other_columns_is_refused_before_any_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    write_table(RATING, path, RATINGS, {"seed": 1})
    metadata = pq.read_metadata(path).metadata
    pq.write_table(RATING.rename_columns(["user", "item", "score"]).replace_schema_metadata(metadata), path)

    with pytest.raises(DataError, match="its columns are not those"):
        read_footer(path)
