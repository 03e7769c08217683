"""How long a search may take: durations as people write them, and ranges."""

from __future__ import annotations

import pytest

from rbmcli.config import TuneSettings
from rbmcli.config.tune import seconds_of
from rbmcli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("45m", 2700),
        ("1h", 3600),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2d1s", 172_801),
    ],
)
def test_a_duration_is_a_number_with_or_without_units(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1 h", "h", "1h30", "1h!", "-1h", "1w"])
def test_what_is_no_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="expected a duration such as 90s, 45m or 1h30m"):
        seconds_of(text)


@pytest.mark.parametrize(
    "settings", [{"trials": 0}, {"budget": 0}, {"budget": float("nan")}, {"budget": -5}, {"seed": -1}]
)
def test_settings_out_of_range_are_named(settings: dict) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(settings))} .* is outside"):
        TuneSettings(**settings)
