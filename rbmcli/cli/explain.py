"""The command `explain`: why a user is predicted to rate an item so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, MODEL, Reading, Running
from rbmcli.cli.predict import Inference, ModelFile
from rbmcli.cli.streams import Use
from rbmcli.cli.title_options import Titles
from rbmcli.config import ExplainSettings

if TYPE_CHECKING:
    from rbmcli.pipeline.explain import ExplainResult

_DEFAULTS = ExplainSettings()
_START = {
    "all": "base rates of all ratings",
    "item": "base rates of the item",
    "user": "base rates of the user",
}
_ROW_BIAS = {
    "user": "those of the item, with the row bias of the user",
    "item": "those of the user, with the row bias of the item",
}


@dataclass(frozen=True)
class Asked:
    """Which prediction."""

    history: Annotated[
        str,
        Use.READ,
        typer.Option(
            "--history",
            metavar="RATINGS",
            help="Ratings of the user, known to the model or new; those of others do no harm.",
            rich_help_panel=FILES,
        ),
    ]
    user: Annotated[str, typer.Option("--user", metavar="ID", help="The user.", rich_help_panel=FILES)]
    item: Annotated[str, typer.Option("--item", metavar="ID", help="The item.", rich_help_panel=FILES)]


@dataclass(frozen=True)
class Telling:
    """How much is told and tried."""

    top: Annotated[
        int, typer.Option("--top", help="Ratings of the history to tell of, at most.", rich_help_panel=MODEL)
    ] = _DEFAULTS.top
    consider: Annotated[
        int,
        typer.Option(
            "--consider",
            help="Ratings to leave out one by one, at most; of a longer history those of the items most "
            "like, or unlike, the one asked for.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.consider


@with_options
def command(
    *,
    model: ModelFile,
    asked: Asked,
    titles: Titles,
    telling: Telling,
    inference: Inference = "auto",
    reading: Reading,
    running: Running,
) -> None:
    """Explain a prediction: what it starts from, and which rated items push it up or down.

    The change of a rated item is the expected rating with the whole history less that without this
    rating, each as predict gives it. If the user has rated the item itself, that rating is left out first.
    With rows of items the user is folded in once for each rating that is left out.

        rbmcli explain model.parquet --history train.parquet --user 7 --item 42 --items items.csv
    """
    settings = ExplainSettings(**vars(telling), inference=inference)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.explain import explain

    progress = open_progress(running)
    result = explain(
        model,
        asked.history,
        asked.user,
        asked.item,
        items=titles.items,
        settings=settings,
        input_settings=reading.settings(),
        catalogue_settings=titles.settings(),
        progress=progress,
    )
    if running.json:
        print_result(CommandResult("explain", settings.as_dict(), result.as_dict()), progress)
    else:
        _print(result)


def _print(result: ExplainResult) -> None:
    from rbmcli.cli.console import named, print_table

    expected = result.expected()
    start = [[words, expected[name]] for name, words in _START.items()]
    if "row_bias" in expected:
        start.append([_ROW_BIAS[result.rows], expected["row_bias"]])
    of = named(result.item, result.title)
    print_table(
        ["starting from", "expected"],
        [*start, [f"prediction ({result.source})", result.prediction]],
        title=f"user {result.user}, {of}",
    )
    print()
    at_start = result.start.get("row_bias", result.start["all"])
    print_table(
        ["rating", "probability", "at the start"],
        [
            [f"{level:g}", share, start_share]
            for level, share, start_share in zip(result.levels, result.probabilities, at_start, strict=True)
        ],
    )
    if not result.table.num_rows:
        return
    print()
    has_titles = "title" in result.table.column_names
    print_table(
        ["change", "rated", "item", *(["title"] if has_titles else [])],
        [
            [
                f"{row['change']:+.4f}",
                f"{row['rating']:g}",
                row["item"],
                *([row["title"]] if has_titles else []),
            ]
            for row in result.table.to_pylist()
        ],
        title=_about(result),
    )


def _about(result: ExplainResult) -> str:
    """Return what the changes are changes of."""
    told = f"largest changes by one of {result.n_considered:,} ratings"
    if abs(result.whole - result.prediction) > 1e-3:
        told += f", of the score {result.whole:.4f} with the user folded in"
    return told
