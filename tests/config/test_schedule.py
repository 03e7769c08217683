"""Schedules: what they give at each epoch, and which texts are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.config import TrainSettings
from rbmcli.config.schedule import at_epoch
from rbmcli.errors import UsageError


@pytest.mark.parametrize(
    ("schedule", "steps_of_epochs"),
    [
        ("1", {1: 1, 100: 1}),
        ("5", {1: 5}),
        ("1,3@20,5@40", {1: 1, 19: 1, 20: 3, 39: 3, 40: 5, 1000: 5}),
        ("1@1,2@2", {1: 1, 2: 2}),
        (" 1 , 3 @ 20 ", {19: 1, 20: 3}),
        ("3,1@5", {4: 3, 5: 1}),
    ],
)
def test_a_schedule_gives_the_gibbs_steps_of_every_epoch(schedule, steps_of_epochs):
    settings = TrainSettings(cd_steps=schedule)

    assert {epoch: settings.steps_at(epoch - 1) for epoch in steps_of_epochs} == steps_of_epochs


def test_a_schedule_gives_the_momentum_of_every_epoch():
    settings = TrainSettings(momentum="0.5,0.9@6,0@8")

    assert [settings.momentum_at(epoch) for epoch in range(9)] == [0.5] * 5 + [0.9] * 2 + [0] * 2


@given(
    values=st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
    gaps=st.lists(st.integers(1, 50), min_size=6, max_size=6),
    epoch=st.integers(0, 400),
)
def test_the_value_of_an_epoch_is_the_last_that_has_begun(values, gaps, epoch):
    starts = [1]
    for gap in gaps[: len(values) - 1]:
        starts.append(starts[-1] + gap)
    parts = [f"{value}@{start}" for value, start in zip(values, starts, strict=True)]

    settings = TrainSettings(cd_steps=",".join([str(values[0]), *parts[1:]]))

    begun = [value for value, start in zip(values, starts, strict=True) if start <= epoch + 1]
    assert settings.steps_at(epoch) == begun[-1]
    assert at_epoch(",".join(parts), epoch) == begun[-1]


@pytest.mark.parametrize(
    "schedule",
    [
        *("", "0", "-1", "1.5", "many", "1,", ",1", "1;3@20", "1,3@x", "1,0@20", "3@@2", "1,3@2.5", "nan"),
        *("1,3", "1@5", "1@0", "1,3@1", "1,3@20,5@20", "1,3@20,5@10", "10001", "1,inf@2", "1,2@-3"),
    ],
)
def test_a_text_that_is_no_schedule_is_refused_when_the_settings_are_made(schedule):
    with pytest.raises(UsageError, match="--cd-steps"):
        TrainSettings(cd_steps=schedule)


@pytest.mark.parametrize("schedule", ["1", "-0.1", "0.5,1@3", "fast", "0.5,0.9", "0.5@2"])
def test_a_momentum_that_is_no_schedule_or_out_of_range_is_refused(schedule):
    with pytest.raises(UsageError, match="--momentum"):
        TrainSettings(momentum=schedule)


def test_the_message_says_what_a_schedule_looks_like():
    with pytest.raises(UsageError, match=r"expected whole numbers from 1 to 10000.*such as 1,3@20,5@40"):
        TrainSettings(cd_steps="0.5")
    with pytest.raises(UsageError, match=r"'5@10' does not begin after the part before it"):
        TrainSettings(cd_steps="1,3@20,5@10")
