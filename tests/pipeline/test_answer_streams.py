"""Predicting and recommending piece by piece: the same bytes however small the pieces, whatever the order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rbmcli
from rbmcli.config import InputSettings, PredictSettings, RecommendSettings
from rbmcli.data import by_user
from rbmcli.data.writing import write_to
from rbmcli.engine.local import LocalEngine
from rbmcli.errors import DataError, MismatchError
from rbmcli.pipeline import (
    answers,
    asked_pairs,
    best_items,
    history_by_user,
    history_survey,
    model_handle,
    recommendation_input,
    streamed,
)
from rbmcli.pipeline.predict import predict
from rbmcli.pipeline.recommend import recommend
from tests.every_kind import OPTIONS, model_of, parts
from tests.recorder import Recorder
from tests.small_ratings import dated, ratings, shuffled, table_of, trained, with_rating

BOTH = pytest.mark.parametrize("by", ["user", "item"])
SOON = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def in_small_pieces(patch: pytest.MonkeyPatch, size: int = 5, *, sorting: int = 1 << 30) -> None:
    """Let tasks have a few pairs, users and ratings, and let everything go by way of files."""
    for module in (by_user, history_survey):
        patch.setattr(module, "MARK_ROWS", size)
    patch.setattr(history_by_user, "RATINGS_AT_ONCE", 3 * size)
    patch.setattr(history_survey, "_MOST_IN_MEMORY", 0)
    patch.setattr(asked_pairs, "PAIRS_AT_ONCE", size)
    patch.setattr(recommendation_input, "USERS_AT_ONCE", size)
    patch.setattr(best_items, "_SCORES", 6 * size)
    patch.setattr(best_items, "_PAIRS", 6 * size)
    patch.setattr(answers, "_IN_MEMORY", 0)
    for module in (history_survey, asked_pairs):
        patch.setattr(module, "_SORTING_BYTES", sorting)
    by_user._group.cache_clear()


def in_order(table: pa.Table) -> pa.Table:
    return table.sort_by([("user", "ascending"), ("item", "ascending")])


def written(table: pa.Table, path: Path, rows: int = 7) -> Path:
    """Write a table in small row groups."""
    pq.write_table(table, path, row_group_size=rows)
    return path


def pairs_to_ask(seed: int = 2) -> pa.Table:
    """Return pairs with a note, some of them in the history, some of nobody and nothing known."""
    pairs = pa.concat_tables([ratings().select(["user", "item"]), asked_of("zz"), asked_of("a")])
    generator = np.random.default_rng(seed)
    pairs = pairs.take(pa.array(generator.integers(0, pairs.num_rows, 150)))
    return pairs.append_column("note", pa.array([f"n{at}" for at in range(150)]))


def asked_of(user: str) -> pa.Table:
    return pa.table({"user": [user] * 3, "item": [100, 105, 999]})


def history() -> pa.Table:
    return pa.concat_tables([with_rating(ratings(), "u01", 999, 3), table_of(["zz"] * 2, [100, 104], [5, 1])])


@BOTH
@pytest.mark.parametrize("probabilities", [False, True])
@SOON
@given(
    size=st.integers(1, 40),
    rows=st.integers(1, 60),
    order=st.sampled_from(["by user", "as it comes"]),
    sorting=st.sampled_from([300, 1 << 30]),
    as_file=st.booleans(),
)
def test_predictions_are_the_same_whatever_the_pieces_and_the_order_of_history_and_pairs(
    by: str,
    probabilities: bool,
    size: int,
    rows: int,
    order: str,
    sorting: int,
    as_file: bool,
    tmp_path: Path,
) -> None:
    model, chosen = trained(by), PredictSettings(probabilities=probabilities)
    pairs = in_order(pairs_to_ask()) if order == "by user" else pairs_to_ask()
    rbmcli.predict(model, history(), pairs, tmp_path / "whole.parquet", settings=chosen)

    with pytest.MonkeyPatch.context() as patch:
        in_small_pieces(patch, size, sorting=sorting)
        for name, table in (("a", in_order(history())), ("b", shuffled(history()))):
            asked: Any = written(pairs, tmp_path / "pairs.parquet", rows) if as_file else pairs
            ratings_file = written(table, tmp_path / f"h{name}.parquet", rows)
            rbmcli.predict(model, ratings_file, asked, tmp_path / name, settings=chosen)

    for name in ("a", "b"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@BOTH
@SOON
@given(size=st.integers(1, 40), rows=st.integers(1, 60), top=st.sampled_from([1, 3, 1000]))
def test_recommendations_are_the_same_whatever_the_pieces_and_the_order_of_the_history(
    by: str, size: int, rows: int, top: int, tmp_path: Path
) -> None:
    model, chosen = trained(by), RecommendSettings(top=top)
    users = pa.table({"user": ["zz", "u03", "nobody", "u20", "u03"]})
    for name, wanted in (("all", None), ("some", users)):
        rbmcli.recommend(model, history(), wanted, tmp_path / name, settings=chosen)

    with pytest.MonkeyPatch.context() as patch:
        in_small_pieces(patch, size, sorting=400)
        for table in (in_order(history()), shuffled(history())):
            path = written(table, tmp_path / "h.parquet", rows)
            for name, wanted in (("all", None), ("some", users)):
                rbmcli.recommend(model, path, wanted, tmp_path / f"{name} again", settings=chosen)
                assert (tmp_path / f"{name} again").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("kind", OPTIONS)
def test_models_of_every_kind_predict_the_same_in_small_pieces(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chosen = model_of(kind), PredictSettings(probabilities=True)
    table = in_order(parts().train)
    pairs = shuffled(parts().test)
    rbmcli.predict(model, table, pairs, tmp_path / "whole", settings=chosen)
    rbmcli.recommend(model, table, output=tmp_path / "best")

    in_small_pieces(monkeypatch, 9)
    path = written(table, tmp_path / "h.parquet", 50)
    rbmcli.predict(model, path, pairs, tmp_path / "again", settings=chosen)
    rbmcli.recommend(model, path, output=tmp_path / "best again")

    assert (tmp_path / "again").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (tmp_path / "best again").read_bytes() == (tmp_path / "best").read_bytes()


@BOTH
def test_days_and_pairs_of_unknown_rating_count_in_small_pieces_as_they_do_in_one(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = dated(ratings())
    unrated = pa.table({"user": ["u01", "u01", "u09", "nobody"], "item": [100, 103, 104, 105]})
    model = rbmcli.train(
        table, also_rated=unrated, settings=rbmcli.TrainSettings(by=by, hidden=4, epochs=2, day_bias=True)
    ).model
    pairs = shuffled(table).drop_columns("rating")
    rbmcli.predict(model, table, pairs, tmp_path / "whole", also_rated=unrated)

    in_small_pieces(monkeypatch, 6, sorting=500)
    for name, each in (("a", in_order(table)), ("b", shuffled(table))):
        path = written(each, tmp_path / "h.parquet")
        rbmcli.predict(model, path, pairs, tmp_path / name, also_rated=unrated)
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("policy", ["first", "last", "mean"])
def test_duplicates_of_a_large_history_are_settled_as_those_of_a_small_one(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chosen = trained("user"), InputSettings(duplicates=policy)
    twice = shuffled(pa.concat_tables([history(), ratings(seed=8)]))
    told = [Recorder(), Recorder()]
    rbmcli.predict(model, twice, pairs_to_ask(), tmp_path / "a", input_settings=chosen, progress=told[0])

    in_small_pieces(monkeypatch, 7, sorting=400)
    path = written(twice, tmp_path / "h.parquet")
    rbmcli.predict(model, path, pairs_to_ask(), tmp_path / "b", input_settings=chosen, progress=told[1])

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    counts = [[line.split(": ")[1] for line in each.told if "duplicate" in line] for each in told]
    assert counts[0] == counts[1] != []


@pytest.mark.parametrize("ending", ["csv", "jsonl", "arrow"])
def test_a_large_history_of_another_format_is_sorted_by_way_of_files_too(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chosen = trained("user"), InputSettings(duplicates="last")
    twice = shuffled(pa.concat_tables([history(), ratings(seed=8)]))
    path = tmp_path / f"h.{ending}"
    with path.open("wb") as file:
        write_to(twice, file, ending)
    rbmcli.predict(model, path, pairs_to_ask(), tmp_path / "a", input_settings=chosen)

    in_small_pieces(monkeypatch, 7, sorting=400)
    monkeypatch.setattr(history_survey, "_LARGE_FILE", 0)
    monkeypatch.setattr(history_survey, "read_ratings", None)
    rbmcli.predict(model, path, pairs_to_ask(), tmp_path / "b", input_settings=chosen)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_first_duplicate_of_a_large_history_is_named_as_in_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = shuffled(pa.concat_tables([ratings(), ratings(seed=8)]))
    path = written(twice, tmp_path / "h.parquet")
    with pytest.raises(DataError) as small:
        rbmcli.predict(trained("user"), path, pairs_to_ask())

    in_small_pieces(monkeypatch, 7, sorting=400)
    with pytest.raises(DataError) as large:
        rbmcli.predict(trained("user"), path, pairs_to_ask())

    assert str(large.value) == str(small.value)


@pytest.mark.parametrize("policy", ["nearest", "drop"])
@BOTH
def test_ratings_on_no_level_are_settled_in_pieces_as_they_are_in_one(
    by: str, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = pa.concat_tables([history(), table_of(["odd", "u02", "odder"], [100, 998, 101], [87, 88, 89])])
    chosen = InputSettings(unknown_level=policy)
    with pytest.raises(MismatchError) as whole:
        rbmcli.recommend(trained(by), in_order(odd))
    rbmcli.recommend(trained(by), odd, output=tmp_path / "a", input_settings=chosen)

    in_small_pieces(monkeypatch, 4)
    path = written(in_order(odd), tmp_path / "h.parquet")
    with pytest.raises(MismatchError) as pieces:
        rbmcli.recommend(trained(by), path)
    rbmcli.recommend(trained(by), path, output=tmp_path / "b", input_settings=chosen)

    assert str(pieces.value).partition(": ")[2] == str(whole.value).partition(": ")[2]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_large_table_is_read_from_the_file_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rbmcli.predict(trained("user"), history(), pairs_to_ask()).table
    monkeypatch.setattr(streamed, "_KEPT", 10)

    found = rbmcli.predict(trained("user"), history(), pairs_to_ask(), tmp_path / "p.parquet")

    assert found.rows == 150
    assert found.table.equals(expected)
    assert found.table.schema.metadata == expected.schema.metadata


class Elsewhere(LocalEngine):
    """Sends work and tasks away as bytes, and gets what they give back as bytes."""

    def map(self, work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        """Do each task when its result is asked for."""
        sent = pickle.dumps(work)
        model_handle._read.clear()
        for task in tasks:
            done = pickle.loads(sent)(pickle.loads(pickle.dumps(task)))
            yield pickle.loads(pickle.dumps(done))


@pytest.mark.parametrize("order", [in_order, shuffled], ids=["in order", "shuffled"])
def test_work_can_go_to_another_process(
    order: Callable[[pa.Table], pa.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rbmcli.save_model(trained("item"), tmp_path / "model.parquet")
    path = written(order(history()), tmp_path / "h.parquet")
    in_small_pieces(monkeypatch, 8, sorting=400)
    for name, engine in (("here", LocalEngine()), ("there", Elsewhere())):
        given = (tmp_path / "model.parquet", path)
        predict(*given, pairs_to_ask(), tmp_path / f"p {name}", engine=engine)
        recommend(*given, None, tmp_path / f"r {name}", engine=engine)

    for kind in ("p", "r"):
        assert (tmp_path / f"{kind} here").read_bytes() == (tmp_path / f"{kind} there").read_bytes()


def test_a_history_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = written(in_order(history()), tmp_path / "h.parquet")
    with history_survey.open_history(trained("user"), path, InputSettings(), Recorder()) as opened:
        written(in_order(ratings()), path)

        with pytest.raises(DataError, match="has changed while it was read"):
            opened.read()
