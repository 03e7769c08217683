"""The fast and the careful reader of text give the same table wherever the fast one gives any."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_ratings
from rbmcli.data.readers.careful import read_carefully
from rbmcli.data.readers.layout import find_layout
from rbmcli.data.readers.sources import open_input
from rbmcli.data.readers.text import read_fast

# Any text but surrogates, which no file can hold, NUL, which no reader of text agrees on, and the carriage
# return, which the csv module does not quote.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=6)
PLAIN_TEXT = st.text(st.sampled_from("ab7é -.'"), min_size=1, max_size=5).filter(str.strip)
RATING = st.floats(-1e6, 1e6, width=32).map(repr)
LIMITS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def both_readings(path: Path, options: InputSettings) -> tuple[pa.Table | None, pa.Table, int]:
    """The raw tables of the fast and the careful reader, and the bad rows of the latter."""
    with open_input(path, "text") as source:
        layout = find_layout(source, options, 3)
        fast = read_fast(source, layout)
        careful = read_carefully(source, layout)
    return fast, careful.table, len(careful.bad)


@LIMITS
@given(
    rows=st.lists(st.tuples(PLAIN_TEXT, ANY_TEXT, RATING, ANY_TEXT), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_both_read_what_the_csv_module_wrote(
    tmp_path: Path, rows: list[tuple[str, str, str, str]], separator: str, end: str, quoting: int
) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=separator, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["user", "item", "rating", "note"])
    writer.writerows(rows)
    path = tmp_path / "r.csv"
    path.write_text(content.getvalue(), encoding="utf-8", newline="")

    fast, careful, n_bad = both_readings(path, InputSettings(separator=separator))

    assert n_bad == 0
    assert [tuple(row.values()) for row in careful.to_pylist()] == rows
    # Values over several lines are left to the careful reader.
    assert (fast is None) == any("\n" in value for row in rows for value in row)
    assert fast is None or fast.to_pylist() == careful.to_pylist()


@LIMITS
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.sampled_from("ab7é-.'\""), min_size=1, max_size=4)] * 3),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from(["::", "<>", "¦", "whitespace"]),
    end=st.sampled_from(["\n", "\r\n"]),
    last_end=st.booleans(),
)
def test_both_cut_at_separators_of_several_bytes(
    tmp_path: Path, rows: list[tuple[str, str, str]], separator: str, end: str, last_end: bool
) -> None:
    between = " \t" if separator == "whitespace" else separator
    path = tmp_path / "r.txt"
    content = end.join(between.join(row) for row in rows) + (end if last_end else "")
    path.write_text(content, encoding="utf-8", newline="")

    fast, careful, n_bad = both_readings(path, InputSettings(separator=separator, header=False))

    assert fast is not None
    assert n_bad == 0
    assert [tuple(row.values()) for row in careful.to_pylist()] == rows
    assert fast.to_pylist() == careful.to_pylist()


@LIMITS
@given(content=st.text(st.sampled_from('a1",;\n\r \t'), min_size=1, max_size=60))
def test_whatever_the_fast_reader_accepts_the_careful_one_reads_alike(tmp_path: Path, content: str) -> None:
    assume(content.strip())
    path = tmp_path / "r.csv"
    path.write_text(content, encoding="utf-8", newline="")

    fast, careful, n_bad = both_readings(path, InputSettings(separator=",", header=False))

    # A text of one column has no ratings in it.
    assume(careful.num_columns > 1)
    # A quote that the end of the text closes is fine for the fast reader only.
    if fast is not None and n_bad == 0:
        assert fast.to_pylist() == careful.to_pylist()


@pytest.mark.parametrize("separator", [",", "::"])
def test_one_bad_row_changes_nothing_for_the_others(tmp_path: Path, separator: str) -> None:
    lines = [separator.join((f"u{n}", str(n), f"{n % 5}.5", str(10**9 + n))) for n in range(3000)]
    clean, spoiled = tmp_path / "clean.csv", tmp_path / "spoiled.csv"
    clean.write_text("\n".join(lines) + "\n")
    spoiled.write_text("\n".join([*lines[:1500], separator.join(("u", "1", "x", "1")), *lines[1500:]]) + "\n")

    expected = read_ratings(clean)
    found = read_ratings(spoiled, InputSettings(on_error="skip"))

    assert found.table.equals(expected.table)
    assert found.n_bad == 1
