"""The predictions beside others and beside the baselines."""

from __future__ import annotations

from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import joined
from rbmcli.reporting.parts import Section, figure, paragraph, side_by_side, table
from rbmcli.reporting.pictures import Dot, dots
from rbmcli.reporting.scores import MEANINGS, MODEL, TITLES, Scores
from rbmcli.reporting.sections.head import told_value


def section(findings: Findings) -> Section | None:
    """Return the section; None where nothing was evaluated."""
    if findings.evaluation is None:
        return None
    scores = Scores(findings.evaluation)
    entries = [
        Dot(name, found.value, found.low, found.high, name not in scores.baselines)
        for name in scores.predictors
        if (found := scores.metric("rmse", name)) is not None
    ]
    picture = dots("comparison", "RMSE, smaller is better", entries, "units of the rating")
    shown = [name for name in TITLES if any(scores.metric(name, each) for each in scores.predictors)]
    rows = []
    for predictor in scores.predictors:
        rmse = scores.metric("rmse", predictor)
        ends = "" if rmse is None else wording.interval(rmse.low, rmse.high)
        cells = [
            "" if (found := scores.metric(name, predictor)) is None else told_value(name, found.value)
            for name in shown
        ]
        rows.append([predictor, cells[0], ends, *cells[1:]])
    heads = ["", TITLES[shown[0]], "95% interval", *(TITLES[name] for name in shown[1:])]
    meanings = "; ".join(f"{TITLES[name]}: {MEANINGS[name]}" for name in shown)
    content = joined(
        side_by_side(
            figure(picture, "The dot is the RMSE, the line its 95% interval over users."),
            table("All figures.", heads, rows, strong=[scores.predictors.index(MODEL)]),
        ),
        paragraph(f"{meanings}.", class_="note"),
    )
    return Section("comparison", "Beside the baselines", content, [picture])
