"""Blends and ensembles: what members say is combined as it is told, from one file, for any history."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import BlendSettings, EnsembleSettings, Member
from rbmcli.errors import DataError, UsageError
from rbmcli.models import blend_training
from rbmcli.models.blend import BlendModel
from rbmcli.models.store import fingerprint
from rbmcli.progress import Progress
from tests.models.model_files import rewrite
from tests.small_ratings import pairs_of, ratings, rows_of, shuffled, table_of, tastes, with_rating, without

MF, RBM, BIAS = "mf:latent-factors=3,sweeps=30,burn-in=5,samples=5", "rbm:by=item,hidden=6,epochs=4", "bias"
MEMBERS = (MF, RBM, BIAS)


def blend_settings(*members: str, **changes: object) -> BlendSettings:
    return BlendSettings(members=tuple(Member.of(text) for text in members or MEMBERS), **changes)  # type: ignore[arg-type]


def blend_of(table: pa.Table | None = None, settings: BlendSettings | None = None) -> BlendModel:
    model = rbmcli.train(
        tastes() if table is None else table, settings=blend_settings() if settings is None else settings
    ).model
    assert isinstance(model, BlendModel)
    return model


@pytest.fixture(scope="module")
def blend() -> BlendModel:
    return blend_of()


def predicted(model: object, history: pa.Table, pairs: pa.Table) -> list[dict]:
    settings = rbmcli.PredictSettings(probabilities=True)
    return rbmcli.predict(model, history, pairs, settings=settings).table.to_pylist()  # type: ignore[arg-type]


def by_hand(model: BlendModel, history: pa.Table, pair: pa.Table, n_user: int) -> tuple[float, np.ndarray]:
    """Return prediction and probabilities of one pair from those that its members give by themselves."""
    said = [predicted(member, history, pair)[0] for member in model.members]
    how, item = model.combination, model.item_ids.lookup(pair["item"])
    n_item = np.append(model.item_ratings, 0)[item]
    weights = how.weights_of(np.array([n_user]), n_item)[0]
    mean = how.centre + sum(
        weight * (each["prediction"] - how.centre) for weight, each in zip(weights, said, strict=True)
    )
    pooled = sum(
        share * np.asarray(each["probabilities"]) for share, each in zip(how.pool, said, strict=True)
    )
    return float(np.clip(mean, 1, 5)), np.asarray(pooled)


def test_a_blend_says_what_its_members_say_combined(blend: BlendModel) -> None:
    history = with_rating(table_of(["new"] * 3, [100, 101, 105], [5.0, 4.0, 1.0]), "none", 999, 2.0)
    history = pa.concat_tables([tastes(), history])
    of_user = {
        user: sum(each == user and item != 999 for each, item, _ in rows_of(history))
        for user in ("u03", "new")
    }
    own = next(item for user, item, _ in rows_of(tastes()) if user == "u03")
    cases = [
        ("u03", 119, False),
        ("u03", own, True),
        ("new", 102, False),
        ("new", 998, False),
        ("none", 100, False),
    ]

    for user, item, is_own in cases:
        pair = pairs_of(user, item)
        (found,) = predicted(blend, history, pair)
        mean, probability = by_hand(blend, history, pair, of_user.get(user, 0) - is_own)
        assert found["prediction"] == pytest.approx(mean, abs=1e-5)
        assert found["probabilities"] == pytest.approx(probability, abs=1e-5)
        assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_sources_tell_what_is_known_of_user_and_item(blend: BlendModel) -> None:
    history = pa.concat_tables([tastes(), table_of(["new", "odd"], [100, 999], [5.0, 2.0])])
    pairs = pa.concat_tables([pairs_of("u03", 119, 998), pairs_of("new", 101), pairs_of("odd", 100, 998)])

    found = predicted(blend, history, pairs)

    assert [row["source"] for row in found] == [
        "model",
        "row_prior",
        "folded_in",
        "visible_prior",
        "global_prior",
    ]


def test_a_pair_of_a_new_history_is_predicted_as_by_a_history_without_it(blend: BlendModel) -> None:
    history = table_of(["new"] * 4, [100, 101, 104, 105], [5.0, 1.0, 4.0, 2.0])

    (own,) = predicted(blend, history, pairs_of("new", 104))
    (other,) = predicted(blend, without(history, "new", 104), pairs_of("new", 104))

    assert own["prediction"] == pytest.approx(other["prediction"], abs=1e-4)
    assert own["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def test_a_member_is_the_model_that_is_trained_by_itself(blend: BlendModel) -> None:
    for text, member in zip(MEMBERS, blend.members, strict=True):
        settings = Member.of(text).within(blend_settings()).settings
        alone = rbmcli.train(tastes(), settings=settings).model
        assert fingerprint(alone) == fingerprint(
            _with_record(member, data_fingerprint=alone.record["data_fingerprint"])
        )


def _with_record(model: object, **facts: object) -> rbmcli.models.rating_model.RatingModel:  # type: ignore[name-defined]
    import dataclasses

    return dataclasses.replace(model, record={**model.record, **facts})  # type: ignore[attr-defined, type-var]


def test_weights_favour_who_predicts_better() -> None:
    # Base rates and effects say nothing of tastes.
    model = blend_of(tastes(users=150), blend_settings(MF, BIAS))

    found = model.record["of_members"]

    assert found[0]["valid_rmse"] < 0.7 * found[1]["valid_rmse"]
    assert found[0]["weight"] > 3 * found[1]["weight"]
    assert found[0]["share"] > 0.8
    assert model.record["epochs"][0]["valid_rmse"] < found[0]["valid_rmse"] + 0.05


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    settings = EnsembleSettings(members=(Member.of(MF),), seeds=3, seed=7)
    model = rbmcli.train(tastes(), settings=settings).model
    pair = pairs_of("u03", 119)

    (found,) = predicted(model, tastes(), pair)
    said = [
        predicted(rbmcli.train(tastes(), settings=_single(seed)).model, tastes(), pair)[0]
        for seed in (7, 8, 9)
    ]

    assert model.kind == "ensemble"
    assert len({row["prediction"] for row in said}) == 3
    assert found["prediction"] == pytest.approx(np.mean([row["prediction"] for row in said]), abs=1e-5)
    mean = np.mean(
        [predicted(member, tastes(), pair)[0]["probabilities"] for member in model.members], axis=0
    )
    assert found["probabilities"] == pytest.approx(mean, abs=1e-5)


def _single(seed: int) -> rbmcli.FactorizationSettings:
    # But for the link: it is fitted to what is held out, which is that of the first seed in an ensemble.
    settings = Member.of(MF).seeded(seed).settings
    assert isinstance(settings, rbmcli.FactorizationSettings)
    return settings


def test_a_file_gives_the_same_blend_back(tmp_path: Path, blend: BlendModel) -> None:
    rbmcli.save_model(blend, tmp_path / "b.parquet")

    loaded = rbmcli.load_model(tmp_path / "b.parquet")

    assert fingerprint(loaded) == fingerprint(blend)
    assert [fingerprint(each) for each in loaded.members] == [fingerprint(each) for each in blend.members]
    assert loaded.settings == blend.settings
    pairs = pairs_of("u03", 100, 119)
    assert predicted(loaded, tastes(), pairs) == predicted(blend, tastes(), pairs)


def test_trees_are_kept_in_the_file(tmp_path: Path) -> None:
    # Of one member that says nothing of tastes something is left over that trees find.
    model = blend_of(tastes(users=400, items=40), blend_settings(MF, BIAS, combiner="boosted", holdout=0.4))
    assert len(model.combination.trees.value) > 0
    rbmcli.save_model(model, tmp_path / "b.parquet")

    loaded = rbmcli.load_model(tmp_path / "b.parquet")

    pairs = pairs_of("u03", 100, 119)
    history = tastes(users=400, items=40)
    assert predicted(loaded, history, pairs) == predicted(model, history, pairs)
    assert fingerprint(loaded) == fingerprint(model)


def test_equal_ratings_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    for name, table in (("a", tastes()), ("b", shuffled(tastes()))):
        rbmcli.train(table, tmp_path / name, settings=blend_settings(MF, BIAS, seed=4))

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damage_of_a_member_is_told(tmp_path: Path, blend: BlendModel) -> None:
    path = tmp_path / "b.parquet"
    rbmcli.save_model(blend, path)
    rewrite(
        path,
        table_change=lambda table: table.filter(pa.compute.not_equal(table["member"].fill_null(""), "3")),
    )

    with pytest.raises(DataError, match="damaged: it has no lines of its member 3"):
        rbmcli.load_model(path)

    rbmcli.save_model(blend, path)
    metadata = json.loads(pa.parquet.read_metadata(path).metadata[b"rbmcli"])
    metadata["members"][1]["settings"]["hidden"] = 7
    rewrite(path, {"members": metadata["members"]})
    with pytest.raises(DataError, match="damaged"):
        rbmcli.load_model(path)


def test_weights_from_several_parts_are_of_ratings_that_no_member_has_seen() -> None:
    one, three = (blend_of(settings=blend_settings(MF, BIAS, weight_folds=folds)) for folds in (1, 3))

    # What the final members are does not depend on it, the weights do.
    assert [fingerprint(each) for each in one.members] == [fingerprint(each) for each in three.members]
    assert not np.array_equal(one.combination.weights, three.combination.weights)


def test_without_refit_validation_ratings_are_no_part_of_it() -> None:
    valid = table_of(["u00", "v00", "v00"], [777, 101, 102], [1.0, 2.0, 5.0])
    kept_out = rbmcli.train(tastes(), valid=valid, settings=blend_settings(MF, RBM, refit=False)).model
    taken_in = rbmcli.train(tastes(), valid=valid, settings=blend_settings(MF, RBM)).model

    assert 777 not in kept_out.item_ids.values.to_pylist()
    assert 777 in taken_in.item_ids.values.to_pylist()
    assert predicted(kept_out, tastes(), pairs_of("u00", 777))[0]["source"] == "row_prior"


class _Told(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)

    def warn(self, message: str) -> None:
        self.lines.append(message)


def test_members_are_left_out_when_the_time_is_over() -> None:
    told = _Told()
    model = rbmcli.train(tastes(), settings=blend_settings(time_budget=0.0), progress=told).model

    assert [member.kind for member in model.members] == ["mf"]
    assert any("--time-budget 0" in line and "bias would take about" in line for line in told.lines)


def test_a_quick_member_is_taken_where_there_is_no_time_for_a_slow_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter([0.0, 0.0, 3.0, 3.0, 3.0, 4.0])
    monkeypatch.setattr(blend_training.time, "perf_counter", lambda: next(ticks))
    members = [Member.of(text) for text in ("bias", "mf", "bias:user-penalty=3")]

    # The first took 3 seconds, mf would take 50, and the last as long as the first.
    taken = list(blend_training._within_budget(members, blend_settings(time_budget=20.0), _Told()))

    assert [member.kind for member in taken] == ["bias", "bias"]


def test_what_each_member_does_and_all_gain_is_told() -> None:
    told = _Told()
    rbmcli.train(tastes(), settings=blend_settings(MF, BIAS), progress=told)

    assert any(line.startswith("bias: RMSE") and "of the probabilities" in line for line in told.lines)
    assert any(line.startswith("all 2 together: RMSE") for line in told.lines)


def test_a_blend_goes_where_other_models_go(tmp_path: Path, blend: BlendModel) -> None:
    settings = rbmcli.PredictSettings(probabilities=True)
    rbmcli.predict(blend, tastes(), tastes(seed=5), tmp_path / "p.parquet", settings=settings)
    rbmcli.evaluate(tmp_path / "p.parquet", model=blend, calibrate=tmp_path / "right.parquet")
    listed = rbmcli.recommend(blend, tastes(), settings=rbmcli.RecommendSettings(top=3)).table

    assert rbmcli.load_model(tmp_path / "right.parquet").calibration is not None
    assert listed.num_rows == 3 * len(set(tastes()["user"].to_pylist()))
    assert len(rbmcli.similar(blend, 101).table) > 0
    told = rbmcli.explain(blend, tastes(), "u03", 101)
    assert told.whole == pytest.approx(told.prediction, abs=1e-6)
    result = rbmcli.crossval(ratings(), train_settings=blend_settings(MF, BIAS))
    assert len(result.folds) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("svd", "'svd' is none of rbm, mf, autoencoder, neighbours, bias"),
        ("mf:hidden=3", "mf has no setting 'hidden'"),
        ("mf:sweeps=0", "--sweeps 0 is outside"),
        ("rbm:by=film", "--by 'film' is not one of"),
        ("mf:holdout=0.5", "mf has no setting 'holdout'"),
        ("mf:sweeps=many", "a value is of the wrong type"),
    ],
)
def test_members_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Member.of(text)


def test_a_member_is_told_as_it_is_written() -> None:
    for text in MEMBERS:
        assert Member.of(Member.of(text).told) == Member.of(text)
    assert Member.of("rbm: by = item , fine-tune").told == "rbm:by=item,fine-tune=true"


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UsageError, match="both or neither"):
        BlendSettings()
    with pytest.raises(UsageError, match="both or neither"):
        blend_settings(preset="best")
    with pytest.raises(UsageError, match="--no-valid"):
        blend_settings(validation="none")
    with pytest.raises(UsageError, match="expected one member, got 2"):
        EnsembleSettings(members=(Member.of(MF), Member.of(BIAS)))
    with pytest.raises(UsageError, match="--model rbm"):
        rbmcli.train(tastes(), settings=blend_settings(), also_rated=pairs_of("u03", 100))
