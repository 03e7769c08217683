"""The step after predicting: how far predictions are from the ratings, and whether they beat the baselines.

Errors are taken against the raw rating, whatever levels the model has. The baselines are fitted on the
history and asked the very same pairs, so that they stand beside the model fairly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.fingerprints import column_fingerprint
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source, check_same_run, read_pairs, read_ratings
from rbmcli.data.levels import UNKNOWN
from rbmcli.data.outputs import Target, check_target, told_target
from rbmcli.data.schemas import FROM_MODEL, METRICS
from rbmcli.data.storage import write_table
from rbmcli.data.tables import PairsTable, RatingsTable
from rbmcli.errors import DataError
from rbmcli.models.baselines import History, fit_baselines
from rbmcli.models.moments import FIGURES
from rbmcli.pipeline.gates import check_gates, parse_gates
from rbmcli.pipeline.measuring import OF_ERRORS, Measurer, Metric
from rbmcli.pipeline.pair_join import PairJoin
from rbmcli.pipeline.scored import ScoredPairs, join_with_truth, true_levels
from rbmcli.progress import SILENT, Progress

ALL = "all"
SOURCE = "source="
BASELINE = "baseline="
GATED_FIGURES = (*FIGURES, "coverage", "n")
SOURCE_ORDER = ("model", "folded_in", "visible_prior", "row_prior", "global_prior")

SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("segment", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
    ]
)


@dataclass(frozen=True)
class EvaluateResult:
    """What an evaluation found.

    Attributes
    ----------
    metrics : list of Metric
        Every figure: those of all pairs first, then by source, then by baseline.
    n : int
        Pairs that were both predicted and rated.
    unmatched : int
        Predictions left out because the truth does not hold their pair.
    excluded : int
        Ratings of the history that were asked pairs too, and that no baseline was fitted on.
    metadata : dict
        What was compared with what.
    """

    metrics: list[Metric]
    n: int
    unmatched: int
    excluded: int
    metadata: dict[str, Any]

    @property
    def table(self) -> pa.Table:
        """The metrics under the contract of metrics files."""
        return pa.Table.from_pylist([vars(entry) for entry in self.metrics], schema=SCHEMA)

    def segments(self) -> dict[str, dict[str, float]]:
        """Return the figures of each segment by the name of the metric, and its `n`."""
        found: dict[str, dict[str, float]] = {}
        for entry in self.metrics:
            # Accuracy and nll may have fewer pairs than the errors, which come first and tell the n.
            segment = found.setdefault(entry.segment, {"n": entry.n})
            segment[entry.metric] = entry.value
        return found

    def intervals(self) -> dict[str, dict[str, list[float]]]:
        """Return the ends of the intervals of each segment, as far as known, by the name of the metric."""
        found: dict[str, dict[str, list[float]]] = {}
        for entry in self.metrics:
            if entry.low is not None and entry.high is not None:
                found.setdefault(entry.segment, {})[entry.metric] = [entry.low, entry.high]
        return found

    def gated(self) -> dict[str, float]:
        """Return the figures that a gate may be on, as far as they are known."""
        figures = {entry.metric: entry.value for entry in self.metrics if entry.segment == ALL}
        shares = {entry.segment: entry.value for entry in self.metrics if entry.metric == "share"}
        if shares:
            figures["coverage"] = sum(shares.get(f"{SOURCE}{name}", 0.0) for name in FROM_MODEL)
        return {**figures, "n": self.n}

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON."""
        return {
            "n": self.n,
            "unmatched": self.unmatched,
            "excluded": self.excluded,
            "segments": self.segments(),
            "intervals": self.intervals(),
            "compared": self.metadata,
        }


def evaluate(
    predictions: Source,
    *,
    truth: Source | None = None,
    history: Source | None = None,
    output: Target | None = None,
    output_format: str = "auto",
    fail_if: Sequence[str] = (),
    seed: int = 0,
    resamples: int = 1000,
    input_settings: InputSettings = InputSettings(),  # noqa: B008 (frozen)
    progress: Progress = SILENT,
) -> EvaluateResult:
    """Measure predictions against ratings.

    Parameters
    ----------
    predictions : path, pyarrow.Table or pandas.DataFrame
        Columns user, item and prediction; `source`, `probabilities` and `rating` where known.
    truth : path, table or frame, optional
        Ratings to compare with, joined by user and item; goes before a rating column of the predictions.
    history : path, table or frame, optional
        Ratings to fit the baselines on, usually those that the model was trained on.
    output : path, '-' or address, optional
        Where to write the metrics; '-' is standard output.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output; auto goes by the ending of its name.
    fail_if : sequence of str
        Conditions, such as 'rmse>0.92', under which nothing is written: of `rmse`, `mae`, `nll`, `rps`,
        `accuracy`, `kappa`, of `n`, the pairs, and of `coverage`, the share that was predicted by the model
        and not by base rates.
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
    DataError
        If an input cannot be read or holds values that cannot be evaluated.
    MismatchError
        If the inputs do not belong together.
    GateError
        If a condition of `fail_if` holds.
    """
    gates = parse_gates(fail_if, GATED_FIGURES)
    check_target(output, [predictions, truth, history])
    asked = read_pairs(predictions, input_settings)
    told = None if truth is None else read_ratings(truth, input_settings, progress)
    past = None if history is None else read_ratings(history, input_settings, progress)
    named = [(given.metadata, given.where) for given in (asked, told, past) if given is not None]
    check_same_run(*named)
    scored = join_with_truth(asked, told)
    if scored.unmatched:
        progress.warn(
            f"{scored.unmatched:,} of {len(asked.table):,} predictions are left out: "
            f"their pairs are not in {told.where if told else scored.where}"
        )
    if "probabilities" in asked.table.column_names and scored.levels is None:
        progress.warn(f"{asked.where}: no metadata tells the levels of the probabilities: only rmse and mae")
    measurer = Measurer(scored, _levels(scored, input_settings, progress), seed, resamples)
    metrics = measurer.figures(ALL) + _source_metrics(scored, measurer)
    excluded = 0
    if past is not None:
        with progress.step("fitting the baselines"):
            baseline_metrics, excluded = _baseline_metrics(scored, past, measurer, progress)
        metrics += baseline_metrics
    drawing = {"seed": seed, "resamples": resamples}
    metadata = _compared(asked, told, past, input_settings, drawing)
    result = EvaluateResult(metrics, len(scored), scored.unmatched, excluded, metadata)
    check_gates(gates, result.gated(), result)
    if output is not None:
        write_table(result.table, output, METRICS, metadata, format_of(output_format, output))
        progress.info(f"{told_target(output)}: {len(metrics):,} figures of {result.n:,} predictions")
    return result


def _levels(scored: ScoredPairs, settings: InputSettings, progress: Progress) -> np.ndarray | None:
    """Return the level of each rating, `UNKNOWN` for what is on none; None without probabilities."""
    if scored.probabilities is None or scored.levels is None:
        return None
    level = true_levels(scored, scored.levels, settings)
    dropped = int(np.count_nonzero(level == UNKNOWN))
    if dropped:
        progress.warn(f"{dropped:,} ratings are on no level and left out of all but rmse and mae")
    return level


def _source_metrics(scored: ScoredPairs, measurer: Measurer) -> list[Metric]:
    if scored.source is None:
        return []
    present = set(scored.source)
    metrics = []
    for source in [*SOURCE_ORDER, *sorted(present - set(SOURCE_ORDER))]:
        if source in present:
            chosen = scored.source == source
            n = int(np.count_nonzero(chosen))
            segment = f"{SOURCE}{source}"
            metrics.append(Metric("share", segment, n / len(scored), n))
            metrics += measurer.figures(segment, chosen=chosen, names=OF_ERRORS)
    return metrics


def _baseline_metrics(
    scored: ScoredPairs, past: RatingsTable, measurer: Measurer, progress: Progress
) -> tuple[list[Metric], int]:
    """Return the baselines' figures, and how many ratings of the history were asked pairs."""
    join = PairJoin.of(scored.pairs, scored.where, past.table, past.where)
    known_key = join.known_key()
    is_asked = np.isin(known_key, join.asked_key())
    excluded = int(np.count_nonzero(is_asked))
    if excluded:
        progress.warn(
            f"{past.where}: {excluded:,} of {len(is_asked):,} ratings are asked pairs too; "
            "the baselines are fitted without them"
        )
    if excluded == len(is_asked):
        raise DataError(
            f"{past.where}: no rating is left to fit the baselines on",
            hint="give the ratings that the model was trained on as --history",
        )
    # In the order of the ids, so that the order of the rows makes no difference.
    order = np.argsort(known_key, kind="stable")
    order = order[~is_asked[order]]
    fitted = fit_baselines(
        History(
            user=join.known_user[order],
            item=join.known_item[order],
            rating=past.table["rating"].to_numpy().astype(np.float64)[order],
            n_users=join.n_users,
            n_items=join.n_items,
        )
    )
    metrics = []
    for baseline in fitted:
        prediction = baseline.predict(join.asked_user, join.asked_item)
        segment = f"{BASELINE}{baseline.name}"
        metrics += measurer.figures(segment, prediction=prediction, names=OF_ERRORS)
    return metrics, excluded


def _compared(
    asked: PairsTable,
    told: RatingsTable | None,
    past: RatingsTable | None,
    settings: InputSettings,
    drawing: dict[str, int],
) -> dict[str, Any]:
    """Return the metadata that says what was compared with what."""
    return {
        "command": "evaluate",
        "settings": {"unknown_level": settings.unknown_level, "duplicates": settings.duplicates, **drawing},
        "predictions_fingerprint": column_fingerprint(asked.table, "prediction"),
        "model_fingerprint": asked.metadata.get("model_fingerprint"),
        "levels": asked.metadata.get("levels"),
        "truth_fingerprint": _fingerprint(told),
        "history_fingerprint": _fingerprint(past),
    }


def _fingerprint(ratings: RatingsTable | None) -> str | None:
    """Return the fingerprint that the ratings' own file carries, or one of their values."""
    if ratings is None:
        return None
    return ratings.metadata.get("fingerprint") or column_fingerprint(ratings.table, "rating")
