"""The contracts: which columns each kind of file has, and of which types.

Every file that rbmcli writes is Parquet with a JSON object under the metadata key ``rbmcli``; its
``format`` names one of the contracts below and its ``format_version`` the version of that contract.
docs/files.md describes them for readers of the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rbmcli.errors import MismatchError

METADATA_KEY = b"rbmcli"


@dataclass(frozen=True)
class Contract:
    """One kind of file.

    Attributes
    ----------
    format : str
        Name in the metadata.
    version : int
        Newest version that this program reads and the one it writes.
    columns : dict of str to tuple of str
        Required columns, each with the names of the Arrow types that are accepted.
    """

    format: str
    version: int
    columns: dict[str, tuple[str, ...]]


_ID = ("int64", "string")
_FLOATS = ("list<element: float>",)

RATINGS = Contract("ratings", 1, {"user": _ID, "item": _ID, "rating": ("float",)})
MODEL = Contract(
    "model",
    1,
    {
        "part": ("string",),
        "id": ("string",),
        "name": ("string",),
        "n_ratings": ("int64",),
        "prior": _FLOATS,
        "values": _FLOATS,
        "shape": ("list<element: int32>",),
    },
)
FROM_MODEL = ("model", "folded_in")
"""Sources of predictions that are the model's and no base rates."""

PREDICTIONS = Contract("predictions", 1, {"prediction": ("float",), "source": ("string",)})
RECOMMENDATIONS = Contract(
    "recommendations", 1, {"user": _ID, "rank": ("int32",), "item": _ID, "score": ("float",)}
)
NEIGHBOURS = Contract(
    "neighbours",
    1,
    {"item": _ID, "rank": ("int32",), "neighbour": _ID, "similarity": ("float",), "n_ratings": ("int64",)},
)
METRICS = Contract(
    "metrics",
    1,
    {
        "metric": ("string",),
        "predictor": ("string",),
        "against": ("string",),
        "segment": ("string",),
        "value": ("double",),
        "low": ("double",),
        "high": ("double",),
        "n": ("int64",),
    },
)
CHECKPOINT = Contract(
    "checkpoint",
    1,
    {
        "name": ("string",),
        "type": ("string",),
        "shape": ("list<element: int64>",),
        "data": ("binary",),
    },
)

SHARD = Contract("shard", 1, {})
"""What came of a part of the work, to be joined with the others; its columns are nobody else's."""

CONTRACTS = {
    contract.format: contract
    for contract in (RATINGS, MODEL, CHECKPOINT, PREDICTIONS, RECOMMENDATIONS, NEIGHBOURS, METRICS, SHARD)
}


def check_contract(schema: pa.Schema, metadata: dict[str, Any], contract: Contract, where: str) -> None:
    """Raise `MismatchError` unless a file follows a contract.

    Parameters
    ----------
    schema : pyarrow.Schema
        Schema of the file.
    metadata : dict
        The decoded ``rbmcli`` metadata; empty for a file of another tool.
    contract : Contract
        What is expected.
    where : str
        Name of the file, for the message.
    """
    found = metadata.get("format", "no rbmcli file")
    if found != contract.format:
        raise MismatchError(f"{where}: expected a file of format '{contract.format}', found '{found}'")
    version = metadata.get("format_version", 0)
    if not isinstance(version, int) or not 1 <= version <= contract.version:
        raise MismatchError(
            f"{where}: format version {version} of '{contract.format}', expected at most {contract.version}",
            hint="read it with the version of rbmcli that wrote it, or a newer one",
        )
    settings = metadata.get("settings")
    suffix = settings.get("suffix", "") if isinstance(settings, dict) and contract is PREDICTIONS else ""
    for name, types in contract.columns.items():
        column = f"{name}{suffix}"
        index = schema.get_field_index(column)
        if index < 0:
            raise MismatchError(
                f"{where}: column '{column}' is missing, found {', '.join(schema.names) or 'no columns'}"
            )
        # Parquet readers name the values of a list 'element' or 'item', depending on the writer.
        type_name = str(schema.field(index).type).replace("<item:", "<element:")
        if type_name not in types:
            raise MismatchError(f"{where}: column '{column}' is {type_name}, expected {' or '.join(types)}")
