"""Matrix factorization: what was planted is found, new users are folded in, files give models back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import FactorizationSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import DataError, UsageError
from rbmcli.models import alternation, gibbs
from rbmcli.models.factorization import FactorizationModel
from rbmcli.models.gibbs import Sampler
from rbmcli.models.store import fingerprint
from tests.small_ratings import pairs_of, rows_of, shuffled, table_of, tastes, without

QUICK = FactorizationSettings(latent_factors=2, sweeps=60, burn_in=20, samples=20)


def model_of(table: pa.Table | None = None, settings: FactorizationSettings = QUICK) -> FactorizationModel:
    model = rbmcli.train(tastes() if table is None else table, settings=settings).model
    assert isinstance(model, FactorizationModel)
    return model


@pytest.fixture(scope="module")
def model() -> FactorizationModel:
    return model_of()


def predicted(model: FactorizationModel, history: pa.Table, pairs: pa.Table) -> list[dict]:
    settings = rbmcli.PredictSettings(probabilities=True)
    return rbmcli.predict(model, history, pairs, settings=settings).table.to_pylist()


def planted(ratings_share: float, factors: int) -> tuple[CompressedRows, np.ndarray, np.ndarray]:
    """Return who has rated what, what is expected of each rating, and the ratings, which deviate by 0.5."""
    generator = np.random.default_rng(0)
    user, item = np.nonzero(generator.random((150, 60)) < ratings_share)
    rows = CompressedRows.build(
        user.astype(np.int32), item.astype(np.int32), np.zeros(len(user), np.uint8), (150, 60)
    )
    p, q = generator.normal(0, 0.6, (150, factors)), generator.normal(0, 0.6, (60, factors))
    said = 3 + generator.normal(0, 0.5, 60)[item] + np.einsum("nf,nf->n", p[user], q[item])
    return rows, said, said + generator.normal(0, 0.5, len(said))


def test_the_precision_of_ratings_is_found() -> None:
    rows, _, rating = planted(0.7, 2)
    sampler, alpha = Sampler(rows, rating, 2, seed=1), []

    for _ in range(150):
        sampler.sweep()
        alpha.append(sampler.sample()[-1])

    assert np.mean(alpha[50:]) == pytest.approx(1 / 0.5**2, rel=0.08)


def test_the_noise_of_users_and_items_is_found() -> None:
    rows, said, _ = planted(0.7, 2)
    generator = np.random.default_rng(4)
    # Every third user rates with three times the noise of others, and so is every fourth item.
    wild_user, wild_item = np.arange(150) % 3 == 0, np.arange(60) % 4 == 0
    user = rows.row_of_each()
    noise = 0.2 * np.where(wild_user[user], 3, 1) * np.where(wild_item[rows.column], 3, 1)
    sampler = Sampler(rows, said + generator.normal(0, noise), 2, seed=1)
    of_users, of_items = np.zeros(150), np.zeros(60)

    for sweep in range(100):
        sampler.sweep()
        if sweep >= 50:
            of_users += sampler.users.noise_precision / 50
            of_items += sampler.items.noise_precision / 50

    for found, is_wild in ((of_users, wild_user), (of_items, wild_item)):
        assert found[is_wild].max() < found[~is_wild].min()
        assert found[~is_wild].mean() > 4 * found[is_wild].mean()


def test_noise_of_their_own_makes_factors_of_items_better_known() -> None:
    rows, said, _ = planted(0.6, 2)
    noise = np.where(np.arange(150) % 2 == 0, 0.3, 1.0)[rows.row_of_each()]
    rating = said + np.random.default_rng(5).normal(0, noise)
    errors = []
    for alike in (gibbs.ALIKE, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gibbs, "ALIKE", alike)
            sampler, total = Sampler(rows, rating, 2, seed=1), np.zeros(len(said))
            for sweep in range(100):
                sampler.sweep()
                if sweep >= 40:
                    total += sampler.predicted(rows.row_of_each(), rows.column) / 60
            errors.append(np.sqrt(np.mean((total - said) ** 2)))

    assert errors[0] < 0.85 * errors[1]


@pytest.mark.parametrize("factors", [2, 18])
def test_samples_predict_what_they_say_of_the_ratings_they_were_drawn_for(factors: int) -> None:
    rows, _, rating = planted(0.4, 2)
    sampler = Sampler(rows, rating, factors, seed=1)

    for _ in range(5):
        sampler.sweep()

    said = sampler.predicted(rows.row_of_each(), rows.column)
    assert sampler.mean_square() == pytest.approx(np.mean((rating - said) ** 2), rel=1e-4)
    # What pads the factors plays no part.
    assert not sampler.users.factors[:, factors + 1 :].any()
    assert not sampler.items.expected()[:, factors + 1 :].any()


def test_a_sample_on_another_scale_is_the_same_but_for_the_unit() -> None:
    rows, _, rating = planted(0.4, 2)
    one, ten = Sampler(rows, rating, 2, seed=1), Sampler(rows, 10 * rating + 5, 2, seed=1)

    for _ in range(3):
        one.sweep()
        ten.sweep()

    pairs = rows.row_of_each(), rows.column
    np.testing.assert_allclose(ten.predicted(*pairs), 10 * one.predicted(*pairs) + 5, rtol=1e-3)
    factors, implicit, mean, precision, _, alpha = one.sample()
    others = ten.sample()
    np.testing.assert_allclose(others[0], 10 * factors, rtol=0.02, atol=0.02)
    np.testing.assert_allclose(others[1][:, 0], 10 * implicit[:, 0], rtol=0.02, atol=0.02)
    np.testing.assert_allclose(others[3][1:], precision[1:], rtol=0.01)
    assert others[3][0] == pytest.approx(precision[0] / 100, rel=0.01)
    assert others[-1] == pytest.approx(alpha / 100, rel=0.01)
    assert mean.shape == precision.shape


def test_calls_of_kernels_are_bounded_and_reach_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternation, "CALL", 300)
    rows, _, rating = planted(0.4, 2)
    split = Sampler(rows, rating, 2, seed=1)
    assert len(split.users.calls) > 5
    assert max(last - first for first, last in split.users.calls) < 20
    monkeypatch.undo()
    whole = Sampler(rows, rating, 2, seed=1)

    for sampler in (split, whole):
        sampler.sweep()

    np.testing.assert_array_equal(split.items.factors, whole.items.factors)


def test_what_was_planted_is_found_far_better_than_by_effects() -> None:
    generator = np.random.default_rng(3)
    user, item = np.nonzero(generator.random((200, 60)) < 0.4)
    p, q = generator.normal(0, 0.8, (200, 2)), generator.normal(0, 0.8, (60, 2))
    rating = 3 + np.einsum("nf,nf->n", p[user], q[item]) + generator.normal(0, 0.3, len(user))
    rating = np.clip(np.round(rating * 2) / 2, 1, 5)
    table = table_of([f"u{n:03d}" for n in user], list(item), list(rating))
    chosen = generator.random(table.num_rows) < 0.8
    train, test = table.filter(pa.array(chosen)), table.filter(pa.array(~chosen))
    found = model_of(train, FactorizationSettings(latent_factors=4, sweeps=120, burn_in=30, samples=30))

    settings = rbmcli.PredictSettings(probabilities=True)
    said = rbmcli.predict(found, train, test, settings=settings).table
    result = rbmcli.evaluate(said, history=train)

    ours, theirs = (result.segments(name)["all"] for name in ("model", "user+item bias"))
    assert ours["rmse"] < 0.45
    assert theirs["rmse"] > 0.7
    assert ours["nll"] < 1.3


def test_having_rated_tells_of_a_user_only_where_that_counts() -> None:
    without_implicit = model_of(
        settings=FactorizationSettings(latent_factors=2, sweeps=60, burn_in=20, samples=20, implicit=False)
    )

    assert np.all(without_implicit.samples.implicit == 0)
    assert np.any(model_of().samples.implicit != 0)


def test_sources_tell_who_was_trained_on_and_who_is_folded_in(model: FactorizationModel) -> None:
    history = pa.concat_tables([tastes(), table_of(["new"] * 2, [100, 101], [5.0, 1.0])])
    history = without(history, "u05", next(item for user, item, _ in rows_of(history) if user == "u05"))

    found = predicted(
        model,
        history,
        pa.concat_tables([pairs_of("u03", 104, 999), pairs_of("new", 103), pairs_of("u05", 104)]),
    )

    assert [row["source"] for row in found] == ["model", "row_prior", "folded_in", "folded_in"]
    (nobody,) = predicted(model, history, pairs_of("nobody", 103))
    assert nobody["source"] == "visible_prior"
    assert all(1 <= row["prediction"] <= 5 for row in [*found, nobody])


def test_a_new_user_with_the_ratings_of_another_is_predicted_alike(model: FactorizationModel) -> None:
    mine = [(item, rating) for user, item, rating in rows_of(tastes()) if user == "u03"]
    twin = table_of(["twin"] * len(mine), [item for item, _ in mine], [rating for _, rating in mine])
    asked = next(item for item in range(100, 120) if item not in {item for item, _ in mine})

    (one,) = predicted(model, tastes(), pairs_of("u03", asked))
    (other,) = predicted(model, twin, pairs_of("twin", asked))

    assert other["prediction"] == one["prediction"]
    assert other["probabilities"] == one["probabilities"]


def test_a_pair_of_the_history_is_predicted_as_by_a_history_without_it(model: FactorizationModel) -> None:
    user, item, _ = rows_of(tastes())[7]

    (own,) = predicted(model, tastes(), pairs_of(user, item))
    (other,) = predicted(model, without(tastes(), user, item), pairs_of(user, item))

    assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-5)


def test_a_file_gives_the_same_model_back(model: FactorizationModel, tmp_path: Path) -> None:
    rbmcli.save_model(model, tmp_path / "m.parquet")

    loaded = rbmcli.load_model(tmp_path / "m.parquet")

    assert isinstance(loaded, FactorizationModel)
    assert fingerprint(loaded) == fingerprint(model)
    pairs = pairs_of("u03", 100, 101, 999)
    assert predicted(loaded, tastes(), pairs) == predicted(model, tastes(), pairs)


def test_a_model_whose_settings_are_of_another_size_is_damaged(
    model: FactorizationModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    changed = dataclasses.replace(
        model, settings=FactorizationSettings(latent_factors=2, sweeps=60, burn_in=20, samples=19)
    )
    rbmcli.save_model(changed, tmp_path / "m.parquet")

    with pytest.raises(DataError, match="the model is damaged"):
        rbmcli.load_model(tmp_path / "m.parquet")


def test_equal_ratings_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    settings = FactorizationSettings(latent_factors=2, sweeps=10, burn_in=2, samples=4, seed=4)
    for name, table in (("a", tastes()), ("b", shuffled(tastes()))):
        rbmcli.train(table, tmp_path / name, settings=settings)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_it_can_be_explained_compared_and_recommended(model: FactorizationModel) -> None:
    told = rbmcli.explain(model, tastes(), "u03", 101)
    alike = rbmcli.similar(model, 100).table.to_pylist()
    best = rbmcli.recommend(model, tastes()).table

    assert told.whole == pytest.approx(told.prediction, abs=1e-9)
    assert told.table.num_rows > 0
    # Half of the users like the even items and dislike the odd ones, the others the other way round.
    assert all(row["neighbour"] % 2 == 0 for row in alike[:5])
    assert best.num_rows > 0


@pytest.mark.parametrize(
    ("sweeps", "burn_in", "samples", "kept"),
    [(10, 4, 3, [5, 7, 9]), (6, 0, 6, [0, 1, 2, 3, 4, 5]), (9, 2, 2, [5, 8])],
)
def test_samples_are_kept_evenly(sweeps: int, burn_in: int, samples: int, kept: list[int]) -> None:
    settings = FactorizationSettings(sweeps=sweeps, burn_in=burn_in, samples=samples)

    assert [sweep for sweep in range(sweeps) if settings.is_kept(sweep)] == kept


def test_fewer_sweeps_than_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="--sweeps 60 less --burn-in 100 is less than --samples 32"):
        FactorizationSettings(sweeps=60)
