"""Options from TOML files: `rbmcli.toml` of the working folder, and before it the one that `--config` names.

A file has a table for each command, and above them options of the panel Running that hold for all. The
values become the defaults of the command's options, so the command line and the environment come before
them, and they are checked as what is typed there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from rbmcli.errors import DataError, UsageError

WORKING_FOLDER_FILE = Path("rbmcli.toml")
RUNNING, FILES = "Running", "Input and output"
_MORE_TABLES = {"crossval": "train"}
"""Commands that train as another one does, and take its settings of training from its table."""
_NOT_FROM_FILE = {"config", "help"}


@dataclass(frozen=True)
class Given:
    """The value that a file gives an option.

    Attributes
    ----------
    value : str, bool or list of str
        The value, as it would be typed.
    path : Path
        The file.
    """

    value: Any
    path: Path


def use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take what the files give the command as defaults; the callback of `--config`, called before others.

    Parameters
    ----------
    context : typer.Context
        The command under way.
    path : Path or None
        The file of `--config`.

    Raises
    ------
    DataError
        If a file cannot be read.
    UsageError
        If it has a table of no command, or a line that is no option of this one, or not of its type.
    """
    if not context.resilient_parsing:
        values = {name: given.value for name, given in given_by_files(context, path).items()}
        context.default_map = {**(context.default_map or {}), **values}
    return path


def given_by_files(context: typer.Context, path: Path | None) -> dict[str, Given]:
    """Return what the files give the options of a context's command, by the name of the option's parameter.

    Raises
    ------
    DataError, UsageError
        As `use_config`.
    """
    given: dict[str, Given] = {}
    if WORKING_FOLDER_FILE.exists():
        given |= _given_by(WORKING_FOLDER_FILE, context)
    if path is not None:
        given |= _given_by(path, context)
    return given


def _given_by(path: Path, context: typer.Context) -> dict[str, Given]:
    command = context.info_name or ""
    commands = set(getattr(context.parent and context.parent.command, "commands", {}))
    options = {
        option.name: option
        for option in context.command.params
        if option.param_type_name == "option" and option.name not in _NOT_FROM_FILE
    }
    of_all = {name for name, option in options.items() if _panel(option) == RUNNING}
    of_training = {name for name, option in options.items() if _panel(option) not in {RUNNING, FILES}}
    # A table says more than what stands above all of them, and the command's own more than that of another.
    above: dict[str, Given] = {}
    shared: dict[str, Given] = {}
    own: dict[str, Given] = {}
    for name, entry in _read(path).items():
        if isinstance(entry, dict):
            if name not in commands:
                raise UsageError(
                    f"{path}: [{name}] is no table of a command",
                    hint=f"options of {command} stand below a line [{command}]",
                )
            if name == command:
                own = _checked_options(context, options, entry, path, f" of [{name}]")
            elif name == _MORE_TABLES.get(command):
                kept = {key: entry[key] for key in entry if key.replace("-", "_") in {*of_training, "seed"}}
                shared = _checked_options(context, options, kept, path, f" of [{name}]")
        elif name.replace("-", "_") in of_all:
            above |= _checked_options(context, options, {name: entry}, path, "")
        else:
            raise UsageError(
                f"{path}: {name!r} is neither a table of a command nor an option of all",
                hint=f"options of {command} stand below a line [{command}]",
            )
    return {**above, **shared, **own}


def _panel(option: Any) -> str:
    return str(getattr(option, "rich_help_panel", ""))


def _checked_options(
    context: typer.Context, options: Mapping[str, Any], entries: Mapping[str, Any], path: Path, place: str
) -> dict[str, Given]:
    values = {}
    for key, value in entries.items():
        name = key.replace("-", "_")
        if name not in options:
            command = context.info_name
            raise UsageError(
                f"{path}: {key!r} is no option of {command}", hint=f"see rbmcli {command} --help"
            )
        values[name] = Given(_checked(context, options[name], value, f"{path}: {key}{place}"), path)
    return values


def _read(path: Path) -> dict[str, Any]:
    # Only here, because most runs have no such file.
    import tomllib

    if not path.exists():
        raise DataError(f"{path}: no such file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable TOML file: {error}") from None


def _checked(context: typer.Context, option: Any, value: Any, where: str) -> Any:
    """Return a value as it would be typed, after trying whether the option takes it."""
    if isinstance(value, list) and option.multiple:
        typed: Any = [str(entry) for entry in value]
    elif isinstance(value, str | int | float):
        typed = value if isinstance(value, bool) and option.is_flag else str(value)
        typed = [typed] if option.multiple else typed
    else:
        raise UsageError(f"{where}: expected text, a number, true or false")
    try:
        option.process_value(context, typed)
    except typer.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from None
    return typed
