"""Prepare replaces what it wrote itself and nothing else, and leaves `_SUCCESS` only beside whole files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from filelock import FileLock

from rbmcli.config import PrepareSettings
from rbmcli.errors import LockedError, UsageError
from rbmcli.pipeline.prepare import prepare


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


def test_a_second_run_into_one_folder_is_kept_out(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".prepare.lock"), pytest.raises(LockedError):
        prepare(some_ratings(), tmp_path)


def test_success_is_missing_where_writing_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(some_ratings(), tmp_path / "out")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("rbmcli.pipeline.prepared_files.write_parquet", fail)
    with pytest.raises(OSError, match="disk full"):
        prepare(some_ratings(), tmp_path / "out")

    assert not (tmp_path / "out" / "_SUCCESS").exists()
