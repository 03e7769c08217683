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

_FEWEST = 2
"""Figures that make a curve."""


def section(findings: Findings) -> Section | None:
    """Return the section; None where the model has no record of steps."""
    record, validation = findings.model.record, findings.description["settings"]["validation"]
    epochs, course = record.get("epochs", []), findings.portrait.course
    if not epochs or course is None:
        return None
    number = np.array([entry["epoch"] for entry in epochs])
    best = record.get("best_epoch") if validation != "none" and course.is_chosen else None
    losses = "Loss on the training ratings"
    figures = [("loss", losses, "loss", course.loss, None)]
    if validation != "none":
        measured = _MEASURED_ON[validation]
        kept = " The best epoch is the one that was kept." if course.is_chosen else ""
        figures += [
            (
                "validation-rmse",
                "Validation RMSE",
                "valid_rmse",
                f"Typical error {measured}, in units of the rating.{kept}",
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
        # Some kinds know a figure of the last step alone, which is told in words.
        if np.isfinite(values).sum() >= min(len(epochs), _FEWEST):
            pictures.append(curve(f"training-{name}", title, number, values, marked, course.step))
            shown.append(figure(pictures[-1], caption))
    content = joined(
        paragraph(_in_words(findings, epochs, best)), side_by_side(*shown), _tried(record.get("tried", []))
    )
    return Section("training", "The course of training", content, pictures)


def _in_words(findings: Findings, epochs: list[dict[str, Any]], best: int | None) -> str:
    settings, portrait = findings.description["settings"], findings.portrait
    assert portrait.course is not None
    told = f"Training took {wording.plural(max(len(epochs), epochs[-1]['epoch']), portrait.course.step)}"
    if settings["validation"] == "none":
        told += "; nothing was held out to measure by"
        told += ", so how many are enough is not known." if portrait.course.step == "epoch" else "."
    elif best is not None:
        told += f", of which the {wording.ordinal(best)} was best and is the one that was kept."
    else:
        told += "."
    if findings.kept is not None:
        told += f" {_figures(findings.kept, settings['validation'])}"
    if settings.get("fine_tune"):
        told += (
            " Contrastive divergence came first and discriminative training after it: their losses are not "
            "the same quantity."
        )
    if settings["refit"] and settings["validation"] != "none":
        again = portrait.measured.again
        told += (
            f" The model was then trained again {f'{again} ' if again else ''}on all ratings, the validation "
            "ratings too: the curves are those of the model before."
        )
    return told


def _figures(kept: dict[str, Any], validation: str) -> str:
    nll = "" if kept.get("valid_nll") is None else f" and its NLL {wording.figure(kept['valid_nll'])}"
    return f"{_MEASURED_ON[validation].capitalize()} its RMSE is {wording.figure(kept['valid_rmse'])}{nll}."


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
