"""Opens an engine by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rbmcli.engine.interface import Engine
from rbmcli.engine.local import LocalEngine
from rbmcli.errors import UsageError

ENGINES = ("local", "ray")


def _nothing(message: str) -> None:
    """Tell nobody."""


@contextmanager
def open_engine(
    name: str,
    address: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    tell: Callable[[str], None] = _nothing,
) -> Iterator[Engine]:
    """Yield an engine; what it has started ends with the block.

    Parameters
    ----------
    name : {"local", "ray"}
        Which one.
    address : str, optional
        Address of a cluster; without it the engine is one of this machine.
    workers : int, optional
        Tasks that are done at a time; by default one, or as many as a cluster has CPUs for.
    threads : int, optional
        Threads of each worker of a cluster; one if not given.
    tell : callable
        Told when a worker is lost, and what it did is done again.

    Raises
    ------
    UsageError
        If there is no such engine, what it needs is not installed, or no cluster answers.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine {name!r} is not one of {', '.join(ENGINES)}")
    if name == "local":
        if address is not None:
            raise UsageError(
                f"--address {address}: is for --engine ray, and the engine is local",
                hint="leave it out, or give --engine ray",
            )
        yield LocalEngine(workers or 1)
        return
    from rbmcli.engine.on_ray import ray_engine

    with ray_engine(address, workers, threads, tell) as engine:
        yield engine
