"""A search tries the defaults first, keeps what is fixed, gives up what falls behind, and writes the best."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from pathlib import Path

import pytest

import rbmcli
from rbmcli.config import LevelSettings, TrainSettings
from rbmcli.errors import DivergenceError, UsageError
from rbmcli.models.tuning import SearchSpace
from tests.pipeline.searches import DIVERGES, EPOCHS, Script, set_clock, tuned
from tests.recorder import Recorder
from tests.small_ratings import ratings

FALLING = [1.0 - 0.01 * epoch for epoch in range(30)]
BEHIND = [9.0] * 30


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table_of_file(name: str) -> dict:
    return tomllib.loads(Path(name).read_text(encoding="utf-8"))["train"]


def spaces_made(monkeypatch: pytest.MonkeyPatch) -> list[SearchSpace]:
    """Return a list that the space of each search is added to."""
    made: list[SearchSpace] = []
    original = SearchSpace.as_dict
    monkeypatch.setattr(SearchSpace, "as_dict", lambda space: made.append(space) or original(space))
    return made


# What is tried.


def test_the_first_trials_are_the_defaults_of_preset_accurate(monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = spaces_made(monkeypatch)
    script = Script(monkeypatch, [FALLING] * 8)

    tuned(trials=8)

    assert script.tried[:6] == spaces[0].defaults
    ways = [(tried.by, tried.objective, tried.level_functions) for tried in script.tried]
    assert sorted(ways[:6]) == [
        ("item", "discriminative", 0),
        ("item", "discriminative", 2),
        ("item", "divergence", 2),
        ("user", "discriminative", 0),
        ("user", "discriminative", 2),
        ("user", "divergence", 2),
    ]
    usual = TrainSettings().prior_strength
    assert all(tried.prior_strength != usual for tried in script.tried[6:])


def test_the_best_is_never_worse_than_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, [[3.0], [2.0], [2.5], [4.0], [2.1], [2.2]])

    result = tuned()

    assert (result.trial, result.valid_rmse, result.default_rmse) == (2, 2.0, 2.0)
    assert result.settings == script.tried[1]


def test_of_equal_trials_the_first_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [[2.0], [1.5], [1.5], [1.5], [1.5]])

    assert tuned(trials=5).trial == 2


def test_fixed_settings_stay_in_every_trial_and_are_not_called_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch, [FALLING] * 8)

    result = tuned(trials=8, fixed={"by": "item", "objective": "divergence", "hidden": 9, "batch_size": 100})

    kept = {(tried.by, tried.objective, tried.hidden, tried.batch_size) for tried in script.tried}
    assert kept == {("item", "divergence", 9, 100)}
    assert len({tried.learning_rate for tried in script.tried}) > 4
    assert not {"by", "objective", "hidden", "batch_size"} & set(result.searched)
    assert result.searched["learning_rate"] == result.settings.learning_rate


@pytest.mark.parametrize("name", ["preset", "seed", "validation"])
def test_what_a_search_sets_itself_cannot_be_fixed(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} cannot be fixed"):
        tuned(fixed={name: getattr(TrainSettings(), name)})


def test_all_trials_are_measured_on_the_same_ratings_with_the_same_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = set()
    script = Script(monkeypatch, [FALLING] * 6)
    called = script.__call__

    def note(data: object, held_out: object, levels: object, settings: object, progress: object) -> None:
        seen.add(held_out.tobytes())
        called(data, held_out, levels, settings, progress)

    monkeypatch.setattr("rbmcli.pipeline.attempts.try_settings", note)

    tuned(settings={"seed": 5})

    assert len(seen) == 1
    assert {tried.seed for tried in script.tried} == {5}


# How trials end.


def test_a_trial_that_falls_behind_the_others_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [*[FALLING] * 5, BEHIND, FALLING])
    recorder = Recorder()

    result = tuned(trials=7, fixed={"objective": "divergence"}, progress=recorder)

    assert result.endings == {"complete": 6, "pruned": 1, "diverged": 0}
    assert any("trial 6 of 7" in told and "given up after epoch 20" in told for told in recorder.told)


def test_no_default_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbmcli.pipeline.pruning.FEWEST_PEERS", 1)
    Script(monkeypatch, [FALLING, BEHIND, BEHIND])

    endings = tuned(trials=3, fixed={"objective": "divergence"}).endings

    # Rows of items and of users are the defaults; the third trial is another one.
    assert endings == {"complete": 2, "pruned": 1, "diverged": 0}


def test_a_trial_that_diverges_is_counted_but_never_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [[0.1, DIVERGES], [2.0], [3.0]])
    recorder = Recorder()

    result = tuned(trials=3, progress=recorder)

    assert (result.trial, result.valid_rmse) == (2, 2.0)
    assert result.endings == {"complete": 2, "pruned": 0, "diverged": 1}
    assert any("trial 1 of 3" in told and "left the finite numbers" in told for told in recorder.told)


def test_a_validation_rmse_that_is_no_number_counts_as_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [[float("nan")], [2.0]])

    assert tuned(trials=2).endings == {"complete": 1, "pruned": 0, "diverged": 1}


def test_where_every_trial_diverges_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [[DIVERGES]] * 3)

    with pytest.raises(DivergenceError, match="none of 3 trials"):
        tuned("best.toml", trials=3)

    assert not Path("best.toml").exists()


# The budget of time.


def test_after_the_budget_no_trial_starts_and_one_under_way_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    at = set_clock(monkeypatch)
    script = Script(monkeypatch, [[1.0], [1.5], [0.5, at(60), 0.4, 0.3], [0.1]])
    recorder = Recorder()

    result = tuned(settings={"budget": 60}, progress=recorder)

    assert len(script.tried) == 3
    assert (result.valid_rmse, sum(result.endings.values())) == (1.0, 2)
    assert any("the budget is spent after 2 of 6 trials" in told for told in recorder.told)


def test_a_budget_too_small_for_one_trial_still_ends_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    at = set_clock(monkeypatch)
    Script(monkeypatch, [[3.0, at(1000), 2.0], [1.0]])

    result = tuned(settings={"budget": 60})

    assert (result.trial, result.valid_rmse, sum(result.endings.values())) == (1, 2.0, 1)


# The file.


def test_the_file_has_every_setting_of_the_best_trial_under_its_name() -> None:
    result = tuned("best.toml", settings={"seed": 3}, fixed={"momentum": "0.5,0.9@3"})

    expected = result.settings.as_dict()
    for name in ("preset", "validation"):
        del expected[name]
    assert table_of_file("best.toml") == expected
    assert (expected["refit"], expected["seed"], expected["momentum"]) == (True, 3, "0.5,0.9@3")


def test_the_file_tells_the_figures_and_nothing_of_places_and_times(tmp_path: Path) -> None:
    result = tuned("best.toml")

    text = Path("best.toml").read_text(encoding="utf-8")
    assert f"Validation RMSE {result.valid_rmse:.4f} and NLL {result.valid_nll:.4f}" in text
    assert f"Trial {result.trial} of 6: 6 complete, 0 pruned, 0 diverged" in text
    assert str(tmp_path) not in text
    assert "best.toml" not in text


def test_a_scale_that_was_given_stands_in_the_file_too() -> None:
    tuned("a.toml", trials=1, level_settings=LevelSettings(levels=(0.1, 1.0, 2, 3, 4, 5)))
    tuned("b.toml", trials=1, level_settings=LevelSettings(bins=2))

    assert table_of_file("a.toml")["levels"] == "0.1,1,2,3,4,5"
    assert table_of_file("b.toml")["bins"] == 2


def test_training_with_the_best_settings_gives_the_figures_that_were_told() -> None:
    result = tuned()

    settings = dataclasses.replace(result.settings, preset="fast")
    trained = rbmcli.train(ratings(), settings=settings)

    assert (trained.best_epoch, trained.valid_rmse) == (result.best_epoch, result.valid_rmse)


def test_validation_ratings_that_are_given_are_what_is_measured_on() -> None:
    parts = rbmcli.prepare(ratings(60, 30))

    result = tuned(source=parts.train, valid=parts.valid, trials=3)

    settings = dataclasses.replace(result.settings, refit=False)
    trained = rbmcli.train(parts.train, valid=parts.valid, settings=settings)
    assert trained.valid_rmse == result.valid_rmse


def test_equal_searches_write_equal_bytes_and_another_seed_tries_others() -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        tuned(f"{name}.toml", trials=8, settings={"seed": seed})

    one, equal, other = (table_of_file(f"{name}.toml") for name in "abc")
    assert Path("a.toml").read_bytes() == Path("b.toml").read_bytes()
    assert one == equal != other


def test_without_an_output_nothing_is_written(tmp_path: Path) -> None:
    result = tuned(trials=2)

    assert (result.path, result.journal) == (None, None)
    assert list(tmp_path.iterdir()) == []


# What is refused, and what is told.


def test_without_optuna_the_command_that_installs_it_is_named_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    recorder = Recorder()

    with pytest.raises(UsageError, match="needs the package optuna") as caught:
        tuned("best.toml", progress=recorder)

    assert caught.value.hint == "pip install 'rbmcli[tune]'"
    assert recorder.told == []


@pytest.mark.parametrize(
    ("output", "journal", "words"),
    [
        ("nowhere/best.toml", None, "does not exist"),
        ("best.toml", "nowhere/j", "does not exist"),
        ("best.toml", "best.toml", "is the output and the journal too"),
        ("r.csv", None, "is an input"),
        ("best.toml", "r.csv", "is an input"),
    ],
)
def test_files_that_cannot_be_written_are_told_before_any_work(
    output: str, journal: str | None, words: str
) -> None:
    Path("r.csv").write_text("user,item,rating\n1,2,3\n")

    with pytest.raises(UsageError, match=words):
        tuned(output, source="r.csv", journal=journal)

    assert [path.name for path in Path().iterdir()] == ["r.csv"]


def test_each_trial_is_told_in_one_line_with_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [[3.0], [2.0], [2.5]])
    recorder = Recorder()

    tuned(trials=3, progress=recorder)

    lines = [told for told in recorder.told if told.startswith("trial ")]
    assert [line.rpartition(": ")[2] for line in lines] == [
        "validation RMSE 3.0000 in epoch 1, best",
        "validation RMSE 2.0000 in epoch 1, best",
        "validation RMSE 2.5000 in epoch 1; best 2.0000",
    ]
    assert recorder.reports == []


def test_numbers_in_the_file_are_as_short_as_a_user_would_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [[2.0]] * 5 + [[1.0]])

    result = tuned()

    assert result.trial == 6
    for name, value in result.searched.items():
        if isinstance(value, float):
            assert value == float(f"{value:.3g}"), name


def test_the_space_is_made_for_the_ratings_that_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = spaces_made(monkeypatch)

    tuned(trials=1, fixed={"holdout": 0.3})

    shape = spaces[0].shape
    total = ratings().num_rows
    assert (shape.users, shape.items, shape.levels) == (30, 12, 5)
    assert 0.55 * total < shape.ratings < 0.85 * total
    assert spaces[0].given.epochs == EPOCHS
