"""Ratings piece by piece, for tables that do not fit into memory.

Parquet comes by row groups, Arrow data by batches, delimited text and JSON Lines by rows, after a first look
through them for the types of their columns; a table in memory is one piece. What `read_ratings` does to a
whole table is done to each piece, but for duplicates, which only a whole table shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.concatenation import check_timestamps, concatenate
from rbmcli.data.intake import Part, Source, check_same_run, common_metadata, part_of
from rbmcli.data.readers.parquet import in_schema
from rbmcli.data.readers.pieces import RawPieces, open_pieces
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.rejections import Rejections
from rbmcli.data.tables import PairsTable, RatingsTable
from rbmcli.data.text_kinds import kinds_of_text
from rbmcli.errors import DataError
from rbmcli.progress import SILENT, Progress

PIECE_ROWS = 1 << 20
"""Rows of a piece, where nothing else is asked for."""


@dataclass
class RatingsPieces:
    """Ratings that are read once, from the first piece to the last.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of every piece: those of `RatingsTable`.
    metadata : dict
        As in `RatingsTable`.
    where : str
        Name of the input, for messages.
    rows : int
        Rows of all pieces, bad ones and duplicates among them.
    pieces : iterator of pyarrow.Table
        The ratings, in the row order of the input; a pair may stand there several times. After the last one
        bad rows are an error, or told.
    n_read, n_bad : int
        Rows read so far, and rows left out as bad, known after the last piece.
    """

    schema: pa.Schema
    metadata: dict[str, Any]
    where: str
    rows: int
    pieces: Iterator[pa.Table]
    n_read: int = 0
    n_bad: int = 0


@contextmanager
def open_ratings(
    source: Source | RatingsTable | Sequence[Source],
    settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    *,
    rows_at_once: int = PIECE_ROWS,
) -> Iterator[RatingsPieces]:
    """Open ratings to read them piece by piece.

    Parameters
    ----------
    source, settings, progress
        As for `read_ratings`.
    rows_at_once : int
        Rows of a piece, at most, where an input comes in pieces.

    Raises
    ------
    DataError, MismatchError
        As `read_ratings`; while they are read, too.
    """
    if isinstance(source, RatingsTable):
        yield _of_table(source)
        return
    sources: list[Any] = list(source) if isinstance(source, list | tuple) else [source]
    if not sources:
        raise DataError("no ratings: expected at least one input")
    with ExitStack() as stack:
        opened = [
            stack.enter_context(
                open_pieces(
                    each,
                    settings,
                    progress,
                    min_columns=3,
                    rows_at_once=rows_at_once,
                    text_in_pieces=True,
                )
            )
            for each in sources
        ]
        yield _of_inputs(opened, settings, progress)


def _of_table(read: RatingsTable) -> RatingsPieces:
    return RatingsPieces(
        read.table.schema,
        read.metadata,
        read.where,
        read.table.num_rows,
        iter([read.table]),
        read.n_read,
        read.n_bad,
    )


def _of_inputs(opened: list[RawPieces], settings: InputSettings, progress: Progress) -> RatingsPieces:
    rejections = Rejections(settings.on_error, progress)
    kinds, counts = zip(*(kinds_of_text(each, settings, progress) for each in opened), strict=True)
    heads = [
        part_of(each.first, settings, rejections, progress, needs_rating=True, kinds=found)
        for each, found in zip(opened, kinds, strict=True)
    ]
    check_same_run(*((head.metadata, head.where) for head in heads))
    parts: list[Iterable[Part]] = [
        chain([head], _parts(each.rest, settings, rejections, found))
        for head, each, found in zip(heads, opened, kinds, strict=True)
    ]
    where = heads[0].where if len(heads) == 1 else f"{heads[0].where} and {len(heads) - 1} more"
    if _have_same_ids(heads):
        schema = concatenate(
            [(head.table.schema.empty_table(), head.where) for head in heads], progress
        ).schema
    else:
        # Whether texts are integers all of them tell, so that none may be on its way before.
        parts = [[_joined(list(each))] for each in parts]
        whole = [(part.table, part.where) for each in parts for part in each]
        schema = concatenate(whole, progress).schema
    result = RatingsPieces(schema, common_metadata(heads), where, sum(counts), iter(()))
    result.pieces = _checked(result, chain.from_iterable(parts), rejections, progress)
    return result


def _parts(
    raw: Iterator[RawTable],
    settings: InputSettings,
    rejections: Rejections,
    kinds: Mapping[str, pa.DataType] | None,
) -> Iterator[Part]:
    for piece in raw:
        yield part_of(piece, settings, rejections, SILENT, needs_rating=True, kinds=kinds)


def _have_same_ids(heads: list[Part]) -> bool:
    kinds = {tuple(head.table.schema.field(name).type for name in ("user", "item")) for head in heads}
    return len(kinds) == 1


def _joined(parts: list[Part]) -> Part:
    table = pa.concat_tables([part.table for part in parts])
    return dataclasses.replace(parts[0], table=table, n_read=sum(part.n_read for part in parts))


def _checked(
    read: RatingsPieces, parts: Iterator[Part], rejections: Rejections, progress: Progress
) -> Iterator[pa.Table]:
    likely = True
    for part in parts:
        table = in_schema(part.table, {}, read.schema, part.where)
        likely = likely and check_timestamps(table, read.where, progress)
        read.n_read += part.n_read
        yield table
    read.n_bad = rejections.finish()


@dataclass(frozen=True)
class PairsPieces:
    """Pairs of user and item that are read once, from the first piece to the last.

    Attributes
    ----------
    first : PairsTable
        No pairs, but all that is known of them before they are read: columns, metadata, name.
    rows : int
        Rows of all pieces, bad ones among them.
    pieces : iterator of PairsTable
        The pairs, in the row order of the input. After the last one bad rows are an error, or told.
    """

    first: PairsTable
    rows: int
    pieces: Iterator[PairsTable]


@contextmanager
def open_pairs(
    source: Source,
    settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    *,
    timestamps: bool = False,
    rows_at_once: int = PIECE_ROWS,
) -> Iterator[PairsPieces]:
    """Open pairs to read them piece by piece; what Parquet holds is all that comes in pieces.

    Parameters
    ----------
    source, settings, progress, timestamps
        As for `read_pairs`.
    rows_at_once : int
        Rows of a piece, at most, where the input comes in pieces.

    Raises
    ------
    DataError
        As `read_pairs`; while they are read, too.
    """
    with open_pieces(source, settings, progress, min_columns=2, rows_at_once=rows_at_once) as opened:
        rejections = Rejections(settings.on_error, progress)

        def table_of(raw: Any, told: Progress) -> PairsTable:
            """Return what a piece holds."""
            part = part_of(raw, settings, rejections, told, needs_rating=False, timestamps=timestamps)
            return PairsTable(part.table, part.metadata, part.where, part.timestamp, part.rating_name)

        first = table_of(opened.first, progress)

        def pieces() -> Iterator[PairsTable]:
            """Yield all pieces."""
            yield first
            missing = 0
            for raw in opened.rest:
                piece = table_of(raw, SILENT)
                missing += 0 if piece.timestamp is None else piece.timestamp.null_count
                yield piece
            rejections.finish()
            if missing:
                progress.warn(f"{first.where}: {missing:,} pairs have no timestamp")

        yield PairsPieces(first, opened.rows, pieces())
