"""What stands first: what was found, in a sentence and in a few large figures."""

from __future__ import annotations

from rbmcli.pipeline.measuring import Metric
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, paragraph
from rbmcli.reporting.scores import MEANINGS, TITLES, Scores, told_interval, told_value

_TILES = ("rmse", "mae", "accuracy", "nll")


def section(findings: Findings) -> Section:
    """Return the head."""
    scores = findings.scores
    content = joined(
        paragraph(finding(findings), class_="finding"),
        paragraph(_model_in_words(findings)),
        *(
            []
            if scores is None
            else [paragraph(_measured_on(findings, scores), class_="note"), _tiles(scores)]
        ),
    )
    return Section("head", findings.settings.title, content)


def finding(findings: Findings) -> str:
    """Return what was found, in a sentence."""
    scores = findings.scores
    if scores is None:
        return _of_training(findings)
    rmse, best = scores.metric("rmse"), scores.best_baseline()
    assert rmse is not None
    told = f"RMSE {wording.figure(rmse.value)}"
    if best is None or best.value == 0:
        return told
    difference = scores.metric("rmse", against=best.predictor)
    if difference is not None and difference.beyond_chance is False:
        return f"{told}, no clear difference from the {best.predictor} ({wording.figure(best.value)})"
    share = rmse.value / best.value - 1
    return f"{told}, {wording.percent(abs(share))} {'below' if share < 0 else 'above'} the {best.predictor}"


def _of_training(findings: Findings) -> str:
    if findings.kept is None:
        return "How well it predicts has not been measured"
    return f"RMSE {wording.figure(findings.kept['valid_rmse'])} {findings.portrait.measured.briefly}"


def _model_in_words(findings: Findings) -> str:
    model, portrait = findings.model, findings.portrait
    ratings = int(model.record.get("n_ratings", model.user_ratings.sum()))
    return (
        f"The model is {portrait.what}. {portrait.made}. It has learned from "
        f"{wording.plural(ratings, 'rating')} of {wording.plural(len(model.item_ids), 'item')} by "
        f"{wording.plural(len(model.user_ids), 'user')}."
    )


def _measured_on(findings: Findings, scores: Scores) -> str:
    values, result = findings.model.levels.values, scores.result
    ends = f"{wording.level(values[0])} to {wording.level(values[-1])}"
    binned = findings.model.levels.edges is not None
    scale = f"on {len(values)} bins with means from {ends}" if binned else f"on a scale from {ends}"
    told = f"Measured on {wording.plural(result.n, 'rating')}, {scale}."
    if result.unmatched:
        told += f" {wording.plural(result.unmatched, 'prediction')} had no rating to be held against."
    covered = scores.metric("coverage")
    if covered is not None and covered.value < 1:
        told += f" The model predicted {wording.percent(covered.value, 2)} of them, base rates the others."
    rmse = scores.metric("rmse")
    if rmse is not None and rmse.low is not None:
        told += " A 95% interval is where the figure of other users of the same kind would lie."
    return told


def _tiles(scores: Scores) -> Markup:
    best = scores.best_baseline()
    entries = [_tile(found, best, scores) for name in _TILES if (found := scores.metric(name)) is not None]
    return element("dl", *entries, class_="figures")


def _tile(found: Metric, best: Metric | None, scores: Scores) -> Markup:
    name, ends = found.metric, told_interval(found)
    other = None if best is None else scores.metric(name, best.predictor)
    meaning = MEANINGS[name]
    return element(
        "div",
        element("dt", TITLES[name]),
        element("dd", told_value(name, found.value), class_="value"),
        element("dd", f"95% interval {ends}", class_="ends") if ends else None,
        element("dd", element("b", told_value(name, other.value)), f" {other.predictor}", class_="other")
        if other
        else None,
        element("dd", f"{meaning[0].upper()}{meaning[1:]}.", class_="meaning"),
    )
