"""The predictions beside others and beside the baselines."""

from __future__ import annotations

from rbmcli.pipeline.measuring import Metric
from rbmcli.reporting import wording
from rbmcli.reporting.drawing import Picture
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
    shown = scores.present(predictors)
    pictures = [_picture(scores)] if len(predictors) > 1 else []
    content = joined(
        paragraph(_found(scores)) if pictures else None,
        *(side_by_side(figure(picture, _caption(scores)), _differences(scores)) for picture in pictures),
        _all_figures(scores, shown),
        _meanings(shown),
    )
    return Section("comparison", _title(scores), content, pictures)


def _title(scores: Scores) -> str:
    if len(scores.given) > 1:
        return "Predictions compared"
    return "Beside the baselines" if scores.baselines else "All figures"


def _picture(scores: Scores) -> Picture:
    entries = [
        Dot(scores.shown(name), found.value, found.low, found.high, name not in scores.baselines)
        for name in scores.result.predictors
        if (found := scores.metric("rmse", name)) is not None
    ]
    return dots("comparison", "RMSE: smaller is better", entries, "units of the rating")


def _caption(scores: Scores) -> str:
    rmse = scores.metric("rmse")
    if rmse is None or rmse.low is None:
        return "The dot is the RMSE."
    return (
        "The dot is the RMSE, the line its 95% interval over users. That intervals overlap does not mean "
        "that there is no difference: the same users are hard for all."
    )


def _found(scores: Scores) -> str:
    if len(scores.given) > 1:
        return _best_of(scores)
    baseline = scores.best_baseline()
    assert baseline is not None
    difference = scores.metric("rmse", against=baseline.predictor)
    if difference is None or difference.beyond_chance is None:
        return f"The best baseline is the {baseline.predictor}."
    verdict = "beyond chance" if difference.beyond_chance else "within chance"
    return (
        f"The best baseline is the {baseline.predictor}. The difference of "
        f"{wording.signed(difference.value)} to it is {verdict}: its 95% interval is {_ends(difference)}."
    )


def _best_of(scores: Scores) -> str:
    found = [each for name in scores.given if (each := scores.metric("rmse", name)) is not None]
    best, second, *_ = sorted(found, key=lambda each: each.value)
    told = f"Of the {len(found)} predictions {scores.shown(best.predictor)} has the smallest RMSE"
    difference = _between(scores, best, second)
    if difference is None or difference.beyond_chance is None:
        return f"{told}."
    verdict = "beyond" if difference.beyond_chance else "within"
    return f"{told}; its difference to the next, {scores.shown(second.predictor)}, is {verdict} chance."


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
    if len(scores.given) > 1:
        heads[0] = f"RMSE of {scores.shown(scores.model)} less that of"
    return table("Differences on the same ratings; below 0 the model is better.", heads, rows)


def _meanings(shown: list[str]) -> Markup:
    entries = [joined(element("dt", TITLES[name]), element("dd", f"{MEANINGS[name]}.")) for name in shown]
    return element("dl", *(element("div", entry) for entry in entries), class_="terms")


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
