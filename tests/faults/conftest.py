"""What the tests of faults share: how much is tried, the inputs, and a table of figures at the end."""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.commands import make_inputs

_FIGURES = "faults"


@dataclass
class Tally:
    """Counts the cases of a test by what became of them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def add(self, outcome: str, seconds: float = 0.0) -> None:
        """Count a case."""
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, seconds)


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether everything is tried, rather than a little of each."""
    return bool(request.config.getoption("--faults") == "full")


@pytest.fixture(scope="session")
def only_in_full(is_full: bool) -> None:
    """Leave a test out of the short form."""
    if not is_full:
        pytest.skip("a part of make test-faults")


@dataclass(frozen=True)
class Inputs:
    """What the commands read, as they write it themselves; it is not to be changed.

    Attributes
    ----------
    folder : Path
        The folder of it.
    seconds : dict of str to float
        What each command took to make its part, by name.
    """

    folder: Path
    seconds: dict[str, float]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Inputs:
    """What the commands read; made by the first of several workers."""
    base = tmp_path_factory.getbasetemp()
    place = (base if worker_id == "master" else base.parent) / "faults"
    place.mkdir(exist_ok=True)
    seconds = place / "seconds.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not seconds.exists():
            seconds.write_text(json.dumps(make_inputs(place / "inputs")))
    return Inputs(place / "inputs", json.loads(seconds.read_text()))


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Tally]:
    """Figures of the test, for the table at the end."""
    made = Tally()
    yield made
    record_property(_FIGURES, {"outcomes": dict(made.outcomes), "slowest": made.slowest})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases each test had, and what became of them."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    rows = sorted(
        (report.nodeid.partition("::")[2], figures)
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, figures in report.user_properties
        if name == _FIGURES
    )
    if not rows:
        return
    terminalreporter.section("faults")
    for name, figures in rows:
        outcomes = figures["outcomes"]
        told = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
        slowest = f"; slowest {figures['slowest']:.2f} s" if figures["slowest"] else ""
        terminalreporter.write_line(f"{name}\n    {sum(outcomes.values())} cases: {told}{slowest}")
