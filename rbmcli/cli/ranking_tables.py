"""The tables that `evaluate` prints of lists of recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rbmcli.cli.console import print_line, print_table
from rbmcli.cli.evaluation_tables import print_compared

if TYPE_CHECKING:
    from rbmcli.pipeline.measuring import Metric
    from rbmcli.pipeline.ranking_result import RankingResult

_FIGURES = ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
_OF_CATALOGUE = {"catalogue_coverage": "catalogue coverage", "novelty": "novelty in bits"}
_WITH_ENDS = "ndcg"
_ALL = "all"


def print_ranking(result: RankingResult) -> None:
    """Print the figures of each predictor, what was counted, differences, and segments."""
    _print_figures(result, ["predictor"], [([name], name, _ALL) for name in result.predictors], result.at)
    _print_catalogue(result)
    print_line()
    print_line(f"relevant: {result.relevance} ({result.n_relevant:,} of {result.n:,} users)")
    print_table(
        ["predictor", "lists", "nothing relevant", "without list", "candidates"],
        [
            [name, counts.lists, counts.left_out, counts.without_list, counts.candidates]
            for name, counts in zip(result.predictors, result.counts, strict=True)
        ],
    )
    print_compared(_differences(result))
    _print_segments(result)


def _print_figures(
    result: RankingResult, heads: list[str], rows: list[tuple[list[str], str, str]], at: Sequence[int]
) -> None:
    """Print figures of rows of labels, predictor and segment; beside NDCG the ends of its interval."""
    with_ends = any(result.intervals(name).get(segment) for _, name, segment in rows)
    columns = [*heads, "at", "n"]
    for figure in _FIGURES:
        columns += [figure.replace("_", " "), *(["from", "to"] if with_ends and figure == _WITH_ENDS else [])]
    lines = []
    for labels, name, segment in rows:
        figures, ends = result.segments(name)[segment], result.intervals(name).get(segment, {})
        for cutoff in at:
            line: list[object] = [*labels, cutoff, figures["n"]]
            for figure in _FIGURES:
                key = f"{figure}@{cutoff}"
                line.append(figures[key])
                if with_ends and figure == _WITH_ENDS:
                    line += ends.get(key) or [None, None]
            lines.append(line)
    print_table(columns, lines)


def _print_catalogue(result: RankingResult) -> None:
    """Print what part of the catalogue stands in the lists, and how unpopular it is, as far as known."""
    rows = [
        [name, cutoff, *(result.segments(name)[_ALL].get(f"{figure}@{cutoff}") for figure in _OF_CATALOGUE)]
        for name in result.predictors
        for cutoff in result.at
    ]
    if rows[0][-1] is not None:
        print_line()
        print_table(["predictor", "at", *_OF_CATALOGUE.values()], rows)


def _differences(result: RankingResult) -> list[Metric]:
    """Return all differences between lists that were given, and of NDCG those to the baseline."""
    given = result.predictors[: result.n_given]
    return [
        entry
        for entry in result.differences()
        if entry.against in given or entry.metric.startswith(f"{_WITH_ENDS}@")
    ]


def _print_segments(result: RankingResult) -> None:
    """Print the figures of segments at the largest cutoff."""
    segments = [segment for segment in result.segments() if segment != _ALL]
    if not segments:
        return
    several = len(result.predictors) > 1
    rows = [
        ([segment.partition("=")[2], *([name] if several else [])], name, segment)
        for segment in segments
        for name in result.predictors
    ]
    heads = [segments[0].partition("=")[0], *(["predictor"] if several else [])]
    print_line()
    _print_figures(result, heads, rows, result.at[-1:])
