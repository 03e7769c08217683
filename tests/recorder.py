"""A progress that keeps what it is told, for tests of what a user hears."""

from __future__ import annotations

from rbmcli.progress import EpochReport, Progress


class Recorder(Progress):
    """Keeps reports, messages and warnings.

    Attributes
    ----------
    reports : list of EpochReport
        Epochs told of.
    told, warnings : list of str
        Facts, and what was told as a warning.
    """

    def __init__(self) -> None:
        self.reports: list[EpochReport] = []
        self.told: list[str] = []
        self.warnings: list[str] = []

    def epoch(self, report: EpochReport) -> None:
        """Keep a report."""
        self.reports.append(report)

    def info(self, message: str) -> None:
        """Keep a message."""
        self.told.append(message)

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self.warnings.append(message)
