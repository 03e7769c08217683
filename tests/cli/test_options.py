"""Options stand for settings, may precede the command, and may come from the environment."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.cli import train
from rbmcli.cli.engine_options import Working
from rbmcli.cli.main import move_leading_options
from rbmcli.cli.option_groups import leading_options
from rbmcli.cli.options import Reading, Running, Scale
from rbmcli.cli.other_model_options import Effects, Factorization
from rbmcli.cli.train_options import Discriminative, Divergence, Learning, Machine
from rbmcli.cli.validation_options import HoldingOut, Validating, training_settings
from rbmcli.config import BiasSettings, FactorizationSettings, InputSettings, LevelSettings, TrainSettings
from rbmcli.engine import LOCAL
from rbmcli.engine.threads import use_threads
from rbmcli.errors import UsageError

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
FLAGS = [[spelling] for spelling, takes_value in leading_options(Running).items() if not takes_value]
VALUED = [["--threads", "2"], ["--threads=2"], ["--progress", "never"], ["--log-format=json"], ["-qv"]]


def test_the_defaults_of_the_options_are_those_of_the_settings() -> None:
    assert Reading().settings() == InputSettings()
    assert Scale().settings() == LevelSettings()


def test_every_setting_of_training_has_an_option_with_its_default() -> None:
    groups = [vars(group()) for group in (Machine, Learning, Divergence, Discriminative)]
    validating = vars(Validating())
    options = {name: value for group in groups for name, value in group.items()}
    options |= {name: validating[name] for name in ("holdout", "refit")}
    # Of the two commands that train, only one has presets.
    for name in ("preset", "average_every"):
        options[name] = inspect.signature(train.command).parameters[name].default
    settings = vars(TrainSettings())

    # Every command with a seed has it as its own; --valid and --no-valid say what the validation is. How many
    # workers there are is told by the engine, which is one by itself.
    assert (TrainSettings().workers, Working().workers, LOCAL.workers) == (1, None, 1)
    elsewhere = {"seed", "validation", "workers"}
    assert options == {name: value for name, value in settings.items() if name not in elsewhere}
    strange = {*vars(HoldingOut()), "average_every"}
    model = {name: value for name, value in options.items() if name not in strange}
    given = {"rbm": model, "mf": vars(Factorization()), "bias": vars(Effects())}
    assert training_settings("rbm", given, HoldingOut(), 0) == TrainSettings()
    assert training_settings("mf", given, HoldingOut(), 0) == FactorizationSettings()
    assert training_settings("bias", given, HoldingOut(), 0) == BiasSettings()


def test_levels_are_numbers_separated_by_commas() -> None:
    assert Scale(levels="0.5, 1,1.5").settings().levels == (0.5, 1.0, 1.5)


def test_levels_that_are_no_numbers_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--levels '1;2': expected numbers separated by commas"):
        Scale(levels="1;2").settings()


@given(leading=st.lists(st.sampled_from(FLAGS + VALUED), max_size=4))
def test_options_before_the_command_are_moved_behind_its_name(leading: list[list[str]]) -> None:
    flat = [word for words in leading for word in words]

    assert move_leading_options([*flat, "train", "x.csv", "-o", "y"]) == ["train", *flat, "x.csv", "-o", "y"]


@pytest.mark.parametrize("rest", [["--help"], ["--version"], ["--bogus", "train"], []])
def test_options_that_no_command_follows_are_dropped(rest: list[str]) -> None:
    assert move_leading_options(["-q", "--threads", "2", *rest]) == rest


def test_an_option_before_the_command_does_what_it_does_behind(run_command: RunCommand) -> None:
    before = run_command("--log-format", "json", "inspect", "missing")
    behind = run_command("inspect", "missing", "--log-format", "json")

    assert before.stderr.startswith('{"time"')
    assert behind.stderr.startswith('{"time"')


def test_an_option_of_all_commands_comes_from_the_environment(run_command: RunCommand) -> None:
    assert run_command("inspect", "missing", RBMCLI_LOG_FORMAT="json").stderr.startswith('{"time"')


def test_an_option_of_one_command_comes_from_the_environment(run_command: RunCommand) -> None:
    ended = run_command("evaluate", "missing", RBMCLI_EVALUATE_DUPLICATES="maybe")

    assert ended.returncode == 2
    assert "--duplicates" in ended.stderr


def test_threads_take_effect_before_numba_is_loaded_and_after(
    tmp_path: Path, command_environment: dict[str, str]
) -> None:
    program = (
        "from rbmcli.engine.threads import use_threads; use_threads(5); import numba; "
        "before = numba.get_num_threads(); use_threads(3); after = numba.get_num_threads(); "
        "use_threads(9); print(before, after, numba.get_num_threads())"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=command_environment,
        cwd=tmp_path,
        timeout=60,
        check=True,
    )

    assert ended.stdout.split() == ["5", "3", "5"]


def test_without_a_number_of_threads_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)

    use_threads(None)

    assert "NUMBA_NUM_THREADS" not in os.environ
