"""What a checkpoint file holds comes back from it as it was, and a damaged one is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.data.schemas import CHECKPOINT
from rbmcli.data.storage import read_parquet
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError, MismatchError
from rbmcli.models import checkpoint_store
from rbmcli.models.checkpoint_store import load_checkpoint, save_checkpoint
from rbmcli.models.fit_state import BY_PATIENCE, FitState
from rbmcli.progress import EpochReport

ARRAYS = {
    "best/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "best/nothing": np.zeros((0, 5), np.float32),
    "learner/times": np.array([-1, 2**62], np.int64),
    "learner/chain": np.array([0, 255], np.uint8),
}


def state(**changes: object) -> FitState:
    """Return a state in which every field is other than at the start."""
    report = EpochReport(1, 1, 0.1 + 0.2, 1 / 3, None, True, 0.0, 0.0)
    whole = FitState(
        measured=True,
        stages=2,
        epochs_run=[1, 0],
        endings=[BY_PATIENCE],
        batches=3,
        loss=1e-17 + 1 / 7,
        count=11,
        order=dict(np.random.default_rng(5).bit_generator.state),
        reports=[report],
        best_epoch=1,
        best_rmse=1 / 3,
        best_epochs=[1, 0],
        best_of_stage=0.3,
        best_at=0,
        arrays=ARRAYS,
    )
    return dataclasses.replace(whole, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the checkpoint is."""
    return tmp_path / "c.parquet"


def assert_same(found: FitState, expected: FitState) -> None:
    for entry in dataclasses.fields(FitState):
        if entry.name != "arrays":
            assert getattr(found, entry.name) == getattr(expected, entry.name), entry.name
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
        assert found.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("part_bytes", [5, 8, 1 << 26])
def test_states_come_back_as_they_were_in_however_many_parts(
    part_bytes: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_store, "PART_BYTES", part_bytes)
    states = [
        ({"by": "user", "rate": 0.1}, state()),
        ({"by": "item"}, FitState(False, 1, order=state().order)),
    ]

    save_checkpoint(path, {"seed": 7}, states, is_complete=True)
    found, metadata = load_checkpoint(path)

    assert [key for key, _ in found] == [key for key, _ in states]
    for (_, one), (_, other) in zip(found, states, strict=True):
        assert_same(one, other)
    assert (metadata["seed"], metadata["complete"]) == (7, True)
    assert pq.ParquetFile(path).metadata.num_rows == sum(
        max(-(-array.nbytes // part_bytes), 1) for array in ARRAYS.values()
    )


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_figures_that_are_not_finite_come_back(value: float, path: Path) -> None:
    report = EpochReport(1, 1, value, value, value, False, 0.0, 0.0)

    save_checkpoint(path, {}, [({}, state(best_rmse=value, reports=[report]))], is_complete=False)
    ((_, found),), _ = load_checkpoint(path)

    np.testing.assert_equal(dataclasses.astuple(found.reports[0]), dataclasses.astuple(report))
    np.testing.assert_equal(found.best_rmse, value)


def test_a_training_that_failed_comes_back(path: Path) -> None:
    save_checkpoint(path, {}, [({}, state(failure=("message", "hint"), arrays={}))], is_complete=False)

    ((_, found),), _ = load_checkpoint(path)

    assert found.failure == ("message", "hint")


def test_equal_states_give_equal_bytes(path: Path) -> None:
    contents = []
    for _ in range(2):
        save_checkpoint(path, {"seed": 7}, [({}, state())], is_complete=False)
        contents.append(path.read_bytes())

    assert contents[0] == contents[1]


def test_arrays_come_back_writable(path: Path) -> None:
    save_checkpoint(path, {}, [({}, state())], is_complete=False)

    ((_, found),), _ = load_checkpoint(path)

    assert all(array.flags.writeable and array.flags.c_contiguous for array in found.arrays.values())


# Damage that the checksums of the file do not tell.


def rewritten(path: Path, *, table: pa.Table | None = None, **changes: object) -> None:
    """Write a checkpoint anew with other rows or metadata, in which all checksums agree."""
    read, metadata = read_parquet(path, CHECKPOINT)
    for name, value in changes.items():
        metadata[name] = value
    metadata.pop("format")
    metadata.pop("format_version")
    write_table(read if table is None else table, path, CHECKPOINT, metadata)


@pytest.mark.parametrize("change", ["missing row", "changed order", "other type", "object"])
def test_arrays_that_are_not_those_saved_are_bad_data(change: str, path: Path) -> None:
    save_checkpoint(path, {}, [({}, state())], is_complete=False)
    table, _ = read_parquet(path, CHECKPOINT)
    types = {"other type": "<i4", "object": "O"}
    changed = {
        "missing row": table.slice(1),
        "changed order": table.take([1, 0, 2, 3]),
        **{
            name: table.set_column(1, "type", pa.array([type_, *table["type"].to_pylist()[1:]]))
            for name, type_ in types.items()
        },
    }
    rewritten(path, table=changed[change])

    with pytest.raises(DataError, match="the checkpoint is damaged") as caught:
        load_checkpoint(path)

    assert "delete it" in caught.value.hint


@pytest.mark.parametrize(
    "fits",
    [
        None,
        7,
        [{}],
        [{"key": {}}],
        [{"key": {}, **checkpoint_store._as_figures(state(order={"bit_generator": "MT19937"}))}],
        [{"key": {}, **checkpoint_store._as_figures(state(order={}))}],
    ],
)
def test_figures_that_make_no_state_are_bad_data(fits: object, path: Path) -> None:
    save_checkpoint(path, {}, [({}, state())], is_complete=False)
    rewritten(path, fits=fits)

    with pytest.raises(DataError, match="the checkpoint is damaged"):
        load_checkpoint(path)


def test_a_missing_file_and_one_of_another_tool_are_told(path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_checkpoint(path)
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(MismatchError, match="expected a file of format 'checkpoint'"):
        load_checkpoint(path)
