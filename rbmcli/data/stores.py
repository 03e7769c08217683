"""Remote stores by their addresses, such as s3://bucket/name?region=eu-west-1.

pyarrow.fs knows the stores; it is imported only when an address is met. S3 is opened with time limits of
this program: pyarrow's own let a host that does not answer hold a run up for minutes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from rbmcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

CONNECT_SECONDS = 3.0
"""For each of three attempts: a host that is not there ends a run within 10 seconds."""

SILENT_SECONDS = 10.0
"""For each of three attempts: how long a store that is there may send or take nothing at all."""

_S3_ERROR = re.compile(r"AWS Error (\w+) during \w+ operation: (.*?)(?: \(Request ID: .*\))?$")
_EXAMPLE = "give a path, or an address such as s3://bucket/name"


def _yes_or_no(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


_S3_SETTINGS: dict[str, Callable[[str], Any]] = {
    "region": str,
    "scheme": str,
    "endpoint_override": str,
    "tls_ca_file_path": str,
    "anonymous": _yes_or_no,
    "allow_bucket_creation": _yes_or_no,
    "force_virtual_addressing": _yes_or_no,
    "connect_timeout": float,
    "request_timeout": float,
}


def open_store(address: str) -> tuple[FileSystem, str]:
    """Return the store of an address, and the path in it, which starts with the bucket.

    Raises
    ------
    UsageError
        If no store has such addresses, or the address asks for what the store does not have.
    DataError
        If the store cannot be reached.
    """
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{address}: is no valid address: {error}", hint=_EXAMPLE) from None
    if parts.password is not None:
        raise UsageError(
            f"{parts.scheme}://...@{parts.hostname}{parts.path}: holds a password, which would stand in logs",
            hint="give credentials by the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if parts.fragment:
        raise UsageError(f"{address}: holds a '#', expected %23 in its place")
    if not parts.netloc:
        raise UsageError(f"{address}: names no bucket", hint=_EXAMPLE)
    try:
        return _open_s3(parts, address) if parts.scheme.lower() == "s3" else FileSystem.from_uri(address)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{address}: {first_line(error)}", hint=_EXAMPLE) from None
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{address}: the store cannot be reached: {first_line(error)}",
            hint="check the address, the network and the credentials",
        ) from None


def first_line(error: Exception) -> str:
    """Return what an error says in one line; of S3's what matters to who reads it."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    said = _S3_ERROR.search(line)
    return f"{said[2]} ({said[1]})" if said else line


def _open_s3(parts: SplitResult, address: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import S3FileSystem

    given: dict[str, Any] = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        try:
            given[name] = _S3_SETTINGS[name](text)
        except (KeyError, ValueError):
            known = ", ".join(_S3_SETTINGS)
            raise UsageError(
                f"{address}: '{name}={text}' is no setting of S3, expected any of {known}"
            ) from None
    settings = {"connect_timeout": CONNECT_SECONDS, "request_timeout": SILENT_SECONDS, **given}
    # What is sent stays in order and in bounds, and an error is raised by the write that met it.
    settings["background_writes"] = False
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        settings.setdefault("endpoint_override", endpoint)
    bucket = parts.netloc.rpartition("@")[2]
    if not {"region", "endpoint_override"} & set(settings):
        settings["region"] = _region_of(bucket)
    try:
        return S3FileSystem(**settings), f"{bucket}{unquote(parts.path)}"
    except TypeError as error:
        raise UsageError(f"{address}: {error}: this pyarrow does not know it") from None


@lru_cache
def _region_of(bucket: str) -> str:
    from pyarrow.fs import S3FileSystem, resolve_s3_region

    # The question for the region knows no limits; whether anybody is there is found out with them.
    limited = S3FileSystem(
        anonymous=True, region="us-east-1", connect_timeout=CONNECT_SECONDS, request_timeout=SILENT_SECONDS
    )
    try:
        limited.get_file_info(bucket)
    except OSError as error:
        if "NETWORK_CONNECTION" in str(error):
            raise
    return resolve_s3_region(bucket)
