"""The JSON that a file carries under the key `rbmcli`, with a hash of itself.

Parquet has checksums for pages but none for the footer that tells what the pages mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from rbmcli.data.schemas import METADATA_KEY, Contract
from rbmcli.errors import DataError

CONTENT, COLUMNS = "content_hash", "columns"
"""Keys of the hashes of a file's rows, and of its columns."""

_TRACES = (b'"format_version":', f'"{CONTENT}":"'.encode(), f'"{COLUMNS}":"'.encode(), b'"hash":"')
"""What stands in the metadata of each file; a file of another tool has no two of them."""


def digest(*parts: bytes | memoryview) -> str:
    """Return the blake2b hash (16 bytes, hexadecimal) of the parts, each preceded by its length."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def _canonical(metadata: dict[str, Any]) -> bytes:
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def encode_metadata(contract: Contract, metadata: dict[str, Any]) -> bytes:
    """Return the JSON of a file's metadata, with format, version and the hash of all the rest."""
    body = {"format": contract.format, "format_version": contract.version, **metadata}
    return _canonical({**body, "hash": digest(_canonical(body))})


def decode_metadata(found: Mapping[bytes, bytes] | None, where: str) -> dict[str, Any]:
    """Return the rbmcli metadata among all that a file or a schema carries; empty if there is none.

    Raises
    ------
    DataError
        If the metadata is damaged: no JSON object, or other than its hash says.
    """
    raw = (found or {}).get(METADATA_KEY)
    if raw is None:
        return {}
    try:
        metadata = json.loads(raw)
        expected = metadata.pop("hash")
        # A damaged number may be too large for JSON.
        actual = digest(_canonical(metadata))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DataError(f"{where}: the rbmcli metadata is damaged") from None
    if expected != actual:
        raise DataError(f"{where}: the rbmcli metadata is damaged: its hash does not agree")
    return metadata


def described(table: pa.Table, contract: Contract, metadata: dict[str, Any]) -> pa.Table:
    """Return a table with the JSON metadata of a contract, for use in memory: it is not checked."""
    return table.replace_schema_metadata({METADATA_KEY: encode_metadata(contract, metadata)})


def check_foreign(head: bytes, where: str) -> None:
    """Raise `DataError` if a file seems to have no rbmcli metadata, but what should tell of them holds some.

    Without this a damaged name of the metadata would make a file one of another tool, which nothing protects.
    """
    if sum(trace in head for trace in _TRACES) > 1:
        raise DataError(f"{where}: the rbmcli metadata is damaged: it is there, but not under its name")
