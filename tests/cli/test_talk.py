"""What goes to standard error: lines in a pipe, bars and a table on a terminal, JSON for machines."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from rbmcli.cli.bars import EPOCH_HEADER, BarProgress, epoch_row
from rbmcli.cli.console import open_progress
from rbmcli.cli.lines import RUN_ID, LineProgress
from rbmcli.cli.options import Running
from rbmcli.progress import EpochReport, Progress

DATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d rbmcli: (.*)")
REPORT = EpochReport(
    epoch=3,
    epochs=40,
    loss=1.23456,
    valid_rmse=0.91234,
    valid_nll=1.3,
    is_best=True,
    ratings_per_second=3_140_000.0,
    seconds_left=65.0,
)


def tell_everything(progress: Progress) -> None:
    progress.info("a fact")
    progress.detail("a detail")
    progress.warn("a doubt")
    progress.epoch(REPORT)
    with progress.step("reading", total=10) as step:
        step.advance(10)


def lines_told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_in_a_pipe_each_event_is_one_dated_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell_everything(open_progress(Running()))

    matches = [DATED.fullmatch(line) for line in lines_told(capsys)]
    assert [match and match[1] for match in matches] == [
        "a fact",
        "warning: a doubt",
        "epoch 3/40: loss 1.2346, valid rmse 0.9123, valid nll 1.3000, 3.14 M ratings/s, 65 s left, best",
        "reading",
    ]


def test_quiet_leaves_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (LineProgress(Running(quiet=True)), BarProgress(Running(quiet=True, progress="never"))):
        tell_everything(progress)

        told = lines_told(capsys)
        assert len(told) == 1
        assert told[0].endswith("warning: a doubt")


def test_verbose_adds_details_and_how_long_steps_took(capsys: pytest.CaptureFixture[str]) -> None:
    tell_everything(open_progress(Running(verbose=True)))

    told = "\n".join(lines_told(capsys))
    assert "a detail" in told
    assert re.search(r"reading: done in \d+\.\d s", told)


def test_a_json_log_is_one_object_per_line_with_time_level_message_and_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell_everything(open_progress(Running(log_format="json", progress="always")))

    events = [json.loads(line) for line in lines_told(capsys)]
    assert [event["level"] for event in events] == ["info", "warning", "info", "info"]
    assert {event["run"] for event in events} == {RUN_ID}
    assert all(datetime.fromisoformat(event["time"]).tzinfo for event in events)
    assert events[2]["valid_rmse"] == REPORT.valid_rmse


def test_progress_never_draws_no_bar_and_always_draws_one(capsys: pytest.CaptureFixture[str]) -> None:
    tell_everything(open_progress(Running(progress="never")))
    assert "\x1b" not in "".join(lines_told(capsys))

    tell_everything(open_progress(Running(progress="always")))
    told = "".join(lines_told(capsys))
    assert "\x1b[" in told
    assert "━" in told


def test_no_color_is_respected_where_bars_are_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    tell_everything(open_progress(Running(progress="always")))

    assert not re.search(r"\x1b\[[\d;]*3\d", "".join(lines_told(capsys)))


def test_the_bar_ends_where_the_step_fails(capsys: pytest.CaptureFixture[str]) -> None:
    progress = BarProgress(Running(progress="always"))

    with pytest.raises(ValueError, match="halfway"), progress.step("outer"), progress.step("inner", total=2):
        raise ValueError("halfway")

    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    told = "".join(lines_told(capsys))
    assert told.rindex(shown) > told.rindex(hidden)


def test_the_table_of_epochs_is_aligned_and_marks_the_best() -> None:
    row = epoch_row(REPORT)

    assert row.split() == ["3/40", "1.2346", "0.9123", "1.3000", "3.14", "M", "0:01:05", "*"]
    assert len(row.removesuffix(" *")) == len(EPOCH_HEADER)


@pytest.mark.parametrize("first", [1, 7])
def test_the_table_of_epochs_has_its_header_once_wherever_it_begins(
    first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = BarProgress(Running())
    for epoch in (first, first + 1):
        progress.epoch(EpochReport(epoch, 8, 1.0, None, None, False, 1e6, 0.0))

    told = lines_told(capsys)
    assert told[0].split() == EPOCH_HEADER.split()
    assert [line.split()[0] for line in told[1:]] == [f"{first}/8", f"{first + 1}/8"]


def test_a_brief_step_is_no_line_in_a_log_and_a_bar_only_when_it_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("rbmcli.cli.bars.time.monotonic", lambda: clock[0])

    def drawn(progress: Progress, seconds: float) -> str:
        with progress.step("epoch 3", 10, is_brief=True) as step:
            for _ in range(2):
                clock[0] += seconds
                step.advance(1)
        return capsys.readouterr().err

    assert drawn(LineProgress(Running(verbose=True)), 5) == ""
    assert drawn(BarProgress(Running(progress="always")), 0.1) == ""
    assert "epoch 3" in drawn(BarProgress(Running(progress="always")), 5)
