"""Keeps compiled kernels on disk, so that only the first run compiles them.

This stands in the place of Numba's own cache, whose entries are an index and files that it points at.
Where two processes fill that at once, the index of one may point at the machine code of the other, and a
damaged file ends the program. Here each signature of each kernel has a file that is whole by itself: it
begins with a hash of what follows and says what it is the code of. It appears by renaming, so that neither
writers nor readers need a lock, and readers need no right to write. A file that is not just as it should be
counts as none: the kernel is compiled again, and the file replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numba
import platformdirs

_DIGEST_SIZE = 32
_LAST_LOOKED_INTO = (0, 68)
"""Newest Numba whose loading of compiled code is known in detail."""


@cache
def kernel_folder() -> Path:
    """Return the folder of compiled kernels; it is of these sources alone, and may not exist yet.

    It lies in the folder that ``NUMBA_CACHE_DIR`` names, or else among the user's caches. A kernel has code
    of other files inlined, so that a change anywhere makes every kernel another one.
    """
    above = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("rbmcli")
    state = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        state.update(path.read_bytes())
    return Path(above).absolute() / "kernels" / state.hexdigest()


class KernelCache:
    """The compiled code of one kernel on disk; a dispatcher of Numba uses it as it does a cache of its own.

    Parameters
    ----------
    function : function
        The kernel in Python.
    folder : Path
        Where the files are; made when the first one is written.

    Attributes
    ----------
    failure : Exception or None
        Why the code could not be written, the last time that it could not.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._function = function
        self._folder = folder
        self._name = f"{function.__module__}.{function.__qualname__}".replace("<locals>", "locals")
        self.failure: Exception | None = None

    @property
    def cache_path(self) -> str:
        """The folder, as Numba asks for it."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for a signature, or None if there is none that can be used."""
        # Damage shows in more ways than can be listed, and so does a Numba that works in another way.
        try:
            _make_ready(target_context)
            identity = self._identity(sig, target_context.codegen())
            content = self._path(identity).read_bytes()
            body = content[_DIGEST_SIZE:]
            if _digest(body) != content[:_DIGEST_SIZE]:
                return None
            found, parts = pickle.loads(body)
            return _rebuilt(target_context, parts) if found == identity else None
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write compiled code; where that fails it serves this process alone."""
        try:
            if self._function.__closure__ or data.lifted or data.library.has_dynamic_globals:
                raise ValueError(f"{self._name} depends on more than its source")
            identity = self._identity(sig, data.codegen)
            body = _pickled((identity, data._reduce()))
            _write_whole(self._path(identity), _digest(body) + body)
        except Exception as failure:
            self.failure = failure

    def enable(self) -> None:
        """Do nothing: the cache is always on."""

    def disable(self) -> None:
        """Do nothing: the cache is always on."""

    def flush(self) -> None:
        """Remove the code of every signature."""
        for path in self._folder.glob(f"{self._name}-*.nbc"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, identity: tuple) -> Path:
        digest = hashlib.blake2b(repr(identity).encode(), digest_size=12).hexdigest()
        return self._folder / f"{self._name}-{digest}.nbc"

    def _identity(self, sig: Any, codegen: Any) -> tuple:
        """Return all that compiled code depends on; what is equal may be used for one another."""
        return (
            self._name,
            self._function.__code__.co_firstlineno,
            _file_digest(inspect.getfile(self._function)),
            self._folder.name,
            sys.implementation.cache_tag,
            numba.__version__,
            codegen.magic_tuple(),
            sig,
        )


@cache
def _file_digest(path: str) -> str:
    return _digest(Path(path).read_bytes()).hex()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


def _make_ready(target_context: Any) -> None:
    """Let compiled code be loaded.

    Loading takes the functions that manage memory, and of all else that Numba gets ready no more than the
    code itself asks for. The rest is for compiling, before which Numba does all of it, and takes a quarter
    of a second, which is much of what a small command takes.
    """
    if numba.version_info.short > _LAST_LOOKED_INTO:
        target_context.refresh()
        return
    from numba.core.runtime import rtsys

    rtsys.initialize(target_context)


def _pickled(value: object) -> bytes:
    from numba.core.serialize import dumps

    return dumps(value)


def _rebuilt(target_context: Any, parts: tuple) -> Any:
    from numba.core.compiler import CompileResult

    return CompileResult._rebuild(target_context, *parts)


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, or leave nothing behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


_kept: list[Any] = []


def keep_compiled(dispatcher: Any) -> Any:
    """Have the compiled code of a kernel kept on disk, and return the kernel.

    Where ``NUMBA_DISABLE_JIT`` has left a plain function, nothing is changed.
    """
    if hasattr(dispatcher, "_cache"):
        dispatcher._cache = KernelCache(dispatcher.py_func, kernel_folder())
        _kept.append(dispatcher)
    return dispatcher


@dataclass(frozen=True)
class CacheFigures:
    """What this process has compiled, and what it has found compiled.

    Attributes
    ----------
    compiled, loaded : int
        Kernels that run in threads, which is all that take long to compile; those that they inline are
        part of them.
    failure : Exception or None
        Why something compiled could not be kept, if that is so.
    """

    compiled: int
    loaded: int
    failure: Exception | None


def cache_figures() -> CacheFigures:
    """Return what has been compiled and loaded since the process began."""
    threaded = [kernel.stats for kernel in _kept if kernel.targetoptions.get("parallel")]
    return CacheFigures(
        compiled=sum(stats.cache_misses.total() for stats in threaded),
        loaded=sum(stats.cache_hits.total() for stats in threaded),
        failure=next((kernel._cache.failure for kernel in _kept if kernel._cache.failure), None),
    )
