"""The commands: what each does, in a line, so that a start imports the one that is asked for and no other."""

from __future__ import annotations

import importlib
from collections.abc import Callable

COMMANDS = {
    "prepare": "Clean raw ratings and split them into train.parquet, valid.parquet and test.parquet.",
    "train": "Train a model, by default a Restricted Boltzmann Machine, and write it to one Parquet file.",
    "tune": "Search the settings of train that suit the ratings best, and write them to a TOML file.",
    "predict": "Predict ratings of pairs, for users that the model knows and for new ones.",
    "recommend": "Recommend to each user the items not yet rated that are predicted best.",
    "evaluate": "Tell how good predictions or recommendations are, and which of several are better.",
    "crossval": "Cross-validate: predict each rating by a model of the others, and tell how good that is.",
    "report": "Tell in one HTML file how good a model is, what it has learned and what it recommends.",
    "similar": "Show the items that a model holds to be most alike to one.",
    "explain": "Explain a prediction: what it starts from, and which rated items push it up or down.",
    "inspect": "Tell what a file is, from its footer alone; "
    "with --config and no file, what every option is now.",
    "warmup": "Compile the kernels of all commands ahead of their first run, for images and cron.",
}
"""The first lines of their helps, in the order of the help."""


def command_of(name: str) -> Callable[..., None]:
    """Return a command, from the module of its name."""
    command: Callable[..., None] = importlib.import_module(f"rbmcli.cli.{name}").command
    return command


def stub_of(name: str) -> Callable[[], None]:
    """Return what stands for a command that is not asked for: no more than its line in the help."""

    def stub() -> None: ...

    stub.__doc__ = COMMANDS[name]
    return stub
