"""Settings of reading: tables of ratings and pairs, and the scale of the ratings."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError


@dataclass(frozen=True)
class InputSettings(Settings):
    """How a table of ratings or pairs is read; the same on every command that reads one.

    Attributes
    ----------
    user_column, item_column, rating_column, timestamp_column : str or None
        Column names, or positions counted from 1; None guesses from the usual names. An empty
        `timestamp_column` leaves timestamps out.
    id_type : {"auto", "int", "string"}
        Type that user and item ids are read as.
    input_format : {"auto", "text", "jsonl", "parquet"}
        Format of the input; auto looks at the first bytes and the file name.
    separator : str or None
        Separator of a text file, one or more characters, or "whitespace" for any run of blanks and
        tabs; None detects it.
    header : bool or None
        Whether a text file starts with a line of column names; None detects it.
    timestamp_unit : {"s", "ms", "us", "ns"}
        Unit of integer timestamps.
    on_error : str
        "fail" ends at a bad row, "skip" leaves bad rows out; anything else is the path of a file that
        receives them with the reason.
    duplicates : {"error", "first", "last", "mean"}
        What to do with several ratings of one item by one user.
    unknown_level : {"error", "nearest", "drop"}
        What to do with a rating that is on none of the levels.
    """

    user_column: str | None = None
    item_column: str | None = None
    rating_column: str | None = None
    timestamp_column: str | None = None
    id_type: str = setting("auto", choices=("auto", "int", "string"))
    input_format: str = setting("auto", choices=("auto", "text", "jsonl", "parquet"))
    separator: str | None = None
    header: bool | None = None
    timestamp_unit: str = setting("s", choices=("s", "ms", "us", "ns"))
    on_error: str = "fail"
    duplicates: str = setting("error", choices=("error", "first", "last", "mean"))
    unknown_level: str = setting("error", choices=("error", "nearest", "drop"))


@dataclass(frozen=True)
class CatalogueSettings(Settings):
    """How a catalogue of items is read, which gives them titles.

    Attributes
    ----------
    id_column, title_column : str or None
        Column names, or positions counted from 1; None guesses from the usual names.
    """

    id_column: str | None = None
    title_column: str | None = None


@dataclass(frozen=True)
class LevelSettings(Settings):
    """How ratings are put on levels.

    Attributes
    ----------
    levels : tuple of float
        The levels, increasing; empty finds them in the ratings (at most 20 distinct values).
    bins : int
        Number of quantile levels for a continuous scale; 0 decides by itself.
    """

    levels: tuple[float, ...] = ()
    bins: int = setting(0, low=0, high=100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels and self.bins:
            raise UsageError("--levels and --bins exclude each other: give one of them")
        if self.bins == 1:
            raise UsageError("--bins 1 leaves nothing to predict: give 2 or more")
