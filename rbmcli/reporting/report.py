"""A model, its predictions and what belongs to them -> one HTML file, for those who decide."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbmcli.config import CatalogueSettings, InputSettings, ReportSettings
from rbmcli.data.intake import Source
from rbmcli.data.outputs import (
    STANDARD_OUTPUT,
    Target,
    check_target,
    local_path,
    open_output,
    open_outputs,
    output_errors,
    told_target,
)
from rbmcli.data.paths import exists, is_folder
from rbmcli.data.remote import is_remote, plain_path
from rbmcli.errors import UsageError
from rbmcli.pipeline.asking import Model
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.evaluation_input import as_list
from rbmcli.progress import SILENT, Progress
from rbmcli.reporting.drawing import Picture, check_matplotlib
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.gathering import ReportInputs, gather
from rbmcli.reporting.left_out import left_out
from rbmcli.reporting.page import page
from rbmcli.reporting.parts import Section
from rbmcli.reporting.sections import (
    calibration,
    comparison,
    confusion,
    examples,
    head,
    learned,
    making,
    members,
    ratings,
    segments,
    training,
)

_SECTIONS = (
    ratings,
    members,
    training,
    comparison,
    calibration,
    segments,
    confusion,
    learned,
    examples,
    making,
)
"""The sections after the head, in their order."""


@dataclass(frozen=True)
class ReportResult:
    """A report.

    Attributes
    ----------
    html : str
        The page.
    sections : list of str
        Names of its sections, in order; they are the anchors too.
    left_out : list of str
        What is not shown, and what would add it.
    finding : str
        What was found, in a sentence.
    pictures : list of Picture
        The pictures in it.
    evaluation : EvaluateResult or None
        How good the predictions are.
    path : Path or None
        The file, if one was written.
    files : list of str
        Everything that was written.
    """

    html: str
    sections: list[str]
    left_out: list[str]
    finding: str
    pictures: list[Picture]
    evaluation: EvaluateResult | None
    path: Path | None
    files: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return what there is to tell of it, as plain values, ready for JSON."""
        return {
            "finding": self.finding,
            "sections": self.sections,
            "left_out": self.left_out,
            "pictures": [picture.name for picture in self.pictures],
            "figures": None if self.evaluation is None else self.evaluation.gated(),
        }


def report(
    model: Model,
    predictions: Source | Sequence[Source] | None = None,
    output: Target | None = None,
    *,
    truth: Source | None = None,
    history: Source | None = None,
    recommendations: Source | None = None,
    items: Source | None = None,
    plots: str | os.PathLike[str] | None = None,
    settings: ReportSettings = ReportSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    catalogue_settings: CatalogueSettings = CatalogueSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> ReportResult:
    """Tell in one HTML file how good a model is, what it has learned, and what it recommends.

    The page needs nothing else: no network, no scripts. Equal inputs and settings give equal bytes.

    Parameters
    ----------
    model : RatingModel or path
        The model.
    predictions : path or table, or list of these, optional
        Its predictions as for `evaluate`, and after them others to compare.
    output : path, '-' or address, optional
        Where to write the page; '-' is standard output.
    truth : path or table, optional
        Ratings to compare with, where the predictions have none.
    history : path or table, optional
        Ratings that the predictions start from; baselines are fitted on them, and users drawn from them.
    recommendations : path or table, optional
        Lists from `recommend`, of which some are shown; without them they are made.
    items : path or table, optional
        Catalogue with the titles of items.
    plots : path, optional
        Folder to write every picture to as a file too; it is made if it does not exist.
    settings : ReportSettings
        What is shown.
    input_settings : InputSettings
        How inputs are read.
    catalogue_settings : CatalogueSettings
        How the catalogue is read.
    progress : Progress
        Told what is done.

    Raises
    ------
    UsageError
        If matplotlib is not installed, or a file may not be written there.
    DataError
        If an input cannot be used.
    MismatchError
        If the inputs do not belong together.
    """
    check_matplotlib()
    sources = [] if predictions is None else as_list(predictions)
    inputs = ReportInputs(model, sources, truth, history, recommendations, items)
    check_outputs(inputs, output, plots)
    findings = gather(inputs, settings, input_settings, catalogue_settings, progress)
    with progress.step("drawing"):
        first, sections = head.section(findings), _sections(findings)
        missing = left_out(findings)
        html = page(settings.title, first, sections, missing)
        pictures = [picture for section in sections for picture in section.pictures]
        files = _plots(pictures, plots, settings.plots_format)
    _write(html, output, files, plots)
    found = head.finding(findings)
    if output is not None:
        progress.info(f"{told_target(output)}: the report, {len(sections)} sections: {found}")
    if plots is not None:
        progress.info(f"{plots}: {len(files)} pictures")
    written = [*([] if output is None else [os.fspath(output)]), *map(str, files)]
    return ReportResult(
        html=html,
        sections=[section.name for section in sections],
        left_out=missing,
        finding=found,
        pictures=pictures,
        evaluation=findings.evaluation,
        path=local_path(output),
        files=written,
    )


def check_outputs(inputs: ReportInputs, output: Target | None, plots: str | os.PathLike[str] | None) -> None:
    """Check, before any work is done for them, that the files may be written.

    Raises
    ------
    UsageError
        If they may not.
    """
    check_target(output, inputs.every())
    if plots is None:
        return
    if is_remote(plots) or os.fspath(plots) == STANDARD_OUTPUT:
        raise UsageError(f"--plots {plots}: expected a folder of this machine")
    folder = plain_path(plots)
    if exists(folder) and not is_folder(folder):
        raise UsageError(f"--plots {folder}: is a file, expected a folder")
    if not exists(folder) and not is_folder(folder.parent):
        raise UsageError(
            f"--plots {folder}: the folder {folder.parent} does not exist", hint="create it first"
        )


def _sections(findings: Findings) -> list[Section]:
    found = (module.section(findings) for module in _SECTIONS)
    return [section for section in found if section is not None]


def _plots(
    pictures: Sequence[Picture], plots: str | os.PathLike[str] | None, file_format: str
) -> dict[Path, bytes]:
    """Return the files of pictures by their paths."""
    if plots is None:
        return {}
    folder = plain_path(plots)
    return {folder / f"{picture.name}.{file_format}": picture.file(file_format) for picture in pictures}


def _write(
    html: str, output: Target | None, files: dict[Path, bytes], plots: str | os.PathLike[str] | None
) -> None:
    """Write everything, or where one of the files cannot be written none."""
    contents, path = dict(files), local_path(output)
    if path is not None:
        contents[path] = html.encode()
    with ExitStack() as stack:
        if plots is not None:
            with output_errors(plots):
                plain_path(plots).mkdir(exist_ok=True)
        if contents:
            for file, content in zip(
                stack.enter_context(open_outputs(list(contents))), contents.values(), strict=True
            ):
                file.write(content)
        if output is not None and path is None:
            stack.enter_context(open_output(output)).write(html.encode())
