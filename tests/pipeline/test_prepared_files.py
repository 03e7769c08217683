"""Prepare replaces what it wrote itself and nothing else, and leaves `_SUCCESS` only beside whole files."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.config import PrepareSettings
from rbmcli.errors import LockedError, OutputError, UsageError
from rbmcli.pipeline.prepare import prepare
from tests.lock_holder import held_by_another


def some_ratings() -> pa.Table:
    pairs = [(user, item) for user in range(10) for item in range(10)]
    return pa.table(
        {
            "user": [user for user, _ in pairs],
            "item": [item for _, item in pairs],
            "rating": [(user + item) % 5 for user, item in pairs],
        }
    )


def visible_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_prepared_folder_is_replaced_whole(tmp_path: Path) -> None:
    prepare(some_ratings(), tmp_path / "out")
    prepare(some_ratings(), tmp_path / "out", PrepareSettings(split="none"))

    assert visible_names(tmp_path / "out") == ["_SUCCESS", "ratings.parquet"]


@pytest.mark.parametrize("name", ["notes.txt", "train.parquet"])
def test_a_folder_with_other_files_is_refused_unless_it_may_be_written_over(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(UsageError, match=f"holds {name}") as caught:
        prepare(some_ratings(), tmp_path)
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / name).read_text() == "mine"

    prepare(some_ratings(), tmp_path, overwrite=True)
    assert (tmp_path / "_SUCCESS").exists()


def test_a_file_that_prepare_did_not_write_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").write_text("mine")

    with pytest.raises(UsageError, match=r"holds out.parquet"):
        prepare(some_ratings(), tmp_path / "out.parquet", PrepareSettings(split="none"))


def test_an_input_is_not_written_over(tmp_path: Path) -> None:
    prepare(some_ratings(), tmp_path / "out")

    for source in (tmp_path / "out" / "train.parquet", str(tmp_path / "out"), tmp_path):
        with pytest.raises(UsageError, match="is an input"):
            prepare(source, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("output", ["-", "file.txt", "file.txt/out"])
def test_an_output_that_can_be_no_folder_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "file.txt").touch()

    with pytest.raises(UsageError):
        prepare(some_ratings(), output if output == "-" else tmp_path / output)


@pytest.mark.parametrize("folder", ["out", "made/on/the/way"])
def test_a_second_run_into_one_folder_is_kept_out(tmp_path: Path, folder: str) -> None:
    output = tmp_path / folder
    output.parent.mkdir(parents=True, exist_ok=True)

    with held_by_another(output), pytest.raises(LockedError):
        prepare(some_ratings(), output)


@pytest.mark.parametrize("at", ["train", "valid", "test"])
def test_a_prepared_folder_stays_whole_where_writing_another_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    prepare(some_ratings(), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    written = []

    def fail(part: Any, file: Any) -> None:
        written.append(part)
        file.write(b"half")
        if len(written) == ["train", "valid", "test"].index(at) + 1:
            raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("rbmcli.pipeline.prepared_files._write_part", fail)
    with pytest.raises(OutputError, match="no space left on device"):
        prepare(some_ratings(), tmp_path / "out", PrepareSettings(seed=1))

    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_what_was_prepared_from_other_inputs_is_kept(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        pq.write_table(some_ratings(), tmp_path / name)
    prepare(tmp_path / "a.parquet", tmp_path / "out")
    before = (tmp_path / "out" / "train.parquet").read_bytes()

    with pytest.raises(UsageError, match=r"made of other inputs: \.\./a\.parquet") as caught:
        prepare(tmp_path / "b.parquet", tmp_path / "out", PrepareSettings(seed=1))
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / "out" / "train.parquet").read_bytes() == before

    prepare(tmp_path / "a.parquet", tmp_path / "out", PrepareSettings(seed=1))
    assert (tmp_path / "out" / "train.parquet").read_bytes() != before
    prepare(tmp_path / "b.parquet", tmp_path / "out", overwrite=True)


def test_what_a_run_did_not_finish_is_replaced_without_asking(tmp_path: Path) -> None:
    pq.write_table(some_ratings(), tmp_path / "a.parquet")
    prepare(some_ratings(), tmp_path / "out")
    (tmp_path / "out" / "_SUCCESS").unlink()
    (tmp_path / "out" / ".train.parquet.tmp").write_text("half")

    prepare(tmp_path / "a.parquet", tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "test.parquet",
        "train.parquet",
        "valid.parquet",
    ]


def test_a_folder_that_was_moved_with_its_inputs_is_replaced_too(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    pq.write_table(some_ratings(), tmp_path / "here" / "a.parquet")
    prepare(tmp_path / "here" / "a.parquet", tmp_path / "here" / "out")
    (tmp_path / "here").rename(tmp_path / "there")

    prepare(tmp_path / "there" / "a.parquet", tmp_path / "there" / "out")

    assert (tmp_path / "there" / "out" / "_SUCCESS").exists()
