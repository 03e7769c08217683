"""What `report` would do, without doing it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rbmcli.config import CatalogueSettings, InputSettings, ReportSettings
from rbmcli.data.catalogue import read_catalogue
from rbmcli.data.intake import Source, read_ratings
from rbmcli.data.outputs import Target
from rbmcli.data.paths import exists
from rbmcli.data.remote import plain_path
from rbmcli.pipeline.asking import Model, open_model
from rbmcli.pipeline.evaluation_input import read_evaluation_input
from rbmcli.pipeline.plans import ROW_BYTES, Plan, PlannedOutput, peak_memory, stands
from rbmcli.pipeline.segments import EVERY
from rbmcli.progress import Progress
from rbmcli.reporting.drawing import check_matplotlib
from rbmcli.reporting.examples import read_recommendations
from rbmcli.reporting.gathering import ReportInputs
from rbmcli.reporting.report import check_outputs

_PAGE_BYTES, _PICTURE_BYTES, _PICTURES = 200_000, 50_000, 14
_DRAWING_BYTES = 100_000_000
"""What the kernels and matplotlib take once they are loaded."""


def plan_report(
    model: Model,
    predictions: Sequence[Source],
    output: Target,
    *,
    truth: Source | None,
    history: Source | None,
    recommendations: Source | None,
    items: Source | None,
    plots: str | os.PathLike[str] | None,
    settings: ReportSettings,
    input_settings: InputSettings,
    catalogue_settings: CatalogueSettings,
    progress: Progress,
) -> Plan:
    """Return what `report` would do, with the parameters of that; raises as it does."""
    check_matplotlib()
    check_outputs(ReportInputs(model, predictions, truth, history, recommendations, items), output, plots)
    read = open_model(model)
    past = None if history is None else read_ratings(history, input_settings, progress, read.levels)
    given = read_evaluation_input(predictions, truth, past, [EVERY], input_settings, progress)
    facts: dict[str, Any] = {"predictions": sum(each.table.num_rows for each in given.asked)}
    for name, table in (("truth", given.told), ("history", given.ratings)):
        if table is not None:
            facts[name] = table.table.num_rows
    memory = peak_memory() + sum(facts.values()) * ROW_BYTES + _DRAWING_BYTES
    facts |= {"users": len(read.user_ids), "items": len(read.item_ids)}
    if recommendations is not None:
        facts["recommendations"] = read_recommendations(
            recommendations, read, input_settings, progress
        ).num_rows
    if items is not None:
        facts["titles"] = len(read_catalogue(items, catalogue_settings, progress).ids)
    written = [PlannedOutput(str(output), 1, _PAGE_BYTES, stands(output))]
    if plots is not None:
        size = _PICTURES * _PICTURE_BYTES
        name = f"{os.fspath(plots)}/*.{settings.plots_format}"
        written.append(PlannedOutput(name, _PICTURES, size, exists(plain_path(plots))))
    return Plan(facts, written, memory)
