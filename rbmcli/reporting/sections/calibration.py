"""Whether probabilities mean what they say."""

from __future__ import annotations

import numpy as np

from rbmcli.pipeline.measuring import LevelTables
from rbmcli.reporting import wording
from rbmcli.reporting.drawing import Picture
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.level_pictures import FEWEST, MOST_PANELS, reliability_curve, reliability_panels
from rbmcli.reporting.markup import Markup, joined
from rbmcli.reporting.parts import Section, details, figure, paragraph, side_by_side, table
from rbmcli.reporting.scores import Scores

_SURE = 0.5


def section(findings: Findings) -> Section | None:
    """Return the section; None where there are no probabilities."""
    scores = findings.scores
    tables = None if scores is None else scores.tables
    if scores is None or tables is None:
        return None
    pooled = tables.reliability.pooled()
    levels = [wording.level(value) for value in tables.levels.values]
    curve = reliability_curve("calibration", "All levels together", pooled)
    shown = [
        figure(
            curve,
            "Probabilities of all levels, in bins. On the dashed line what is said comes true just as often; "
            "below it the model is too sure. Each bar is the 95% range of a share of as many "
            f"cases; bins with fewer than {FEWEST} are left out where others have more.",
        )
    ]
    pictures: list[Picture] = [curve]
    if len(levels) <= MOST_PANELS:
        panels = reliability_panels(
            "calibration-by-level", "Each level by itself", tables.reliability, levels
        )
        pictures.append(panels)
        shown.append(
            figure(
                panels,
                "The same, one panel for each level: what was said to the right, what came true upwards.",
            )
        )
    content = joined(
        paragraph(
            "What is said to happen with 30% should happen 30% of the time. ",
            _error(scores),
        ),
        *(paragraph(told) for told in _where_sure(tables)),
        *(paragraph(told, class_="note") for told in _set_right(findings)),
        side_by_side(*shown),
        details("The bins in figures", _bins(tables)),
    )
    return Section("calibration", "Do probabilities come true?", content, pictures)


def _error(scores: Scores) -> str:
    error, quantile = scores.metric("calibration_error"), scores.metric("calibration_quantile")
    if error is None:
        return ""
    told = (
        f"On average the two are {wording.figure(100 * error.value, 2)} percentage points apart, which is "
        "the expected calibration error."
    )
    if quantile is None:
        return told
    told += (
        f" On as many ratings a perfectly calibrated model would stay below "
        f"{wording.figure(100 * quantile.value, 2)} in 95 of 100 cases: "
    )
    if error.value <= quantile.value:
        return f"{told}this one cannot be told from it."
    return f"{told}this one is off by more than chance."


def _where_sure(tables: LevelTables) -> list[str]:
    """Return how often what was held more probable than not came true, if anything was."""
    pooled = tables.reliability.pooled()
    sure = pooled.mean_probability[0] > _SURE
    pairs = int(pooled.count[0, sure].sum())
    if not pairs:
        return []
    said = float(pooled.probability_sum[0, sure].sum()) / pairs
    came = float(pooled.hits[0, sure].sum()) / pairs
    all_ = int(pooled.count.sum()) // len(tables.levels)
    return [
        f"In {wording.percent(pairs / all_, 0)} of the ratings one level was held more probable than all "
        f"others together, with {wording.percent(said)} on average. It came true in {wording.percent(came)}."
    ]


def _set_right(findings: Findings) -> list[str]:
    """Return whether the model's probabilities were set right after training, if they were."""
    fit, calibration = findings.model.record.get("calibrated_on"), findings.model.calibration
    if fit is None or calibration is None:
        return []
    predictions = wording.plural(fit["n"], "prediction")
    return [
        f"The model’s probabilities were set right after training, on {predictions}: "
        f"by a temperature of {wording.figure(calibration.temperature, 2)} and a bias for each level."
    ]


def _bins(tables: LevelTables) -> Markup:
    pooled = tables.reliability.pooled()
    edges = np.linspace(0, 1, pooled.count.shape[1] + 1)
    rows = [
        [
            f"{wording.percent(edges[place], 0)} to {wording.percent(edges[place + 1], 0)}",
            wording.count(pooled.count[0, place]),
            wording.percent(pooled.mean_probability[0, place]),
            wording.percent(pooled.share[0, place]),
        ]
        for place in np.flatnonzero(pooled.count[0])
    ]
    heads = ["probability", "cases", "said, on average", "came true"]
    return table("Probabilities of all levels, by bin; a case is a rating and a level.", heads, rows)
