"""One way in for all ratings, pairs and users, whatever their format: files, pipes, or tables in memory.

`read_ratings`, `read_pairs` and `read_users` choose a reader, find the columns, leave out bad rows, settle
types of ids and duplicates; every command starts with one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.columns import check_distinct, find_roles, rename_roles
from rbmcli.data.concatenation import concatenate
from rbmcli.data.duplicates import resolve_duplicates
from rbmcli.data.ids import normalise_ids
from rbmcli.data.levels import Levels
from rbmcli.data.readers.opening import Source, open_raw
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.rows import check_rows
from rbmcli.data.readers.values import infer_text, parse_timestamps
from rbmcli.data.rejections import Rejections
from rbmcli.data.schemas import RATINGS, check_contract
from rbmcli.data.tables import PairsTable, RatingsTable, UsersTable
from rbmcli.errors import DataError, MismatchError
from rbmcli.progress import SILENT, Progress

__all__ = ["Source", "check_same_run", "read_pairs", "read_ratings", "read_users"]


@dataclass(frozen=True)
class Part:
    """What one of several inputs holds, or a piece of one."""

    table: pa.Table
    metadata: dict[str, Any]
    where: str
    n_read: int
    timestamp: pa.ChunkedArray | None = None
    rating_name: str | None = None


def read_ratings(
    source: Source | RatingsTable | Sequence[Source],
    settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    levels: Levels | None = None,
) -> RatingsTable:
    """Read ratings from one or several inputs.

    Parameters
    ----------
    source : path, table, or sequence of these
        Text, JSON Lines, Arrow or Parquet (a file or a folder), text compressed or not; '-' is standard
        input, and an address such as s3://bucket/name a file or folder of a remote store. Ratings that were
        read already are returned as they are.
    settings : InputSettings
        Columns, types, and what to do with bad rows and duplicates.
    progress : Progress
        Hears of what is read and left out.
    levels : Levels, optional
        The scale, for the mean of duplicates; by default the one that the input names or has.

    Raises
    ------
    DataError
        If an input cannot be read or a column not be found, or for bad rows and duplicates where the
        settings say so.
    MismatchError
        If files of two runs of prepare are mixed.
    """
    if isinstance(source, RatingsTable):
        return source
    sources: list[Any] = list(source) if isinstance(source, list | tuple) else [source]
    if not sources:
        raise DataError("no ratings: expected at least one input")
    rejections = Rejections(settings.on_error, progress)
    parts = [_read_part(each, settings, rejections, progress, needs_rating=True) for each in sources]
    n_bad = rejections.finish()
    check_same_run(*((part.metadata, part.where) for part in parts))
    where = parts[0].where if len(parts) == 1 else f"{parts[0].where} and {len(parts) - 1} more"
    table = concatenate([(part.table, part.where) for part in parts], progress)
    metadata = common_metadata(parts)
    table, n_duplicates = resolve_duplicates(
        table, settings.duplicates, levels or Levels.from_metadata(metadata), where
    )
    if n_duplicates:
        progress.info(
            f"{where}: {n_duplicates:,} duplicate ratings left out (--duplicates {settings.duplicates})"
        )
    return RatingsTable(table, metadata, where, sum(part.n_read for part in parts), n_bad, n_duplicates)


def read_pairs(
    source: Source,
    settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    *,
    timestamps: bool = False,
) -> PairsTable:
    """Read pairs of user and item; a pair may stand there several times.

    Parameters
    ----------
    source : path or table
        As for `read_ratings`.
    settings : InputSettings
        Columns, types, and what to do with bad rows.
    progress : Progress
        Hears of what is read and left out.
    timestamps : bool
        Whether timestamps are wanted too. The column stays what it was.

    Raises
    ------
    DataError
        If the input cannot be read, a column not be found, or an id is missing and bad rows are not to be
        skipped.
    """
    rejections = Rejections(settings.on_error, progress)
    part = _read_part(source, settings, rejections, progress, needs_rating=False, timestamps=timestamps)
    rejections.finish()
    return PairsTable(part.table, part.metadata, part.where, part.timestamp, part.rating_name)


def read_users(
    source: Source,
    settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> UsersTable:
    """Read a list of users, one a row; a table with further columns will do.

    Parameters
    ----------
    source : path or table
        As for `read_ratings`.
    settings : InputSettings
        Column and type of the users, and what to do with bad rows.
    progress : Progress
        Hears of what is read and left out.

    Raises
    ------
    DataError
        If the input cannot be read, there is no column of users, or one is missing and bad rows are not to
        be skipped.
    """
    rejections = Rejections(settings.on_error, progress)
    part = _read_part(source, settings, rejections, progress, needs_rating=False, needs_item=False)
    rejections.finish()
    return UsersTable(part.table, part.where)


def check_same_run(*metadata_and_where: tuple[dict[str, Any], str]) -> None:
    """Check that files belong to one run of prepare, as far as they belong to any.

    Parameters
    ----------
    *metadata_and_where : tuple of dict and str
        The rbmcli metadata and the name of each file.

    Raises
    ------
    MismatchError
        If two files carry different fingerprints of their run.
    """
    known = [(metadata["run"], where) for metadata, where in metadata_and_where if "run" in metadata]
    for run, where in known[1:]:
        if run != known[0][0]:
            raise MismatchError(
                f"{known[0][1]} and {where} come from different runs of prepare, expected files of one run",
                hint="a rating may stand in the one to train on and in the other to test on: prepare again",
            )


def _read_part(
    source: Source,
    settings: InputSettings,
    rejections: Rejections,
    progress: Progress,
    *,
    needs_rating: bool,
    needs_item: bool = True,
    timestamps: bool = False,
) -> Part:
    with open_raw(source, settings, progress, min_columns=1 + needs_item + needs_rating) as raw:
        return part_of(
            raw,
            settings,
            rejections,
            progress,
            needs_rating=needs_rating,
            needs_item=needs_item,
            timestamps=timestamps,
        )


def part_of(
    raw: RawTable,
    settings: InputSettings,
    rejections: Rejections,
    progress: Progress,
    *,
    needs_rating: bool,
    needs_item: bool = True,
    timestamps: bool = False,
    kinds: Mapping[str, pa.DataType] | None = None,
) -> Part:
    """Return what a raw table holds: columns found and named, bad rows left out, types of ids settled.

    Parameters
    ----------
    kinds : mapping, optional
        Of a text that comes in pieces, the types of ids and further columns, which stay text by default.
    raw, settings, rejections, progress, needs_rating, needs_item, timestamps
        What is read, how, and who hears of it.
    """
    names = raw.table.column_names
    check_distinct(names, raw.where)
    is_ratings = raw.metadata.get("format") == RATINGS.format
    if is_ratings:
        check_contract(raw.table.schema, raw.metadata, RATINGS, raw.where)
    roles = find_roles(
        names,
        settings,
        raw.where,
        needs_rating=needs_rating,
        needs_item=needs_item,
        timestamps=timestamps,
        headerless=raw.headerless,
    )
    if not needs_item:
        roles = {"user": roles["user"]}
    found = ", ".join(f"{role} is '{names[index]}'" for role, index in roles.items())
    progress.detail(f"{raw.where}: {found}")
    # A rating that stands beside a pair is passed through, whatever it is.
    parsed = {role: index for role, index in roles.items() if needs_rating or role in {"user", "item"}}
    checked = check_rows(raw, parsed, settings)
    rejections.add(raw.where, raw.unit, checked.bad)
    timestamp = None
    if not needs_rating and "timestamp" in roles:
        # What stands beside a pair is passed through as it is.
        index = roles.pop("timestamp")
        timestamp = _seconds(checked.table.column(index), names[index], raw, settings, progress)
    table = checked.table.rename_columns(rename_roles(names, roles))
    if not needs_item:
        table = table.select(["user"])
    for index, name in enumerate(table.column_names):
        column = table.column(index)
        if name in {"user", "item"}:
            column = _settled_ids(column, name, names[index], raw, settings, kinds)
        elif raw.from_text and name not in parsed:
            column = infer_text(column) if kinds is None else column.cast(kinds.get(name, pa.string()))
        table = table.set_column(index, name, column)
    if needs_rating:
        table = table.select([*roles, *(name for name in table.column_names if name not in roles)])
    metadata = raw.metadata if is_ratings or not needs_rating else {}
    rating_name = names[roles["rating"]] if "rating" in roles else None
    return Part(table, metadata, raw.where, checked.n_read, timestamp, rating_name)


def _seconds(
    column: pa.ChunkedArray, name: str, raw: RawTable, settings: InputSettings, progress: Progress
) -> pa.ChunkedArray:
    """Return timestamps of pairs in seconds, null where there is none."""
    seconds, bad = parse_timestamps(column, settings.timestamp_unit, name, raw.where)
    if bad.any():
        progress.warn(f"{raw.where}: {np.count_nonzero(bad):,} pairs have no timestamp in column '{name}'")
    return pa.chunked_array([pa.array(seconds.to_numpy(), mask=bad)])


def _settled_ids(
    column: pa.ChunkedArray,
    role: str,
    name: str,
    raw: RawTable,
    settings: InputSettings,
    kinds: Mapping[str, pa.DataType] | None,
) -> pa.ChunkedArray:
    if pa.types.is_null(column.type):
        # Of a table without rows; nothing tells what its ids would be.
        column = column.cast(pa.int64())
    if kinds is not None and settings.id_type == "auto":
        return normalise_ids(column, name, raw.where).cast(kinds.get(role, pa.string()))
    return normalise_ids(column, name, raw.where, id_type=settings.id_type, from_text=raw.from_text)


def common_metadata(parts: list[Part]) -> dict[str, Any]:
    """Return the metadata of one input, or what those of one run of prepare have in common."""
    first = parts[0].metadata
    if len(parts) == 1:
        return first
    if not all("run" in part.metadata for part in parts):
        return {}
    return {
        key: value for key, value in first.items() if all(part.metadata.get(key) == value for part in parts)
    }
