"""A model file -> a model card: what it is, what it is made of, how good it is, what it is for and not for.

The sections are those of M. Mitchell et al. (2019), "Model Cards for Model Reporting", as far as a file can
know them. Equal models have equal cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.levels import Levels
from rbmcli.data.schemas import MODEL
from rbmcli.data.storage import read_columns
from rbmcli.errors import DataError, MismatchError
from rbmcli.models.member_tables import MEMBER
from rbmcli.models.portraits import KINDS
from rbmcli.pipeline.card_text import card_text
from rbmcli.pipeline.rating_spread import Spread


@dataclass(frozen=True)
class ModelCard:
    """A model card.

    Attributes
    ----------
    text : str
        Markdown.
    users, items : Spread
        How ratings are spread over them.
    """

    text: str
    users: Spread
    items: Spread


def model_card(path: Path, where: str) -> ModelCard:
    """Return the card of a model; of its file only the metadata and how many ratings each side has are read.

    Parameters
    ----------
    path : Path
        File of the model.
    where : str
        Its name, for messages.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    MismatchError
        If it is no model.
    """
    table, metadata = read_columns(path, ["part", "n_ratings", MEMBER], MODEL, name=where)
    if metadata.get("kind") not in KINDS:
        raise MismatchError(
            f"{where}: a model of kind '{metadata.get('kind')}', expected {' or '.join(map(repr, KINDS))}",
            hint="read it with the version of rbmcli that wrote it, or a newer one",
        )
    try:
        levels = Levels.from_metadata(metadata)
        if levels is None:
            raise ValueError("it names no levels")
        rows, columns = (Spread.of(_ratings(table, part)) for part in ("row", "visible"))
        users, items = (rows, columns) if metadata["orientation"] == "user" else (columns, rows)
        return ModelCard(card_text(metadata, levels, users, items), users, items)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"{where}: the model is damaged: {error}") from None


def _ratings(table: pa.Table, part: str) -> np.ndarray:
    """Return the ratings of each line of a part, int64."""
    chosen = pc.equal(table.column("part"), part)
    if MEMBER in table.column_names:
        # Members have lines of their own, with the same users and items.
        chosen = pc.and_(chosen, pc.is_null(table.column(MEMBER)))
    return table.filter(chosen).column("n_ratings").to_numpy().astype(np.int64)
