"""Training, cross-validation and the search for settings give the same on a Ray cluster as here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import rbmcli
from rbmcli.config import TuneSettings
from rbmcli.engine import LOCAL, Engine, LocalEngine, open_engine
from rbmcli.errors import DivergenceError, UsageError
from rbmcli.models.crews import Crew
from rbmcli.pipeline.crossval import crossval
from rbmcli.pipeline.tune import tune
from tests.engine.work import die_once
from tests.pipeline.crossvals import crossed, files_of
from tests.recorder import Recorder
from tests.small_ratings import dated, pairs_of, quick, tastes

TABLE = dated(tastes(40, 15))
WAYS: dict[str, dict[str, Any]] = {
    "divergence": {},
    "discriminative": {"objective": "discriminative", "network_rate": 0.03, "by": "item"},
}


def model_of(path: Path, engine: Engine, workers: int, **changes: Any) -> bytes:
    """Train, and return the bytes of the file."""
    settings = {"validation": "holdout", "epochs": 3, "batch_size": 8, "average_every": 2, "day_bias": True}
    rbmcli.train(
        TABLE,
        path,
        settings=quick(**{**settings, **changes}, workers=workers),
        also_rated=pairs_of("u03", 101, 102, 103, 104, 105, 106),
        engine=engine,
    )
    return path.read_bytes()


@pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_model_is_the_same_whether_a_cluster_trains_it_or_this_process(
    ray_engine: Engine, tmp_path: Path, workers: int, changes: dict[str, Any]
) -> None:
    here = model_of(tmp_path / "here", LOCAL, workers, **changes)
    assert model_of(tmp_path / "there", ray_engine, workers, **changes) == here


class _Dying:
    """A crew one of whose members dies with its worker in a round."""

    def __init__(self, crew: Crew, marker: Path, number: int) -> None:
        self.crew, self.marker, self.left = crew, str(marker), number

    def each(self, work: Callable[[Any, Any], Any], tasks: Sequence[Any]) -> list[Any]:
        self.left -= 1
        return self.crew.each(work if self.left else partial(_die_or, work, self.marker), tasks)


def _die_or(work: Callable[[Any, Any], Any], marker: str, member: Any, task: Any) -> Any:
    # After it has learned: what a new member gives must not depend on what the lost one did.
    done = work(member, task)
    die_once(marker)
    return done


class _DyingEngine(LocalEngine):
    """A cluster that loses a worker in a round of training."""

    def __init__(self, engine: Engine, marker: Path, number: int) -> None:
        super().__init__(engine.workers)
        self.engine, self.marker, self.number, self.is_here = engine, marker, number, False

    @contextmanager
    def crew(self, make: Any, parts: Any) -> Iterator[Any]:
        with self.engine.crew(make, parts) as crew:
            yield _Dying(crew, self.marker, self.number)


def test_a_worker_that_is_killed_in_mid_round_changes_no_byte_of_the_model(
    ray_engine: Engine, tmp_path: Path
) -> None:
    here = model_of(tmp_path / "here", LOCAL, 2)
    dying = _DyingEngine(ray_engine, tmp_path / "marker", 3)

    assert model_of(tmp_path / "there", dying, 2) == here
    assert (tmp_path / "marker").exists()


def test_other_models_are_not_trained_by_several_workers(ray_engine: Engine) -> None:
    for engine in (ray_engine, LocalEngine(2)):
        with pytest.raises(UsageError, match="train --model rbm alone"):
            rbmcli.train(TABLE, settings=rbmcli.BiasSettings(), engine=engine)


def test_a_cross_validation_writes_the_same_files_and_tells_the_same(
    ray_engine: Engine, tmp_path: Path
) -> None:
    told = Recorder(), Recorder()
    crossed(TABLE, tmp_path / "here", progress=told[0])
    crossed(TABLE, tmp_path / "there", progress=told[1], engine=ray_engine)

    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")
    here, there = (
        [line.replace(str(tmp_path / name), "") for line in recorder.told]
        for name, recorder in zip(("here", "there"), told, strict=True)
    )
    assert there == here


def test_folds_that_are_kept_are_not_done_again(ray_engine: Engine, tmp_path: Path) -> None:
    crossed(TABLE, tmp_path / "all")
    crossed(TABLE, tmp_path / "some")
    (tmp_path / "some" / "fold-2.parquet").unlink()
    told = Recorder()

    crossed(TABLE, tmp_path / "some", progress=told, engine=ray_engine)

    assert sum("done before" in line for line in told.told) == 2
    assert files_of(tmp_path / "some") == files_of(tmp_path / "all")


@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_finds_the_same_with_as_many_workers(
    ray_engine: Engine, tmp_path: Path, workers: int
) -> None:
    fixed = {"hidden": 4, "epochs": 2, "by": "user"}
    with open_engine("ray", workers=workers) as cluster:
        for name, engine in (("here", LocalEngine(workers)), ("there", cluster)):
            output = tmp_path / f"{name}.toml"
            tune(TABLE, output, fixed=fixed, settings=TuneSettings(trials=5), engine=engine)

    assert (tmp_path / "there.toml").read_bytes() == (tmp_path / "here.toml").read_bytes()


def test_an_error_of_a_fold_names_it_and_is_no_error_of_ray(ray_engine: Engine) -> None:
    settings = quick(validation="holdout", learning_rate=1000, momentum="0.99", weight_decay=10, epochs=30)
    with pytest.raises(DivergenceError, match="fold 1 of 5: training left the finite") as caught:
        crossval(TABLE, train_settings=settings, engine=ray_engine)
    assert type(caught.value) is DivergenceError
