"""The command `similar`: a model and an item to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, MODEL, MinSupport, OutputFormat, Running
from rbmcli.cli.predict import ModelFile
from rbmcli.cli.streams import Use
from rbmcli.cli.title_options import Titles
from rbmcli.config import SimilarSettings

if TYPE_CHECKING:
    from rbmcli.pipeline.similar import SimilarResult

_DEFAULTS = SimilarSettings()


@dataclass(frozen=True)
class Neighbours:
    """Which neighbours."""

    top: Annotated[int, typer.Option("--top", help="Neighbours, at most.", rich_help_panel=MODEL)] = (
        _DEFAULTS.top
    )
    min_support: MinSupport = _DEFAULTS.min_support


@with_options
def command(
    *,
    model: ModelFile,
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="Id of the item, as in the ratings.", show_default=False)
    ],
    output: Annotated[
        str | None,
        Use.WRITTEN,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Where to write the neighbours; - is standard output, and then no table is printed.",
            rich_help_panel=FILES,
        ),
    ] = None,
    output_format: OutputFormat = "auto",
    titles: Titles,
    neighbours: Neighbours,
    running: Running,
) -> None:
    """Show the items that a model holds to be most alike to one.

    Similarity is the cosine of what the model has learned of two items, held back where either has few
    ratings: near 1 for items that the same users rate alike, near 0 for items that have nothing in common.

        rbmcli similar model.parquet 1 --items items.csv
    """
    settings = SimilarSettings(**vars(neighbours))
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.similar import similar

    progress = open_progress(running)
    result = similar(
        model,
        item,
        output,
        output_format=output_format,
        items=titles.items,
        settings=settings,
        catalogue_settings=titles.settings(),
        progress=progress,
    )
    if running.json:
        files = () if output is None else (output,)
        print_result(CommandResult("similar", settings.as_dict(), result.as_dict(), files), progress)
    elif output != "-":
        _print(result)


def _print(result: SimilarResult) -> None:
    from rbmcli.cli.console import named, print_table

    heads = ["rank", "similarity", "ratings", "item"]
    rows = [
        [row["rank"], row["similarity"], row["n_ratings"], row["neighbour"]]
        for row in result.table.to_pylist()
    ]
    if "title" in result.table.column_names:
        heads.append("title")
        rows = [[*row, title] for row, title in zip(rows, result.table["title"].to_pylist(), strict=True)]
    of = named(result.item, result.title)
    print_table(heads, rows, title=f"nearest to {of}, which has {result.n_ratings:,} ratings")
