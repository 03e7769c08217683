"""The program's entry: assembles the commands, runs the one asked for, and maps every ending to an exit code.

A command raises an error of rbmcli.errors; this is the only place that turns one into a message.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, TextIO

import typer

from rbmcli.cli.commands import COMMANDS, command_of, stub_of
from rbmcli.cli.exit_codes import (
    EXIT_CLOSED_PIPE,
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_UNEXPECTED,
    EXIT_USAGE,
    MEANINGS,
)
from rbmcli.cli.imports import do_without_pandas
from rbmcli.cli.lines import log_error
from rbmcli.cli.option_groups import CommandError, leading_options
from rbmcli.cli.options import Running
from rbmcli.cli.signals import Terminated, first_arrival, handling
from rbmcli.cli.timings import TimedProgress
from rbmcli.data.outputs import STANDARD_OUTPUT, output_errors, told_target
from rbmcli.errors import OutputError, RbmcliError, StoppedError

_EXIT_OF_SIGNAL = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED}

EPILOG = (
    "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + ".\n\n"
    "Every option can be set in the environment too: RBMCLI_TRAIN_EPOCHS=20 is --epochs 20 of train; and in "
    "a TOML file, rbmcli.toml in the working folder or the one that --config names: epochs = 20 in its table "
    "\\[train]. The command line comes first, then the environment, --config, rbmcli.toml; 'rbmcli inspect "
    "--config' shows what holds. The options of the panel Running work on every command, before or after its "
    "name; theirs are RBMCLI_THREADS and the like, and in a file they may stand above all tables."
)

# Typer has Click inside itself under a private name; this public class leads to the base of usage errors.
_TYPER_ERROR = typer.BadParameter.__mro__[2]


def _print_version(*, as_json: bool) -> None:
    from rbmcli.cli.console import CommandResult, print_result
    from rbmcli.versions import package_version

    if as_json:
        print_result(CommandResult("version", settings={}, figures={}), TimedProgress())
    else:
        print(f"rbmcli {package_version('rbmcli')}")


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end; with --json those of the libraries too.",
            allow_from_autoenv=False,
            show_envvar=False,
        ),
    ] = False,
) -> None:
    """Predict ratings with a Restricted Boltzmann Machine."""


def build_app(asked: str | None = None) -> typer.Typer:
    """Return the program with all its commands.

    Parameters
    ----------
    asked : str, optional
        The only command that will be called: of others the program then has no more than their names and
        what they do. All are whole without it.
    """
    app = typer.Typer(
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "RBMCLI"},
    )
    app.callback(epilog=EPILOG)(_root)
    for name in COMMANDS:
        app.command(name)(command_of(name) if asked in {None, name} else stub_of(name))
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
    was_closed = _replace_closed_streams()
    with handling(_EXIT_OF_SIGNAL):
        try:
            return _run(arguments)
        except BrokenPipeError:
            _discard_output()
            return EXIT_CLOSED_PIPE
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except Terminated:
            return EXIT_TERMINATED
        finally:
            if was_closed or _is_stuck(sys.stdout):
                _discard_output()


def _run(arguments: list[str]) -> int:
    try:
        if "--version" in _before_the_command(arguments):
            _print_version(as_json="--json" in arguments)
            code = EXIT_DONE
        else:
            words = _with_bare_config(move_leading_options(arguments)) or ["--help"]
            code = build_app(_only_one(words[0]))(args=words, prog_name="rbmcli", standalone_mode=False)
        with output_errors(told_target(STANDARD_OUTPUT), hint=""):
            sys.stdout.flush()
    except SystemExit as stop:
        # This is how Typer answers a closed pipe.
        if isinstance(stop.__context__, OSError):
            return _code_of(stop.__context__, Running())
        raise
    except CommandError as failure:
        return _code_of(failure.__cause__, failure.running)
    except OSError as error:
        # Nothing but the help and the version is written outside of a command.
        told = error if isinstance(error, BrokenPipeError) else OutputError.of("standard output", error, "")
        return _code_of(told, Running())
    except Exception as error:
        return _code_of(error, Running(debug="--debug" in arguments))
    return int(code or 0)


def _only_one(word: str) -> str | None:
    """Return the command that alone is needed to answer a first word; None where all are."""
    completes = any(name.startswith("_RBMCLI_COMPLETE") for name in os.environ)
    # It tells the options of all of them.
    return None if completes or word == "inspect" else word


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


def _before_the_command(arguments: Sequence[str]) -> list[str]:
    """Return the options that stand before the first word that is none."""
    return list(takewhile(lambda argument: argument.startswith("-"), arguments))


def _with_bare_config(arguments: Sequence[str]) -> list[str]:
    """Let `inspect --config` do without a file after it: there it asks for what every option is."""
    words = list(arguments)
    if words[:1] == ["inspect"] and "--config" in words:
        place = words.index("--config")
        if all(word.startswith("-") for word in words[place + 1 : place + 2]):
            words[place] = "--show-config"
    return words


def _is_bundle(argument: str, known: dict[str, bool]) -> bool:
    """Tell whether an argument is several one-letter flags in one, such as -qv."""
    letters = argument[1:]
    return (
        argument[:1] == "-"
        and letters.isalpha()
        and all(known.get(f"-{letter}") is False for letter in letters)
    )


def _code_of(error: BaseException | None, running: Running) -> int:
    """Return the exit code of an error, after telling what there is to tell about it."""
    if isinstance(error, BrokenPipeError):
        raise error
    if running.debug and error is not None:
        traceback.print_exception(error)
    if isinstance(error, StoppedError):
        # The command has told it, as something that was asked for and not as an error.
        return EXIT_TERMINATED if first_arrival() == signal.SIGTERM else EXIT_INTERRUPTED
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


def _replace_closed_streams() -> bool:
    """Put something in the place of standard streams that were closed before the program began, if any were.

    Else the next file that is opened would be one of them. To standard output nothing can be written then.
    """
    was_closed = sys.stdout is None or sys.stderr is None
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    return was_closed


def _is_stuck(stream: TextIO) -> bool:
    """Return whether a stream holds something that cannot be written, which has been told by now."""
    try:
        stream.flush()
    except OSError:
        return True
    return False


def _discard_output() -> None:
    """Point the standard streams at nothing, so that the interpreter's last flush does not fail as well."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nothing, stream.fileno())
