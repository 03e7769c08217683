"""The tables that `evaluate` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbmcli.cli.console import print_line, print_table
from rbmcli.cli.text_plots import print_reliability

if TYPE_CHECKING:
    from rbmcli.pipeline.evaluation import EvaluateResult
    from rbmcli.pipeline.measuring import Metric

_FIGURES = ("rmse", "mae", "nll", "rps", "accuracy", "kappa")
_HEADS = {"calibration_error": "calibration error", "calibration_quantile": "if perfectly calibrated"}
_ALL = "all"

_Figures = dict[str, float]
_Ends = dict[str, list[float]]


def print_evaluation(result: EvaluateResult) -> None:
    """Print predictors, differences between them, and segments."""
    print_predictors(result)
    given = result.predictors[: result.n_given]
    whole = [([name], result.segments(name)[_ALL], _Ends()) for name in given]
    if any("calibration_error" in figures for _, figures, _ in whole):
        print_line()
        _print_figures(["predictor"], whole, (*_HEADS, "coverage"))
        for each in result.as_dict()["predictors"]:
            if "reliability" in each:
                print_reliability(each["reliability"]["all"], each["name"])
    print_differences(result)
    kinds = dict.fromkeys(name.partition("=")[0] for name in result.segments() if name != _ALL)
    for kind in kinds:
        print_line()
        _print_segments(result, kind, given)


def print_predictors(result: EvaluateResult) -> None:
    """Print the figures of all pairs, of each predictor."""
    _print_figures(
        ["predictor"],
        [
            ([name], result.segments(name)[_ALL], result.intervals(name).get(_ALL, {}))
            for name in result.predictors
        ],
        _FIGURES,
    )


def _print_figures(
    heads: list[str], rows: list[tuple[list[str], _Figures, _Ends]], metrics: tuple[str, ...]
) -> None:
    """Print rows of figures as far as any row has them, and beside the RMSE the ends of its interval."""
    present = [metric for metric in metrics if any(metric in figures for _, figures, _ in rows)]
    with_ends = any("rmse" in ends for _, _, ends in rows)
    columns = [*heads, "n"]
    for metric in present:
        columns += [_HEADS.get(metric, metric), *(["from", "to"] if metric == "rmse" and with_ends else [])]
    lines = []
    for names, figures, ends in rows:
        line: list[object] = [*names, figures["n"]]
        for metric in present:
            line.append(figures.get(metric))
            if metric == "rmse" and with_ends:
                line += ends.get("rmse") or [None, None]
        lines.append(line)
    print_table(columns, lines)


def print_differences(result: EvaluateResult) -> None:
    """Print all differences between predictions; of only one that of its RMSE to each baseline's.

    An empty line stands above them.
    """
    differences = result.differences()
    given = result.predictors[: result.n_given]
    chosen = [entry for entry in differences if entry.against in given]
    print_compared(chosen or [entry for entry in differences if entry.metric == "rmse"])


def print_compared(differences: list[Metric]) -> None:
    """Print some differences, if there are any, an empty line above them."""
    if not differences:
        return
    said = {True: "yes", False: "no", None: None}
    print_line()
    print_table(
        ["difference", "figure", "value", "from", "to", "beyond chance"],
        [
            [
                f"{entry.predictor} - {entry.against}",
                entry.metric,
                entry.value,
                entry.low,
                entry.high,
                said[entry.beyond_chance],
            ]
            for entry in differences
        ],
    )


def _print_segments(result: EvaluateResult, kind: str, given: list[str]) -> None:
    rows = []
    for segment in result.segments():
        if segment.startswith(f"{kind}="):
            for name in given:
                names = [segment.removeprefix(f"{kind}="), *([name] if len(given) > 1 else [])]
                figures = result.segments(name).get(segment)
                if figures is not None:
                    rows.append((names, figures, result.intervals(name).get(segment, {})))
    heads = [kind, *(["predictor"] if len(given) > 1 else [])]
    _print_figures(heads, rows, ("share", *_FIGURES))
