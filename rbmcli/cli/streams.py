"""What a command reads and writes: standard streams that go together, locks held from the start."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum

from rbmcli.data.locks import locked
from rbmcli.data.outputs import STANDARD_OUTPUT, check_replaceable, local_path, remove_partial
from rbmcli.data.paths import is_folder
from rbmcli.errors import UsageError

BINARY_FORMATS = ("parquet", "arrow")


class Use(Enum):
    """Marks an option or argument, in its annotation, as the name of something that is read or written."""

    READ = "read"
    WRITTEN = "written"
    WRITTEN_TEXT = "written as text"


def check_streams(read: Sequence[str], written: Sequence[str], output_format: str, *, json: bool) -> None:
    """Check that standard input and output serve one purpose each.

    Parameters
    ----------
    read, written : sequence of str
        What the command reads and writes.
    output_format : str
        Format of what goes to standard output; "auto" is Parquet there.
    json : bool
        Whether the result is printed there too.

    Raises
    ------
    UsageError
        If they do not, or binary data would go to a terminal.
    """
    if read.count("-") > 1:
        raise UsageError(
            "standard input (-) is named twice, but can be read once", hint="give a file for one"
        )
    if STANDARD_OUTPUT not in written:
        return
    if written.count(STANDARD_OUTPUT) > 1:
        raise UsageError(
            "standard output (-) is named twice, but can be written once", hint="give a file for one"
        )
    if json:
        raise UsageError(
            "--json prints the result to standard output, and -o - writes there too",
            hint="leave out --json, or give -o a file",
        )
    if sys.stdout.isatty() and output_format in {"auto", *BINARY_FORMATS}:
        raise UsageError(
            "-o -: binary data is not written to a terminal",
            hint="pipe it to another command, give -o a file, or use --format csv where there is that option",
        )


@contextmanager
def locked_outputs(written: Sequence[str], timeout: float) -> Iterator[None]:
    """Hold the locks of all outputs of this machine, and remove what killed runs have left of them.

    An output in a folder that does not exist has no lock yet: whether that will do is for the command to say.

    Raises
    ------
    LockedError
        If another run has one of them for longer than `timeout` seconds.
    """
    paths = {path for target in written if (path := local_path(target)) is not None}
    with ExitStack() as stack:
        # In one order, so that no two runs wait for each other.
        for path in sorted(paths):
            if is_folder(path.parent):
                check_replaceable(path)
                stack.enter_context(locked(path, timeout))
                remove_partial(path)
        yield
