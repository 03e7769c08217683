"""Settings as a TOML file that `--config` takes: one table a command, an option a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rbmcli.data.outputs import Target, open_output


def write_settings(
    path: Target, command: str, parts: Sequence[tuple[str, Mapping[str, Any]]], head: Sequence[str] = ()
) -> None:
    """Write the settings of one command, whole or not at all.

    Parameters
    ----------
    path : path, '-' or address
        Target; a file there is replaced.
    command : str
        Name of the command, and of the table.
    parts : sequence of tuples
        A comment, and the settings below it: text, numbers, true or false.
    head : sequence of str
        Comments, a line each, at the top.
    """
    lines = [*(f"# {line}" for line in head), "", f"[{command}]"]
    for place, (comment, settings) in enumerate(parts):
        lines += [*([""] if place else []), f"# {comment}"]
        lines += [f"{name} = {_literal(value)}" for name, value in settings.items()]
    with open_output(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _literal(value: Any) -> str:
    # What JSON makes of text, numbers, true and false is TOML as well, but for the character DEL.
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")
