"""The types of the columns of a text that comes in pieces: numbers where every value of all pieces is one."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.ids import round_trips
from rbmcli.data.intake import part_of
from rbmcli.data.readers.pieces import RawPieces
from rbmcli.data.readers.values import are_numbers, have_digits_only
from rbmcli.data.rejections import Rejections
from rbmcli.progress import SILENT, Progress

_IDS = frozenset({"user", "item"})


@dataclass(frozen=True)
class _Found:
    """What holds for all values of a column so far."""

    integers: bool = True
    numbers: bool = True
    digits: bool = True

    def also(self, column: pa.ChunkedArray) -> _Found:
        """Return what holds for further values too."""
        integers = self.integers and round_trips(column)
        return _Found(
            integers,
            self.numbers and (integers or are_numbers(column)),
            self.digits and have_digits_only(column),
        )

    def kind(self, name: str) -> pa.DataType:
        """Return the type of the column: that of `normalise_ids`, or of `infer_text`."""
        if self.integers:
            return pa.int64()
        return pa.float64() if name not in _IDS and self.numbers and not self.digits else pa.string()


def kinds_of_text(
    pieces: RawPieces, settings: InputSettings, progress: Progress
) -> tuple[dict[str, pa.DataType] | None, int]:
    """Return the types of the ids and further columns of ratings, by their names once read, and all rows.

    There are no types where there is one piece, which tells by itself. Bad rows tell nothing here, and nobody
    is told of them.

    Raises
    ------
    DataError
        If the text cannot be read.
    """
    if pieces.again is None:
        return None, pieces.rows
    found: dict[str, _Found] = {}
    rows = 0
    silent = Rejections("skip", SILENT)
    with progress.step(f"looking through {pieces.first.where}"):
        for raw in pieces.again():
            part = part_of(raw, settings, silent, SILENT, needs_rating=True, kinds={})
            rows += part.n_read
            for name in part.table.column_names:
                if pa.types.is_string(part.table.schema.field(name).type):
                    found[name] = found.get(name, _Found()).also(part.table.column(name))
    return {name: each.kind(name) for name, each in found.items()}, rows
