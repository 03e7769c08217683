"""Options from a TOML file: `--config FILE`, with a table for each command.

The values become the defaults of the command's options, so the command line and the environment come before
them, and they are checked as what is typed there is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from rbmcli.errors import DataError, UsageError

_NOT_FROM_FILE = {"config", "help"}


def use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the values of the command's table as defaults; the callback of `--config`, called before others.

    Parameters
    ----------
    context : typer.Context
        The command under way.
    path : Path or None
        The file.

    Raises
    ------
    DataError
        If the file cannot be read.
    UsageError
        If it has a table of no command, or a line that is no option of this one, or not of its type.
    """
    if path is None or context.resilient_parsing:
        return path
    tables = _read(path)
    command = context.info_name or ""
    commands = set(getattr(context.parent and context.parent.command, "commands", {}))
    for name, table in tables.items():
        if name not in commands or not isinstance(table, dict):
            raise UsageError(
                f"{path}: {name!r} is no table of a command",
                hint=f"options of {command} stand below a line [{command}]",
            )
    options = {
        option.name: option
        for option in context.command.params
        if option.param_type_name == "option" and option.name not in _NOT_FROM_FILE
    }
    values: dict[str, Any] = {}
    for key, value in tables.get(command, {}).items():
        name = key.replace("-", "_")
        if name not in options:
            raise UsageError(
                f"{path}: {key!r} is no option of {command}", hint=f"see rbmcli {command} --help"
            )
        values[name] = _checked(context, options[name], value, f"{path}: {key} of [{command}]")
    context.default_map = {**(context.default_map or {}), **values}
    return path


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
    if not isinstance(value, str | int | float):
        raise UsageError(f"{where}: expected text, a number, true or false")
    typed = value if isinstance(value, bool) and option.is_flag else str(value)
    try:
        option.process_value(context, typed)
    except typer.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from None
    return typed
