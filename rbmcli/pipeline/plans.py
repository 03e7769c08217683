"""What commands would do, without doing it: inputs are read and checked, outputs and memory estimated."""

from __future__ import annotations

import io
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from rbmcli.config import (
    AnyTrainSettings,
    AutoencoderSettings,
    BlendSettings,
    EnsembleSettings,
    FactorizationSettings,
    InputSettings,
    LevelSettings,
    NeighboursSettings,
    PrepareSettings,
    TrainSettings,
    TuneSettings,
)
from rbmcli.config.memory import memory_for_rows
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, local_path
from rbmcli.data.writing import write_to
from rbmcli.kernels.arrays import Parameters
from rbmcli.models.blend_members import members_of
from rbmcli.models.exploration import candidates
from rbmcli.models.form import form_of
from rbmcli.models.levelled import shape_of
from rbmcli.models.plan import PLANS_KEPT
from rbmcli.models.store import bytes_of
from rbmcli.pipeline.asking import Model
from rbmcli.pipeline.calibrate import calibrate_model
from rbmcli.pipeline.evaluate_files import read_files
from rbmcli.pipeline.prepared_files import check_output, is_single_file
from rbmcli.pipeline.preparing import prepared
from rbmcli.pipeline.ranking_input import RankingInput
from rbmcli.pipeline.training_input import TrainingInput, read_training
from rbmcli.pipeline.tune import check_optuna, checked_journal, settings_of_trials
from rbmcli.progress import Progress

SAMPLE_ROWS = 10_000
_TOML_BYTES, _TRIAL_BYTES = 2_000, 15_000
_FIGURES, _FIGURES_BYTES = 20, 5_000
_COPIES_IN_TRAINING = 6
"""Parameters, the best of them, their mean, a copy that is measured, and two that the learner remembers."""

KERNEL_BYTES = 60_000_000
"""What the kernels and their threads take once they are loaded."""

_BATCH_BYTES, _SORTED_BYTES = 25, 12
"""What a rating takes where plans of all mini-batches are kept, and beside kept ones where they are not."""

ROW_BYTES = 60
"""What a prediction takes beside its probabilities."""


@dataclass(frozen=True)
class PlannedOutput:
    """A file that would be written.

    Attributes
    ----------
    name : str
        Path, address, or '-'.
    rows : int
        Rows that it would have.
    size : int
        About so many bytes.
    replaces : bool
        Whether a file stands there.
    """

    name: str
    rows: int
    size: int
    replaces: bool


@dataclass(frozen=True)
class Plan:
    """What a command would do.

    Attributes
    ----------
    facts : dict of str to str or int
        What was found in the inputs.
    outputs : list of PlannedOutput
        What would be written.
    memory : int
        About the most memory that the command would need, in bytes.
    """

    facts: dict[str, Any]
    outputs: list[PlannedOutput]
    memory: int

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, ready for JSON."""
        return {**self.facts, "outputs": [dict(vars(each)) for each in self.outputs], "memory": self.memory}


def plan_prepare(
    inputs: Sequence[Source],
    output: Target,
    settings: PrepareSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    *,
    progress: Progress,
    overwrite: bool,
    output_format: str,
    memory: int | None = None,
) -> Plan:
    """Return what `prepare` would do, with the parameters of that; raises as it does."""
    check_output(output, inputs, settings.split, overwrite=overwrite)
    single = is_single_file(output, settings.split)
    file_format = format_of(output_format, output) if single else "parquet"
    with prepared(
        inputs,
        settings,
        input_settings,
        level_settings,
        memory=memory_for_rows(memory),
        progress=progress,
    ) as made:
        outputs = []
        for name, part in made.parts.items():
            target = str(output) if single else f"{output}/{name}.parquet"
            first = next(part.store.tables(), part.store.schema.empty_table())
            outputs.append(_planned(target, first, part.rows, file_format))
    facts = {"counts": made.counts, "levels": made.levels.describe()}
    return Plan(facts, outputs, peak_memory())


def plan_train(
    ratings: Source,
    output: Target,
    *,
    valid: Source | None,
    also_rated: Source | None,
    settings: AnyTrainSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    progress: Progress,
) -> Plan:
    """Return what `train` would do, with the parameters of that; raises as it does."""
    check_target(output, [ratings, valid, also_rated])
    given = read_training(ratings, valid, also_rated, settings, input_settings, level_settings, progress)
    facts, numbers, memory = training_plan(given, settings)
    rows = facts["users"] + facts["items"]
    return Plan(facts, [PlannedOutput(str(output), rows, numbers, stands(output))], memory)


def training_plan(given: TrainingInput, settings: AnyTrainSettings) -> tuple[dict[str, Any], int, int]:
    """Return what is found in training ratings, and about the bytes of the model and of memory.

    Parameters
    ----------
    given : TrainingInput
        The ratings.
    settings : TrainSettings
        The settings as they were given.
    """
    shape = shape_of(given.ratings, given.held_out, given.levels)
    facts: dict[str, Any] = {
        "ratings": shape.ratings,
        "users": shape.users,
        "items": shape.items,
        "levels": given.levels.describe(),
        "held_out": int(given.held_out.sum()),
    }
    memory = peak_memory() + min(shape.ratings * _BATCH_BYTES, shape.ratings * _SORTED_BYTES + PLANS_KEPT)
    if isinstance(given.settings, BlendSettings | EnsembleSettings):
        members = members_of(given.settings, shape)
        parts = [training_plan(replace(given, settings=each.settings), each.settings) for each in members]
        numbers = sum(part[1] for part in parts)
        facts |= {"members": [each.told for each in members], "settings": given.settings.as_dict()}
        return facts, numbers, max(part[2] for part in parts) + numbers
    if isinstance(given.settings, NeighboursSettings):
        of_base = given.settings.of_base()
        _, numbers, most = training_plan(replace(given, settings=of_base), of_base)
        near = shape.items * min(given.settings.neighbours, shape.items) * 8
        facts |= {"settings": given.settings.as_dict()}
        return facts, numbers + near, most + 3 * near
    if not isinstance(given.settings, TrainSettings):
        numbers = (shape.users + shape.items) * (shape.levels + 5) * 4
        if isinstance(given.settings, FactorizationSettings):
            of_item = given.settings.kept * (2 * given.settings.latent_factors + 2) * 4
            numbers += shape.items * of_item
            memory += KERNEL_BYTES + 3 * shape.items * of_item
        if isinstance(given.settings, AutoencoderSettings):
            sizes, by_user = given.settings.sizes, given.settings.rows == "user"
            of_columns = (shape.items if by_user else shape.users) * (2 * sizes[0] + sizes[-1] + 2) * 4
            numbers += of_columns + (0 if by_user else shape.items * (2 * sizes[0] + 1) * 4)
            memory += KERNEL_BYTES + _COPIES_IN_TRAINING * of_columns
        return {**facts, "settings": given.settings.as_dict()}, numbers, memory
    ways = candidates(given.rbm_settings, shape)
    largest, numbers = 0, 0
    for way in ways:
        rows, columns = (shape.users, shape.items) if way.by == "user" else (shape.items, shape.users)
        form = form_of(way, given.levels.values)
        one = sum(array.nbytes for array in Parameters.zeros(1, len(given.levels), form))
        states = rows * (form.hidden + 2 * len(given.levels)) * 4
        largest = max(largest, _COPIES_IN_TRAINING * columns * one + states)
        stored = columns * one + (states if way.by == "item" else rows * len(given.levels) * 4)
        numbers = max(numbers, stored)
    facts |= {
        "ways_to_try_first": len(ways),
        "settings": ways[0].as_dict() if len(ways) == 1 else settings.as_dict(),
    }
    return facts, numbers, memory + KERNEL_BYTES + largest


def plan_tune(
    ratings: Source,
    output: Target,
    *,
    journal: Target | None,
    valid: Source | None,
    also_rated: Source | None,
    fixed: Mapping[str, Any],
    settings: TuneSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    progress: Progress,
) -> Plan:
    """Return what `tune` would do, with the parameters of that; raises as it does."""
    check_optuna()
    checked = checked_journal(output, journal, [ratings, valid, also_rated])
    plan = plan_train(
        ratings,
        output,
        valid=valid,
        also_rated=also_rated,
        settings=settings_of_trials(fixed, settings),
        input_settings=input_settings,
        level_settings=level_settings,
        progress=progress,
    )
    facts = {
        name: value for name, value in plan.facts.items() if name not in {"ways_to_try_first", "settings"}
    }
    facts |= {"trials": settings.trials, "budget_seconds": settings.budget, "fixed": dict(fixed)}
    written = [PlannedOutput(str(output), len(TrainSettings().as_dict()), _TOML_BYTES, stands(output))]
    if checked is not None:
        size = settings.trials * _TRIAL_BYTES
        written.append(PlannedOutput(str(checked), settings.trials, size, checked.exists()))
    return Plan(facts, written, plan.memory)


def plan_evaluate(
    predictions: Sequence[Source],
    *,
    model: Model | None,
    calibrate: Target | None,
    truth: Source | None,
    history: Source | None,
    output: Target | None,
    **given: Any,
) -> Plan:
    """Return what `evaluate_files` would do, with the parameters of that; raises as it does."""
    check_target(output, [*predictions, truth, history, model])
    check_target(calibrate, [*predictions, truth, history, model])
    found = read_files(predictions, model=model, calibrate=calibrate, truth=truth, history=history, **given)
    kind = "recommendations" if isinstance(found, RankingInput) else "predictions"
    facts: dict[str, Any] = {kind: sum(each.table.num_rows for each in found.asked)}
    facts |= {
        name: table.table.num_rows
        for name, table in (("truth", found.told), ("history", found.ratings))
        if table is not None
    }
    rows = sum(facts.values())
    written = [] if output is None else [PlannedOutput(str(output), _FIGURES, _FIGURES_BYTES, stands(output))]
    if model is not None and calibrate is not None and not isinstance(found, RankingInput):
        copy = calibrate_model(model, found).model
        lines = len(copy.user_ids) + len(copy.item_ids) + 1
        written.append(PlannedOutput(str(calibrate), lines, bytes_of(copy), stands(calibrate)))
    return Plan(facts, written, peak_memory() + rows * ROW_BYTES)


def _planned(name: str, table: pa.Table, rows: int, file_format: str) -> PlannedOutput:
    return PlannedOutput(name, rows, size_of(table, rows, file_format), stands(name))


def size_of(table: pa.Table, rows: int, file_format: str) -> int:
    """Return about the bytes of a file of so many rows like those of a table."""
    sample = table.slice(0, SAMPLE_ROWS)
    if not sample.num_rows:
        return 0
    file = io.BytesIO()
    write_to(sample, file, file_format)
    return len(file.getvalue()) * rows // sample.num_rows


def stands(target: Target) -> bool:
    """Return whether a file of this machine stands where something is to be written."""
    path: Path | None = local_path(target)
    return path is not None and path.exists()


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    # What getrusage tells may be the memory of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        peaks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0].split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
