"""What is chosen where the user has not: nothing stays open, and what is given stays."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.models.defaults import Shape, resolved
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
    "batch_size": [1, 5000],
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
    fine_tune = fine_tune and given_settings.get("objective") != "discriminative"
    settings = TrainSettings(
        **given_settings, preset=preset, fine_tune=fine_tune, hidden_units=hidden_units, seed=5
    )

    chosen = resolved(settings, shape)

    assert isinstance(chosen, ResolvedSettings)
    for name, value in vars(chosen).items():
        assert value is not None
        if getattr(settings, name) is not None:
            assert value == getattr(settings, name)
    # On any scale the functions of the level that are chosen exist.
    if "level_functions" not in given_settings:
        level_basis(range(shape.levels), chosen.level_functions)


@pytest.mark.parametrize(("items", "rows"), [(100, 20), (12, 10), (1700, 100)])
def test_an_epoch_has_several_mini_batches_where_there_are_few_rows(items, rows):
    shape = Shape(users=5000, items=items, ratings=300_000, levels=10)

    assert resolved(TrainSettings(by="item"), shape).batch_size == rows


@pytest.mark.parametrize(
    ("users", "rows"), [(20_000, 100), (100_000, 100), (250_000, 250), (480_000, 480), (5_000_000, 500)]
)
def test_mini_batches_grow_where_there_are_very_many_rows(users, rows):
    shape = Shape(users=users, items=17_770, ratings=100 * users, levels=5)

    assert resolved(TrainSettings(by="user"), shape).batch_size == rows


@pytest.mark.parametrize(("levels", "functions"), [(2, 0), (3, 0), (4, 2), (5, 2), (100, 2)])
def test_levels_share_weights_where_there_are_enough(levels, functions):
    chosen = resolved(TrainSettings(), Shape(5000, 100, 300_000, levels))

    assert chosen.level_functions == functions


def test_the_penalty_falls_with_levels_and_grows_where_columns_have_few_ratings():
    def penalty(users: int, levels: int, **given: object) -> float:
        shape = Shape(users, 1000, 60_000, levels)
        return resolved(TrainSettings(by="item", **given), shape).penalty

    assert penalty(1000, 5) == penalty(100, 5) == 2.5
    assert penalty(4000, 5) == 5.0
    assert penalty(10**7, 5) == 10.0
    assert penalty(1000, 10) == 1.25
    assert penalty(1000, 5, level_functions=0) == 4.0


def test_normal_hidden_units_learn_by_smaller_steps():
    binary, gaussian = (
        resolved(TrainSettings(hidden_units=units), MOVIELENS) for units in ("binary", "gaussian")
    )

    assert gaussian.learning_rate < binary.learning_rate


def test_fine_tuning_asks_for_contrastive_divergence_first():
    chosen = resolved(TrainSettings(fine_tune=True), MOVIELENS)

    assert chosen.stages() == ["divergence", "discriminative"]
