"""Runs the command in processes of its own: fresh ones, or quickly as forks of one that has imported it all.

A warm run does what a fresh one does but for the start of Python. It can be given a trouble: something that
befalls it, such as a limit on the size of files, or the end of the process before its third change of a file.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from tests.conftest import ROOT

LIMIT_SECONDS = 120
"""Longer than any run takes on the busiest machine."""

_IMPORTED = [
    "numpy",
    "numba",
    "optuna",
    "pyarrow.parquet",
    "rbmcli.cli.main",
    "rbmcli.pipeline.crossval",
    "rbmcli.pipeline.evaluate",
    "rbmcli.pipeline.inspect",
    "rbmcli.pipeline.predict",
    "rbmcli.pipeline.prepare",
    "rbmcli.pipeline.recommend",
    "rbmcli.pipeline.train",
    "rbmcli.pipeline.tune",
]
_CHANGES = {"os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir", "os.symlink", "os.link"}

Trouble = Callable[[], None]
"""Is called in the process before the command; must be picklable."""


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    code: int
    out: bytes
    err: str


def environment(**changes: str) -> dict[str, str]:
    """Return an environment in which `python -m rbmcli` is this source tree and no option is set."""
    # Unbuffered, what cannot be written fails at once, and not when the process ends.
    left_out = ("RBMCLI_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def started(arguments: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start the real command in a fresh process; what it says goes nowhere unless the options tell where."""
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment(), **options}
    return subprocess.Popen([sys.executable, "-m", "rbmcli", *arguments], cwd=folder, **options)


def fresh(arguments: Sequence[str], folder: Path, **options: Any) -> Ending:
    """Run the real command in a fresh process."""
    with started(
        arguments, folder, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    ) as run:
        out, err = run.communicate(timeout=LIMIT_SECONDS)
    return Ending(run.returncode, out or b"", err.decode())


def warm(
    arguments: Sequence[str], folder: Path, trouble: Trouble | None = None, stdin: bytes = b""
) -> Ending:
    """Run the command as a fork of a process that has imported everything, and befall it with a trouble."""
    outputs = [_context().Pipe(duplex=False) for _ in range(2)]
    taken, given = _context().Pipe(duplex=False)
    process = _context().Process(
        target=_run, args=(list(arguments), str(folder), trouble, taken, *(end for _, end in outputs))
    )
    process.start()
    taken.close()
    for _, end in outputs:
        end.close()
    found: list[bytes] = [b"", b""]
    readers = [
        threading.Thread(target=_drain, args=(source, found, place))
        for place, (source, _) in enumerate(outputs)
    ]
    for reader in readers:
        reader.start()
    _give(given, stdin)
    for reader in readers:
        reader.join(LIMIT_SECONDS)
    process.join(LIMIT_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"rbmcli {' '.join(arguments)} did not end in {LIMIT_SECONDS} s")
    return Ending(process.exitcode, found[0], found[1].decode())


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def forked(
    target: Callable[..., None], *arguments: Any
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """Start a function in a fork of the warm process; it gets a connection, then the arguments."""
    here, there = _context().Pipe(duplex=False)
    process = _context().Process(target=target, args=(there, *arguments))
    process.start()
    there.close()
    return process, here


def _give(connection: Connection, content: bytes) -> None:
    with connection:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(connection.fileno(), rest) :]
        except BrokenPipeError:
            return


def _drain(connection: Connection, found: list[bytes], place: int) -> None:
    with connection:
        while part := os.read(connection.fileno(), 1 << 16):
            found[place] += part


def _run(
    arguments: list[str],
    folder: str,
    trouble: Trouble | None,
    stdin: Connection,
    out: Connection,
    err: Connection,
) -> NoReturn:
    become_plain()
    os.chdir(folder)
    for place, connection in enumerate((stdin, out, err)):
        os.dup2(connection.fileno(), place)
        connection.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if trouble is not None:
        trouble()
    sys.exit(call_main(arguments))


def become_plain() -> None:
    """Make this fork as good as a process that somebody has started in a shell."""
    # Semaphores of other ways to start processes have names, which outlive a killed process.
    multiprocessing.set_start_method("fork", force=True)
    for name in [name for name in os.environ if name.startswith("RBMCLI_")]:
        del os.environ[name]


def call_main(arguments: Sequence[str]) -> int:
    """Run the command in this process, and return its exit code once all output is flushed."""
    from rbmcli.cli.main import main

    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


# --- Troubles ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KilledAtChange:
    """Ends the process as SIGKILL does, before its change number `change` of what is in its folder."""

    change: int

    def __call__(self) -> None:
        seen = 0
        folder = str(Path.cwd())

        def watch(event: str, details: tuple) -> None:
            nonlocal seen
            if not is_change(event, details, folder):
                return
            seen += 1
            if seen == self.change:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)


@dataclass(frozen=True)
class NoSpaceAtChange:
    """Lets the change number `change` that needs space for a name fail, as on a disk that is full."""

    change: int

    def __call__(self) -> None:
        seen = 0
        folder = str(Path.cwd())

        def watch(event: str, details: tuple) -> None:
            nonlocal seen
            if event not in {"open", "os.mkdir", "os.rename"} or not is_change(event, details, folder):
                return
            seen += 1
            if seen == self.change:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        sys.addaudithook(watch)


@dataclass(frozen=True)
class FilesLimited:
    """Lets no file grow beyond so many bytes, as if the disk were full then."""

    size: int

    def __call__(self) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, resource.RLIM_INFINITY))


def is_change(event: str, details: tuple, folder: str) -> bool:
    """Tell whether an audit event of Python announces the change of a file or folder inside a folder."""
    if event == "open":
        name, mode, flags = details
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if mode is None else mode[:1] in "xwa"
        return writes and _inside(name, folder)
    return event in _CHANGES and any(_inside(name, folder) for name in details)


def _inside(name: object, folder: str) -> bool:
    if not isinstance(name, str | os.PathLike):
        return False
    # Not resolved: a link would lead elsewhere.
    return Path.cwd().joinpath(name).is_relative_to(folder)


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill a process some seconds from now, and return whether it was still running."""
    try:
        process.wait(max(seconds, 0.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def wait_until(happens: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until something happens, or a process is over."""
    while not happens() and process.poll() is None:
        time.sleep(0.0005)
