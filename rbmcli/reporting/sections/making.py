"""How it was made: inputs, fingerprints, settings, versions."""

from __future__ import annotations

from typing import Any

from rbmcli.models.store import fingerprint
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Content, Markup, element, joined
from rbmcli.reporting.parts import Section, details, paragraph, table
from rbmcli.versions import package_version

_PACKAGES = ("rbmcli", "numpy", "numba", "pyarrow", "matplotlib")


def section(findings: Findings) -> Section:
    """Return the section."""
    model = findings.model
    settings = sorted(model.settings.as_dict().items())
    content = joined(
        paragraph(
            "Equal inputs, settings and versions give the same report, byte for byte: there is no date in it, "
            "and no place of a file."
        ),
        table("Inputs", ["input", "file"], [(entry.role, entry.name) for entry in findings.inputs], texts=(0, 1)),
        table("Fingerprints", ["of", "fingerprint"], _fingerprints(findings), texts=(0, 1)),
        details(
            "Settings of training",
            table(
                "Settings of training", ["setting", "value"], [(name, _value(value)) for name, value in settings]
            ),
        ),
        details(
            "Settings of this report and versions",
            table("Settings of this report", ["setting", "value"], _of_report(findings)),
            table(
                "Versions", ["package", "version"], [(name, package_version(name)) for name in _PACKAGES]
            ),
        ),
    )
    return Section("making", "How it was made", content)


def _fingerprints(findings: Findings) -> list[tuple[str, Markup]]:
    found: list[tuple[str, Any]] = [
        ("the model", fingerprint(findings.model)),
        ("its training ratings", findings.model.record.get("data_fingerprint")),
    ]
    if findings.evaluation is not None:
        told = findings.evaluation.metadata
        found += [
            ("the predictions", told.get("predictions_fingerprint")),
            ("the truth", told.get("truth_fingerprint")),
            ("the history", told.get("history_fingerprint")),
        ]
    return [(name, element("code", str(value))) for name, value in found if value]


def _of_report(findings: Findings) -> list[tuple[str, Content]]:
    return [(name, _value(value)) for name, value in findings.settings.as_dict().items()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return wording.count(value) if isinstance(value, int) else str(value)
