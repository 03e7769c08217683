"""The options that tell where work is done: by this process, or by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from rbmcli.cli.options import RUNNING, Running
from rbmcli.engine import Engine, open_engine
from rbmcli.progress import Progress


@dataclass(frozen=True)
class Working:
    """Where work is done."""

    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="Where work is done: local is this process, ray the workers of a Ray cluster, each with "
            "--threads threads, or one. Needs pip install 'rbmcli\\[ray]' there.",
            rich_help_panel=RUNNING,
        ),
    ] = "local"
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="ADDRESS",
            help="Address of a Ray cluster, such as 10.0.0.1:6379, or auto; without it one is started here, "
            "and ended with the command.",
            rich_help_panel=RUNNING,
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            help="How many work at a time [default: 1, with --engine ray as many as there are CPUs].",
            min=1,
            max=10_000,
            rich_help_panel=RUNNING,
        ),
    ] = None

    @contextmanager
    def opened(self, running: Running, progress: Progress) -> Iterator[Engine]:
        """Yield the engine that the options stand for.

        Parameters
        ----------
        running : Running
            Has the threads of each worker.
        progress : Progress
            Warned where a worker is lost.
        """
        with open_engine(self.engine, self.address, self.workers, running.threads, progress.warn) as engine:
            yield engine


AverageEvery = Annotated[
    int,
    typer.Option(
        "--average-every",
        help="Mini-batches after which several workers average what they have come to.",
        rich_help_panel=RUNNING,
    ),
]
