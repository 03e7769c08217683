"""The journal of a search: every trial on disk as it goes, so that a search that was ended can go on.

It is optuna's journal, a line of JSON for each event. Around it are a lock, so that no two searches write
it, and the repair of a last line that a killed run left unfinished.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbmcli.data.locks import locked
from rbmcli.data.outputs import output_errors
from rbmcli.errors import DataError, MismatchError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages.journal import JournalFileBackend

STUDY = "rbmcli tune"
_DESCRIPTION = "search"
_LINE_START = b'{"op_code":'
_OTHER_FILE = "give --journal another file"
_KEPT = "the trials before are in it: mend it and run again to go on from there"
_DAMAGE = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What optuna answers events with that make no sense."""


@contextmanager
def open_study(path: Path | None, description: Mapping[str, Any]) -> Iterator[Study]:
    """Yield the study of a journal, which is begun where there is none, and hold the journal's lock.

    Parameters
    ----------
    path : Path or None
        The journal; None keeps the study in memory.
    description : mapping
        What the search is of, as values of JSON; a journal that was begun with another one is refused.

    Raises
    ------
    DataError
        If the file is no journal, or damaged.
    LockedError
        If another search is writing it.
    MismatchError
        If it is of another search.
    """
    import optuna

    if path is None:
        yield optuna.create_study(study_name=STUDY)
        return
    with locked(path):
        _mend(path)
        try:
            storage = optuna.storages.JournalStorage(_backend(path))
            is_begun = STUDY in optuna.get_all_study_names(storage)
            # To create a study that there is writes to the journal, which may have to be refused.
            open_ = optuna.load_study if is_begun else optuna.create_study
            study = open_(study_name=STUDY, storage=storage)
            begun_with = study.user_attrs.get(_DESCRIPTION)
        except _DAMAGE as error:
            reason = str(error) or type(error).__name__
            raise DataError(f"{path}: the journal is damaged: {reason}", hint=_OTHER_FILE) from None
        if begun_with is None:
            study.set_user_attr(_DESCRIPTION, dict(description))
        else:
            _check_same(begun_with, description, path)
        yield study


def _backend(path: Path) -> JournalFileBackend:
    """Return the file of a journal; an error in writing it names it.

    The lock of rbmcli is held as long as the file is used. That of optuna, a link that outlives a killed run
    and for which the next one would wait, is not needed.
    """
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    class NoLock(JournalFileSymlinkLock):
        def acquire(self) -> bool:
            """Do nothing."""
            return True

        def release(self) -> None:
            """Do nothing."""

    class Backend(JournalFileBackend):
        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            """Write events at the end of the file."""
            with output_errors(path, _KEPT):
                super().append_logs(logs)

    with output_errors(path):
        return Backend(str(path), NoLock(str(path)))


def _mend(path: Path) -> None:
    """Cut off a last line that is not whole; refuse what is no journal."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:whole].splitlines(), 1):
        if not _is_event(line):
            raise DataError(f"{path}:{number}: is no line of the journal of a search", hint=_OTHER_FILE)
    rest = content[whole:]
    # A file of something else may have no end of a line either, and must not be cut.
    if not _LINE_START.startswith(rest[: len(_LINE_START)]):
        raise DataError(f"{path}: is no journal of a search", hint=_OTHER_FILE)
    if rest:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())


def _is_event(line: bytes) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and "op_code" in event


def _check_same(begun_with: Mapping[str, Any], description: Mapping[str, Any], path: Path) -> None:
    """Refuse a journal of another search, and say in what it differs."""
    # The journal gives lists back for tuples.
    now = json.loads(json.dumps(description))
    differing = [name for name in now if begun_with.get(name) != now[name]]
    if not differing:
        return
    name = differing[0]
    then = begun_with.get(name, {})
    what = f"other {name}"
    if name == "settings":
        told = [
            f"{key} {_told(then.get(key))}, now {_told(now[name].get(key))}"
            for key in {**then, **now[name]}
            if then.get(key) != now[name].get(key)
        ]
        what += f": {'; '.join(told)}"
    raise MismatchError(
        f"{path}: the search in it was begun with {what}",
        hint=f"{_OTHER_FILE}, or delete this one to begin anew",
    )


def _told(value: object) -> str:
    return "not given" if value is None else str(value)
