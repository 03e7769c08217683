"""The options of `train` that let it be stopped and go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rbmcli.cli.options import FILES
from rbmcli.cli.streams import Use
from rbmcli.config.train import SECONDS_BETWEEN_SAVES


@dataclass(frozen=True)
class Keeping:
    """What is kept of a training, so that it can be stopped and go on."""

    checkpoint: Annotated[
        str | None,
        Use.WRITTEN,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="File to save in what the rest of training depends on, so that it can be stopped and go on.",
            rich_help_panel=FILES,
        ),
    ] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the checkpoint, if there is one. Data and settings must be the same, but for "
            "more --epochs.",
            rich_help_panel=FILES,
        ),
    ] = False
    checkpoint_interval: Annotated[
        float,
        typer.Option(
            "--checkpoint-interval",
            metavar="SECONDS",
            help="Save no more often than that; 0 saves after each epoch.",
            rich_help_panel=FILES,
        ),
    ] = SECONDS_BETWEEN_SAVES
