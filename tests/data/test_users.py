"""Lists of users: what `recommend --users` reads."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_users
from rbmcli.errors import DataError


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("user\n7\n3\n7\n", [7, 3, 7]),
        ("7\n3\n", [7, 3]),
        ("user\nanna\nbert\n", ["anna", "bert"]),
        ("anna\nbert\n", ["anna", "bert"]),
        ("country,userId\nDE,7\nFR,3\n", [7, 3]),
        ("user,item,rating\n7,,\n3,12,bad\n", [7, 3]),
        ("user\n007\n3\n", ["007", "3"]),
        ("user\n", []),
    ],
)
def test_users_are_read_with_and_without_a_header_and_beside_whatever_else_stands_there(
    tmp_path: Path, text: str, users: list[object]
) -> None:
    path = tmp_path / "users.csv"
    path.write_text(text)

    table = read_users(path).table

    assert table.column_names == ["user"]
    assert table["user"].to_pylist() == users


def test_an_option_names_the_column_of_the_users() -> None:
    table = pa.table({"who": ["anna"], "user": ["bert"]})

    assert read_users(table, InputSettings(user_column="who")).table["user"].to_pylist() == ["anna"]


def test_a_table_without_users_is_told_with_the_option_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("name\n7\n")

    with pytest.raises(DataError, match="no column is known to be the user") as raised:
        read_users(path)

    assert "--user-column" in raised.value.hint


def test_a_missing_user_is_an_error_and_can_be_skipped() -> None:
    table = pa.table({"user": ["anna", None]})

    with pytest.raises(DataError, match="user is empty"):
        read_users(table)
    assert read_users(table, InputSettings(on_error="skip")).table["user"].to_pylist() == ["anna"]
