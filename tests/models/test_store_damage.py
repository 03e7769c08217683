"""Model files that are damaged, incomplete or none at all: it never goes unnoticed."""

from __future__ import annotations

import functools
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbmcli.data.schemas import MODEL
from rbmcli.data.storage import read_parquet
from rbmcli.errors import DataError, MismatchError, RbmcliError
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import load_model, save_model
from tests.models.model_files import assert_same_model, rewrite
from tests.small_ratings import FORMS, ratings, table_of, trained


def test_a_factored_model_without_its_factors_is_bad_data(tmp_path: Path) -> None:
    save_model(trained("item", **FORMS["factored"]), tmp_path / "m.parquet")
    rewrite(
        tmp_path / "m.parquet",
        table_change=lambda table: table.filter(pc.fill_null(pc.not_equal(table["name"], "factors"), True)),
    )

    with pytest.raises(DataError, match="the model is damaged: it has no factors"):
        load_model(tmp_path / "m.parquet")


@pytest.mark.parametrize(
    "changes",
    [{"factors": 2}, {"hidden_units": "gaussian"}, {"conditional": False}, {"level_functions": 2}],
)
def test_a_form_that_is_not_that_of_the_arrays_is_bad_data(changes: dict, tmp_path: Path) -> None:
    save_model(trained("user"), tmp_path / "m.parquet")
    _, metadata = read_parquet(tmp_path / "m.parquet", MODEL)
    rewrite(tmp_path / "m.parquet", {"settings": {**metadata["settings"], **changes}})

    with pytest.raises(DataError, match="the model is damaged"):
        load_model(tmp_path / "m.parquet")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_bad_data(saved: tuple[Rbm, Path], share: float) -> None:
    _, path = saved
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(DataError, match="not a readable Parquet file"):
        load_model(path)


def test_a_missing_file_and_a_folder_are_bad_data(tmp_path: Path) -> None:
    for path in (tmp_path / "none.parquet", tmp_path):
        with pytest.raises(DataError):
            load_model(path)


def test_a_file_of_another_tool_or_of_another_contract_is_a_mismatch(tmp_path: Path) -> None:
    pq.write_table(ratings(), tmp_path / "foreign.parquet")
    with pytest.raises(MismatchError, match="found 'no rbmcli file'"):
        load_model(tmp_path / "foreign.parquet")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "gaussian"}, "a model of kind 'gaussian'"),
        ({"kind": None}, "a model of kind 'None'"),
        ({"format_version": 2}, "format version 2"),
        ({"format": "ratings"}, "found 'ratings'"),
    ],
)
def test_a_model_of_another_kind_or_a_newer_version_is_a_mismatch(
    saved: tuple[Rbm, Path], changes: dict, words: str
) -> None:
    _, path = saved
    rewrite(path, changes)

    with pytest.raises(MismatchError, match=words):
        load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "0" * 32},
        {"levels": []},
        {"levels": [1, 2]},
        {"settings": {"hidden": 7}},
        {"settings": {"hidden": -1}},
        {"settings": {"unheard_of": 1}},
        {"settings": None},
        {"row_id_type": "double"},
        {"global_prior": ["much"]},
        {"best_epoch": 1000},
    ],
)
def test_metadata_that_do_not_fit_the_arrays_are_bad_data(saved: tuple[Rbm, Path], changes: dict) -> None:
    _, path = saved
    rewrite(path, changes)

    with pytest.raises(DataError, match="the model is damaged"):
        load_model(path)


@pytest.mark.parametrize("part", ["visible", "row", "shared"])
def test_a_model_without_one_of_its_parts_is_bad_data(saved: tuple[Rbm, Path], part: str) -> None:
    _, path = saved
    rewrite(path, table_change=lambda table: table.filter(pc.not_equal(table["part"], part)))

    with pytest.raises(DataError, match="the model is damaged"):
        load_model(path)


@pytest.mark.parametrize("column", ["bias", "weights", "conditional", "ratings_hash"])
def test_a_model_without_one_of_its_columns_is_bad_data(saved: tuple[Rbm, Path], column: str) -> None:
    _, path = saved
    rewrite(path, table_change=lambda table: table.drop_columns(column))

    with pytest.raises(DataError, match="the model is damaged"):
        load_model(path)


def test_one_number_that_differs_is_noticed(saved: tuple[Rbm, Path]) -> None:
    def one_more_rating(table: pa.Table) -> pa.Table:
        counts = table["n_ratings"].to_pylist()
        counts[0] += 1
        return table.set_column(3, "n_ratings", pa.array(counts, pa.int64()))

    _, path = saved
    rewrite(path, table_change=one_more_rating)

    with pytest.raises(DataError, match="fingerprint does not agree"):
        load_model(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path, place: float, bit: int) -> None:
    original, damaged = tmp_path / "original.parquet", tmp_path / "damaged.parquet"
    model = _tiny_model()
    if not original.exists():
        save_model(model, original)
    content = bytearray(original.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    damaged.write_bytes(content)

    try:
        again = load_model(damaged)
    except RbmcliError as error:
        assert error.exit_code in {3, 4}
    else:
        assert_same_model(again, model)


@functools.cache
def _tiny_model() -> Rbm:
    return trained("item", table_of(["a", "a", "b", "c"], [1, 2, 1, 2], [1, 2, 2, 1]), hidden=2, epochs=1)
