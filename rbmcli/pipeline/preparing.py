"""The work of prepare in bounded memory: ratings are sorted, cleaned, split, and put by as parts.

All of it goes by ranges of users, one after the other; only counts, hashes and items are kept of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from rbmcli.config import InputSettings, LevelSettings, PrepareSettings
from rbmcli.data.external_sort import sorted_by_user
from rbmcli.data.filtering import well_rated_items
from rbmcli.data.fingerprints import Fingerprint, run_label
from rbmcli.data.ids import IdIndex, merged_ids
from rbmcli.data.intake import Source
from rbmcli.data.levels import MAX_DISTINCT, Levels, bin_counts, choose_levels
from rbmcli.data.rating_counts import RatingCounts
from rbmcli.data.row_files import with_plain_columns
from rbmcli.data.row_store import RowStore
from rbmcli.data.splits import TIMED_SPLITS, check_splittable, find_time_cuts
from rbmcli.data.streaming import PIECE_ROWS, RatingsPieces, open_ratings
from rbmcli.engine import LOCAL, Engine
from rbmcli.errors import DataError
from rbmcli.pipeline.cleaning import (
    ROW_FIELD,
    Cleaned,
    Cleaner,
    clean_range,
    counts_unknown,
    known_scale,
    mean_levels,
    nothing_left,
    numbered,
    tell_read,
)
from rbmcli.pipeline.prepared_parts import WHOLE, PreparedPart, Splitter
from rbmcli.progress import Progress

_SHARES_OF_A_STORE = 8
_BYTES_OF_A_ROW = 4000
"""Pieces are read with so much memory for each row that one is small beside what is sorted at once."""


@dataclass(frozen=True)
class Prepared:
    """What prepare writes.

    Attributes
    ----------
    parts : dict of str to PreparedPart
        The parts by their names.
    levels : Levels
        The scale.
    counts : dict of str to int
        As in `PrepareResult`.
    run : str
        Fingerprint of the run.
    """

    parts: dict[str, PreparedPart]
    levels: Levels
    counts: dict[str, int]
    run: str


@contextmanager
def prepared(
    sources: Sequence[Source],
    settings: PrepareSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    *,
    memory: int,
    progress: Progress,
    engine: Engine = LOCAL,
) -> Iterator[Prepared]:
    """Prepare ratings; while the block lasts the parts can be read and written.

    Parameters
    ----------
    memory : int
        Bytes that rows may take.
    engine : Engine
        Where ranges of users are cleaned.
    sources, settings, input_settings, level_settings, progress
        As for `rbmcli.pipeline.prepare.prepare`.
    """
    given = _Given(settings, input_settings, level_settings, memory // _SHARES_OF_A_STORE, progress, engine)
    seen = RatingCounts(MAX_DISTINCT)
    with ExitStack() as stack:
        rows_at_once = min(PIECE_ROWS, max(1, memory // _BYTES_OF_A_ROW))
        with open_ratings(sources, input_settings, progress, rows_at_once=rows_at_once) as read:
            pieces = (with_plain_columns(piece) for piece in numbered(read.pieces, seen))
            schema = with_plain_columns(read.schema.empty_table()).schema
            rows = stack.enter_context(sorted_by_user(pieces, schema.append(ROW_FIELD), memory))
        scale = known_scale(read.metadata, level_settings, read.where)
        cleaner = Cleaner(
            rows,
            input_settings.duplicates,
            mean_levels(read.metadata, seen),
            scale if isinstance(scale, Levels) else None,
            input_settings.unknown_level,
        )
        yield _prepared(read, cleaner, scale, given, stack)


@dataclass(frozen=True)
class _Given:
    settings: PrepareSettings
    input_settings: InputSettings
    level_settings: LevelSettings
    memory: int
    progress: Progress
    engine: Engine


def _prepared(
    read: RatingsPieces, cleaner: Cleaner, scale: Levels | int | None, given: _Given, stack: ExitStack
) -> Prepared:
    settings, schema = given.settings, cleaner.schema
    splitter, cleaned, hashed = Splitter(settings), Cleaned(), Fingerprint()
    tables = _cleaned(cleaner, cleaned, given.engine)
    needs_time, has_time = settings.split in TIMED_SPLITS, "timestamp" in schema.names
    with given.progress.step("splitting"):
        if settings.min_item_ratings > 1 or (settings.split == "time" and has_time):
            # All ratings decide about each of them.
            store = RowStore(schema, given.memory, stack)
            for table in tables:
                store.append(table)
            _check(cleaned, cleaner, scale, given, read.where)
            splitter, tables = _informed(splitter, store), store.tables()
        if needs_time and not has_time:
            # An error, once it is known that there is no earlier one.
            splitter = Splitter(replace(settings, split="none"))
        parts = {name: PreparedPart(name, schema, given.memory, stack) for name in splitter.names}
        for table in tables:
            kept = splitter.keep(table)
            hashed.update(kept.column("user"), kept.column("item"), kept.column("rating").to_numpy())
            for name, part in splitter.split(kept).items():
                parts[name].append(part)
    scale = _check(cleaned, cleaner, scale, given, read.where)
    counts = _counts(read, cleaned, parts, given)
    tell_read(read.where, counts, given.progress)
    check_splittable(schema, settings, read.where)
    if "train" in parts and not parts["train"].rows:
        raise DataError(
            f"{read.where}: the split leaves none of {counts['written']:,} ratings for training",
            hint="lower --valid-fraction and --test-fraction",
        )
    levels = scale if isinstance(scale, Levels) else _binned(parts, scale, given.progress)
    told = _settings_told(given)
    label = run_label({**told, **levels.as_metadata()})
    run = hashed.hexdigest(schema.field("user").type, schema.field("item").type, label)
    for part in parts.values():
        part.describe(levels, {"command": "prepare", "settings": told, "seed": settings.seed, "run": run})
    return Prepared(parts, levels, counts, run)


def _cleaned(cleaner: Cleaner, cleaned: Cleaned, engine: Engine) -> Iterator[pa.Table]:
    for found in engine.map(partial(clean_range, cleaner), cleaner.rows.ranges()):
        cleaned.add(found)
        yield found.table


def _check(
    cleaned: Cleaned, cleaner: Cleaner, scale: Levels | int | None, given: _Given, where: str
) -> Levels | int:
    """Return the scale, once all ratings are cleaned; raise what speaks against them."""
    cleaned.check_duplicates(where)
    if scale is None:
        scale = choose_levels(cleaned.ratings.values, given.level_settings, where)
    cleaned.check_levels(cleaner, where)
    return scale


def _informed(splitter: Splitter, store: RowStore) -> Splitter:
    """Return what splits with the knowledge of all ratings."""
    settings = splitter.settings
    if settings.min_item_ratings > 1:
        items = pa.array([], store.schema.field("item").type)
        for table in store.tables(["item"]):
            items = merged_ids(items, table.column("item"))
        staying = well_rated_items(
            lambda: store.tables(["user", "item"]),
            IdIndex.of(items),
            settings.min_user_ratings,
            settings.min_item_ratings,
        )
        splitter = replace(splitter, items=staying)
    if settings.split != "time" or "timestamp" not in store.schema.names:
        return splitter

    def kept(columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of the ratings that stay."""
        if not splitter.filters:
            yield from store.tables(columns)
            return
        for table in store.tables(["user", "item", "timestamp"]):
            yield splitter.keep(table).select(columns)

    count = sum(table.num_rows for table in kept(["timestamp"]))
    return replace(splitter, cuts=find_time_cuts(kept, count, settings))


def _counts(
    read: RatingsPieces, cleaned: Cleaned, parts: dict[str, PreparedPart], given: _Given
) -> dict[str, int]:
    written = sum(part.rows for part in parts.values())
    if not written:
        raise nothing_left(read.where, read.n_read)
    return {
        "read": read.n_read,
        "bad": read.n_bad,
        "duplicate": cleaned.repeats,
        **counts_unknown(cleaned.unknown, given.input_settings),
        "filtered": cleaned.rows - written,
        "written": written,
        **{name: part.rows for name, part in parts.items()},
    }


def _binned(parts: dict[str, PreparedPart], bins: int, progress: Progress) -> Levels:
    """Return the levels of a continuous scale, cut from the training part, so that no other is looked at."""
    levels = bin_counts(parts[WHOLE if WHOLE in parts else "train"].rating_counts(), bins)
    progress.info(f"the scale is continuous: binned to {levels.describe()}")
    return levels


def _settings_told(given: _Given) -> dict[str, Any]:
    """Return the settings that the files depend on beyond the ratings themselves."""
    settings = given.settings
    unused = {"none": {"valid_fraction", "test_fraction", "leave_last", "seed"}}.get(
        settings.split, {"leave_last"} if settings.split == "random" else {"seed"}
    )
    return {
        **{name: value for name, value in settings.as_dict().items() if name not in unused},
        "duplicates": given.input_settings.duplicates,
        "unknown_level": given.input_settings.unknown_level,
        "levels": list(given.level_settings.levels),
        "bins": given.level_settings.bins,
    }
