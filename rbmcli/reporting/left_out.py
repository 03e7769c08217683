"""What a report does not show, and what would add it."""

from __future__ import annotations

from rbmcli.models.kinds import has_vectors
from rbmcli.models.rbm import Rbm
from rbmcli.pipeline.segments import TIME
from rbmcli.reporting.findings import Findings


def left_out(findings: Findings) -> list[str]:
    """Return a line for each thing that is not shown."""
    lines, scores = [], findings.scores
    if scores is None:
        lines.append("How good predictions are: --predictions adds it.")
    if not findings.has_history:
        lines.append(
            "Baselines, errors by the activity of users and the popularity of items, and recommendations "
            "explained: --history adds them."
        )
    elif findings.examples is None:
        lines.append("Recommendations explained: --examples adds them.")
    if scores is not None and scores.tables is None:
        lines.append(
            "Whether probabilities come true, and which ratings are taken for which: predictions made with "
            "--probabilities add it."
        )
    if scores is not None and not scores.segments(TIME):
        lines.append("Errors by time: a column of timestamps in the predictions or in --truth adds them.")
    lines += _of_the_kind(findings)
    if findings.catalogue is None:
        lines.append("Titles in the place of ids of items: --items adds them.")
    return lines


def _of_the_kind(findings: Findings) -> list[str]:
    """Return a line for each thing that models of this kind have not."""
    model, name = findings.model, findings.portrait.name
    lines = []
    if findings.portrait.course is None:
        lines.append(
            f"The course of training: {name} has none of its own; a model of train --model rbm, autoencoder "
            "or mf adds it."
        )
    if not isinstance(model, Rbm):
        lines.append(f"What hidden units respond to: {name} tells of none; train --model rbm adds it.")
    if not has_vectors(model):
        lines.append(
            f"Which items are alike: {name} holds nothing of items that tells it; other kinds of train "
            "--model add it."
        )
    return lines
