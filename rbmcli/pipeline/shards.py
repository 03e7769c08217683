"""Work shared out between runs that know nothing of each other but a folder beside the output.

Each run does one shard and leaves what comes of it in the folder, with a manifest that tells which shards of
which question are complete. Whoever completes the last one joins them into the output. A run of a shard that
is complete does nothing, and so does one after the joining, for as long as the output stands.

Nothing of two questions is ever joined: a run with another question starts anew, unless one with the old
question is under way.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.config.shard import Shard
from rbmcli.data.contents import ContentHash
from rbmcli.data.formats import format_of
from rbmcli.data.locks import locked
from rbmcli.data.metadata import CONTENT, decode_metadata, digest
from rbmcli.data.outputs import Target, local_path, open_output, output_errors
from rbmcli.data.schemas import SHARD
from rbmcli.data.storage import open_parquet
from rbmcli.data.writing import table_writer
from rbmcli.errors import DataError, LockedError, UsageError
from rbmcli.progress import Progress

FOLDER_ENDING = ".shards"
_MANIFEST = "manifest.json"
_VERSION = 1
_MANIFEST_SECONDS = 60.0
"""The manifest is held for no longer than it takes to read and write it."""

_JOINING_SECONDS = 24 * 3600.0
_POLL_SECONDS = 0.1
_ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class ShardState:
    """How far the shards of a question are.

    Attributes
    ----------
    shard : Shard
        The one that this run was for.
    complete : tuple of int
        Numbers of all that are complete.
    was_complete : bool
        Whether this one was before.
    is_joined : bool
        Whether the output stands.
    """

    shard: Shard
    complete: tuple[int, ...]
    was_complete: bool
    is_joined: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {
            "shard": str(self.shard),
            "complete": list(self.complete),
            "was_complete": self.was_complete,
            "joined": self.is_joined,
        }


def check_shard_output(output: Target | None, output_format: str) -> Path:
    """Return the path that shards are joined into.

    Raises
    ------
    UsageError
        If it is no Parquet file of this machine.
    """
    path = local_path(output)
    if output is None or path is None or format_of(output_format, output) != "parquet":
        raise UsageError(
            f"--shard: the output is {'nothing' if output is None else os.fspath(output)}, expected a "
            "Parquet file of this machine, beside which the shards are kept",
            hint="give -o the name of a file that ends in .parquet",
        )
    return path


class Shards:
    """The shards of a question.

    Parameters
    ----------
    output : Path
        What they are joined into.
    shard : Shard
        The one that this run is for.
    question : dict
        All that decides what comes of it, as plain values.
    progress : Progress
        Told what was found.
    lock_timeout : float
        Seconds to wait for a run that is at the same shard, or at one of another question.
    """

    def __init__(
        self,
        output: Path,
        shard: Shard,
        question: dict[str, Any],
        progress: Progress,
        lock_timeout: float = 0.0,
    ) -> None:
        self._output, self.shard, self._progress = output, shard, progress
        self._lock_timeout = lock_timeout
        self.folder = output.parent / f"{output.name}{FOLDER_ENDING}"
        self._question = json.loads(json.dumps({**question, "shards": shard.count}))
        self._id = digest(json.dumps(self._question, sort_keys=True).encode())
        with output_errors(self.folder):
            self.folder.mkdir(exist_ok=True)

    def run(
        self,
        schema: pa.Schema,
        work: Callable[[], Iterator[pa.Table]],
        join: Callable[[Iterator[pa.Table]], Any],
    ) -> ShardState:
        """Do the shard unless it is complete, and join all of them if it was the last.

        Parameters
        ----------
        schema : pyarrow.Schema
            Columns of what comes of a shard.
        work : callable
            Does the work of this shard, and returns its rows.
        join : callable
            Writes the output, given the rows of all shards in order.

        Raises
        ------
        LockedError
            If another run is at the same shard, or at one of another question.
        DataError
            If the shards were started anew with another question meanwhile.
        """
        with ExitStack() as stack:
            state = self._begin_in_time(stack)
            was_complete = state.is_joined or self.shard.number in state.complete
            if was_complete:
                self._progress.info(f"{self._output}: shard {self.shard} is complete already")
            else:
                rows = self._write(schema, work())
                state = self._completed(rows)
                self._progress.info(
                    f"{self._output}: shard {self.shard} is complete, {len(state.complete)} of "
                    f"{self.shard.count} are"
                )
        if not state.is_joined and len(state.complete) == self.shard.count:
            state = self._join(schema, join)
        return ShardState(self.shard, state.complete, was_complete, state.is_joined)

    def _part(self, number: int) -> Path:
        width = len(str(self.shard.count))
        return self.folder / f"{number:0{width}d}-of-{self.shard.count}.parquet"

    @contextmanager
    def _manifest(self) -> Iterator[dict[str, Any]]:
        """Hold the manifest, and yield what it says."""
        path = self.folder / _MANIFEST
        with locked(path, _MANIFEST_SECONDS):
            found: Any = None
            with suppress(OSError, ValueError):
                found = json.loads(path.read_text(encoding="utf-8"))
            yield found if isinstance(found, dict) else {}

    def _save(self, complete: dict[str, int], joined: list[Any] | None) -> ShardState:
        manifest = {
            "format": "shards",
            "format_version": _VERSION,
            "id": self._id,
            "question": self._question,
            "complete": complete,
            "joined": joined,
        }
        with open_output(self.folder / _MANIFEST) as file:
            file.write((json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode())
        return self._state(complete, joined)

    def _state(self, complete: dict[str, int], joined: list[Any] | None) -> ShardState:
        return ShardState(self.shard, tuple(sorted(map(int, complete))), False, joined is not None)

    def _begin_in_time(self, stack: ExitStack) -> ShardState:
        deadline = time.monotonic() + self._lock_timeout
        while True:
            try:
                return self._begin(stack)
            except LockedError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)

    def _begin(self, stack: ExitStack) -> ShardState:
        """Return how far the shards are; start anew where they are those of another question.

        The lock of this shard is taken while the manifest is held: who has one is at the question there.
        """
        with self._manifest() as manifest:
            is_other = bool(manifest) and manifest.get("id") != self._id
            if is_other:
                self._leave_old(manifest)
            stack.enter_context(locked(self._part(self.shard.number)))
            if not is_other and manifest.get("id") == self._id and manifest.get("format_version") == _VERSION:
                joined = manifest["joined"]
                if joined is not None and joined == _told_of(self._output):
                    return self._state(manifest["complete"], joined)
                # The parts are gone once they have been joined.
                stand = {key: rows for key, rows in manifest["complete"].items() if self._stands(int(key))}
                if stand != manifest["complete"] or joined is not None:
                    return self._save(stand, None)
                return self._state(stand, None)
            return self._save({}, None)

    def _stands(self, number: int) -> bool:
        path = self._part(number)
        try:
            metadata = decode_metadata(pq.read_metadata(path).metadata, str(path))
        except (OSError, pa.ArrowException, DataError):
            return False
        return bool(metadata.get("id") == self._id)

    def _leave_old(self, manifest: dict[str, Any]) -> None:
        """Remove the shards of another question; raise `LockedError` if one of them is under way."""
        old = manifest.get("question", {})
        names = sorted(name for name in {*old, *self._question} if old.get(name) != self._question.get(name))
        # Raises where another run is at one of them, or joins them.
        parts = [self.folder / lock.name[1 : -len(".lock")] for lock in self.folder.glob(".*.parquet.lock")]
        for each in (self._output, *parts):
            with locked(each):
                pass
        for path in self.folder.glob("*-of-*.parquet"):
            path.unlink(missing_ok=True)
        for path in self.folder.glob(".*-of-*.parquet.tmp"):
            path.unlink(missing_ok=True)
        told = ", ".join(names) or "its version"
        self._progress.warn(f"{self.folder}: holds shards of another question ({told}): all are started anew")

    def _write(self, schema: pa.Schema, tables: Iterator[pa.Table]) -> int:
        path = self._part(self.shard.number)
        with open_output(path) as file, table_writer(file, schema, where=str(path)) as writer:
            for table in tables:
                writer.write(table)
            writer.finish(SHARD, {"id": self._id, "shard": str(self.shard)})
        return writer.rows

    def _completed(self, rows: int) -> ShardState:
        with self._manifest() as manifest:
            if manifest.get("id") != self._id:
                self._part(self.shard.number).unlink(missing_ok=True)
                raise DataError(
                    f"{self.folder}: the shards were started anew with another question meanwhile",
                    hint="give all shards the same inputs and settings, and run them again",
                )
            return self._save({**manifest["complete"], str(self.shard.number): rows}, manifest["joined"])

    def _join(self, schema: pa.Schema, join: Callable[[Iterator[pa.Table]], Any]) -> ShardState:
        """Join all shards, unless another run does so meanwhile."""
        with locked(self._output, _JOINING_SECONDS):
            with self._manifest() as manifest:
                if manifest.get("id") != self._id:
                    raise DataError(
                        f"{self.folder}: the shards were started anew with another question",
                        hint="give all shards the same inputs and settings, and run them again",
                    )
                if manifest["joined"] is not None and manifest["joined"] == _told_of(self._output):
                    return self._state(manifest["complete"], manifest["joined"])
                complete = manifest["complete"]
            join(self._rows(schema))
            with self._manifest():
                state = self._save(complete, _told_of(self._output))
            for number in range(1, self.shard.count + 1):
                self._part(number).unlink(missing_ok=True)
            return state

    def _rows(self, schema: pa.Schema) -> Iterator[pa.Table]:
        for number in range(1, self.shard.count + 1):
            path = self._part(number)
            with open_parquet(path, rows_at_once=_ROWS_AT_ONCE) as opened:
                if opened.metadata.get("id") != self._id:
                    raise DataError(f"{path}: is a shard of another question", hint="remove the folder")
                for piece in opened.pieces:
                    yield piece.cast(schema)


def _told_of(output: Path) -> list[Any] | None:
    """Return what tells an output from another one, its size and the hash of its content; None without."""
    try:
        size = output.stat().st_size
        metadata = decode_metadata(pq.read_metadata(output).metadata, str(output))
    except (OSError, pa.ArrowException, DataError):
        return None
    return [size, metadata.get(CONTENT)]


def content_of(tables: Iterator[pa.Table], schema: pa.Schema) -> str:
    """Return the hash of a table that comes in pieces."""
    state = ContentHash(schema)
    for table in tables:
        state.update(table)
    return state.hexdigest()
