"""What stands first: what was found, in a sentence and in a few large figures."""

from __future__ import annotations

from rbmcli.pipeline.measuring import Metric
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, paragraph
from rbmcli.reporting.scores import MEANINGS, SHARES, TITLES, Scores

_TILES = ("rmse", "mae", "accuracy", "nll")


def section(findings: Findings) -> Section:
    """Return the head."""
    scores = None if findings.evaluation is None else Scores(findings.evaluation)
    found = _of_training(findings) if scores is None else _of_evaluation(scores)
    content = joined(
        paragraph(found, class_="finding"),
        paragraph(_model_in_words(findings)),
        None if scores is None else paragraph(_measured_on(findings, scores)),
        None if scores is None else _tiles(scores),
    )
    return Section("head", findings.settings.title, content)


def _of_evaluation(scores: Scores) -> str:
    rmse = scores.metric("rmse")
    assert rmse is not None
    told = f"RMSE {wording.figure(rmse.value)}"
    best = scores.best("rmse", scores.baselines)
    if best is None:
        return told
    other = scores.metric("rmse", best)
    assert other is not None
    share = rmse.value / other.value - 1 if other.value else 0.0
    if abs(share) < 0.0005:
        return f"{told}, as good as the {best}"
    return f"{told}, {wording.percent(abs(share))} {'below' if share < 0 else 'above'} the {best}"


def _of_training(findings: Findings) -> str:
    record = findings.model.record
    best = [entry for entry in record.get("epochs", []) if entry["epoch"] == record.get("best_epoch")]
    if not best or best[0].get("valid_rmse") is None:
        return "How well it predicts has not been measured"
    return f"RMSE {wording.figure(best[0]['valid_rmse'])} on the ratings that its epoch was chosen by"


def _model_in_words(findings: Findings) -> str:
    model, settings = findings.model, findings.model.settings
    units = "normal" if settings.hidden_units == "gaussian" else "binary"
    how = {
        "discriminative": "to predict a part of each case's ratings from the rest",
        "divergence": "by contrastive divergence",
    }[settings.objective]
    if settings.fine_tune:
        how += ", then to predict a part of each case's ratings from the rest"
    return (
        f"The model is a Restricted Boltzmann Machine with {wording.count(settings.hidden)} {units} hidden "
        f"units, in which each {settings.by} is a case. It was trained {how}, on "
        f"{wording.count(model.record.get('n_ratings', model.row_ratings.sum()))} ratings of "
        f"{wording.plural(len(model.item_ids), 'item')} by {wording.plural(len(model.user_ids), 'user')}."
    )


def _measured_on(findings: Findings, scores: Scores) -> str:
    values = findings.model.levels.values
    told = (
        f"Measured on {wording.plural(scores.result.n, 'rating')}, on a scale from "
        f"{wording.level(values[0])} to {wording.level(values[-1])}."
    )
    if scores.metric("rmse") is not None and scores.metric("rmse").low is not None:
        told += " A 95% interval is where the figure of other users of the same kind would lie."
    return told


def _tiles(scores: Scores) -> Markup:
    best = scores.best("rmse", scores.baselines)
    entries = [
        _tile(name, found, best, scores) for name in _TILES if (found := scores.metric(name)) is not None
    ]
    return element("dl", *entries, class_="figures")


def _tile(name: str, found: Metric, best: str | None, scores: Scores) -> Markup:
    other = None if best is None else scores.metric(name, best)
    ends = _interval(name, found)
    return element(
        "div",
        element("dt", TITLES[name]),
        element("dd", told_value(name, found.value), class_="value"),
        element("dd", f"95% interval {ends}") if ends else None,
        element("dd", f"{best} {told_value(name, other.value)}") if other else None,
        element("dd", f"The {MEANINGS[name]}."),
    )


def told_value(name: str, value: float) -> str:
    """Return a figure with the digits and the unit that it is told with."""
    return wording.percent(value) if name in SHARES else wording.figure(value)


def _interval(name: str, found: Metric) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{told_value(name, found.low)} to {told_value(name, found.high)}"
