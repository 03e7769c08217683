"""What becomes of bad rows: an error, a warning, or a file that tells why each was left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rbmcli.data.outputs import open_output
from rbmcli.data.readers.raw import BadRow
from rbmcli.errors import DataError
from rbmcli.progress import Progress

_SHOWN_ROWS = 10


class Rejections:
    """Collects the bad rows of all inputs of a command.

    Parameters
    ----------
    on_error : str
        "fail", "skip", or the path of the file that receives the rows.
    progress : Progress
        Hears of the first ten rows and of the count.
    """

    def __init__(self, on_error: str, progress: Progress) -> None:
        self._on_error = on_error
        self._progress = progress
        self._rows: list[tuple[str, BadRow]] = []
        self._shown: list[str] = []

    def add(self, where: str, unit: str, rows: Sequence[BadRow]) -> None:
        """Add the bad rows of one input; `unit` says whether their positions are lines or rows."""
        self._rows.extend((where, row) for row in rows)
        for row in rows[: _SHOWN_ROWS - len(self._shown)]:
            place = f"{where}:{row.position}" if unit == "line" else f"{where}, row {row.position}"
            self._shown.append(f"{place}: {row.reason}")

    def finish(self) -> int:
        """Report what was collected, and return how many rows it is.

        Raises
        ------
        DataError
            If there are bad rows and they were not to be skipped.
        """
        count = len(self._rows)
        if count and self._on_error == "fail":
            raise DataError(
                "\n".join([*self._shown, self._summary()]),
                hint="leave them out with --on-error skip, or with --on-error FILE to keep them in a file",
            )
        if count:
            for line in self._shown:
                self._progress.warn(line)
            self._progress.warn(self._summary() + ", left out")
        if self._on_error not in {"fail", "skip"}:
            self._write(self._on_error)
        return count

    def _summary(self) -> str:
        count = len(self._rows)
        more = f" ({count - len(self._shown)} more than shown)" if count > len(self._shown) else ""
        return f"{count:,} bad {'row' if count == 1 else 'rows'} in all{more}"

    def _write(self, path: str) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["file", "line", "reason", "row"])
        writer.writerows([where, row.position, row.reason, row.content] for where, row in self._rows)
        with open_output(path) as file:
            file.write(text.getvalue().encode())
        self._progress.info(f"{path}: {len(self._rows):,} rejected rows written")
