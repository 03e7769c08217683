"""How it was made: inputs, fingerprints, settings, versions."""

from __future__ import annotations

from typing import Any

from rbmcli.models.portrait import settings_of
from rbmcli.models.store import fingerprint
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, compact, heading, paragraph, side_by_side, table
from rbmcli.reporting.scores import Scores
from rbmcli.versions import package_version

_PACKAGES = ("rbmcli", "numpy", "numba", "pyarrow", "matplotlib")


def section(findings: Findings) -> Section:
    """Return the section."""
    inputs = [(entry.role, entry.name) for entry in findings.inputs]
    content = joined(
        paragraph(
            "Equal inputs, settings and versions give the same report, byte for byte: there is no date in "
            "it, and no place of a file."
        ),
        side_by_side(
            table("Inputs.", ["input", "file"], inputs, texts=(0, 1)),
            table(
                "What tells them from others.", ["of", "fingerprint"], _fingerprints(findings), texts=(0, 1)
            ),
        ),
        table("What the model is.", ["fact", "value"], _model(findings), texts=(0, 1)),
        heading(3, "Settings of training"),
        compact((name, _value(value)) for name, value in settings_of(findings.description)),
        heading(3, "Settings of this report"),
        compact((name, _value(value)) for name, value in _of_page(findings).items()),
        heading(3, "Versions"),
        compact((name, package_version(name)) for name in _PACKAGES),
    )
    return Section("making", "How it was made", content)


def _model(findings: Findings) -> list[tuple[str, str]]:
    portrait = findings.portrait
    kind = portrait.kind if portrait.rows is None else f"{portrait.kind}, rows of {portrait.rows}s"
    return [("kind", kind), *portrait.facts]


def _fingerprints(findings: Findings) -> list[tuple[str, Markup]]:
    found: list[tuple[str, Any]] = [
        ("the model", fingerprint(findings.model)),
        ("its training ratings", findings.model.record.get("data_fingerprint")),
    ]
    if findings.evaluation is not None:
        told = findings.evaluation.metadata
        scores = Scores(findings.evaluation)
        for each in told["predictions"]:
            name = (
                "the predictions" if len(scores.given) == 1 else f"predictions {scores.shown(each['name'])}"
            )
            found.append((name, each["fingerprint"]))
        found += [
            ("the truth", told.get("truth_fingerprint")),
            ("the history", told.get("history_fingerprint")),
        ]
    return [(name, element("code", str(value))) for name, value in found if value]


def _of_page(findings: Findings) -> dict[str, Any]:
    """Return the settings that the page depends on, which the format of other files is not."""
    return {name: value for name, value in findings.settings.as_dict().items() if name != "plots_format"}


def _value(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return wording.count(value) if isinstance(value, int) else str(value)
