"""Evaluates files of either kind: predictions, or lists of recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from rbmcli.pipeline.asking import Model


def evaluate_files(
    predictions: Sequence[Source],
    *,
    truth: Source | None,
    history: Source | None,
    model: Model | None,
    calibrate: Target | None,
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
        Also if there are files of both kinds, or settings of the other kind.
    """
    # Before anything is read, and with the paths of the predictions, which what is read does not keep.
    for target in (output, calibrate):
        check_target(target, [*predictions, truth, history, model])
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
    if _are_lists(asked, ranking, model, calibrate):
        return evaluate_ranking(asked, ranking=ranking, **given)
    return evaluate(asked, model=model, calibrate=calibrate, **given)


def read_files(
    predictions: Sequence[Source],
    *,
    truth: Source | None,
    history: Source | None,
    model: Model | None,
    calibrate: Target | None,
    segments: Sequence[str] | None,
    ranking: RankingSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> EvaluationInput | RankingInput:
    """Read and check what `evaluate_files` is given; raises as that does."""
    wanted = segments or ()
    asked = read_asked(predictions, wanted, input_settings, progress)
    if _are_lists(asked, ranking, model, calibrate):
        return read_ranking_input(asked, truth, history, wanted, ranking, input_settings, progress)
    return read_evaluation_input(asked, truth, history, wanted, input_settings, progress)


def _are_lists(
    asked: Sequence[PairsTable], ranking: RankingSettings, model: Model | None, calibrate: Target | None
) -> bool:
    """Return of which kind files are; raise `UsageError` if something is asked for that is of the other."""
    if are_lists(asked):
        if model is not None or calibrate is not None:
            raise UsageError(
                f"--model and --calibrate are of predictions, and {asked[0].where} holds recommendations"
            )
        return True
    default = RankingSettings().as_dict()
    for name, value in ranking.as_dict().items():
        if value != default[name]:
            raise UsageError(
                f"--{name} is of lists of recommendations, and {asked[0].where} holds none",
                hint="lists have the columns user, item, and rank or score",
            )
    return False
