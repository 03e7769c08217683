"""Sizes of memory are read as they are written; without one half of what there is may be taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbmcli.config import memory
from rbmcli.config.memory import default_memory, memory_for_rows, parse_memory
from rbmcli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4_000_000_000),
        ("500MB", 500_000_000),
        ("2GiB", 2 << 30),
        ("1.5 gb", 1_500_000_000),
        ("300000KB", 300_000_000),
        ("256000000", 256_000_000),
        ("1TB", 10**12),
    ],
)
def test_a_size_has_a_unit(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "GB", "4 apples", "-4GB", "1e9", "nan", "4GBB", "½GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a size such as 4GB"):
        parse_memory(text)


@pytest.mark.parametrize("text", ["0", "4", "255MB"])
def test_less_than_the_program_needs_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected at least 256MB"):
        parse_memory(text)


def test_half_of_the_memory_of_the_group_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limited, unlimited = tmp_path / "limit", tmp_path / "max"
    limited.write_text("1000000000\n")
    unlimited.write_text("max\n")

    monkeypatch.setattr(memory, "_LIMITS", (unlimited, tmp_path / "missing"))
    of_the_machine = default_memory()
    monkeypatch.setattr(memory, "_LIMITS", (unlimited, limited))

    assert default_memory() == 500_000_000
    assert of_the_machine > 500_000_000


def test_what_the_program_takes_is_not_for_rows() -> None:
    assert memory_for_rows(4_000_000_000) == 3_744_000_000
    assert memory_for_rows(300_000_000) == 75_000_000
    assert 0 < memory_for_rows(None) < default_memory()
