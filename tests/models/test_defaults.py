"""What is chosen where the user has not: nothing stays open, and what is given stays."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.models.defaults import Shape, candidates, resolved
from rbmcli.models.form import level_basis

MOVIELENS = Shape(users=1000, items=1700, ratings=90_000, levels=5)
SHAPES = st.builds(
    Shape,
    users=st.integers(1, 10**7),
    items=st.integers(1, 10**6),
    ratings=st.integers(1, 10**9),
    levels=st.integers(2, 100),
)
GIVEN = {
    "by": ["user", "item"],
    "hidden": [3, 500],
    "level_functions": [0, 1],
    "objective": ["divergence", "discriminative"],
    "epochs": [1, 1000],
    "learning_rate": [1e-3, 2.0],
    "weight_decay": [0.0, 0.5],
    "penalty": [0.0, 30.0],
    "refit": [True, False],
}
"""Two values of everything that can be left to be chosen."""


def test_everything_that_can_be_left_open_is_tried_here():
    assert set(GIVEN) == {entry.name for entry in fields(TrainSettings) if entry.default is None}


@given(
    shape=SHAPES,
    given_settings=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in GIVEN.items()}
    ),
    preset=st.sampled_from(["fast", "accurate"]),
    fine_tune=st.booleans(),
    hidden_units=st.sampled_from(["binary", "gaussian"]),
)
def test_what_is_given_stays_and_nothing_is_left_open(shape, given_settings, preset, fine_tune, hidden_units):
    settings = TrainSettings(
        **given_settings, preset=preset, fine_tune=fine_tune, hidden_units=hidden_units, seed=5
    )

    for chosen in [resolved(settings, shape), *candidates(settings, shape)]:
        assert isinstance(chosen, ResolvedSettings)
        for name, value in vars(chosen).items():
            assert value is not None
            if getattr(settings, name) is not None:
                assert value == getattr(settings, name)
        # On any scale the functions of the level that are chosen exist.
        if "level_functions" not in given_settings:
            level_basis(range(shape.levels), chosen.level_functions)


def test_normal_hidden_units_learn_by_smaller_steps():
    binary, gaussian = (
        resolved(TrainSettings(hidden_units=units), MOVIELENS) for units in ("binary", "gaussian")
    )

    assert gaussian.learning_rate < binary.learning_rate


# The presets.


def test_the_fast_preset_has_one_candidate_and_does_not_refit():
    (only,) = candidates(TrainSettings(), MOVIELENS)

    assert only == resolved(TrainSettings(), MOVIELENS)
    assert not only.refit


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({}, 4),
        ({"by": "item"}, 2),
        ({"objective": "divergence"}, 2),
        ({"by": "user", "objective": "discriminative"}, 1),
        ({"validation": "none"}, 1),
    ],
)
def test_the_accurate_preset_tries_what_is_not_given_each_way_once(changes, ways):
    tried = candidates(TrainSettings(preset="accurate", **changes), MOVIELENS)

    assert len(tried) == len({(each.by, each.objective) for each in tried}) == ways
    for name, value in changes.items():
        assert {getattr(each, name) for each in tried} == {value}


@pytest.mark.parametrize("validation", ["holdout", "file", "none"])
@pytest.mark.parametrize("refit", [None, False])
def test_the_accurate_preset_refits_unless_told_not_to_or_nothing_is_held_out(validation, refit):
    settings = TrainSettings(preset="accurate", validation=validation, refit=refit)

    assert {each.refit for each in candidates(settings, MOVIELENS)} == {
        refit is None and validation != "none"
    }


def test_fine_tuning_asks_for_contrastive_divergence_first():
    chosen = resolved(TrainSettings(fine_tune=True), MOVIELENS)

    assert chosen.stages() == ["divergence", "discriminative"]
