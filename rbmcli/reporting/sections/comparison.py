"""The predictions beside others and beside the baselines."""

from __future__ import annotations

from rbmcli.pipeline.measuring import Metric
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, figure, paragraph, side_by_side, table
from rbmcli.reporting.pictures import Dot, dots
from rbmcli.reporting.scores import MEANINGS, TITLES, Scores, told_interval, told_value


def section(findings: Findings) -> Section | None:
    """Return the section; None where nothing was evaluated."""
    scores = findings.scores
    if scores is None:
        return None
    predictors = scores.result.predictors
    entries = [
        Dot(scores.shown(name), found.value, found.low, found.high, name not in scores.baselines)
        for name in predictors
        if (found := scores.metric("rmse", name)) is not None
    ]
    picture = dots("comparison", "RMSE: smaller is better", entries, "units of the rating")
    shown = scores.present(predictors)
    meanings = [joined(element("dt", TITLES[name]), element("dd", f"{MEANINGS[name]}.")) for name in shown]
    has_intervals = any(entry.low is not None for entry in entries)
    caption = "The dot is the RMSE" + (", the line its 95% interval over users." if has_intervals else ".")
    differences = _differences(scores)
    if differences is not None and has_intervals:
        caption += " That intervals overlap does not mean that there is no difference: "
        caption += "the same users are hard for all."
    content = joined(
        paragraph(_found(scores)),
        side_by_side(figure(picture, caption), differences),
        _all_figures(scores, shown),
        element("dl", *(element("div", meaning) for meaning in meanings), class_="terms"),
    )
    title = "Beside the baselines" if len(scores.given) == 1 else "Predictions compared"
    return Section("comparison", title, content, [picture])


def _found(scores: Scores) -> str:
    found = [each for name in scores.given if (each := scores.metric("rmse", name)) is not None]
    best = min(found, key=lambda each: each.value)
    if len(found) > 1:
        told = f"Of the {len(found)} predictions {scores.shown(best.predictor)} has the smallest RMSE"
        others = [each for each in found if each is not best]
        second = min(others, key=lambda each: each.value)
        difference = _between(scores, best, second)
        if difference is not None and difference.beyond_chance is False:
            return f"{told}, but is not clearly better than {scores.shown(second.predictor)}."
        return f"{told}."
    baseline = scores.best_baseline()
    if baseline is None:
        return "There are no baselines to hold it against: --history gives the ratings to fit them on."
    difference = scores.metric("rmse", against=baseline.predictor)
    if difference is None or difference.low is None:
        return f"The best baseline is the {baseline.predictor}."
    verdict = "beyond chance" if difference.beyond_chance else "within chance"
    return (
        f"The best baseline is the {baseline.predictor}. The difference of "
        f"{wording.signed(difference.value)} to it is {verdict}: its 95% interval is {_ends(difference)}."
    )


def _between(scores: Scores, one: Metric, other: Metric) -> Metric | None:
    found = scores.metric("rmse", one.predictor, against=other.predictor)
    return found or scores.metric("rmse", other.predictor, against=one.predictor)


def _ends(difference: Metric) -> str:
    if difference.low is None or difference.high is None:
        return ""
    return f"{wording.signed(difference.low)} to {wording.signed(difference.high)}"


def _differences(scores: Scores) -> Markup | None:
    """Return the differences in RMSE of the model to all others."""
    rows, heads = [], ["RMSE of the model less that of", "difference", "95% interval"]
    for name in scores.result.predictors[1:]:
        found = scores.metric("rmse", against=name)
        if found is not None:
            rows.append([scores.shown(name), wording.signed(found.value), _ends(found)])
    if not rows:
        return None
    if not any(row[2] for row in rows):
        heads, rows = heads[:2], [row[:2] for row in rows]
    if len(scores.given) > 1:
        heads[0] = f"RMSE of {scores.shown(scores.model)} less that of"
    return table("Differences on the same ratings; below 0 the model is better.", heads, rows)


def _all_figures(scores: Scores, shown: list[str]) -> Markup:
    rows = []
    for predictor in scores.result.predictors:
        found = {name: scores.metric(name, predictor) for name in shown}
        cells = [
            wording.figure(None) if entry is None else told_value(entry.metric, entry.value)
            for entry in found.values()
        ]
        rmse = found["rmse"]
        rows.append([scores.shown(predictor), cells[0], told_interval(rmse) if rmse else "", *cells[1:]])
    heads = ["predictor", TITLES[shown[0]], "95% interval", *(TITLES[name] for name in shown[1:])]
    return table("All figures, of the same ratings.", heads, rows, strong=[0])
