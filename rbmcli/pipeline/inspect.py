"""Tells what a Parquet file is from its footer alone: no row is read, so that any size takes no time.

For a file of this program the contract and all that the metadata says; for one of another tool whether
its columns could serve as ratings or as pairs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.columns import find_roles
from rbmcli.data.levels import Levels
from rbmcli.data.outputs import Target, check_target, open_output, told_target
from rbmcli.data.readers.sources import local_copy
from rbmcli.data.schemas import CHECKPOINT, CONTRACTS, MODEL, check_contract
from rbmcli.data.storage import read_footer
from rbmcli.errors import DataError, MismatchError
from rbmcli.models.portrait import Portrait, kept_step, settings_of
from rbmcli.models.portraits import portrait_of
from rbmcli.pipeline.card import model_card
from rbmcli.pipeline.members import member_table
from rbmcli.progress import SILENT, Progress

SHOWN_VALUES = 20


@dataclass(frozen=True)
class FileDescription:
    """What a file is.

    Attributes
    ----------
    path : str
        Name of the file.
    format : str or None
        Name of its contract; None for a file of another tool.
    format_version : int or None
        Version of the contract.
    problem : str
        Why this program cannot use the file under its contract, or, for a file of another tool, as
        ratings; empty if it can.
    roles : dict of str to str
        For a file of another tool, the column that each of user, item, rating and timestamp would be
        read from.
    rows, row_groups, size : int
        Rows, row groups, and bytes on disk.
    columns : dict of str to str
        Arrow type of each column.
    metadata : dict
        The rest of the rbmcli metadata: levels, settings, seed, fingerprints and figures.
    """

    path: str
    format: str | None
    format_version: int | None
    problem: str
    roles: dict[str, str]
    rows: int
    row_groups: int
    size: int
    columns: dict[str, str]
    metadata: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the description as plain values, ready for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def facts(self) -> list[tuple[str, str]]:
        """Return all but the columns as pairs of a name and a text, for people."""
        facts = [("file", self.path), ("what it is", self._in_words())]
        if self.problem:
            facts.append(("problem", self.problem))
        facts += [
            ("rows", f"{self.rows:,}"),
            ("row groups", str(self.row_groups)),
            ("bytes", f"{self.size:,}"),
        ]
        facts += [(role, f"from column '{column}'") for role, column in self.roles.items()]
        metadata = dict(self.metadata)
        levels = Levels.from_metadata(metadata)
        if levels is not None:
            facts.append(("scale", levels.describe()))
            metadata.pop("levels")
            metadata.pop("edges", None)
        portrait = self.portrait
        if portrait is not None:
            facts.insert(2, ("model", portrait.what))
        course = None if portrait is None else portrait.course
        if portrait is None or (course is not None and course.is_chosen):
            best_epoch = metadata.get("best_epoch")
            best = [entry for entry in metadata.get("epochs", []) if entry["epoch"] == best_epoch]
            facts += [("best epoch", _figures(entry)) for entry in best[:1]]
        else:
            kept = kept_step(self.metadata)
            facts.append(("validation", "none" if kept is None else _validation(kept)))
        if portrait is not None:
            metadata = _without_told(metadata, portrait)
        if self.format == CHECKPOINT.format and not self.problem:
            facts += _trainings(metadata.pop("fits", []))
        return facts + _flatten(metadata)

    @cached_property
    def portrait(self) -> Portrait | None:
        """What it tells of itself, if it is a model that this program can use."""
        if self.format != MODEL.format or self.problem:
            return None
        try:
            return portrait_of(self.metadata)
        except (LookupError, TypeError, ValueError):
            return None

    def members(self) -> tuple[list[str], list[list[str]]] | None:
        """Return what a model is made of, as heads and rows of a table; None where it is of no others."""
        parts = None if self.portrait is None else self.portrait.parts
        return None if parts is None else member_table(parts, kept_step(self.metadata))

    def _in_words(self) -> str:
        if self.format is not None:
            return f"rbmcli {self.format}, format version {self.format_version}"
        if not self.problem:
            return "a Parquet file of another tool, which can serve as ratings"
        if {"user", "item"} <= set(self.roles):
            return "a Parquet file of another tool, which can serve as pairs but not as ratings"
        return "a Parquet file of another tool, which cannot serve as ratings"


def inspect(
    path: str | os.PathLike[str], card: Target | None = None, *, progress: Progress = SILENT
) -> FileDescription:
    """Describe a Parquet file, and write the card of a model if that is wanted.

    Parameters
    ----------
    path : path
        Any Parquet file; with a card, a model.
    card : path, '-' or address, optional
        Where to write the model card, in Markdown; '-' is standard output.
    progress : Progress
        Told that the card is written.

    Raises
    ------
    UsageError
        If the card may not be written there.
    DataError
        If the file is missing, no Parquet file, or its metadata is damaged.
    MismatchError
        If a card is wanted of what is no model.
    """
    check_target(card, [path])
    with local_copy(path) as (copy, where):
        if card is not None:
            text = model_card(copy, where).text
            with open_output(card) as file:
                file.write(text.encode())
            progress.info(f"{told_target(card)}: the model card")
        schema, metadata, footer = read_footer(copy, name=where)
        size = copy.stat().st_size
    found_format = metadata.pop("format", None)
    roles: dict[str, str] = {}
    if found_format is None:
        roles, problem = _usable_as_ratings(schema, where)
    else:
        problem = _contract_problem(schema, {**metadata, "format": found_format}, where)
    return FileDescription(
        path=where,
        format=found_format,
        format_version=metadata.pop("format_version", None),
        problem=problem,
        roles=roles,
        rows=footer.num_rows,
        row_groups=footer.num_row_groups,
        size=size,
        columns={field.name: str(field.type) for field in schema},
        metadata=metadata,
    )


def _validation(kept: dict[str, Any]) -> str:
    nll = "" if kept.get("valid_nll") is None else f", NLL {kept['valid_nll']:.4f}"
    return f"RMSE {kept['valid_rmse']:.4f}{nll}"


def _without_told(metadata: dict[str, Any], portrait: Portrait) -> dict[str, Any]:
    """Return metadata without what is told elsewhere: members, and steps of a training that has none."""
    told = {"members", "of_members"}
    if portrait.course is None:
        told |= {"epochs", "best_epoch", "best_epochs"}
    rest = {name: value for name, value in metadata.items() if name not in told}
    return {**rest, "settings": dict(settings_of(metadata))}


def _trainings(fits: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return how far each training in a checkpoint has come."""
    facts = []
    for number, fit in enumerate(fits, 1):
        key, epochs = fit["key"], len(fit["reports"])
        what = f"rows of {key['by']}s, {key['objective']}, {key['hidden']} hidden units"
        how = "on part of the ratings" if fit["measured"] else "on all ratings"
        if fit["failure"]:
            standing = "left the finite numbers"
        elif len(fit["endings"]) == fit["stages"]:
            standing = f"over after {epochs:,} epochs, the best is {fit['best_epoch']:,}"
        else:
            standing = f"under way after {epochs:,} epochs and {fit['batches']:,} mini-batches"
        facts.append((f"training {number}", f"{what}, {how}: {standing}"))
    return facts


def _contract_problem(schema: pa.Schema, metadata: dict[str, Any], where: str) -> str:
    contract = CONTRACTS.get(metadata["format"])
    if contract is None:
        return f"format '{metadata['format']}' is unknown to this version of rbmcli"
    try:
        check_contract(schema, metadata, contract, where)
    except MismatchError as error:
        return error.message
    return ""


def _usable_as_ratings(schema: pa.Schema, where: str) -> tuple[dict[str, str], str]:
    """Return which columns the roles would be read from, and what keeps the file from being ratings."""
    problem = ""
    try:
        places = find_roles(schema.names, InputSettings(), where, needs_rating=True)
    except DataError as error:
        problem = error.message
        try:
            places = find_roles(schema.names, InputSettings(), where, needs_rating=False)
        except DataError:
            return {}, problem
    if not problem and not _is_number(schema.field(places["rating"]).type):
        field = schema.field(places["rating"])
        problem = f"{where}: column '{field.name}' is {field.type}, expected ratings that are numbers"
    return {role: schema.field(place).name for role, place in places.items()}, problem


def _is_number(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)


def _flatten(metadata: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested metadata as pairs of a dotted name and a text."""
    facts: list[tuple[str, str]] = []
    for key, value in metadata.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            facts += _flatten(value, f"{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            facts.append((name, f"{len(value)} entries, the last: {_figures(value[-1])}"))
        elif value is not None:
            facts.append((name, _text(value)))
    return facts


def _figures(entry: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in entry.items())


def _text(value: Any) -> str:
    if isinstance(value, list):
        more = ", ..." if len(value) > SHOWN_VALUES else ""
        return ", ".join(_text(entry) for entry in value[:SHOWN_VALUES]) + more
    return f"{value:.6g}" if isinstance(value, float) else str(value)
