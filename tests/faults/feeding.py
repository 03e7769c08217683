"""Feeds one damaged file after another to a reader, in a fork that may die of one without ending the test."""

from __future__ import annotations

import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.processes import become_plain, call_main, forked

MOST_SECONDS = 10
"""In which each case has to end."""

_MOST_MEMORY = 16 << 30
_BATCH = 250


@dataclass(frozen=True)
class Fed:
    """What became of a case.

    Attributes
    ----------
    code : int or None
        Exit code; None if the process died or was killed because it went on and on.
    is_same : bool
        Whether the result is that of the sound file.
    told : str
        What the reader said last.
    has_traceback : bool
        Whether it said more than it should.
    seconds : float
        Time that it took.
    """

    code: int | None
    is_same: bool
    told: str
    has_traceback: bool
    seconds: float


Feed = Callable[[bytes], tuple[int, object, str]]
"""Takes content and returns code, result, and what was said; picklable, as it runs in another process."""


@dataclass(frozen=True)
class Meal:
    """What is fed, and to whom.

    Attributes
    ----------
    folder : Path
        Where the reader runs.
    name : str
        The file in it that is damaged.
    sound : bytes
        Its content before.
    arguments : tuple of str
        The command that reads it and writes `output`.
    output : str
        What the command writes; empty if that is standard output alone.
    """

    folder: Path
    name: str
    sound: bytes
    arguments: tuple[str, ...]
    output: str

    def feed(self, content: bytes) -> tuple[int, object, str]:
        """Return code, result, and what is said on standard error."""
        os.chdir(self.folder)
        if self.output:
            Path(self.output).unlink(missing_ok=True)
        Path(self.name).write_bytes(content)
        with _captured() as (out, err):
            code = call_main(self.arguments)
            said, complaint = _content(out), _content(err)
        result = Path(self.output).read_bytes() if self.output and Path(self.output).exists() else b""
        # inspect tells how long a file is, whatever is in it.
        said = re.sub(rb"bytes +[0-9,]+\n", b"", said)
        return code, (said, result), complaint.decode(errors="replace")


@contextmanager
def _captured() -> Iterator[list[int]]:
    """Redirect standard output and error of this process to files, and yield the descriptors of these."""
    kept = [os.dup(place) for place in (1, 2)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for place, file in enumerate((out, err), 1):
            os.dup2(file.fileno(), place)
        try:
            yield [out.fileno(), err.fileno()]
        finally:
            for place, descriptor in enumerate(kept, 1):
                os.dup2(descriptor, place)
                os.close(descriptor)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def fed(feed: Feed, sound: bytes, cases: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, Fed]]:
    """Feed cases to a reader, and yield what became of each; a fork that dies is followed by another.

    Parameters
    ----------
    feed : callable
        The reader.
    sound : bytes
        Content without damage: its result is what others are compared with.
    cases : sequence of pairs
        Words that tell a case, and its content.
    """
    at = 0
    while at < len(cases):
        batch = cases[at : at + _BATCH]
        process, connection = forked(_feed_all, feed, sound, [content for _, content in batch])
        # The first answer takes the time of imports and of loading kernels.
        patience = 6 * MOST_SECONDS
        done = 0
        while done < len(batch):
            try:
                answer = connection.recv() if connection.poll(patience) else None
            except EOFError:
                process.join()
                answer = Fed(None, False, f"the process died: {process.exitcode}", False, 0.0)
            if answer is None:
                process.kill()
                answer = Fed(None, False, f"it was not done in {patience} s", False, float(patience))
            patience = 2 * MOST_SECONDS
            yield batch[done][0], answer
            done += 1
            if answer.code is None:
                break
        at += done
        process.join()


def _feed_all(
    connection: Connection,
    feed: Feed,
    sound: bytes,
    contents: Sequence[bytes],
) -> None:
    become_plain()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.RLIM_INFINITY))
    code, expected, told = feed(sound)
    assert code == 0, told
    for content in contents:
        start = time.monotonic()
        code, result, told = feed(content)
        last = (told.splitlines() or [""])[-1]
        connection.send(Fed(code, result == expected, last, "Traceback" in told, time.monotonic() - start))
    sys.stdout.flush()
