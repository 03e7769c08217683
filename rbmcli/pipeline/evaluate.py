"""The step after predicting: how far predictions are from the ratings, and whether they beat the baselines.

Errors are taken against the raw rating, whatever levels the model has. The baselines are fitted on the
history and asked the very same pairs, so that they stand beside the model fairly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rbmcli.config import InputSettings
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, told_target
from rbmcli.data.schemas import FROM_MODEL, METRICS
from rbmcli.data.tables import PairsTable
from rbmcli.data.writing import write_table
from rbmcli.errors import UsageError
from rbmcli.models.moments import FIGURES
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.evaluation_input import EvaluationInput, as_list, read_evaluation_input
from rbmcli.pipeline.gates import check_gates, parse_gates
from rbmcli.pipeline.measuring import ALL, LevelTables, Measurer, Metric, Predicted, places_compared
from rbmcli.pipeline.past import Past
from rbmcli.pipeline.segments import EVERY, LEVEL, SOURCE, Segment, segments_of
from rbmcli.progress import SILENT, Progress

if TYPE_CHECKING:
    from rbmcli.pipeline.asking import Model
    from rbmcli.pipeline.calibrate import Calibrated

GATED_FIGURES = (*FIGURES, "calibration_error", "coverage", "n")


def evaluate(
    predictions: Source | PairsTable | Sequence[Source | PairsTable],
    *,
    truth: Source | None = None,
    history: Source | None = None,
    model: Model | None = None,
    calibrate: Target | None = None,
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
    model : Rbm or path, optional
        The model that has made the predictions; needed with `calibrate` alone.
    calibrate : path, '-' or address, optional
        Where to write a copy of the model whose probabilities are set right by the predictions, which must
        be of validation ratings that it was not trained on, see `rbmcli.models.calibration`.
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
        If what is asked for needs what was not given.
    DataError
        If an input cannot be read or holds values that cannot be evaluated.
    MismatchError
        If the inputs do not belong together.
    GateError
        If a condition of `fail_if` holds.
    """
    gates = parse_gates(fail_if, GATED_FIGURES)
    sources = as_list(predictions)
    check_target(output, [*sources, truth, history, model])
    check_target(calibrate, [*sources, truth, history, model])
    if (model is None) != (calibrate is None):
        raise UsageError("--model and --calibrate go together: the model, and where its copy is written")
    wanted = () if segments is None else tuple(segments)
    given = read_evaluation_input(sources, truth, history, wanted, input_settings, progress)
    baselines: list[Predicted] = []
    if given.past is not None:
        with progress.step("fitting the baselines"):
            baselines = baselines_of(given.past)
    with progress.step("measuring"):
        result = measured(given, baselines, segments, seed, resamples, input_settings)
    if model is not None:
        result = replace(result, calibrated=_calibrated(model, given))
    calibrated, metrics, metadata = result.calibrated, result.metrics, result.metadata
    check_gates(gates, result.gated(), result)
    if calibrate is not None and calibrated is not None:
        calibrated.save(calibrate)
        progress.info(_tell(calibrated, calibrate))
    if output is not None:
        write_table(result.table, output, METRICS, metadata, format_of(output_format, output))
        progress.info(f"{told_target(output)}: {len(metrics):,} figures of {result.n:,} predictions")
    return result


def baselines_of(past: Past) -> list[Predicted]:
    """Return what each baseline that is fitted on a history says of the asked pairs."""
    return [
        Predicted(baseline.name, prediction, is_baseline=True) for baseline, prediction in past.baselines()
    ]


def measured(
    given: EvaluationInput,
    baselines: Sequence[Predicted],
    segments: Sequence[str] | None,
    seed: int,
    resamples: int,
    input_settings: InputSettings,
) -> EvaluateResult:
    """Return the figures of predictions and baselines; parameters and what is raised as of `evaluate`.

    Parameters
    ----------
    given : EvaluationInput
        The predictions.
    baselines : sequence of Predicted
        What each baseline says of the same pairs.
    """
    predicted = [*given.predicted, *baselines]
    metrics, tables = _measured(given, predicted, segments, seed, resamples)
    wanted = None if segments is None else list(segments)
    drawing = {"seed": seed, "resamples": resamples, "segments": wanted}
    return EvaluateResult(
        metrics=metrics,
        predictors=[each.name for each in predicted],
        n_given=len(given.predicted),
        n=len(given.scored[0]),
        unmatched=given.unmatched,
        excluded=0 if given.past is None else given.past.excluded,
        metadata=given.metadata(input_settings, drawing),
        level_tables=tables,
    )


def _calibrated(model: Model, given: EvaluationInput) -> Calibrated:
    # Here, because it takes a third of a second to load the kernels.
    from rbmcli.pipeline.calibrate import calibrate_model

    return calibrate_model(model, given)


def _tell(calibrated: Calibrated, target: Target) -> str:
    (nll_before, nll_after), (before, after) = calibrated.nll, calibrated.calibration_error
    return (
        f"{told_target(target)}: calibrated on {calibrated.n:,} predictions, temperature "
        f"{calibrated.fitted.temperature:.4f}; of these the nll is {nll_after:.4f} ({nll_before:.4f} before) "
        f"and the calibration error {after:.4f} ({before:.4f})"
    )


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
    n_given = len(given.predicted)
    compared = places_compared(n_given, len(predicted) - n_given)
    return metrics + measurer.differences(predicted, compared), tables


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
