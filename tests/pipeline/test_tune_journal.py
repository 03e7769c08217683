"""A search that was ended goes on from its journal as if it had not been; other journals are left alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import optuna
import pyarrow as pa
import pyarrow.csv
import pytest

from rbmcli.errors import DataError, LockedError, MismatchError, RbmcliError
from rbmcli.pipeline import attempts
from rbmcli.progress import EpochReport, Progress
from tests.lock_holder import held_by_another
from tests.pipeline.searches import Script, set_clock, tuned
from tests.recorder import Recorder
from tests.small_ratings import pairs_of, ratings, shuffled, table_of, with_rating

TRIALS = 13
"""More than are drawn blindly, so that what the sampler learned from the others counts."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the search writes that nothing ends."""
    path = tmp_path_factory.mktemp("unbroken") / "best.toml"
    tuned(path, TRIALS)
    return path.read_bytes()


def interrupt_in(monkeypatch: pytest.MonkeyPatch, trial: int, epoch: int) -> None:
    """Raise an interrupt at the end of an epoch of a trial, both counted from 1 and within this run."""
    original, count = attempts.try_settings, [0]

    class Interrupting(Progress):
        def __init__(self, listener: Progress) -> None:
            self.listener = listener

        def epoch(self, report: EpochReport) -> None:
            self.listener.epoch(report)
            if (count[0], report.epoch) == (trial, epoch):
                raise KeyboardInterrupt

    def try_settings(*arguments: Any) -> object:
        count[0] += 1
        return original(*arguments[:-1], Interrupting(arguments[-1]))

    monkeypatch.setattr(attempts, "try_settings", try_settings)


# Going on.


def test_the_journal_lies_beside_the_output() -> None:
    result = tuned("best.toml", 1)

    assert result.journal == Path("best.tune.journal")
    assert Path("best.tune.journal").stat().st_size > 0


def test_a_search_goes_on_to_the_number_of_trials_as_an_unbroken_one(unbroken: bytes) -> None:
    recorder = Recorder()

    for trials in (2, 5, TRIALS):
        result = tuned("best.toml", trials, progress=recorder)

    assert Path("best.toml").read_bytes() == unbroken
    assert sum(result.endings.values()) == TRIALS
    assert any("going on: 5 of 13 trials are done" in told for told in recorder.told)
    assert len([told for told in recorder.told if told.startswith("trial ")]) == TRIALS


@pytest.mark.parametrize(("trial", "epoch"), [(1, 1), (3, 2), (TRIALS - 1, 1)])
def test_an_interrupt_in_a_trial_leaves_a_journal_to_go_on_from(
    trial: int, epoch: int, unbroken: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_in(patch, trial, epoch)
        with pytest.raises(KeyboardInterrupt):
            tuned("best.toml", TRIALS)
    assert not Path("best.toml").exists()

    tuned("best.toml", TRIALS)

    assert Path("best.toml").read_bytes() == unbroken


def test_an_interrupt_tells_how_to_go_on_and_how_to_take_the_best_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = Recorder()
    with monkeypatch.context() as patch:
        interrupt_in(patch, 4, 1)
        with pytest.raises(KeyboardInterrupt):
            tuned("best.toml", TRIALS, progress=recorder)

    taken = tuned("best.toml", 3)

    assert len(recorder.warnings) == 1
    assert "the same command goes on from best.tune.journal" in recorder.warnings[0]
    assert f"after 3 trials, the best with validation RMSE {taken.valid_rmse:.4f}" in recorder.warnings[0]
    assert "--trials 3" in recorder.warnings[0]


def test_an_interrupt_before_a_trial_is_complete_has_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    interrupt_in(monkeypatch, 1, 2)

    with pytest.raises(KeyboardInterrupt):
        tuned("best.toml", progress=recorder)

    assert recorder.warnings == []


def test_an_error_in_a_trial_is_no_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    Script(monkeypatch, [[1.0], [ZeroDivisionError("by nought")]])

    with pytest.raises(ZeroDivisionError):
        tuned("best.toml", progress=recorder)

    assert recorder.warnings == []


def test_a_trial_that_a_spent_budget_ended_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        at = set_clock(patch)
        first = Script(patch, [[1.0], [0.9, at(99), 0.8]])
        tuned("best.toml", settings={"budget": 60})
    again = Script(monkeypatch, [[0.7]] * 5)

    result = tuned("best.toml")

    assert again.tried[0] == first.tried[1]
    assert (result.trial, sum(result.endings.values())) == (2, 6)


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_journal_whose_end_is_missing_is_gone_on_with(cut: int, unbroken: bytes) -> None:
    tuned("best.toml", 7)
    journal = Path("best.tune.journal")
    journal.write_bytes(journal.read_bytes()[:-cut])

    tuned("best.toml", TRIALS)

    assert Path("best.toml").read_bytes() == unbroken


def test_nothing_lies_beside_a_journal_that_a_killed_run_could_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    original, seen = attempts.try_settings, set()

    def try_settings(*arguments: Any) -> object:
        seen.update(path.name for path in Path().iterdir())
        return original(*arguments)

    def no_link(*arguments: object) -> None:
        raise AssertionError("a link is made")

    monkeypatch.setattr(attempts, "try_settings", try_settings)
    monkeypatch.setattr(os, "symlink", no_link)

    tuned("best.toml", 2)

    # The kernel lets the locks of a dead run go, and the next run removes their files.
    assert seen <= {"best.tune.journal", ".best.tune.journal.lock", ".best.toml.lock"}


def test_trials_of_an_earlier_run_are_among_those_that_a_trial_may_fall_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fixed = {"objective": "divergence"}
    Script(monkeypatch, [[1.0] * 30] * 5)
    tuned("best.toml", 5, fixed=fixed)
    Script(monkeypatch, [[9.0] * 30])

    assert tuned("best.toml", 6, fixed=fixed).endings == {"complete": 5, "pruned": 1, "diverged": 0}


def test_the_journal_holds_what_each_trial_tried_where_the_sampler_looks_for_it() -> None:
    tuned("best.toml", 8)

    backend = optuna.storages.journal.JournalFileBackend("best.tune.journal")
    study = optuna.load_study(study_name="rbmcli tune", storage=optuna.storages.JournalStorage(backend))

    assert len(study.trials) == 8
    for trial in study.trials:
        settings, figure = trial.user_attrs["outcome"]["settings"], trial.user_attrs["outcome"]["valid_rmse"]
        for name, value in trial.params.items():
            is_text = isinstance(value, str)
            assert settings[name] == (value if is_text else pytest.approx(value, rel=0.01)), name
        assert trial.value == figure == min(trial.intermediate_values.values())


def test_order_and_format_of_the_ratings_do_not_matter_to_the_journal() -> None:
    tuned("best.toml", 2)
    pyarrow.csv.write_csv(shuffled(ratings()), "r.csv")

    assert sum(tuned("best.toml", 3, source="r.csv").endings.values()) == 3


# Journals of something else.


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": with_rating(ratings(), "u00", 100, 5)}, "other ratings"),
        ({"source": pa.concat_tables([ratings(), table_of(["new"], [100], [1])])}, "other ratings"),
        ({"fixed": {"by": "item"}}, "other settings: by not given, now item"),
        ({"fixed": {"epochs": 3}}, "other settings: epochs 4, now 3"),
        ({"settings": {"seed": 1}}, "other settings: seed 0, now 1"),
        ({"fixed": {"holdout": 0.3}}, "other settings: holdout not given, now 0.3"),
        ({"also_rated": pairs_of("u00", 101)}, "other also-rated pairs"),
    ],
)
def test_a_journal_of_another_search_is_refused_and_left_alone(change: dict, words: str) -> None:
    tuned("best.toml", 2)
    before = Path("best.tune.journal").read_bytes()

    with pytest.raises(MismatchError, match=f"best.tune.journal: the search in it was begun with {words}"):
        tuned("best.toml", 3, **change)

    assert Path("best.tune.journal").read_bytes() == before


def test_a_journal_of_other_validation_ratings_is_refused() -> None:
    table = ratings()
    tuned("best.toml", 1, source=table.slice(20), valid=table.slice(0, 20))

    with pytest.raises(MismatchError, match="begun with other validation ratings"):
        tuned("best.toml", 1, source=table.slice(20), valid=table.slice(0, 19))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"user,item,rating\n1,2,3\n", DataError),
        (b"no end of a line", DataError),
        (b'{"op_code"', None),
        (b"", None),
        (b"[1]\n", DataError),
        (b"\xff\xfe\n", DataError),
        (b'{"op_code": 99}\n', DataError),
        (b'{"op_code": 4, "worker_id": "w"}\n', DataError),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(
    content: bytes, error: type[RbmcliError] | None
) -> None:
    Path("j").write_bytes(content)

    if error is None:
        assert tuned("best.toml", 1, journal="j").trial == 1
        return
    with pytest.raises(error, match=r"^j:.*journal"):
        tuned("best.toml", 1, journal="j")
    assert Path("j").read_bytes() == content


def test_a_line_that_is_damaged_in_the_middle_is_told_with_its_number() -> None:
    tuned("best.toml", 2)
    journal = Path("best.tune.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][:10] + b"\n"
    journal.write_bytes(b"".join(lines))

    with pytest.raises(DataError, match=r"best\.tune\.journal:5: is no line"):
        tuned("best.toml", 3)


def test_two_searches_do_not_write_one_journal() -> None:
    with (
        held_by_another(Path("best.tune.journal")),
        pytest.raises(LockedError, match=r"best\.tune\.journal: another run"),
    ):
        tuned("best.toml", 1)
