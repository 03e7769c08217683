"""Settings of training: ranges, what may be left to be chosen, and what the chosen ones are."""

from __future__ import annotations

from dataclasses import fields

import pytest

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.errors import UsageError


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"preset": "best"}, "--preset 'best' is not one of fast, accurate"),
        ({"by": "shop"}, "--by 'shop' is not one of user, item"),
        ({"hidden": 0}, "--hidden 0 is outside the allowed range: 1 to 100000"),
        ({"hidden_units": "ternary"}, "--hidden-units 'ternary' is not one of binary, gaussian"),
        ({"factors": -1}, "--factors -1 is outside"),
        ({"level_functions": -1}, "--level-functions -1 is outside"),
        ({"row_bias_strength": 0.0}, "--row-bias-strength 0.0 is outside"),
        ({"prior_strength": 0.0}, "--prior-strength 0.0 is outside"),
        ({"tilt_strength": 0.0}, "--tilt-strength 0.0 is outside"),
        ({"objective": "likelihood"}, "--objective 'likelihood' is not one of divergence, discriminative"),
        ({"average": 0}, "--average 0 is outside"),
        ({"learning_rate": float("nan")}, "--learning-rate nan is outside"),
        ({"keep": 1.0}, "--keep 1.0 is outside"),
        ({"squared_share": 1.5}, "--squared-share 1.5 is outside the allowed range: 0 to 1"),
        ({"network_rate": 0.0}, "--network-rate 0.0 is outside"),
        ({"penalty": -1.0}, "--penalty -1.0 is outside"),
        ({"refit": True, "validation": "none"}, "--refit trains again for the best number of epochs"),
    ],
)
def test_a_value_out_of_range_is_told_by_the_name_of_its_option(changes, words):
    with pytest.raises(UsageError) as caught:
        TrainSettings(**changes)

    assert words in str(caught.value)


@pytest.mark.parametrize("name", [entry.name for entry in fields(TrainSettings) if entry.default is None])
def test_what_is_left_to_be_chosen_has_a_value_in_resolved_settings(name):
    assert getattr(TrainSettings(), name) is None
    assert getattr(ResolvedSettings(), name) is not None


@pytest.mark.parametrize(
    ("objective", "fine_tune", "stages"),
    [
        ("divergence", False, ["divergence"]),
        ("divergence", True, ["divergence", "discriminative"]),
        ("discriminative", False, ["discriminative"]),
    ],
)
def test_fine_tuning_is_a_second_stage(objective, fine_tune, stages):
    assert ResolvedSettings(objective=objective, fine_tune=fine_tune).stages() == stages


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fine_tune": True, "objective": "discriminative"}, "--fine-tune follows contrastive divergence"),
        ({"preset": "accurate", "validation": "none"}, "--preset accurate chooses by validation ratings"),
        ({"refit": True, "validation": "none"}, "--refit trains again"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, words):
    with pytest.raises(UsageError, match=words):
        TrainSettings(**changes)


def test_a_schedule_of_one_value_may_be_a_number():
    settings = TrainSettings(momentum=0.8, cd_steps=3)

    assert (settings.momentum_at(0), settings.steps_at(9)) == (0.8, 3)
    assert settings == TrainSettings(momentum="0.8", cd_steps="3")
