"""Plots of characters: each point stands where its value is, and nothing is drawn where no terminal is."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.cli.text_plots import HEIGHT, Marks, marks_for, reliability_plot, training_curve
from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, PREDICTIONS
from rbmcli.models.store import save_model
from tests.small_ratings import trained

MARKS = Marks()


def epochs(*rmse: float | None) -> list[dict]:
    return [{"epoch": place, "loss": 2.0 / place, "valid_rmse": value} for place, value in enumerate(rmse, 1)]


def points(lines: list[str]) -> set[tuple[int, int]]:
    """Return row and column of each point."""
    left = lines[1].index(MARKS.line) + 1
    return {
        (row, column)
        for row, line in enumerate(lines[1 : 1 + HEIGHT])
        for column, mark in enumerate(line[left:])
        if mark in {MARKS.point, MARKS.best}
    }


def test_the_curve_falls_from_the_largest_to_the_smallest_value() -> None:
    lines = training_curve(epochs(1.0, 0.9, 0.9, 0.95 - 1e-9), 3, 20, MARKS)

    assert lines[0] == "validation RMSE by epoch; ◆ is the best"
    assert points(lines) == {(0, 0), (HEIGHT - 1, 6), (HEIGHT - 1, 13), (HEIGHT // 2, 19)}
    assert lines[1].startswith("1.0000 │")
    assert lines[HEIGHT].startswith("0.9000 │")
    assert lines[HEIGHT].endswith("◆")
    assert lines[-1].split() == ["1", "4"]


def test_without_validation_the_curve_is_that_of_the_loss() -> None:
    lines = training_curve(epochs(None, None), None, 30, MARKS)

    assert lines[0] == "loss by epoch"
    assert lines[1].startswith("2.0000 │•")


def test_a_point_that_others_cover_is_still_the_best() -> None:
    lines = training_curve(epochs(*[1.0] * 50, 0.5, *[0.5] * 150), 51, 20, MARKS)

    assert "◆" in "".join(lines[1:])


@given(
    st.lists(st.floats(0.1, 5), min_size=1, max_size=300),
    st.integers(20, 60),
)
def test_a_curve_fits_and_every_epoch_has_its_column(values: list[float], width: int) -> None:
    lines = training_curve(epochs(*values), 1, width, MARKS)

    assert len(lines) == HEIGHT + 3
    assert max(len(line) for line in lines[1:]) <= width + 8
    assert len({column for _, column in points(lines)}) == min(len(values), width)


def test_what_was_said_and_what_came_true_stand_at_their_places() -> None:
    bins = [
        {"from": 0.0, "to": 0.1, "n": 1200, "probability": 0.05, "share": 0.05},
        {"from": 0.9, "to": 1.0, "n": 7, "probability": 1.0, "share": 0.0},
    ]

    _, head, first, second = reliability_plot(bins, "model", 41, MARKS)

    start = head.index("0", head.index("true"))
    assert head[start + 40] == "1"
    assert first[start:] == "  •"
    assert first.split()[:4] == ["0.00-0.10", "1,200", "0.0500", "0.0500"]
    assert (second[start], second[start + 40]) == ("•", "│")


@pytest.mark.parametrize(("encoding", "point"), [("utf-8", "•"), ("ascii", "*"), ("latin-1", "*")])
def test_where_the_characters_cannot_be_written_plain_ones_are(encoding: str, point: str) -> None:
    assert marks_for(io.TextIOWrapper(io.BytesIO(), encoding=encoding)).point == point


def _on_terminal(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """Return what a command prints where standard output is a terminal."""
    own, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rbmcli", *arguments],
        stdout=other,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=folder,
    )
    os.close(other)
    printed = b""
    while True:
        try:
            part = os.read(own, 65536)
        except OSError:
            break
        if not part:
            break
        printed += part
    os.close(own)
    assert process.wait() == 0
    return printed.decode()


def test_evaluate_draws_on_a_terminal_only(tmp_path: Path, command_environment: dict[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    levels = {"levels": [1.0, 2.0], "edges": None}
    table = pa.table(
        {
            "user": [1, 2, 3],
            "item": [1, 1, 1],
            "prediction": [1.5, 1.2, 1.9],
            "rating": [1.0, 1.0, 2.0],
            "probabilities": pa.array([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]], pa.list_(pa.float32(), 2)),
        }
    ).replace_schema_metadata({METADATA_KEY: encode_metadata(PREDICTIONS, levels)})
    pq.write_table(table, tmp_path / "p.parquet")
    command_environment = {**command_environment, "PYTHONIOENCODING": "utf-8"}

    drawn = _on_terminal(command_environment, tmp_path, "evaluate", "p.parquet")
    piped = subprocess.run(
        [sys.executable, "-m", "rbmcli", "evaluate", "p.parquet"],
        env=command_environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "how often each probability of model came true" in drawn
    assert "how often" not in piped
    assert "calibration error" in piped


def test_inspect_draws_the_training_on_a_terminal(
    tmp_path: Path, command_environment: dict[str, str]
) -> None:
    model = trained("user")
    save_model(model, tmp_path / "m.parquet")

    drawn = _on_terminal(command_environment, tmp_path, "inspect", "m.parquet")

    assert "loss by epoch" in drawn
