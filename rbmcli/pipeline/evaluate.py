"""The step after predicting: how far predictions are from the ratings, and whether they beat the baselines.

Errors are taken against the raw rating, whatever levels the model has. The baselines are fitted on the
history and asked the very same pairs, so that they stand beside the model fairly.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from rbmcli.config import InputSettings
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, told_target
from rbmcli.data.schemas import FROM_MODEL, METRICS
from rbmcli.data.storage import write_table
from rbmcli.data.tables import PairsTable
from rbmcli.models.moments import FIGURES
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.evaluation_input import EvaluationInput, as_list, read_evaluation_input
from rbmcli.pipeline.gates import check_gates, parse_gates
from rbmcli.pipeline.measuring import ALL, LevelTables, Measurer, Metric, Predicted
from rbmcli.pipeline.segments import EVERY, LEVEL, SOURCE, Segment, segments_of
from rbmcli.progress import SILENT, Progress

GATED_FIGURES = (*FIGURES, "calibration_error", "coverage", "n")


def evaluate(
    predictions: Source | PairsTable | Sequence[Source | PairsTable],
    *,
    truth: Source | None = None,
    history: Source | None = None,
    output: Target | None = None,
    output_format: str = "auto",
    segments: Sequence[str] | None = None,
    fail_if: Sequence[str] = (),
    seed: int = 0,
    resamples: int = 1000,
    input_settings: InputSettings = InputSettings(),  # noqa: B008 (frozen)
    progress: Progress = SILENT,
) -> EvaluateResult:
    """Measure predictions against ratings, and against each other.

    Parameters
    ----------
    predictions : path, pyarrow.Table or pandas.DataFrame, or list of these
        Columns user, item and prediction; `source`, `probabilities` and `rating` where known. Several are
        compared on the pairs that all of them have.
    truth : path, table or frame, optional
        Ratings to compare with, joined by user and item; goes before a rating column of the predictions.
    history : path, table or frame, optional
        Ratings to fit the baselines on, usually those that the model was trained on.
    output : path, '-' or address, optional
        Where to write the metrics; '-' is standard output.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output; auto goes by the ending of its name.
    segments : sequence of str, optional
        What to cut the pairs by, see `rbmcli.pipeline.segments`; by `source` where the predictions tell it,
        if not given.
    fail_if : sequence of str
        Conditions, such as 'rmse>0.92', under which nothing is written, on figures of the first predictions:
        of `rmse`, `mae`, `nll`, `rps`, `accuracy`, `kappa`, `calibration_error`, of `n`, the pairs, and of
        `coverage`, the share that was predicted by the model and not by base rates.
    seed, resamples : int
        Of the intervals: how often users are drawn anew; 0 gives none.
    input_settings : InputSettings
        How the inputs are read.
    progress : Progress
        Told what is read and left out.

    Returns
    -------
    EvaluateResult

    Raises
    ------
    UsageError
        If segments are asked for that need what was not given.
    DataError
        If an input cannot be read or holds values that cannot be evaluated.
    MismatchError
        If the inputs do not belong together.
    GateError
        If a condition of `fail_if` holds.
    """
    gates = parse_gates(fail_if, GATED_FIGURES)
    sources = as_list(predictions)
    check_target(output, [*sources, truth, history])
    wanted = () if segments is None else tuple(segments)
    given = read_evaluation_input(sources, truth, history, wanted, input_settings, progress)
    predicted = list(given.predicted)
    if given.past is not None:
        with progress.step("fitting the baselines"):
            predicted += [
                Predicted(baseline.name, prediction, is_baseline=True)
                for baseline, prediction in given.past.baselines()
            ]
    with progress.step("measuring"):
        metrics, tables = _measured(given, predicted, segments, seed, resamples)
    drawing = {"seed": seed, "resamples": resamples, "segments": None if segments is None else list(wanted)}
    metadata = given.metadata(input_settings, drawing)
    result = EvaluateResult(
        metrics=metrics,
        predictors=[each.name for each in predicted],
        n_given=len(given.predicted),
        n=len(given.scored[0]),
        unmatched=given.unmatched,
        excluded=0 if given.past is None else given.past.excluded,
        metadata=metadata,
        level_tables=tables,
    )
    check_gates(gates, result.gated(), result)
    if output is not None:
        write_table(result.table, output, METRICS, metadata, format_of(output_format, output))
        progress.info(f"{told_target(output)}: {len(metrics):,} figures of {result.n:,} predictions")
    return result


def _measured(
    given: EvaluationInput,
    predicted: Sequence[Predicted],
    names: Sequence[str] | None,
    seed: int,
    resamples: int,
) -> tuple[list[Metric], dict[str, LevelTables]]:
    """Return all figures, and by the name of the predictor what became of probabilities."""
    first = given.scored[0]
    measurer = Measurer(first.pairs, first.rating, seed, resamples)
    cut = segments_of([name for name in names or () if name != SOURCE], first, predicted[0], given.past)
    # A prediction's source is that of its own predictor.
    cut = [segment for segment in cut if not segment.name.startswith(f"{SOURCE}=")]
    metrics: list[Metric] = []
    tables: dict[str, LevelTables] = {}
    for place, each in enumerate(predicted):
        metrics += measurer.figures(each)
        found = measurer.level_tables(each)
        if found is not None:
            tables[each.name] = found
            metrics += measurer.calibration(each, found)
        own: list[Segment] = []
        if not each.is_baseline:
            source = given.scored[place].source
            if source is not None:
                covered = float(np.mean(np.isin(source, FROM_MODEL)))
                metrics.append(Metric("coverage", each.name, None, ALL, covered, len(source)))
            if source is not None or SOURCE in (names or ()):
                wanted = names is None or {SOURCE, EVERY} & set(names)
                own = segments_of([SOURCE], given.scored[place], each, None) if wanted else []
        metrics += _of_segments(measurer, each, [*own, *cut])
    return metrics + measurer.differences(predicted, _compared(predicted)), tables


def _compared(predicted: Sequence[Predicted]) -> list[tuple[int, int]]:
    """Return places of predictors to compare: each two predictions, then predictions and baselines."""
    given = [place for place, each in enumerate(predicted) if not each.is_baseline]
    baselines = range(len(given), len(predicted))
    return [*combinations(given, 2), *product(given, baselines)]


def _of_segments(measurer: Measurer, predicted: Predicted, segments: Sequence[Segment]) -> list[Metric]:
    metrics = []
    for segment in segments:
        n = int(np.count_nonzero(segment.chosen))
        metrics.append(Metric("share", predicted.name, None, segment.name, n / len(segment.chosen), n))
        found = measurer.figures(predicted, segment.name, segment.chosen)
        if segment.name.startswith(f"{LEVEL}="):
            # Where there is but one true level, kappa tells nothing.
            found = [entry for entry in found if entry.metric != "kappa"]
        metrics += found
    return metrics
