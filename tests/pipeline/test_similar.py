"""`similar`: a table of neighbours with titles, written under a contract, or an error with what to do."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import SimilarSettings
from rbmcli.data.schemas import NEIGHBOURS
from rbmcli.data.storage import read_parquet
from rbmcli.errors import MismatchError, UsageError
from rbmcli.models.similarity import nearest
from rbmcli.pipeline.similar import similar
from tests.recorder import Recorder
from tests.small_ratings import ratings, rows_of, table_of, trained

CATALOGUE = pa.table({"item": [100, 103, 104], "title": ["Zero", "Three", None]})


@pytest.mark.parametrize("by", ["user", "item"])
def test_the_table_holds_the_neighbours_by_rank_with_their_ratings(by: str) -> None:
    model = trained(by)

    found = similar(model, 104, settings=SimilarSettings(top=4))

    places, alike = nearest(model, 4, 4, 5)
    assert found.table["rank"].to_pylist() == [1, 2, 3, 4]
    assert set(found.table["item"].to_pylist()) == {104}
    assert found.table["neighbour"].to_pylist() == [100 + place for place in places]
    assert found.table["similarity"].to_pylist() == pytest.approx(list(alike), abs=1e-6)
    counts = ratings()["item"].to_pylist()
    assert [counts.count(item) for item in found.table["neighbour"].to_pylist()] == found.table[
        "n_ratings"
    ].to_pylist()
    assert (found.item, found.n_ratings, found.title) == (104, counts.count(104), None)


def test_an_id_may_be_given_as_text() -> None:
    assert similar(trained("user"), "104").table.equals(similar(trained("user"), 104).table)


def test_titles_stand_beside_the_neighbours_that_have_one() -> None:
    found = similar(trained("item"), 100, items=CATALOGUE, settings=SimilarSettings(top=20))

    titles = dict(zip(found.table["neighbour"].to_pylist(), found.table["title"].to_pylist(), strict=True))
    assert found.title == "Zero"
    assert {item for item, title in titles.items() if title} == {103}
    assert found.table.schema.field("title").type == pa.string()


def test_a_catalogue_of_other_items_is_told() -> None:
    told = Recorder()

    similar(trained("item"), 100, items=pa.table({"item": ["x"], "title": ["X"]}), progress=told)

    assert any("none of the items" in line for line in told.warnings)


def test_the_file_holds_the_table_under_its_contract_and_equal_runs_are_equal(tmp_path: Path) -> None:
    model, path = trained("user"), tmp_path / "n.parquet"

    found = similar(model, 100, path, items=CATALOGUE)
    similar(model, 100, tmp_path / "again.parquet", items=CATALOGUE)

    table, metadata = read_parquet(path, NEIGHBOURS)
    assert table.equals(found.table)
    assert metadata["command"] == "similar"
    assert metadata["settings"] == {"top": 10, "min_support": 5}
    assert path.read_bytes() == (tmp_path / "again.parquet").read_bytes()
    assert found.path == path


def test_items_of_string_ids_are_found_by_the_same_text() -> None:
    rows = [(str(item), user, rating) for user, item, rating in rows_of(ratings())]
    model = trained("user", table_of(*map(list, zip(*rows, strict=True))))

    assert similar(model, "u03").table["neighbour"].type == pa.string()


def test_fewer_neighbours_than_wanted_are_told() -> None:
    told = Recorder()

    found = similar(trained("user"), 100, settings=SimilarSettings(min_support=10_000), progress=told)

    assert found.table.num_rows == 0
    assert any("no more items with 10,000 ratings" in line for line in told.warnings)


@pytest.mark.parametrize("item", [99, "x", "0100", ""])
def test_an_unknown_item_ends_with_what_ids_look_like(item: object) -> None:
    with pytest.raises(MismatchError, match=f"item '{item}' is none of the 12 items") as caught:
        similar(trained("user"), item)

    assert "such as '100', '101', '102'" in caught.value.hint


def test_the_model_is_not_written_over(tmp_path: Path) -> None:
    rbmcli.save_model(trained("user"), tmp_path / "m.parquet")

    with pytest.raises(UsageError, match="is an input"):
        similar(tmp_path / "m.parquet", 100, tmp_path / "m.parquet")

    assert pq.read_metadata(tmp_path / "m.parquet").num_rows > 0
