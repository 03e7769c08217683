"""Cutoffs and relevance are checked once, wherever they come from."""

from __future__ import annotations

import pytest

from rbmcli.config import RankingSettings
from rbmcli.errors import UsageError


@pytest.mark.parametrize("at", [(0,), (5, -1), (3, 3)])
def test_cutoffs_are_different_whole_numbers_from_1(at: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"--at .*: expected different whole numbers from 1"):
        RankingSettings(at=at)


@pytest.mark.parametrize("changes", [{"relevant": float("nan")}, {"gain": "exponential"}])
def test_what_is_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"--(relevant|gain)"):
        RankingSettings(**changes)
