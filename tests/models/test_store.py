"""The model file: it holds all of a model and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import rbmcli
from rbmcli.data.schemas import MODEL
from rbmcli.data.storage import read_parquet
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import fingerprint, load_model, save_model
from tests.models.model_files import assert_same_model
from tests.small_ratings import (
    FORMS,
    HIDDEN,
    pairs_of,
    predicted,
    quick,
    ratings,
    rows_of,
    table_of,
    trained,
)

BOTH = pytest.mark.parametrize("by", ["user", "item"])


def test_a_model_is_read_back_as_it_was_written_to_the_last_bit(saved: tuple[Rbm, Path]) -> None:
    model, path = saved

    again = load_model(path)

    assert_same_model(again, model)
    assert fingerprint(again) == fingerprint(model)


@BOTH
@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
def test_a_model_of_any_form_is_read_back_to_the_last_bit_and_predicts_the_same(
    by: str, changes: dict, tmp_path: Path
) -> None:
    model = trained(by, **changes)
    save_model(model, tmp_path / "m.parquet")

    again = load_model(tmp_path / "m.parquet")

    assert_same_model(again, model)
    assert fingerprint(again) == fingerprint(model)
    for array, expected in zip(again.form, model.form, strict=True):
        np.testing.assert_array_equal(array, expected)
    asked = pairs_of("u03", *range(100, 113))
    assert predicted(again, ratings(), asked) == predicted(model, ratings(), asked)


@BOTH
def test_what_was_tried_and_the_pairs_of_unknown_rating_are_kept(by: str, tmp_path: Path) -> None:
    settings = quick(by, objective=None, preset="accurate", validation="holdout", epochs=2)
    also_rated = pairs_of("u00", *range(100, 112))

    model = rbmcli.train(ratings(), tmp_path / "m.parquet", settings=settings, also_rated=also_rated).model

    again = load_model(tmp_path / "m.parquet")
    assert_same_model(again, model)
    assert len(again.record["tried"]) == 2
    assert again.record["n_also_rated"] == 12 - sum(row[0] == "u00" for row in rows_of(ratings()))


@BOTH
def test_two_models_that_differ_in_the_factors_alone_have_different_fingerprints(by: str) -> None:
    model = trained(by, **FORMS["factored"])
    changed = model.parameters.copy()
    changed.factors[0, 0] += 1

    other = dataclasses.replace(model, parameters=changed)

    assert fingerprint(other) != fingerprint(model)


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


@BOTH
def test_the_padding_of_factors_is_not_stored_nor_are_weights_multiplied_out(by: str, tmp_path: Path) -> None:
    model = trained(by, **FORMS["all at once"])
    save_model(model, tmp_path / "m.parquet")

    table, _ = read_parquet(tmp_path / "m.parquet", MODEL)

    # Two functions of the level, three factors.
    assert set(pc.list_value_length(table["weights"].drop_null()).to_pylist()) == {2 * 3}
    shared = {row["name"]: row for row in table.to_pylist() if row["part"] == "shared"}
    assert {name: row["shape"] for name, row in shared.items()} == {
        "hidden_bias": [HIDDEN],
        "factors": [3, HIDDEN],
    }
    np.testing.assert_array_equal(
        np.array(shared["factors"]["values"], np.float32).reshape(3, HIDDEN),
        model.parameters.factors[:3, :HIDDEN],
    )


def test_a_model_tells_its_parts_in_the_file(saved: tuple[Rbm, Path]) -> None:
    model, path = saved

    table, metadata = read_parquet(path, MODEL)

    parts = dict(table.group_by("part").aggregate([("part", "count")]).to_pandas().itertuples(index=False))
    assert parts == {"visible": len(model.column_ids), "row": len(model.row_ids), "shared": 1}
    assert (metadata["K"], metadata["F"], metadata["orientation"]) == (5, HIDDEN, model.settings.by)
    assert metadata["fingerprint"] == fingerprint(model)
