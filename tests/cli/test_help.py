"""Help comes at once, costs no heavy import, and shows how each command is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rbmcli.cli.commands import COMMANDS as SUMMARIES
from rbmcli.cli.commands import command_of
from tests.conftest import ROOT
from tests.small_ratings import ratings

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = (
    "prepare",
    "train",
    "tune",
    "predict",
    "recommend",
    "evaluate",
    "inspect",
    "warmup",
    "similar",
    "explain",
    "crossval",
    "report",
)
HEAVY = ("numba", "pandas", "pyarrow", "numpy", "matplotlib")


def test_help_starts_in_less_than_0_3_seconds(run_command: RunCommand) -> None:
    # Processor time, which starting is made of, because tests run beside each other.
    seconds = []
    for _ in range(5):
        before = os.times()
        run_command("--help")
        after = os.times()
        seconds.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )

    assert 0 < min(seconds) < 0.3


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *[[name, "--help"] for name in COMMANDS]])
def test_help_and_version_import_nothing_heavy(
    command_environment: dict[str, str], arguments: list[str]
) -> None:
    program = (
        "import sys; from rbmcli.cli.main import main; "
        f"code = main({arguments!r}); print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=command_environment,
        timeout=60,
        check=True,
    )

    assert ended.stdout.splitlines()[-1] == "0 []"


def test_no_command_imports_pandas_and_inspect_and_prepare_no_numba(
    command_environment: dict[str, str], tmp_path: Path
) -> None:
    pq.write_table(ratings(), tmp_path / "train.parquet")
    pq.write_table(ratings(seed=8), tmp_path / "new.parquet")
    commands = {
        "prepare train.parquet -o prepared": ["pandas", "numba"],
        "train train.parquet --epochs 1 --hidden 3 -o model.parquet": ["pandas"],
        "predict model.parquet --history train.parquet --pairs new.parquet -o asked.parquet": ["pandas"],
        "recommend model.parquet --history train.parquet -o best.parquet": ["pandas"],
        "similar model.parquet 101": ["pandas"],
        "explain model.parquet --history train.parquet --user u01 --item 101": ["pandas"],
        "evaluate asked.parquet --history train.parquet": ["pandas"],
        "evaluate asked.parquet --resamples 0": ["pandas", "numba"],
        "evaluate best.parquet --truth new.parquet --resamples 0": ["pandas", "numba"],
        "crossval train.parquet --folds 2 --epochs 1 --hidden 3": ["pandas"],
        "report --model model.parquet --predictions asked.parquet -o report.html": ["pandas"],
        "inspect model.parquet": ["pandas", "numba"],
    }

    for command, unwanted in commands.items():
        program = (
            f"import sys; sys.argv[1:] = {['-q', *command.split()]!r}; from rbmcli.cli.main import main; "
            f"code = main(); print(code, [name for name in {unwanted!r} if name in sys.modules])"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=command_environment,
            timeout=400,
            check=True,
        )
        assert ended.stdout.splitlines()[-1] == "0 []", command


@pytest.mark.parametrize("spelling", ["-h", "--help"])
def test_the_help_names_every_command_and_every_exit_code(run_command: RunCommand, spelling: str) -> None:
    told = run_command(spelling).stdout

    assert all(name in told for name in COMMANDS)
    assert all(code in told for code in ("1 unexpected", "2 usage", "3 bad", "130", "141", "143"))


def test_without_arguments_the_help_is_shown(run_command: RunCommand) -> None:
    assert run_command().stdout == run_command("--help").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_an_example_and_the_options_of_all(run_command: RunCommand, name: str) -> None:
    told = run_command(name, "-h", COLUMNS="200").stdout

    assert f" rbmcli {name} " in told.replace(f"Usage: rbmcli {name} ", "")
    assert all(option in told for option in ("--quiet", "--threads", "--json", "--log-format", "Running"))


def test_the_version_is_printed_alone(run_command: RunCommand) -> None:
    ended = run_command("--version")

    assert ended.stdout.startswith("rbmcli ")
    assert ended.stdout.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--version", "--json"], ["--json", "--version"]])
def test_the_version_as_json_names_the_libraries(run_command: RunCommand, arguments: list[str]) -> None:
    told = json.loads(run_command(*arguments).stdout)

    assert (told["schema_version"], told["command"]) == (1, "version")
    assert set(told["versions"]) >= {"python", "rbmcli", "numpy", "numba", "pyarrow", "pandas"}


def test_the_shell_completes_commands_and_options(run_command: RunCommand) -> None:
    def completed(words: str) -> list[str]:
        place = str(len(words.split()) - 1)
        told = run_command(_RBMCLI_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=place)
        return told.stdout.split()

    assert completed("rbmcli pre") == ["prepare", "predict"]
    assert completed("rbmcli train --hid") == ["--hidden", "--hidden-units"]


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_line_of_a_command_is_the_first_of_its_own_help(name: str) -> None:
    assert (command_of(name).__doc__ or "").partition("\n\n")[0] == SUMMARIES[name]


def test_every_module_of_a_command_is_listed() -> None:
    folder = ROOT / "rbmcli" / "cli"
    modules = {path.stem for path in folder.glob("*.py") if "\ndef command(" in path.read_text()}

    assert modules == set(SUMMARIES) == set(COMMANDS)


def test_a_command_starts_without_the_modules_of_others(command_environment: dict[str, str]) -> None:
    program = (
        "import sys; from rbmcli.cli.main import main; main(['similar', '--help']); "
        "print([name for name in sys.modules if name == 'rbmcli.cli.train'])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=command_environment, check=True
    )

    assert ended.stdout.splitlines()[-1] == "[]"
