"""Evaluates files of either kind: predictions, or lists of recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbmcli.config import InputSettings, RankingSettings
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target
from rbmcli.data.tables import PairsTable
from rbmcli.errors import UsageError
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.evaluate_ranking import evaluate_ranking
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.evaluation_input import EvaluationInput, read_asked, read_evaluation_input
from rbmcli.pipeline.ranked_lists import are_lists
from rbmcli.pipeline.ranking_input import RankingInput, read_ranking_input
from rbmcli.pipeline.ranking_result import RankingResult
from rbmcli.progress import Progress


def evaluate_files(
    predictions: Sequence[Source],
    *,
    truth: Source | None,
    history: Source | None,
    output: Target | None,
    segments: Sequence[str] | None,
    ranking: RankingSettings,
    input_settings: InputSettings,
    progress: Progress,
    **further: Any,
) -> EvaluateResult | RankingResult:
    """Measure predictions as `evaluate` does, or lists as `evaluate_ranking` does, with their parameters.

    Raises
    ------
    UsageError
        Also if there are files of both kinds, or predictions and settings of lists.
    """
    # Before anything is read, and with the paths of the predictions, which what is read does not keep.
    check_target(output, [*predictions, truth, history])
    asked = read_asked(predictions, segments or (), input_settings, progress)
    given: dict[str, Any] = {
        "truth": truth,
        "history": history,
        "output": output,
        "segments": segments,
        "input_settings": input_settings,
        "progress": progress,
        **further,
    }
    if are_lists(asked):
        return evaluate_ranking(asked, ranking=ranking, **given)
    _check_unused(ranking, asked)
    return evaluate(asked, **given)


def read_files(
    predictions: Sequence[Source],
    *,
    truth: Source | None,
    history: Source | None,
    segments: Sequence[str] | None,
    ranking: RankingSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> EvaluationInput | RankingInput:
    """Read and check what `evaluate_files` is given; raises as that does."""
    wanted = segments or ()
    asked = read_asked(predictions, wanted, input_settings, progress)
    if are_lists(asked):
        return read_ranking_input(asked, truth, history, wanted, ranking, input_settings, progress)
    _check_unused(ranking, asked)
    return read_evaluation_input(asked, truth, history, wanted, input_settings, progress)


def _check_unused(ranking: RankingSettings, asked: Sequence[PairsTable]) -> None:
    """Raise `UsageError` if something is set that plays no part for predictions."""
    default = RankingSettings().as_dict()
    for name, value in ranking.as_dict().items():
        if value != default[name]:
            raise UsageError(
                f"--{name} is of lists of recommendations, and {asked[0].where} holds none",
                hint="lists have the columns user, item, and rank or score",
            )
