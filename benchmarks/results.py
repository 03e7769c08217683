"""How results are told: a plain table, and a JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1

_FIGURE = re.compile(r"(-?[\d.,]+ ?[%x]?)?")


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a title and an aligned table: columns of figures to the right, others to the left, None empty."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    columns = list(zip(heads, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [all(map(_FIGURE.fullmatch, column[1:])) for column in columns]
    print(f"\n{title}")
    for row in [heads, *cells]:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        ]
        print("  ".join(aligned).rstrip())


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write a result, in a folder that is made if need be; what was there stays until it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    text = json.dumps({"schema_version": SCHEMA_VERSION, **result}, indent=2, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def put_between_marks(page: Path, name: str, text: str) -> bool:
    """Put text between `<!-- name -->` and `<!-- /name -->` of a page; return if it has both."""
    marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    page.write_text(marked.sub(lambda _: text, before), encoding="utf-8")
    return bool(marked.search(before))
