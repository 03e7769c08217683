"""The step after recommending: whether lists hold, and how far up, what users went for.

Held-out ratings are the truth. All that a user has not rated in the history could have been listed, so an
item that the user would have liked and never met counts as a miss: the figures are lower bounds, good for
comparing lists of the same candidates with each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rbmcli.config import InputSettings, RankingSettings
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, told_target
from rbmcli.data.schemas import METRICS
from rbmcli.data.tables import PairsTable
from rbmcli.data.writing import write_table
from rbmcli.models.ranking import Judged, judge, ranking_values
from rbmcli.pipeline.evaluation_input import as_list
from rbmcli.pipeline.gates import check_gates, parse_gates
from rbmcli.pipeline.measuring import Metric, places_compared
from rbmcli.pipeline.ranked_lists import Listed
from rbmcli.pipeline.ranking_figures import RankingMeasurer, ranking_names
from rbmcli.pipeline.ranking_input import RankingInput, read_ranking_input
from rbmcli.pipeline.ranking_result import ListCounts, RankingResult
from rbmcli.pipeline.segments import ACTIVITY, by_count
from rbmcli.progress import SILENT, Progress


def evaluate_ranking(
    recommendations: Source | PairsTable | Sequence[Source | PairsTable],
    *,
    truth: Source | None,
    history: Source | None = None,
    output: Target | None = None,
    output_format: str = "auto",
    segments: Sequence[str] | None = None,
    fail_if: Sequence[str] = (),
    seed: int = 0,
    resamples: int = 1000,
    ranking: RankingSettings = RankingSettings(),  # noqa: B008 (frozen)
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> RankingResult:
    """Measure lists of recommendations against held-out ratings, and against each other.

    Figures are means over the users with relevant items; one of them without a list has 0 in each.

    Parameters
    ----------
    recommendations : path, pyarrow.Table or pandas.DataFrame, or list of these
        Columns user and item, and rank or score. Several are compared on the same users.
    truth : path, table or frame
        Held-out ratings.
    history : path, table or frame, optional
        Ratings that the model was trained on: the catalogue, and how popular its items are. With it the
        lists stand beside a baseline: the most popular items that each of their users has not rated.
    output : path, '-' or address, optional
        Where to write the metrics; '-' is standard output.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output; auto goes by the ending of its name.
    segments : sequence of str, optional
        What to cut the users by: 'activity', their ratings in the history.
    fail_if : sequence of str
        Conditions, such as 'ndcg@10<0.2', under which nothing is written, on figures of the first lists.
    seed, resamples : int
        Of the intervals: how often users are drawn anew; 0 gives none.
    ranking : RankingSettings
        Cutoffs, and what is relevant.
    input_settings : InputSettings
        How the inputs are read.
    progress : Progress
        Told what is read and left out, and what makes figures misleading.

    Returns
    -------
    RankingResult

    Raises
    ------
    UsageError
        If the truth is missing, lists are shorter than a cutoff, or a segment or figure is asked for that
        there is not.
    DataError
        If an input cannot be read, nothing is relevant, or a list holds an item or a rank twice.
    MismatchError
        If the inputs do not belong together.
    GateError
        If a condition of `fail_if` holds.
    """
    sources = as_list(recommendations)
    check_target(output, [*sources, truth, history])
    wanted = tuple(segments or ())
    given = read_ranking_input(sources, truth, history, wanted, ranking, input_settings, progress)
    gates = parse_gates(fail_if, [*ranking_names(given.at), "n"])
    with progress.step("measuring"):
        listed = [*(each.listed for each in given.lists), *given.baselines()]
        judged = [judge(each.ranked, given.relevant, max(given.at)) for each in listed]
        metrics = _measured(given, listed, judged, bool(wanted), seed, resamples)
    drawing = {"seed": seed, "resamples": resamples, "segments": None if segments is None else list(wanted)}
    metadata = given.metadata(input_settings, {"relevant": ranking.relevant, "gain": ranking.gain, **drawing})
    result = RankingResult(
        metrics=metrics,
        predictors=[each.name for each in listed],
        n=len(judged[0].user),
        metadata=metadata,
        at=given.at,
        n_relevant=len(given.relevant.user),
        relevance=_relevance(ranking),
        counts=[_counts(given, each, found) for each, found in zip(listed, judged, strict=True)],
        n_given=len(given.lists),
    )
    check_gates(gates, result.gated(), result)
    if output is not None:
        write_table(result.table, output, METRICS, metadata, format_of(output_format, output))
        progress.info(f"{told_target(output)}: {len(metrics):,} figures of {result.n:,} users")
    return result


def _measured(
    given: RankingInput,
    listed: Sequence[Listed],
    judged: Sequence[Judged],
    by_activity: bool,
    seed: int,
    resamples: int,
) -> list[Metric]:
    """Return all figures: of each predictor, overall and by segment, and then differences."""
    measurer = RankingMeasurer(given.at, seed, resamples)
    named = [(each.name, ranking_values(found, given.at)) for each, found in zip(listed, judged, strict=True)]
    cut, n_items = [], given.catalogue_size()
    if by_activity and given.past is not None:
        cut = by_count(given.past.activity()[judged[0].user])
    metrics: list[Metric] = []
    for each, (name, values) in zip(listed, named, strict=True):
        metrics += measurer.figures(name, values)
        if given.past is not None:
            metrics += measurer.of_catalogue(name, each.ranked, given.past.popularity(), n_items)
        for label, chosen in cut:
            segment, n = f"{ACTIVITY}={label}", int(np.count_nonzero(chosen))
            metrics.append(Metric("share", name, None, segment, n / len(chosen), n))
            metrics += measurer.figures(name, values[chosen], segment)
    compared = places_compared(len(given.lists), len(listed) - len(given.lists))
    return metrics + measurer.differences(named, compared)


def _counts(given: RankingInput, lists: Listed, judged: Judged) -> ListCounts:
    users = np.unique(lists.ranked.user)
    past, ranked = given.past, lists.ranked
    return ListCounts(
        lists=len(users),
        left_out=judged.left_out,
        without_list=len(np.setdiff1d(judged.user, users)),
        already_rated=None if past is None else past.count_of(ranked.user, ranked.item),
        candidates=lists.candidates,
    )


def _relevance(ranking: RankingSettings) -> str:
    held_out = "every held-out item"
    if ranking.relevant is not None:
        held_out = f"held-out items rated {ranking.relevant:g} or higher"
    above = ", worth in NDCG what their rating is above the lowest of the scale"
    return held_out + (above if ranking.gain == "rating" else "")
