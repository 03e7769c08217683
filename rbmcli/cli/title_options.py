"""The options of commands that show items by title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rbmcli.cli.options import FILES
from rbmcli.cli.streams import Use
from rbmcli.config import CatalogueSettings


@dataclass(frozen=True)
class Titles:
    """Where titles of items are from."""

    items: Annotated[
        str | None,
        Use.READ,
        typer.Option(
            "--items",
            metavar="FILE",
            help="Catalogue with titles of the items, in any format that ratings may have.",
            rich_help_panel=FILES,
        ),
    ] = None
    items_id: Annotated[
        str | None,
        typer.Option("--items-id", help="Its column of ids, by name or position.", rich_help_panel=FILES),
    ] = None
    items_title: Annotated[
        str | None,
        typer.Option(
            "--items-title", help="Its column of titles, by name or position.", rich_help_panel=FILES
        ),
    ] = None

    def settings(self) -> CatalogueSettings:
        """Return the settings that the options stand for."""
        return CatalogueSettings(id_column=self.items_id, title_column=self.items_title)
