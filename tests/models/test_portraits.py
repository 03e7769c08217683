"""What a model tells of itself is the same from its file and from memory, and true."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import rbmcli
from rbmcli.models.kinds import has_vectors
from rbmcli.models.portrait import holds_vectors, kept_step, takes_days
from rbmcli.models.portraits import KINDS, portrait_of
from rbmcli.models.store import describe
from rbmcli.pipeline.inspect import inspect
from tests.every_kind import MADE_OF_OTHERS, MF, OPTIONS, SETTINGS, members, model_of, trained_with
from tests.small_ratings import dated, ratings

EACH = pytest.mark.parametrize("kind", OPTIONS)


def test_every_kind_that_can_be_trained_has_a_portrait() -> None:
    assert set(KINDS) == set(OPTIONS)


@EACH
def test_a_file_tells_what_the_model_in_memory_tells(kind: str, tmp_path: Path) -> None:
    rbmcli.save_model(model_of(kind), tmp_path / "m.parquet")

    assert inspect(tmp_path / "m.parquet").portrait == portrait_of(describe(model_of(kind)))


@EACH
def test_what_holds_vectors_is_known_without_the_arrays(kind: str) -> None:
    assert holds_vectors(describe(model_of(kind))) == has_vectors(model_of(kind))


def test_a_blend_of_effects_alone_holds_no_vectors() -> None:
    blend = dataclasses.replace(SETTINGS["blend"], members=members("bias", "neighbours:base=bias"))
    model = trained_with(blend)

    assert not has_vectors(model)
    assert not holds_vectors(describe(model))


@pytest.mark.parametrize("kind", ["autoencoder", "bias"])
def test_the_trained_numbers_are_those_of_the_arrays(kind: str) -> None:
    model = model_of(kind)
    portrait = portrait_of(describe(model))
    assert portrait.trained is not None
    of_column, besides = portrait.trained
    columns = len(model.user_ids) if portrait.rows == "item" else len(model.item_ids)

    if kind == "bias":
        expected = len(model.effects.item) + 1
    else:
        weights, sizes = model.network.weights, model.network.sizes
        used = [weights.given[:, : sizes[0]], weights.rated[:, : sizes[0]], weights.output[:, : sizes[1]]]
        used += [weights.bias, model.network.centring.effect]
        used += [bias[:size] for bias, size in zip(weights.hidden_bias, sizes, strict=True)]
        expected = sum(array.size for array in used) + sizes[0] * sizes[1]

    assert columns * of_column + besides == expected


@pytest.mark.parametrize("kind", MADE_OF_OTHERS)
def test_the_members_are_told_with_the_figures_of_their_training(kind: str) -> None:
    model = model_of(kind)

    parts = portrait_of(describe(model)).parts

    assert parts is not None
    recorded = model.record["of_members"]
    assert [part.told for part in parts.models] == [entry["member"] for entry in recorded]
    assert [part.rmse for part in parts.models] == [entry["valid_rmse"] for entry in recorded]
    assert [part.share for part in parts.models] == [entry.get("share") for entry in recorded]
    assert len(parts.models) == len(model.members)


@EACH
def test_the_figures_of_the_kept_step_are_those_that_training_told(kind: str) -> None:
    model = model_of(kind)

    kept = kept_step(describe(model))

    assert kept is not None
    best = [entry for entry in model.record["epochs"] if entry["epoch"] == model.record["best_epoch"]]
    assert kept == best[0]
    assert kept["valid_rmse"] > 0


def test_without_validation_nothing_is_told_as_measured() -> None:
    model = trained_with(dataclasses.replace(SETTINGS["mf"], validation="none"))

    assert kept_step(describe(model)) is None


@pytest.mark.parametrize(("member", "by_day"), [("rbm:hidden=3,epochs=2,day-bias", True), ("bias", False)])
def test_days_count_to_a_blend_as_soon_as_they_count_to_a_member(member: str, by_day: bool) -> None:
    blend = dataclasses.replace(SETTINGS["blend"], members=members(MF, member))

    model = rbmcli.train(dated(ratings(40, 16)), settings=blend).model

    assert takes_days(describe(model)) == by_day == model.takes_days


def test_members_of_one_kind_are_counted() -> None:
    assert portrait_of(describe(model_of("ensemble"))).what.startswith("an ensemble of 3 matrix factoriz")
    assert portrait_of(describe(model_of("blend"))).what == (
        "a blend of a matrix factorization, a Restricted Boltzmann Machine and a neighbourhood model"
    )
