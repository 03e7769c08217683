"""Work shared out between runs: together they write what one run does, whatever happens to one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import PredictSettings, RecommendSettings
from rbmcli.config.shard import Shard
from rbmcli.errors import GateError, LockedError, UsageError
from rbmcli.pipeline import sharded
from rbmcli.pipeline.sharded import predict_shard, recommend_shard
from tests.lock_holder import held_by_another
from tests.recorder import Recorder
from tests.small_ratings import pairs_of, ratings, shuffled, trained

COUNTS = pytest.mark.parametrize("count", [1, 2, 3, 50])


def asked() -> pa.Table:
    return shuffled(ratings()).append_column("note", pa.array(range(ratings().num_rows)))


def predicted_by(number: int, count: int, output: Path, **options: Any) -> sharded.ShardedPredictions:
    pairs = options.pop("pairs", None)
    return predict_shard(
        trained("user"),
        ratings(),
        asked() if pairs is None else pairs,
        output,
        Shard(number, count),
        **options,
    )


def whole(tmp_path: Path) -> bytes:
    rbmcli.predict(trained("user"), ratings(), asked(), tmp_path / "whole.parquet")
    return (tmp_path / "whole.parquet").read_bytes()


@COUNTS
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("probabilities", [True, False])
def test_shards_of_predictions_in_any_order_are_together_one_run(
    count: int, in_order: bool, probabilities: bool, tmp_path: Path
) -> None:
    pairs = asked().sort_by("user") if in_order else asked()
    options = {"pairs": pairs, "settings": PredictSettings(probabilities=probabilities)}
    rbmcli.predict(trained("user"), ratings(), pairs, tmp_path / "one.parquet", settings=options["settings"])
    output = tmp_path / "p.parquet"

    for number in range(count, 0, -1):
        assert not output.exists()
        done = predicted_by(number, count, output, **options)

    assert output.read_bytes() == (tmp_path / "one.parquet").read_bytes()
    assert done.state.is_joined
    assert done.result is not None
    assert done.result.rows == pairs.num_rows
    assert [path.name for path in (tmp_path / "p.parquet.shards").iterdir()] == ["manifest.json"]


@COUNTS
@pytest.mark.parametrize("users", [None, pa.table({"user": ["u07", "nobody", "u01"]})])
def test_shards_of_recommendations_are_together_one_run(count: int, users: Any, tmp_path: Path) -> None:
    given = (trained("item"), ratings(), users)
    rbmcli.recommend(*given, tmp_path / "one.parquet", settings=RecommendSettings(top=4))

    for number in range(1, count + 1):
        recommend_shard(
            *given, tmp_path / "r.parquet", Shard(number, count), settings=RecommendSettings(top=4)
        )

    assert (tmp_path / "r.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()


def no_work(*_: Any) -> Any:
    raise AssertionError("work is done again")


def test_what_is_complete_is_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, recorder = tmp_path / "p.parquet", Recorder()
    predicted_by(1, 2, output)

    with monkeypatch.context() as patch:
        patch.setattr(sharded.predict, "answered", no_work)
        again = predicted_by(1, 2, output, progress=recorder)
    predicted_by(2, 2, output)
    with monkeypatch.context() as patch:
        patch.setattr(sharded.predict, "answered", no_work)
        after = predicted_by(1, 2, output)

    assert (again.state.was_complete, again.state.complete, again.state.is_joined) == (True, (1,), False)
    assert f"{output}: shard 1/2 is complete already" in recorder.told
    assert (after.state.was_complete, after.state.complete, after.state.is_joined) == (True, (1, 2), True)
    assert after.result is None
    assert output.read_bytes() == whole(tmp_path)


def test_where_the_output_is_gone_or_is_another_one_all_is_done_again(tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    for damage in (output.unlink, lambda: output.write_bytes(b"something else")):
        for number in (1, 2):
            predicted_by(number, 2, output)
        damage()

        assert not predicted_by(1, 2, output).state.is_joined
        assert predicted_by(2, 2, output).state.is_joined
        assert output.read_bytes() == whole(tmp_path)


def test_a_part_that_is_damaged_or_gone_is_done_again(tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    for damage in (Path.unlink, lambda part: part.write_bytes(part.read_bytes()[:40])):
        output.unlink(missing_ok=True)
        predicted_by(1, 2, output)
        damage(tmp_path / "p.parquet.shards" / "1-of-2.parquet")

        assert predicted_by(2, 2, output).state.complete == (2,)
        assert predicted_by(1, 2, output).state.is_joined
        assert output.read_bytes() == whole(tmp_path)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "pairs": ({"pairs": pairs_of("u00", 100, 101)}, "pairs"),
    "settings": ({"settings": PredictSettings(keep_own=True)}, "settings"),
    "number of shards": ({"count": 3}, "shards"),
}


@pytest.mark.parametrize(("changes", "told"), CHANGES.values(), ids=CHANGES)
def test_another_question_starts_anew_and_is_never_mixed_with_the_old_one(
    changes: dict, told: str, tmp_path: Path
) -> None:
    output, recorder = tmp_path / "p.parquet", Recorder()
    options = dict(changes)
    count = options.pop("count", 2)
    predicted_by(1, 2, output)

    for number in range(2, count + 1):
        done = predicted_by(number, count, output, progress=recorder, **options)

    assert not done.state.is_joined
    folder = tmp_path / "p.parquet.shards"
    assert [line for line in recorder.warnings if line.startswith(f"{folder}: holds shards of another")] == [
        f"{folder}: holds shards of another question ({told}): all are started anew"
    ]
    assert predicted_by(1, count, output, **options).state.is_joined
    settings = options.get("settings", PredictSettings())
    pairs = options.get("pairs", asked())
    rbmcli.predict(trained("user"), ratings(), pairs, tmp_path / "one.parquet", settings=settings)
    assert output.read_bytes() == (tmp_path / "one.parquet").read_bytes()


def test_another_question_does_not_disturb_a_shard_that_is_under_way(tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    predicted_by(1, 3, output)
    before = (tmp_path / "p.parquet.shards" / "manifest.json").read_bytes()

    for held in (tmp_path / "p.parquet.shards" / "2-of-3.parquet", output):
        with held_by_another(held), pytest.raises(LockedError, match="another run is writing it"):
            predicted_by(1, 3, output, pairs=pairs_of("u00", 100))

    assert (tmp_path / "p.parquet.shards" / "manifest.json").read_bytes() == before


def test_the_same_shard_is_done_by_one_run_at_a_time(tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    predicted_by(2, 2, output)

    with (
        held_by_another(tmp_path / "p.parquet.shards" / "1-of-2.parquet"),
        pytest.raises(LockedError, match="another run is writing it"),
    ):
        predicted_by(1, 2, output)


def test_conditions_are_looked_at_when_the_shards_are_joined(tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    assert predicted_by(1, 2, output, fail_if=["predictions>3"]).state.complete == (1,)

    for _ in range(2):
        with pytest.raises(GateError, match="predictions is "):
            predicted_by(2, 2, output, fail_if=["predictions>3"])
        assert not output.exists()
    assert predicted_by(2, 2, output).state.is_joined


@pytest.mark.parametrize("output", ["-", "p.csv", "s3://bucket/p.parquet"])
def test_shards_are_kept_beside_a_parquet_file_of_this_machine_alone(output: str) -> None:
    with pytest.raises(UsageError, match="expected a Parquet file of this machine"):
        predicted_by(1, 2, output)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "1/2/3", "a/b", "-1/2", "1/10001", ""])
def test_a_shard_is_one_of_several(text: str) -> None:
    with pytest.raises(UsageError, match="expected i/n"):
        Shard.of(text)


@pytest.mark.parametrize(("total", "count"), [(0, 3), (1, 3), (10, 3), (12, 4)])
def test_shards_have_everything_once_and_about_the_same_size(total: int, count: int) -> None:
    ranges = [Shard(number, count).range_of(total) for number in range(1, count + 1)]

    assert [place for first, end in ranges for place in range(first, end)] == list(range(total))
    sizes = [end - first for first, end in ranges]
    assert max(sizes) - min(sizes) <= 1
