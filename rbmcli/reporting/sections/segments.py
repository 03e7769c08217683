"""Where predictions are good and where they are not: errors of parts of the ratings."""

from __future__ import annotations

from rbmcli.pipeline.measuring import Metric
from rbmcli.pipeline.segments import ACTIVITY, LEVEL, POPULARITY, SOURCE, TIME
from rbmcli.reporting import wording
from rbmcli.reporting.drawing import Picture
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Content, Markup, joined
from rbmcli.reporting.parts import Section, details, figure, paragraph, side_by_side, table
from rbmcli.reporting.pictures import Dot, dots
from rbmcli.reporting.scores import Scores, told_interval

_TITLES = {
    ACTIVITY: "By ratings of the user in the history",
    POPULARITY: "By ratings of the item in the history",
    LEVEL: "By true rating",
    SOURCE: "By source of the prediction",
    TIME: "By time of the rating",
}
_LEAST_TOLD = 0.01
"""Share of the ratings that a part must have to be told of in words."""

_AT_THE_ENDS = (
    " Ratings at the ends of the scale are predicted worse by whatever predicts expectations, which are "
    "drawn to the middle."
)


def section(findings: Findings) -> Section | None:
    """Return the section; None where nothing can be cut into parts."""
    scores = findings.scores
    if scores is None:
        return None
    kinds = [kind for kind in _TITLES if len(scores.segments(kind)) > 1]
    if not kinds:
        return None
    best = scores.best_baseline()
    pictures: list[Picture] = []
    shown: list[Content] = []
    tables: list[Content] = []
    for kind in kinds:
        names = _names(scores, kind, by_user=findings.model.rows == "user")
        pictures.append(_picture(scores, kind, names, best))
        shown.append(figure(pictures[-1], _caption(scores, kind, names)))
        tables.append(_table(scores, kind, names, best))
    lines = ", the line its 95% interval" if any(_has_interval(scores, kind) for kind in kinds) else ""
    beside = f"; the grey ring is that of the {best.predictor}" if best is not None else ""
    content = joined(
        paragraph(
            f"The RMSE of parts of the ratings, below each name how many they are. The dot is that of the "
            f"model{lines}{beside}."
        ),
        side_by_side(*shown),
        details("The parts in figures", *tables),
    )
    return Section("segments", "Where it errs", content, pictures)


def _picture(scores: Scores, kind: str, names: dict[str, str], best: Metric | None) -> Picture:
    entries = []
    for segment in scores.segments(kind):
        found = scores.metric("rmse", segment=segment)
        if found is not None:
            other = None if best is None else scores.metric("rmse", best.predictor, segment)
            entries.append(
                Dot(
                    names[segment],
                    found.value,
                    found.low,
                    found.high,
                    note=wording.count(found.n),
                    other=None if other is None else other.value,
                )
            )
    return dots(f"rmse-by-{kind}", _TITLES[kind], entries, "RMSE")


def _names(scores: Scores, kind: str, *, by_user: bool) -> dict[str, str]:
    """Return how the segments of a kind are told."""
    column, row = ("item", "user") if by_user else ("user", "item")
    sources = {
        "model": "the model",
        "folded_in": "folded in",
        "visible_prior": f"base rates of {column}",
        "row_prior": f"base rates of {row}",
        "global_prior": "base rates of all",
    }
    names = {}
    for segment in scores.segments(kind):
        label = segment.partition("=")[2]
        if kind in {ACTIVITY, POPULARITY}:
            label = "–".join(wording.count(int(end)) for end in label.split("-"))
        elif kind == LEVEL:
            label = wording.level(float(label))
        elif kind == SOURCE:
            label = sources.get(label, label)
        names[segment] = label
    return names


def _caption(scores: Scores, kind: str, names: dict[str, str]) -> str:
    found = [each for name in names if (each := scores.metric("rmse", segment=name)) is not None]
    told_of = [each for each in found if each.n >= _LEAST_TOLD * scores.result.n] or found
    most, least = max(told_of, key=lambda each: each.value), min(told_of, key=lambda each: each.value)
    if most is least:
        return f"Nearly all of the ratings are in one part: {names[most.segment]}."
    told = (
        f"argest at {names[most.segment]}, {wording.figure(most.value)}; smallest at {names[least.segment]}, "
        f"{wording.figure(least.value)}."
    )
    # Of few ratings a figure is mostly chance.
    some = len(told_of) < len(found)
    start = f"Of parts with {wording.percent(_LEAST_TOLD, 0)} of the ratings or more, l" if some else "L"
    return f"{start}{told}{_AT_THE_ENDS if kind == LEVEL else ''}"


def _has_interval(scores: Scores, kind: str) -> bool:
    found = (scores.metric("rmse", segment=name) for name in scores.segments(kind))
    return any(each is not None and each.low is not None for each in found)


def _table(scores: Scores, kind: str, names: dict[str, str], best: Metric | None) -> Markup:
    heads = [_TITLES[kind].removeprefix("By "), "ratings", "share", "RMSE", "95% interval", "MAE"]
    heads += [] if best is None else [f"RMSE of the {best.predictor}"]
    rows = []
    for segment in scores.segments(kind):
        rmse, mae = scores.metric("rmse", segment=segment), scores.metric("mae", segment=segment)
        if rmse is None or mae is None:
            continue
        row = [
            names[segment],
            wording.count(rmse.n),
            wording.percent(rmse.n / scores.result.n),
            wording.figure(rmse.value),
            told_interval(rmse),
            wording.figure(mae.value),
        ]
        if best is not None:
            other = scores.metric("rmse", best.predictor, segment)
            row.append("" if other is None else wording.figure(other.value))
        rows.append(row)
    return table(f"{_TITLES[kind]}.", heads, rows)
