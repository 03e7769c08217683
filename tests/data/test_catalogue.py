"""A catalogue gives titles to ids, whatever its format and the names of its columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.config import CatalogueSettings
from rbmcli.data.catalogue import read_catalogue
from rbmcli.errors import DataError
from tests.recorder import Recorder

IDS = pa.array([1, 2, 3])


@pytest.mark.parametrize(
    "text",
    [
        "item,title,year\n1,One,1990\n2,Two,1991\n",
        "year,book_id,Title\n1990,1,One\n1991,2,Two\n",
        "movieId,title,genres\n1,One,Drama\n2,Two,Drama\n",
        "id;name;genres\n1;One;Drama\n2;Two;Drama\n",
        "1::One::Drama|War\n2::Two::Drama\n",
        "1|One|01-Jan-1995||0|1\n2|Two|02-Jan-1995||0|1\n",
        '{"item": 1, "title": "One"}\n{"item": 2, "title": "Two"}\n',
    ],
)
def test_the_columns_of_usual_catalogues_are_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "items").write_text(text)

    assert read_catalogue(tmp_path / "items").titles_of(IDS) == ["One", "Two", None]


def test_a_title_may_hold_the_separator_in_quotes(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text('item,title\n1,"Good, Bad, Ugly"\n2,"Say ""no"""\n')

    assert read_catalogue(tmp_path / "items.csv").titles_of(IDS)[:2] == ["Good, Bad, Ugly", 'Say "no"']


@pytest.mark.parametrize(("id_column", "title_column"), [("key", "heading"), ("2", "1"), ("KEY", "1")])
def test_columns_can_be_chosen_by_name_or_position(id_column: str, title_column: str) -> None:
    settings = CatalogueSettings(id_column=id_column, title_column=title_column)

    found = read_catalogue(pa.table({"heading": ["One", "Two"], "key": [1, 2]}), settings)

    assert found.titles_of(IDS) == ["One", "Two", None]


@pytest.mark.parametrize("ids", [pa.array(["1", "2"]), pa.array([1.0, 2.0]), pa.array([1, 2], pa.int16())])
def test_ids_join_whatever_their_type_in_files_and_in_memory(tmp_path: Path, ids: pa.Array) -> None:
    table = pa.table({"item": ids, "title": ["One", "Two"]})
    pq.write_table(table, tmp_path / "items.parquet")

    for source in (table, tmp_path / "items.parquet", table.to_pandas()):
        found = read_catalogue(source)
        assert found.titles_of(IDS) == ["One", "Two", None]
        assert found.titles_of(pa.array(["2", "x"])) == ["Two", None]


def test_the_first_title_of_an_id_counts_and_a_blank_one_is_none() -> None:
    found = read_catalogue(pd.DataFrame({"item": [1, 1, 2], "title": [" One ", "Uno", "  "]}))

    assert found.titles_of(IDS) == ["One", None, None]


def test_a_row_without_an_id_is_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,title\n,None\n2,Two\n")
    told = Recorder()

    found = read_catalogue(tmp_path / "items.csv", progress=told)

    assert found.titles_of(IDS) == [None, "Two", None]
    assert any("items.csv:2: item is empty" in line for line in told.warnings)


@pytest.mark.parametrize(
    ("columns", "words", "hint"),
    [
        (
            {"item": [1], "year": [1990]},
            "the title is in no column",
            "--items-title; columns found: item, year",
        ),
        ({"key": [1], "title": ["One"]}, "the item is in no column", "--items-id"),
        ({"movie": [1], "book": [2], "title": ["One"]}, "the item may be any of several", "--items-id"),
        ({"item": [1], "title": [["One"]]}, "expected titles: text", ""),
    ],
)
def test_a_column_that_cannot_be_found_or_used_is_an_error(columns: dict, words: str, hint: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_catalogue(pa.table(columns))

    assert hint in caught.value.hint


def test_an_option_that_names_no_column_is_an_error() -> None:
    with pytest.raises(DataError, match=r"no column 'heading' \(--items-title\)"):
        read_catalogue(pa.table({"item": [1], "title": ["x"]}), CatalogueSettings(title_column="heading"))
