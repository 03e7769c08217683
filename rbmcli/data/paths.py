"""What can be asked of any path without an error, and how a path is told in a message."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Return whether something is at a path; not if the system does not let that be known."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Return whether a folder is at a path; not if the system does not let that be known."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file or folder, by whatever links."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def told(name: str) -> str:
    r"""Return a name in one line of text: line ends and bytes that are no text as \n, \xff and so on."""
    if name.isprintable():
        return name
    return "".join(_told_character(character) for character in name)


def _told_character(character: str) -> str:
    if character.isprintable():
        return character
    # Python keeps a byte that is no UTF-8 as a character of this range.
    code = ord(character) - 0xDC00 if "\udc80" <= character <= "\udcff" else None
    return f"\\x{code:02x}" if code is not None else ascii(character)[1:-1]
