"""A text that is read piece by piece holds what it holds when it is read at once; so do its errors."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_ratings
from rbmcli.data.streaming import open_ratings
from rbmcli.errors import DataError
from tests.recorder import Recorder

SKIP = InputSettings(on_error="skip")


def check(
    path: Path,
    given_settings: InputSettings = InputSettings(),  # noqa: B008
    rows: int = 7,
) -> pa.Table:
    at_once, in_pieces = Recorder(), Recorder()
    whole = read_ratings(path, given_settings, at_once)

    with open_ratings(path, given_settings, in_pieces, rows_at_once=rows) as read:
        pieces = list(read.pieces)

    assert len(pieces) > 1
    assert all(piece.schema == read.schema for piece in pieces)
    assert pa.concat_tables(pieces).equals(whole.table)
    assert (read.n_read, read.n_bad, read.metadata) == (whole.n_read, whole.n_bad, whole.metadata)
    assert in_pieces.warnings == at_once.warnings
    return whole.table


def lines(count: int = 40) -> list[str]:
    return [f"{n // 4},{n % 4},{n % 5 + 1},{n * 1000},t{n},{n / 4},{n:03}" for n in range(count)]


HEAD = "user,item,rating,timestamp,text,number,code"


@pytest.mark.parametrize("rows", [1, 7, 13, 20])
def test_types_are_those_of_all_values(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "r.csv"
    path.write_text("\n".join([HEAD, *lines()]) + "\n")

    table = check(path, rows=rows)

    assert [str(kind) for kind in table.schema.types] == [
        *("int64", "int64", "float", "int64", "string", "double", "string")
    ]


@pytest.mark.parametrize("place", [0, 6, 7, 20, 38])
@pytest.mark.parametrize(
    ("odd", "kinds"),
    [
        ("u1,9,1,5,6,7,8", ("string", "int64", "double", "int64")),
        ("1,007,1,5,6,x,8", ("int64", "string", "string", "int64")),
        (" 1 , 9 ,1,5,6,7,1e3", ("int64", "int64", "double", "double")),
    ],
)
def test_one_value_decides_wherever_it_stands(
    tmp_path: Path, place: int, odd: str, kinds: tuple[str, ...]
) -> None:
    path, rows = tmp_path / "r.csv", [f"{n // 4},{n % 4},2,{n},t,{n / 2},{n}" for n in range(40)]
    path.write_text("\n".join([HEAD, *rows[:place], odd, *rows[place:]]) + "\n")

    table = check(path)

    found = tuple(str(table.schema.field(name).type) for name in ("user", "item", "number", "code"))
    assert found == kinds


BAD = ["1,2,x,5,t,1,0", "1,2,3", ",2,3,4,t,1,0", '1,2,3,4,"open,1,0', "", "1,2,3,never,t,1,0"]


@settings(max_examples=40, deadline=None)
@given(
    bad=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(BAD)), max_size=4),
    rows=st.sampled_from([1, 5, 7, 20]),
    header=st.booleans(),
)
def test_bad_rows_are_left_out_and_told_by_their_lines(
    tmp_path_factory: pytest.TempPathFactory, bad: list[tuple[int, str]], rows: int, *, header: bool
) -> None:
    path, text = tmp_path_factory.mktemp("bad") / "r.csv", lines()
    for place, line in sorted(bad, reverse=True):
        text.insert(place, line)
    path.write_text("\n".join([HEAD, *text] if header else text) + "\n")
    chosen = InputSettings(on_error="skip", header=header)

    check(path, chosen, rows)

    told = []
    for read in (read_ratings, lambda source, given_settings: list(_pieces(source, given_settings, rows))):
        try:
            read(path, InputSettings(header=header))
            told.append("")
        except DataError as error:
            told.append(error.message)
    assert told[0] == told[1]


def _pieces(path: Path, given_settings: InputSettings, rows: int) -> list[pa.Table]:
    with open_ratings(path, given_settings, rows_at_once=rows) as read:
        return list(read.pieces)


@pytest.mark.parametrize("separator", ["::", "\t", " ", ";"])
def test_other_separators_are_read_in_pieces_too(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "r.dat"
    path.write_text("\n".join(line.replace(",", separator) for line in lines()) + "\n")

    check(path)


def test_a_value_of_several_lines_is_read(tmp_path: Path) -> None:
    path, text = tmp_path / "r.csv", lines()
    text[25] = '7,8,3,4,"one\ntwo",1,0'
    path.write_text("\n".join([HEAD, *text]) + "\n")

    assert "one\ntwo" in check(path)["text"].to_pylist()


def test_a_text_of_many_blocks_is_read_from_its_compressed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rbmcli.data.readers.text._BLOCK_BYTES", 256)
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress(("\n".join([HEAD, *lines(400)]) + "\n").encode()))

    check(path, rows=30)


def test_damage_far_into_a_compressed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.gz"
    whole = gzip.compress(("\n".join([HEAD, *lines(100_000)]) + "\n").encode())
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=r"r\.csv\.gz"):
        _pieces(path, SKIP, 1000)


def test_ids_of_a_type_that_is_forced_have_it(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("\n".join([HEAD, *lines()]) + "\n")

    assert check(path, InputSettings(id_type="string"))["user"].type == pa.string()
