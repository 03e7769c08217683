"""How good a model is, and what each part of it adds: the figures of a model card."""

from __future__ import annotations

from typing import Any

from rbmcli.models.portrait import Parts, Portrait, kept_step
from rbmcli.pipeline.markdown import counted, table
from rbmcli.pipeline.members import member_table

_SHOWN_STEPS = 10


def figures(metadata: dict[str, Any], portrait: Portrait) -> str:
    """Return how good the model is, by what its training has recorded."""
    kept = kept_step(metadata)
    text = _measured(metadata, portrait)
    if kept is not None:
        text += f"\n\n{_of_step(kept, portrait)}: {_in_words(kept)}."
    if metadata["settings"]["refit"] and metadata["settings"]["validation"] != "none":
        again = portrait.measured.again
        text += (
            " The model was then trained again on all ratings, the validation ratings too"
            f"{f', {again}' if again else ''}: the figures are those of the model before."
        )
    if metadata.get("calibrated_on"):
        text += " " + _calibrated(metadata["calibrated_on"])
    if metadata.get("tried"):
        text += f" Its settings are the best of {len(metadata['tried'])} that were tried out."
    if portrait.course is None:
        return text
    best = metadata.get("best_epoch")
    rows = [
        tuple(f"**{cell}**" if entry["epoch"] == best and cell else cell for cell in _cells(entry))
        for entry in _some(metadata.get("epochs", []), best)
    ]
    return f"{text}\n\n{table([portrait.course.step, 'loss', 'RMSE', 'NLL'], rows)}" if rows else text


def _measured(metadata: dict[str, Any], portrait: Portrait) -> str:
    settings = metadata["settings"]
    if settings["validation"] == "none":
        loss = "" if portrait.course is None else " The loss is that of the training ratings."
        return (
            "It was trained without validation ratings: **nothing is known of how well it predicts.**" + loss
        )
    folds = settings.get("weight_folds", 1)
    ratings = "ratings of a file of their own (`--valid`)"
    if settings["validation"] == "holdout":
        ratings = f"{settings['holdout']:.1%} of the ratings, which were held out"
        ratings += f", and on {folds - 1} further parts that members were trained without" * (folds > 1)
    return (
        f"{portrait.measured.when} {ratings}. {portrait.measured.flattered}; `rbmcli evaluate` measures it "
        "on ratings that it has never seen."
    )


def _of_step(kept: dict[str, Any], portrait: Portrait) -> str:
    if portrait.parts is not None:
        return portrait.parts.together.capitalize()
    if portrait.course is None:
        return "On these"
    if portrait.course.is_chosen:
        return f"The best {portrait.course.step} is {kept['epoch']:,}"
    return f"After all {kept['epoch']:,} {portrait.course.step}s"


def _in_words(entry: dict[str, Any]) -> str:
    nll = "" if entry["valid_nll"] is None else f", NLL {entry['valid_nll']:.4f} nats"
    return f"RMSE {entry['valid_rmse']:.4f} in units of the rating{nll}"


def _calibrated(fit: dict[str, Any]) -> str:
    (nll_before, nll_after), (before, after) = fit["nll"], fit["calibration_error"]
    return (
        f"Its probabilities were set right on {counted(fit['n'], 'prediction')} afterwards (`rbmcli evaluate "
        f"--calibrate`): on these the NLL went from {nll_before:.4f} to {nll_after:.4f} and the expected "
        f"calibration error from {before:.4f} to {after:.4f}."
    )


def _cells(entry: dict[str, Any]) -> list[str]:
    told = (_figure(entry[name]) for name in ("loss", "valid_rmse", "valid_nll"))
    return [str(entry["epoch"]), *told]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _some(epochs: list[dict[str, Any]], best: int | None) -> list[dict[str, Any]]:
    """Return the first, the last and the best epoch, and some between."""
    every = max(1, -(-len(epochs) // _SHOWN_STEPS))
    return [
        entry
        for place, entry in enumerate(epochs)
        if place % every == 0 or place == len(epochs) - 1 or entry["epoch"] == best
    ]


def parts_table(parts: Parts, metadata: dict[str, Any]) -> str:
    """Return what a model is made of, with the figures of each part and of all together."""
    heads, rows = member_table(parts, kept_step(metadata))
    members, together = rows[: len(parts.models)], rows[len(parts.models) :]
    told = [[f"`{name}`", *others] for name, *others in members]
    told += [[f"**{cell}**" if cell else "" for cell in row] for row in together]
    return f"{parts.meaning}\n\n{table(heads, told)}"
