"""The course of training: what the model has recorded of its epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, joined
from rbmcli.reporting.parts import Section, figure, paragraph, side_by_side, table
from rbmcli.reporting.pictures import curve

_MEASURED_ON = {
    "file": "on ratings of a file of their own",
    "holdout": "on a part of the ratings that was held out",
}


def section(findings: Findings) -> Section | None:
    """Return the section; None where the model has no record."""
    record, settings = findings.model.record, findings.model.settings
    epochs = record.get("epochs", [])
    if not epochs:
        return None
    number = np.array([entry["epoch"] for entry in epochs])
    best = record.get("best_epoch") if settings.validation != "none" else None
    losses = "Loss on the training ratings"
    figures = [("loss", losses, "loss", _LOSS[settings.objective], None)]
    if settings.validation != "none":
        measured = _MEASURED_ON[settings.validation]
        figures += [
            (
                "validation-rmse",
                "Validation RMSE",
                "valid_rmse",
                f"Typical error {measured}, in units of the rating. The best epoch is the one that was kept.",
                best,
            ),
            (
                "validation-nll",
                "Validation NLL",
                "valid_nll",
                f"How improbable the model held what came true, {measured}, in nats for a rating.",
                best,
            ),
        ]
    pictures, shown = [], []
    for name, title, key, caption, marked in figures:
        values = np.array([np.nan if entry.get(key) is None else entry[key] for entry in epochs], np.float64)
        if np.isfinite(values).any():
            pictures.append(curve(f"training-{name}", title, number, values, marked))
            shown.append(figure(pictures[-1], caption))
    content = joined(
        paragraph(_in_words(findings, epochs, best)), side_by_side(*shown), _tried(record.get("tried", []))
    )
    return Section("training", "The course of training", content, pictures)


_LOSS = {
    "discriminative": "What training makes small: how far the ratings that it hides are from what is "
    "predicted from the others. An epoch is one pass over all training ratings.",
    "divergence": "How improbable the ratings are in the reconstruction, in nats for a rating. An epoch is "
    "one pass over all training ratings.",
}


def _in_words(findings: Findings, epochs: list[dict[str, Any]], best: int | None) -> str:
    settings = findings.model.settings
    told = f"Training took {wording.plural(len(epochs), 'epoch')}"
    if settings.validation == "none":
        told += "; nothing was held out to measure by, so how many are enough is not known."
    elif best is not None:
        told += f", of which the {wording.ordinal(best)} was best and is the one that was kept."
    if settings.fine_tune:
        told += (
            " Contrastive divergence came first and discriminative training after it: their losses are not "
            "the same quantity."
        )
    if settings.refit:
        told += (
            " The model was then trained again for as many epochs on all ratings, the validation ratings "
            "too: the curves are those of the model before."
        )
    return told


def _tried(tried: list[dict[str, Any]]) -> Markup | None:
    """Return a table of the settings that were tried, the best marked."""
    if not tried:
        return None
    known = [entry for entry in tried if entry["valid_rmse"] is not None]
    best = min(known, key=lambda entry: entry["valid_rmse"]) if known else None
    rows = [
        [
            f"rows of {entry['by']}s, {entry['objective']}",
            wording.count(entry["hidden"]),
            f"{entry['penalty']:g}" if entry["objective"] == "discriminative" else "",
            str(entry["level_functions"] or "none"),
            wording.figure(entry["valid_rmse"], 4),
            wording.figure(entry["valid_nll"], 4),
        ]
        for entry in tried
    ]
    return table(
        f"The {len(tried)} settings that were tried, with the best in bold.",
        ["way of training", "hidden units", "penalty", "shared levels", "RMSE", "NLL"],
        rows,
        strong=[tried.index(best)] if best else [],
    )
