"""The model file: it holds all of a model and nothing else, and damage never goes unnoticed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbmcli.data.schemas import METADATA_KEY, MODEL
from rbmcli.data.storage import encode_metadata, read_parquet
from rbmcli.errors import DataError, MismatchError, RbmcliError
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import fingerprint, load_model, save_model
from tests.small_ratings import HIDDEN, ratings, table_of, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])


def arrays_of(model: Rbm) -> dict[str, np.ndarray]:
    """Return every array of a model, padding included."""
    fields = {entry.name: getattr(model, entry.name) for entry in dataclasses.fields(model)}
    found = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
    found |= {f"parameters.{name}": value for name, value in model.parameters._asdict().items()}
    if model.states is not None:
        found |= {f"states.{name}": value for name, value in model.states._asdict().items()}
    return found


def assert_same_model(left: Rbm, right: Rbm) -> None:
    """Check that two models are equal, to the last bit and the last type."""
    assert left.settings == right.settings
    assert left.record == right.record
    assert left.levels.as_metadata() == right.levels.as_metadata()
    assert left.row_ids.values.equals(right.row_ids.values)
    assert left.column_ids.values.equals(right.column_ids.values)
    assert (left.states is None) == (right.states is None)
    expected = arrays_of(right)
    for name, array in arrays_of(left).items():
        assert array.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def rewrite(
    path: Path,
    metadata_changes: dict | None = None,
    table_change: Callable[[pa.Table], pa.Table] = lambda table: table,
) -> None:
    """Write a model file anew with changes that no checksum can notice."""
    table, metadata = read_parquet(path, MODEL)
    encoded = encode_metadata(MODEL, {**metadata, **(metadata_changes or {})})
    changed = table_change(table).replace_schema_metadata({METADATA_KEY: encoded})
    pq.write_table(changed, path, write_page_checksum=True)


@pytest.fixture(params=["user", "item"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Rbm, Path]:
    """A model and its file."""
    model = trained(request.param)
    save_model(model, tmp_path / "model.parquet")
    return model, tmp_path / "model.parquet"


def test_a_model_is_read_back_as_it_was_written_to_the_last_bit(saved: tuple[Rbm, Path]) -> None:
    model, path = saved

    again = load_model(path)

    assert_same_model(again, model)
    assert fingerprint(again) == fingerprint(model)


@BOTH
@pytest.mark.parametrize("text_ids", [("user", "item"), ("item",), ()])
def test_integers_and_strings_come_back_as_what_they_were(
    by: str, text_ids: tuple[str, ...], tmp_path: Path
) -> None:
    table = table_of([-7, 3, 3, 2**40], [10, 9, 10, 9], [1, 2, 2, 1])
    for name in text_ids:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.string()))
    model = trained(by, table)
    save_model(model, tmp_path / "m.parquet")

    again = load_model(tmp_path / "m.parquet")

    assert_same_model(again, model)
    assert pa.types.is_string(again.user_ids.type) == ("user" in text_ids)
    assert pa.types.is_string(again.item_ids.type) == ("item" in text_ids)


@BOTH
def test_the_bins_of_a_continuous_scale_are_kept(by: str, tmp_path: Path) -> None:
    table = ratings()
    noise = np.random.default_rng(0).normal(0, 1, table.num_rows).astype(np.float32)
    model = trained(by, table.set_column(2, "rating", pa.array(noise)))
    save_model(model, tmp_path / "m.parquet")

    assert_same_model(load_model(tmp_path / "m.parquet"), model)
    assert model.levels.edges is not None


def test_a_second_save_has_the_same_bytes(saved: tuple[Rbm, Path], tmp_path: Path) -> None:
    _, path = saved

    save_model(load_model(path), tmp_path / "again.parquet")

    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_the_padding_of_the_hidden_units_is_not_stored(saved: tuple[Rbm, Path]) -> None:
    model, path = saved
    lengths = {"weights": 5 * HIDDEN, "conditional": HIDDEN, "activation": HIDDEN, "values": HIDDEN}

    table, _ = read_parquet(path, MODEL)

    assert model.parameters.weights.shape[2] > HIDDEN
    for name, length in lengths.items():
        found = set(pc.list_value_length(table[name].drop_null()).to_pylist())
        assert found == (set() if name == "activation" and model.by_user else {length})


def test_a_model_tells_its_parts_in_the_file(saved: tuple[Rbm, Path]) -> None:
    model, path = saved

    table, metadata = read_parquet(path, MODEL)

    parts = dict(table.group_by("part").aggregate([("part", "count")]).to_pandas().itertuples(index=False))
    assert parts == {"visible": len(model.column_ids), "row": len(model.row_ids), "shared": 1}
    assert (metadata["K"], metadata["F"], metadata["orientation"]) == (5, HIDDEN, model.settings.by)
    assert metadata["fingerprint"] == fingerprint(model)


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
