"""What goes to standard output: tables of figures and JSON results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rbmcli.cli.console import CommandResult, print_result, print_table
from rbmcli.cli.timings import TimedProgress


def test_in_a_pipe_a_table_is_plain_and_its_numbers_stand_to_the_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["who", "n", "rmse"], [["model", 5, 0.5], ["item mean", 1000, None]], title="Errors")

    assert capsys.readouterr().out.splitlines() == [
        "Errors",
        "who           n    rmse",
        "model         5  0.5000",
        "item mean  1000",
    ]


def test_on_a_terminal_a_table_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    print_table(["who", "rmse"], [["[model]", 0.5]], title="of [all]")

    told = capsys.readouterr().out
    assert "│" in told
    assert "[model]" in told
    assert "of [all]" in told


def test_a_result_is_one_json_object_with_all_that_was_promised(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = tmp_path / "out.parquet"
    written.write_bytes(b"12345")

    print_result(
        CommandResult("train", {"epochs": 3}, {"rmse": 0.9}, [str(written)], seed=7), TimedProgress()
    )

    result = json.loads(capsys.readouterr().out)
    timings = result.pop("timings")
    assert set(timings) == {"seconds", "cpu_seconds", "steps"}
    assert set(result.pop("versions")) >= {"python", "rbmcli", "numpy", "pyarrow"}
    assert result == {
        "schema_version": 1,
        "command": "train",
        "seed": 7,
        "settings": {"epochs": 3},
        "figures": {"rmse": 0.9},
        "files": [{"path": str(written), "bytes": 5}],
    }


def test_a_result_in_a_file_is_equal_for_equal_runs(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        CommandResult("evaluate", {}, {"rmse": 0.9}).write(str(tmp_path / name))

    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text())["figures"] == {"rmse": 0.9}
