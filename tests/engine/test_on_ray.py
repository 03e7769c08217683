"""The engine of a Ray cluster does what the local one does, also where workers die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rbmcli.engine import LOCAL, Engine, open_engine
from rbmcli.errors import DataError, RbmcliError, UsageError
from tests.engine import work
from tests.engine.work import Fragile


def test_results_come_in_the_order_of_the_tasks(ray_engine: Engine) -> None:
    tasks = [Fragile(number, "") for number in range(20)]
    assert list(ray_engine.map(work.squared, tasks)) == list(LOCAL.map(work.squared, tasks))
    assert os.getpid() not in set(ray_engine.map(work.process_of, range(4)))


def test_tasks_are_not_taken_long_before_their_results_are_wanted(ray_engine: Engine) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ray_engine.map(work.slow_square, tasks())
    assert next(results) == 0
    assert len(taken) == 2 * ray_engine.workers
    results.close()  # type: ignore[attr-defined]


def test_a_task_whose_worker_dies_is_done_again_and_that_is_told_but_not_on_standard_output(
    ray_engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tasks = [Fragile(number, str(tmp_path / f"{number}") if number in {2, 5} else "") for number in range(8)]
    told: list[str] = []
    with open_engine("ray", workers=4, tell=told.append) as engine:
        assert list(engine.map(work.squared, tasks)) == [number**2 for number in range(8)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2", "5"]
    # Ray may have given a worker its next task already, which is lost with it.
    assert len(told) >= 2
    assert set(told) == {"a worker was lost (WorkerCrashedError): what it did is done again"}
    assert capfd.readouterr() == ("", "")


def test_a_task_that_kills_every_worker_ends_with_an_error_that_says_so(
    ray_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rbmcli.engine.ray_jobs._ATTEMPTS", 2)
    with pytest.raises(RbmcliError, match="lost with its worker 2 times") as caught:
        list(ray_engine.map(work.always_die, [1]))
    assert "memory" in caught.value.hint


def test_an_error_of_a_task_comes_back_as_itself(ray_engine: Engine) -> None:
    with pytest.raises(DataError) as caught:
        list(ray_engine.map(work.refuse, [7]))
    assert type(caught.value) is DataError
    assert (caught.value.message, caught.value.hint) == ("ratings.csv:7: is no rating", "mend it")


def test_a_crew_keeps_its_members_and_a_member_that_dies_is_made_again(
    ray_engine: Engine, tmp_path: Path
) -> None:
    shared = Fragile(10, "")
    with ray_engine.crew(work.member_of, [1, 2, 3]) as crew:
        before = crew.each(work.process_of_member, [0, 0, 0])
        assert crew.each(work.times, [shared] * 3) == [10, 20, 30]
        assert crew.each(work.process_of_member, [0, 0, 0]) == before
        fragile = [Fragile(5, str(tmp_path / "marker") if place == 1 else "") for place in range(3)]
        assert crew.each(work.times, fragile) == [5, 10, 15]
        assert (tmp_path / "marker").exists()
        after = crew.each(work.process_of_member, [0, 0, 0])
        assert [after[place] == before[place] for place in range(3)] == [True, False, True]


def test_an_error_in_making_a_member_comes_back_as_itself(ray_engine: Engine) -> None:
    with (
        ray_engine.crew(work.refused_member, [4]) as crew,
        pytest.raises(DataError, match=r"ratings\.csv:4"),
    ):
        crew.each(work.times, [Fragile(1, "")])


def test_arrays_of_tasks_and_of_parts_can_be_changed_as_here(ray_engine: Engine) -> None:
    large = np.zeros(1_000_000)
    assert list(ray_engine.map(work.is_writeable, [large])) == [True]
    with ray_engine.crew(work.itself, [large]) as crew:
        assert crew.each(work.has_writeable, [0]) == [True]


def test_a_crew_larger_than_the_cluster_is_refused(ray_engine: Engine) -> None:
    with (
        pytest.raises(UsageError, match="--workers 50: the cluster has 4 CPUs"),
        ray_engine.crew(work.member_of, range(50)),
    ):
        pass


def test_a_worker_uses_one_thread_unless_told_otherwise(ray_engine: Engine) -> None:
    assert list(ray_engine.map(work.threads_of, [0])) == [1]


def test_the_handler_of_sigterm_is_not_changed_by_a_cluster(ray_engine: Engine) -> None:
    assert not ray_engine.is_here
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_address_is_for_a_cluster_and_names_are_known() -> None:
    with pytest.raises(UsageError, match="--engine 'spark'"), open_engine("spark"):
        pass
    with pytest.raises(UsageError, match="--address here"), open_engine("local", "here"):
        pass
    with open_engine("local", workers=3) as engine:
        assert engine.workers == 3


_A_NODE_DIES = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from ray.cluster_utils import Cluster
from rbmcli.engine import open_engine
from tests.engine import work

folder, told = sys.argv[1], []
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
first = cluster.add_node(num_cpus=2)

def squares():
    return list(engine.map(partial(work.square_when_released, folder), range(6)))

with open_engine("ray", cluster.address, workers=2, tell=told.append) as engine:
    with ThreadPoolExecutor() as pool:
        result = pool.submit(squares)
        while not list(Path(folder).glob("begun-*")):
            time.sleep(0.05)
        cluster.remove_node(first, allow_graceful=False)
        cluster.add_node(num_cpus=2)
        (Path(folder) / "released").touch()
        assert result.result() == [0, 1, 4, 9, 16, 25]
assert told, "no task was lost"
cluster.shutdown()
"""


def test_a_node_that_dies_with_its_tasks_changes_no_result(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _A_NODE_DIES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_an_address_where_nothing_answers_is_refused_at_once() -> None:
    # In another process: one that is connected already asks for no address.
    code = "from rbmcli.engine import open_engine\nwith open_engine('ray', '127.0.0.1:1'): pass"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert "UsageError: --address 127.0.0.1:1: nothing answers there: " in done.stderr


def test_without_ray_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("on_ray", "ray_jobs"):
        monkeypatch.delitem(sys.modules, f"rbmcli.engine.{name}", raising=False)
    with pytest.raises(UsageError, match="needs the package ray") as caught, open_engine("ray"):
        pass
    assert caught.value.hint == "pip install 'rbmcli[ray]'"
