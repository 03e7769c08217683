"""prepare, predict and recommend write the same files on a Ray cluster as here, whatever is lost there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import PrepareSettings
from rbmcli.data import external_sort
from rbmcli.engine import Engine
from rbmcli.pipeline import asked_pairs, recommendation_input
from tests.small_ratings import dated, quick, tastes

TABLE = dated(tastes(40, 15))
JOINT = quick(epochs=4, batch_size=8, average_every=2, workers=2, validation="holdout")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rbmcli.train(TABLE, tmp_path / "model.parquet", settings=quick(epochs=2))
    pq.write_table(TABLE, tmp_path / "ratings.parquet", row_group_size=50)
    return tmp_path / "model.parquet"


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the work into many tasks; how it is cut is decided where the command runs."""
    monkeypatch.setattr(external_sort, "_MOST_OF_A_RUN", 4000)
    monkeypatch.setattr(external_sort, "_MOST_OF_A_RANGE", 1000)
    monkeypatch.setattr(external_sort, "_BATCH_ROWS", 8)
    monkeypatch.setattr(asked_pairs, "PAIRS_AT_ONCE", 16)
    monkeypatch.setattr(recommendation_input, "USERS_AT_ONCE", 5)


@pytest.mark.parametrize("split", ["random", "time", "leave-last"])
@pytest.mark.usefixtures("small_tasks")
def test_prepared_files_are_the_same(ray_engine: Engine, tmp_path: Path, split: str) -> None:
    settings = PrepareSettings(split=split, min_item_ratings=3)
    rbmcli.prepare(TABLE, tmp_path / "here", settings)
    rbmcli.prepare(TABLE, tmp_path / "there", settings, engine=ray_engine)

    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("here", "there")
    )
    assert there == here


@pytest.mark.usefixtures("small_tasks")
def test_predictions_and_recommendations_are_the_same(ray_engine: Engine, model: Path) -> None:
    ratings = model.parent / "ratings.parquet"
    here, there = model.parent / "here", model.parent / "there"

    rbmcli.predict(model, ratings, ratings, here)
    rbmcli.predict(model, ratings, ratings, there, engine=ray_engine)
    assert there.read_bytes() == here.read_bytes()

    rbmcli.recommend(model, ratings, output=here)
    rbmcli.recommend(model, ratings, output=there, engine=ray_engine)
    assert there.read_bytes() == here.read_bytes()


_A_NODE_DIES = """
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from ray.cluster_utils import Cluster
import rbmcli
from rbmcli.engine import open_engine
from rbmcli.pipeline import asked_pairs

folder, told = Path(sys.argv[1]), []
asked_pairs.PAIRS_AT_ONCE = 16
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
given = folder / "model.parquet", folder / "ratings.parquet", folder / "ratings.parquet", folder / "there"

class Slow:
    '''The engine, of which every task takes a while.'''
    is_here, workers = False, 2

    def map(self, work, tasks):
        for number, result in enumerate(engine.map(work, tasks)):
            if number == 2:
                begun.append(number)
                while not released:
                    time.sleep(0.01)
            yield result

begun, released = [], []
with open_engine("ray", cluster.address, workers=2, tell=told.append) as engine:
    with ThreadPoolExecutor() as pool:
        done = pool.submit(rbmcli.predict, *given, engine=Slow())
        while not begun and not done.done():
            time.sleep(0.01)
        # With the results that lie on it, and with the tasks that it was at.
        cluster.remove_node(nodes[0], allow_graceful=False)
        cluster.add_node(num_cpus=1)
        released.append(True)
        done.result()
cluster.shutdown()
assert begun
"""


def test_a_node_that_dies_in_the_midst_of_predicting_changes_no_byte(model: Path) -> None:
    ratings, here = model.parent / "ratings.parquet", model.parent / "here"
    rbmcli.predict(model, ratings, ratings, here)

    command = [sys.executable, "-c", _A_NODE_DIES, str(model.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)

    assert done.returncode == 0, done.stderr
    assert (model.parent / "there").read_bytes() == here.read_bytes()


_A_NODE_DIES_IN_TRAINING = """
import sys
from pathlib import Path
from ray.cluster_utils import Cluster
import rbmcli
from rbmcli.engine import open_engine
from rbmcli.progress import Progress
from tests.engine.test_files_on_ray import JOINT, TABLE

folder, told = Path(sys.argv[1]), []
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

class Killer(Progress):
    '''Ends a node, with the member of the crew that is there, after the first epoch.'''

    def epoch(self, report):
        if report.epoch == 1:
            cluster.remove_node(nodes[0], allow_graceful=False)
            cluster.add_node(num_cpus=1)

with open_engine("ray", cluster.address, workers=2, tell=told.append) as engine:
    rbmcli.train(TABLE, folder / "there", settings=JOINT, engine=engine, progress=Killer())
cluster.shutdown()
assert told, "no member was lost"
"""


def test_a_node_that_dies_with_a_member_of_a_crew_changes_no_byte_of_the_model(tmp_path: Path) -> None:
    rbmcli.train(TABLE, tmp_path / "here", settings=JOINT)

    command = [sys.executable, "-c", _A_NODE_DIES_IN_TRAINING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
