"""How a text of ratings is laid out: its separator, its column names, where the first row stands.

What the options leave open is read from the first 64 KiB: the separator is the one that cuts the lines
most evenly, a header is a first line of known names or one with no number where the next line has one.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from rbmcli.config import InputSettings
from rbmcli.data.columns import check_distinct, count_known, default_names, named_explicitly
from rbmcli.data.readers.sources import InputFile, first_bytes
from rbmcli.errors import DataError, UsageError

WHITESPACE = "whitespace"
"""Separator that stands for any run of blanks and tabs."""

_CANDIDATES = ("\t", "::", ",", ";", "|", WHITESPACE)
_SAMPLE_LINES = 200


@dataclass(frozen=True)
class TextLayout:
    """The layout of a text.

    Attributes
    ----------
    separator : str
        One or more characters, or `WHITESPACE`.
    names : tuple of str
        One name for each column.
    has_header : bool
        Whether the names stand in the text.
    skipped_lines : int
        Lines before the first row: the header and blank lines before it.
    """

    separator: str
    names: tuple[str, ...]
    has_header: bool
    skipped_lines: int

    @property
    def quoted(self) -> bool:
        """Whether a value may stand in double quotes, as it may with a separator of one byte."""
        return len(self.separator.encode()) == 1

    def split(self, line: str) -> list[str]:
        """Cut a line without quotes into its values."""
        return _split(line, self.separator)

    def join(self, values: list[str]) -> str:
        """Put values together to a line, in quotes where they need them."""
        if not self.quoted:
            return (" " if self.separator == WHITESPACE else self.separator).join(values)
        line = io.StringIO()
        csv.writer(line, delimiter=self.separator, lineterminator="").writerow(values)
        return line.getvalue()


def find_layout(source: InputFile, settings: InputSettings, min_columns: int) -> TextLayout:
    """Return the layout of a text.

    Parameters
    ----------
    source : InputFile
        The text.
    settings : InputSettings
        Separator, header and column options; what is None is detected.
    min_columns : int
        Columns needed at least: 3 for ratings, 2 for pairs, 1 for users.

    Raises
    ------
    DataError
        If the text is empty, has no separator, or repeats a column name.
    UsageError
        If the separator can be none.
    """
    lines, skipped = _sample(source)
    separator = _chosen_separator(settings) or _detect_separator(lines, min_columns)
    if separator is None:
        raise DataError(
            f"{source.where}: no separator found in the first line {lines[0][:80]!r}, expected at least "
            f"{min_columns} columns between tabs, '::', ',', ';', '|' or blanks",
            hint="name the separator with --separator",
        )
    rows = [_fields(line, separator) for line in lines]
    has_header = _is_header(rows, settings) if settings.header is None else settings.header
    if has_header:
        names = [name.strip() or f"column{index + 1}" for index, name in enumerate(rows[0])]
        check_distinct(names, source.where)
    else:
        names = default_names(Counter(map(len, rows)).most_common(1)[0][0])
    return TextLayout(separator, tuple(names), has_header, skipped + 1 if has_header else 0)


def _sample(source: InputFile) -> tuple[list[str], int]:
    """Return the first lines that are not blank, and how many blank ones stand before them."""
    data, complete = first_bytes(source)
    text = data.decode("utf-8-sig", errors="replace")
    lines = re.split(r"\r\n|\n|\r", text)
    if not complete and len(lines) > 1:
        lines.pop()
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if not filled:
        raise DataError(f"{source.where}: is empty, expected rows of user, item and rating")
    return [lines[index] for index in filled[:_SAMPLE_LINES]], filled[0]


def _chosen_separator(settings: InputSettings) -> str | None:
    if settings.separator is None:
        return None
    separator = settings.separator.replace("\\t", "\t")
    if not separator or set(separator) & set('"\r\n'):
        raise UsageError(
            f"--separator {settings.separator!r}: expected one or more characters, no quote or line end"
        )
    return separator


def _detect_separator(lines: list[str], min_columns: int) -> str | None:
    best: tuple[int, float] = (-1, 0.0)
    found = None
    for separator in _CANDIDATES:
        rows = [_fields(line, separator) for line in lines]
        columns, count = Counter(map(len, rows)).most_common(1)[0]
        score = (count_known(rows[0]), count / len(rows))
        if columns >= min_columns and score > best:
            best, found = score, separator
    return found


def _fields(line: str, separator: str) -> list[str]:
    if '"' in line and len(separator.encode()) == 1:
        return next(csv.reader([line], delimiter=separator), [])
    return _split(line, separator)


def _split(line: str, separator: str) -> list[str]:
    if separator == WHITESPACE:
        return re.split("[ \t]+", line.strip(" \t"))
    return line.split(separator)


def _is_header(rows: list[list[str]], settings: InputSettings) -> bool:
    first = rows[0]
    if count_known(first) >= min(2, len(first)) or named_explicitly(first, settings):
        return True
    if len(rows) < 2 or len(rows[1]) != len(first):
        return False
    # The rating decides where there is one; of pairs any column that is a number below but not here.
    option = settings.rating_column or ""
    place = int(option) - 1 if option.isdigit() else 2
    columns = [place] if 0 <= place < len(first) else range(len(first))
    return any(_is_number(rows[1][column]) and not _is_number(first[column]) for column in columns)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
