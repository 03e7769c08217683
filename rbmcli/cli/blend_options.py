"""The options of `train` for models that are made of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from rbmcli.config import Member

BLEND = "Several models as one (--model blend and ensemble)"


@dataclass(frozen=True)
class Blending:
    """Which models are combined, and how."""

    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "--members",
            metavar="KIND[:SETTING=VALUE,...]",
            help="A model of the blend, once for each, like mf, or rbm:by=item,hidden=200; settings are the "
            "options that its kind has. An ensemble has one.",
            show_default=False,
            rich_help_panel=BLEND,
        ),
    ] = None
    seeds: Annotated[
        int, typer.Option("--seeds", help="Times that an ensemble trains its model.", rich_help_panel=BLEND)
    ] = 5
    combiner: Annotated[
        Literal["linear", "boosted"],
        typer.Option(
            "--combiner",
            help="What makes the prediction of a blend: a sum with weights that are not negative, and depend "
            "on how many ratings user and item have, or boosted trees upon it.",
            rich_help_panel=BLEND,
        ),
    ] = "linear"
    weight_folds: Annotated[
        int,
        typer.Option(
            "--weight-folds",
            help="Parts of the ratings, of --holdout each, that members are asked for without having seen "
            "them, to find the weights of a blend. Each further one takes as long as training.",
            rich_help_panel=BLEND,
        ),
    ] = 1
    time_budget: Annotated[
        float | None,
        typer.Option(
            "--time-budget",
            metavar="SECONDS",
            help="Leave out members of a blend that would take longer than this in all. The first, quickest "
            "of preset best, is always trained; what is in the file then depends on the machine.",
            show_default=False,
            rich_help_panel=BLEND,
        ),
    ] = None

    def settings(self, model: str, preset: str, *, day_bias: bool) -> dict[str, dict[str, Any]]:
        """Return the settings that these options give a blend and an ensemble, by their names."""
        members = tuple(Member.of(text) for text in self.member or ())
        blend: dict[str, Any] = {
            "preset": preset if preset == "best" else None,
            "day_bias": day_bias,
            "combiner": self.combiner,
            "weight_folds": self.weight_folds,
            "time_budget": self.time_budget,
        }
        ensemble: dict[str, Any] = {"seeds": self.seeds}
        (ensemble if model == "ensemble" else blend)["members"] = members
        return {"blend": blend, "ensemble": ensemble}
