"""Alternating least squares: sweeps are those of dense algebra, the objective falls, models hold it all."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rbmcli
from rbmcli.config import BlendSettings, FactorizationSettings, Member
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import UsageError
from rbmcli.models.alternation import stacked
from rbmcli.models.factorization import FactorizationModel, expected
from rbmcli.models.least_squares import LeastSquares, Penalties
from rbmcli.models.least_squares_training import BIAS_PENALTY, FACTOR_PENALTY, IMPLICIT_PENALTY, STEP
from rbmcli.models.store import fingerprint
from tests.reference_factorization import DenseSide, objective
from tests.small_ratings import pairs_of, predicted, rows_of, shuffled, table_of, tastes, without

QUICK = FactorizationSettings(method="als", latent_factors=2, sweeps=20, factor_penalty=3, implicit_penalty=6)
FACTORS, USERS, ITEMS = 3, 25, 14


def rated(seed: int, share: float = 0.5) -> tuple[CompressedRows, np.ndarray]:
    """Return who has rated what, and the ratings; the first user has none, and so has the last item."""
    generator = np.random.default_rng(seed)
    chosen = generator.random((USERS, ITEMS)) < share
    chosen[0], chosen[:, -1], chosen[1, 0] = False, False, True
    user, item = (axis.astype(np.int32) for axis in np.nonzero(chosen))
    rows = CompressedRows.build(user, item, np.zeros(len(user), np.uint8), (USERS, ITEMS))
    return rows, 3 + 0.3 * (item % 4) + generator.normal(0, 0.7, len(user))


def least_squares(seed: int, penalties: Penalties, *, implicit: bool = True) -> LeastSquares:
    return LeastSquares(*rated(seed), FACTORS, seed, penalties, implicit=implicit)


def penalty_of(penalties: Penalties) -> np.ndarray:
    return np.array([penalties.bias] + [penalties.factor] * FACTORS)


def dense(found: LeastSquares) -> tuple[DenseSide, DenseSide]:
    """Return both sides as the oracle has them."""
    is_rated, value = np.zeros((USERS, ITEMS), bool), np.zeros((USERS, ITEMS))
    user = np.repeat(np.arange(USERS), np.diff(found.users.start))
    is_rated[user, found.users.column] = True
    value[user, found.users.column] = found.users.value
    users = DenseSide(is_rated, value, found.users.factors[:, : FACTORS + 1])
    items = DenseSide(is_rated.T, value.T, found.items.factors[:, : FACTORS + 1])
    users.implicit = found.users.implicit[:, : FACTORS + 1].astype(float)
    items.implicit = found.items.implicit[:, : FACTORS + 1].astype(float)
    return users, items


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_sweeps_are_those_of_dense_regressions_and_coordinate_descent(seed: int, implicit: bool) -> None:
    penalties = Penalties(1.5, 0.7, 2.5)
    found, penalty = least_squares(seed, penalties, implicit=implicit), penalty_of(penalties)
    users, items = dense(found)

    for sweep in range(3):
        found.sweep()
        for one, other in ((items, users), (users, items)):
            if implicit and sweep:
                one.descend(penalty, penalties.implicit)
            one.solve(other.factors, penalty)

    for side, oracle in ((found.users, users), (found.items, items)):
        np.testing.assert_allclose(side.factors[:, : FACTORS + 1], oracle.factors, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(side.implicit[:, : FACTORS + 1], oracle.implicit, rtol=1e-3, atol=1e-5)
        assert not side.factors[:, FACTORS + 1 :].any()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    factor=st.floats(0.05, 50),
    bias=st.floats(0.05, 50),
    held=st.floats(0.05, 50),
    implicit=st.booleans(),
)
def test_the_objective_never_rises(
    seed: int, factor: float, bias: float, held: float, implicit: bool
) -> None:
    penalties = Penalties(factor, bias, held)
    found = least_squares(seed, penalties, implicit=implicit)

    values = []
    for _ in range(6):
        found.sweep()
        values.append(objective(*dense(found), penalty_of(penalties), held))

    # But for what float32 numbers are rounded by.
    assert all(after <= before * (1 + 1e-5) for before, after in pairwise(values))
    assert values[-1] < values[0]


def test_many_sweeps_end_where_no_penalised_square_falls_any_more() -> None:
    penalties = Penalties(1.5, 0.7, 2.5)
    found, penalty = least_squares(1, penalties), penalty_of(penalties)
    for _ in range(400):
        found.sweep()

    users, items = dense(found)
    least = objective(users, items, penalty, penalties.implicit)

    generator = np.random.default_rng(0)
    for array in (users.factors, items.factors, users.implicit, items.implicit):
        for _ in range(5):
            step = 1e-2 * generator.normal(size=array.shape)
            array += step
            above = objective(users, items, penalty, penalties.implicit)
            array -= 2 * step
            below = objective(users, items, penalty, penalties.implicit)
            array += step
            # The slope is that of a valley: small beside the bend.
            assert min(above, below) > least
            assert abs(above - below) < 0.1 * (above + below - 2 * least)


@pytest.mark.parametrize("implicit", [True, False])
def test_users_of_training_are_folded_in_as_they_were_found(implicit: bool) -> None:
    found = least_squares(2, Penalties(1.5, 0.7, 2.5), implicit=implicit)
    rows, rating = rated(2)
    for _ in range(3):
        found.sweep()

    user, item = (axis.ravel() for axis in np.indices((USERS, ITEMS)))
    known = rows.start, rows.column, rating
    nothing = np.full(len(user), np.nan)
    said, _ = expected(stacked([found.sample()]), found.mean, known, (user, item, nothing), (-100.0, 100.0))

    np.testing.assert_allclose(said, found.predicted(user, item), rtol=1e-5, atol=1e-5)


def test_ratings_on_another_scale_are_found_alike() -> None:
    rows, rating = rated(3)
    penalties = Penalties(1.5, 0.7, 2.5)
    one, ten = (LeastSquares(rows, each, FACTORS, 3, penalties) for each in (rating, 10 * rating + 5))
    for _ in range(4):
        one.sweep()
        ten.sweep()

    pairs = rows.row_of_each(), rows.column
    np.testing.assert_allclose(ten.predicted(*pairs), 10 * one.predicted(*pairs) + 5, rtol=1e-4)
    assert ten.mean_square() == pytest.approx(100 * one.mean_square(), rel=1e-3)


def test_the_mean_square_is_that_of_the_ratings_less_their_predictions() -> None:
    rows, rating = rated(4)
    found = least_squares(4, Penalties(1.5, 0.7, 2.5))
    for _ in range(2):
        found.sweep()

    said = found.predicted(rows.row_of_each(), rows.column)

    assert found.mean_square() == pytest.approx(np.mean((rating - said) ** 2), rel=1e-4)


def model_of(table: pa.Table | None = None, given: FactorizationSettings = QUICK) -> FactorizationModel:
    model = rbmcli.train(tastes() if table is None else table, settings=given).model
    assert isinstance(model, FactorizationModel)
    return model


@pytest.fixture(scope="module")
def model() -> FactorizationModel:
    return model_of()


def planted(seed: int = 3, users: int = 300) -> tuple[pa.Table, pa.Table]:
    """Return ratings of two factors, that deviate by 0.5, and others of the same users and items."""
    generator = np.random.default_rng(seed)
    user, item = np.nonzero(generator.random((users, 60)) < 0.4)
    p, q = generator.normal(0, 0.8, (users, 2)), generator.normal(0, 0.8, (60, 2))
    rating = 3 + np.einsum("nf,nf->n", p[user], q[item]) + generator.normal(0, 0.5, len(user))
    rating = np.clip(np.round(rating * 2) / 2, 0.5, 5.5)
    table = table_of([f"u{n:03d}" for n in user], list(item), list(rating))
    chosen = generator.random(table.num_rows) < 0.8
    return table.filter(pa.array(chosen)), table.filter(pa.array(~chosen))


def test_what_was_planted_is_found_with_penalties_that_the_ratings_choose() -> None:
    train, test = planted()

    found = model_of(train, FactorizationSettings(method="als", latent_factors=4, sweeps=60))

    said = rbmcli.predict(found, train, test, settings=rbmcli.PredictSettings(probabilities=True)).table
    result = rbmcli.evaluate(said, history=train)
    ours, theirs = (result.segments(name)["all"]["rmse"] for name in ("model", "user+item bias"))
    assert ours < 0.7
    assert theirs > 0.8
    chosen = found.settings
    assert isinstance(chosen, FactorizationSettings)
    assert chosen.bias_penalty == BIAS_PENALTY
    # Far smaller than for ratings of people: both have gone down by the same steps.
    steps = np.log(chosen.factor_penalty / FACTOR_PENALTY) / np.log(STEP)
    assert round(steps) < -2
    assert steps == pytest.approx(round(steps), abs=1e-3)
    assert chosen.implicit_penalty == pytest.approx(IMPLICIT_PENALTY * STEP ** round(steps), abs=1e-3)


def test_penalties_that_are_given_stay() -> None:
    given = FactorizationSettings(
        method="als", latent_factors=2, sweeps=10, factor_penalty=4, bias_penalty=2, implicit=False
    )

    found = model_of(given=given).settings

    assert isinstance(found, FactorizationSettings)
    assert (found.factor_penalty, found.bias_penalty, found.implicit_penalty) == (4, 2, None)


def test_the_precision_of_ratings_is_that_of_ratings_not_learned_from() -> None:
    train, _ = planted(users=600)

    found = model_of(train, FactorizationSettings(method="als", latent_factors=2, factor_penalty=1))

    # Rounded to half stars, which adds a variance of 1/48.
    assert found.samples.alpha[0] ** -0.5 == pytest.approx(np.sqrt(0.5**2 + 1 / 48), rel=0.1)
    # Penalties are in standardised ratings, and precisions to alpha as penalties are to 1.
    deviation = np.std(train["rating"].to_numpy())
    alpha, precision = found.samples.alpha[0], found.samples.precision[0]
    np.testing.assert_allclose(precision[1:3], alpha * deviation**2, rtol=0.01)
    np.testing.assert_allclose(precision[0], alpha * BIAS_PENALTY, rtol=1e-4)


def test_without_validation_the_penalties_are_the_usual_ones_and_all_sweeps_are_done() -> None:
    given = FactorizationSettings(method="als", latent_factors=2, sweeps=7, validation="none", refit=False)

    found = model_of(given=given)

    assert found.record["best_epoch"] == 7
    assert isinstance(found.settings, FactorizationSettings)
    assert (found.settings.factor_penalty, found.settings.implicit_penalty) == (18, 32)
    assert 0 < found.samples.alpha[0] < 100


def test_a_model_is_one_sample_of_its_best_sweep_fitted_again_for_as_many(model: FactorizationModel) -> None:
    figures = model.record["epochs"]

    assert model.samples.alpha.shape == (1,)
    assert not model.samples.mean.any()
    best = model.record["best_epoch"]
    assert best <= len(figures) <= min(best + 5, 20)
    # What was reported of the best sweep is what the model's link was fitted to.
    least = min(figure["valid_rmse"] for figure in figures)
    assert figures[best - 1]["valid_rmse"] <= least * (1 + 1e-4)


def test_a_sweep_is_reported_with_the_rmse_of_its_model() -> None:
    generator = np.random.default_rng(0)
    table = tastes()
    chosen = generator.random(table.num_rows) < 0.8
    train, valid = table.filter(pa.array(chosen)), table.filter(pa.array(~chosen))
    given = dataclasses.replace(QUICK, refit=False)

    result = rbmcli.train(train, valid=valid, settings=given)

    said = rbmcli.predict(result.model, train, valid.drop_columns("rating")).table
    error = said["prediction"].to_numpy() - valid["rating"].to_numpy()
    assert result.valid_rmse == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-5)


def test_a_pair_of_the_history_is_predicted_as_by_a_history_without_it(model: FactorizationModel) -> None:
    user, item, _ = rows_of(tastes())[7]

    (own,) = predicted(model, tastes(), pairs_of(user, item))
    (other,) = predicted(model, without(tastes(), user, item), pairs_of(user, item))

    assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-5)
    assert own["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def test_a_file_gives_the_same_model_back(model: FactorizationModel, tmp_path: Path) -> None:
    rbmcli.save_model(model, tmp_path / "m.parquet")

    loaded = rbmcli.load_model(tmp_path / "m.parquet")

    assert fingerprint(loaded) == fingerprint(model)
    assert loaded.settings == model.settings
    pairs = pairs_of("u03", 100, 101, 999)
    assert predicted(loaded, tastes(), pairs) == predicted(model, tastes(), pairs)


def test_equal_ratings_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    for name, table in (("a", tastes()), ("b", shuffled(tastes()))):
        rbmcli.train(table, tmp_path / name, settings=QUICK)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_it_can_be_explained_compared_and_recommended(model: FactorizationModel) -> None:
    told = rbmcli.explain(model, tastes(), "u03", 101)
    alike = rbmcli.similar(model, 100).table.to_pylist()
    best = rbmcli.recommend(model, tastes()).table

    assert told.whole == pytest.approx(told.prediction, abs=1e-9)
    # Half of the users like the even items and dislike the odd ones, the others the other way round.
    assert all(row["neighbour"] % 2 == 0 for row in alike[:5])
    assert best.num_rows > 0


def test_it_can_be_a_member_of_a_blend() -> None:
    members = tuple(
        Member.of(text)
        for text in ("mf:method=als,latent-factors=2,sweeps=8,factor-penalty=3,implicit-penalty=6", "bias")
    )

    found = rbmcli.train(tastes(), settings=BlendSettings(members=members)).model

    assert [member.kind for member in found.members] == ["mf", "bias"]
    assert found.members[0].samples.alpha.shape == (1,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "als", "samples": 5}, "--samples: not an option of --method als"),
        ({"method": "als", "burn_in": 5}, "--burn-in: not an option of --method als"),
        ({"factor_penalty": 5.0}, "--factor-penalty: not an option of --method gibbs"),
        ({"bias_penalty": 5.0, "implicit_penalty": 3.0}, "--bias-penalty, --implicit-penalty: not an option"),
        ({"method": "als", "implicit": False, "implicit_penalty": 3.0}, "what --no-implicit leaves out"),
        ({"method": "sgd"}, "--method 'sgd' is not one of gibbs, als"),
    ],
)
def test_settings_of_the_other_method_are_refused(given: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FactorizationSettings(**given)


def test_fewer_sweeps_than_samples_are_no_matter_by_least_squares() -> None:
    assert FactorizationSettings(method="als", sweeps=2).kept == 1
