"""The program's entry: assembles the commands, runs the one asked for, and maps every ending to an exit code.

A command raises an error of rbmcli.errors; this is the only place that turns one into a message.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from rbmcli.cli import evaluate, inspect, predict, prepare, recommend, train, tune, warmup
from rbmcli.cli.imports import do_without_pandas
from rbmcli.cli.lines import log_error
from rbmcli.cli.option_groups import CommandError, leading_options
from rbmcli.cli.options import Running
from rbmcli.errors import RbmcliError

EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141
EXIT_TERMINATED = 143

EPILOG = (
    "Exit codes: 0 done, 1 unexpected, 2 usage, 3 bad data, 4 files that do not belong together, "
    "5 locked by another run, 130 interrupted, 141 closed pipe, 143 terminated.\n\n"
    "Every option can be set in the environment too: RBMCLI_TRAIN_EPOCHS=20 is --epochs 20 of train; and in "
    "a TOML file that --config names: epochs = 20 in its table \\[train]. The "
    "options of the panel Running work on every command, before or after its name; theirs are RBMCLI_THREADS "
    "and the like."
)

# Typer has Click inside itself under a private name; this public class leads to the base of usage errors.
_TYPER_ERROR = typer.BadParameter.__mro__[2]


class _Terminated(BaseException):
    """SIGTERM arrived: no Exception, so that nothing but the end of the program catches it."""


def _print_version(asked: bool) -> None:
    if asked:
        from rbmcli.cli.console import package_version

        print(f"rbmcli {package_version('rbmcli')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end.",
            callback=_print_version,
            is_eager=True,
            allow_from_autoenv=False,
            show_envvar=False,
        ),
    ] = False,
) -> None:
    """Predict ratings with a Restricted Boltzmann Machine."""


def _build_app() -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "RBMCLI"},
    )
    app.callback(epilog=EPILOG)(_root)
    for module in (prepare, train, tune, predict, recommend, evaluate, inspect, warmup):
        app.command(module.__name__.rpartition(".")[2])(module.command)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the program's name; those of the process if not given.

    Returns
    -------
    int
        Exit code; the help lists them.
    """
    if arguments is None:
        do_without_pandas()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        return _run(arguments)
    except BrokenPipeError:
        _discard_output()
        return EXIT_CLOSED_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except _Terminated:
        return EXIT_TERMINATED
    finally:
        signal.signal(signal.SIGTERM, previous)


def _run(arguments: list[str]) -> int:
    try:
        code = _build_app()(
            args=move_leading_options(arguments) or ["--help"], prog_name="rbmcli", standalone_mode=False
        )
        sys.stdout.flush()
    except SystemExit as stop:
        # This is how Typer answers a closed pipe.
        if isinstance(stop.__context__, OSError):
            return _code_of(stop.__context__, Running())
        raise
    except CommandError as failure:
        return _code_of(failure.__cause__, failure.running)
    except Exception as error:
        return _code_of(error, Running(debug="--debug" in arguments))
    return int(code or 0)


def move_leading_options(arguments: Sequence[str]) -> list[str]:
    """Move options of `Running` that stand before the command's name behind it, where Typer looks for them.

    Where no command follows them they are dropped, so that `rbmcli -q --help` shows the help.
    """
    known = leading_options(Running)
    place = 0
    while place < len(arguments):
        spelling, equals, _ = arguments[place].partition("=")
        if spelling not in known and not _is_bundle(spelling, known):
            break
        place += 2 if known.get(spelling, False) and not equals else 1
    leading, rest = arguments[:place], arguments[place:]
    if rest and not rest[0].startswith("-"):
        return [rest[0], *leading, *rest[1:]]
    return list(rest)


def _is_bundle(argument: str, known: dict[str, bool]) -> bool:
    """Tell whether an argument is several one-letter flags in one, such as -qv."""
    letters = argument[1:]
    return (
        argument[:1] == "-"
        and letters.isalpha()
        and all(known.get(f"-{letter}") is False for letter in letters)
    )


def _terminate(signal_number: int, frame: object) -> NoReturn:
    raise _Terminated


def _code_of(error: BaseException | None, running: Running) -> int:
    """Return the exit code of an error, after telling what there is to tell about it."""
    if isinstance(error, BrokenPipeError):
        raise error
    if running.debug and error is not None:
        traceback.print_exception(error)
    if isinstance(error, RbmcliError):
        log_error(running, error.message, error.hint)
        return error.exit_code
    if isinstance(error, _TYPER_ERROR):
        context = getattr(error, "ctx", None)
        program = "rbmcli" if context is None else context.command_path
        log_error(running, error.format_message(), f"see {program} --help")  # type: ignore[union-attr]
        return EXIT_USAGE
    advice = "" if running.debug else " (run with --debug for the traceback)"
    log_error(running, f"unexpected: {type(error).__name__}: {error}{advice}")
    return EXIT_UNEXPECTED


def _discard_output() -> None:
    """Point the standard streams at nothing, so that the interpreter's last flush does not fail as well."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nothing, stream.fileno())
