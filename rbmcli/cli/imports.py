"""Keeps a heavy import that no command needs out of the program."""

from __future__ import annotations

import sys


class _Refusal:
    """A finder of modules that says of pandas that there is none, and nothing about any other module."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raise `ModuleNotFoundError` for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError("no command of rbmcli uses pandas", name=name)


def do_without_pandas() -> None:
    """Have imports of pandas fail in this process.

    pyarrow imports it, where it is installed, with the first array that it makes, in case that is one of
    pandas; that takes a fifth of a second.
    """
    sys.meta_path.insert(0, _Refusal)
