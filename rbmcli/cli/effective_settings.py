"""What every option would be now, and where it comes from: environment, a file, or the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from rbmcli.cli.config_file import given_by_files, use_config

ENVIRONMENT = "environment"
DEFAULT = "default"


def effective_settings(context: typer.Context, config: Path | None) -> list[dict[str, Any]]:
    """Return a line for each option of each command: `command`, `option`, `value` and `source`.

    Parameters
    ----------
    context : typer.Context
        Of the command under way.
    config : Path or None
        The file of `--config`.

    Raises
    ------
    DataError, UsageError
        If a file of options cannot be used.
    """
    program = context.parent
    assert program is not None
    lines = []
    for name, command in getattr(program.command, "commands", {}).items():
        # A context of its own, as if the command had been called without any argument.
        called = type(context)(
            command, parent=program, info_name=name, auto_envvar_prefix=f"RBMCLI_{name.upper()}"
        )
        use_config(called, config)
        by_files = given_by_files(called, config)
        for option in command.params:
            if option.param_type_name != "option" or option.name in {"help", "config"}:
                continue
            value, source = option.consume_value(called, {})
            told = {"ENVIRONMENT": ENVIRONMENT, "DEFAULT_MAP": ""}.get(source.name, DEFAULT)
            lines.append(
                {
                    "command": name,
                    "option": max(option.opts, key=len),
                    "value": _plain(value),
                    "source": told or str(by_files[option.name].path),
                }
            )
    return lines


def _plain(value: Any) -> Any:
    """Return a value that JSON knows; Typer marks what is not set with an object of its own."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str | int | float | bool) else None
