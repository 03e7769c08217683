"""Pairs are cut by what their users, items, ratings, times and columns are, and each segment is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, PREDICTIONS
from rbmcli.errors import DataError, UsageError
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.segments import parse_segments

DAY = 86400


def pairs(ratings: Sequence[float] = (1, 2, 2, 3), **columns: object) -> pa.Table:
    count = len(ratings)
    return pa.table(
        {
            "user": np.arange(count),
            "item": np.arange(count) % 2,
            "prediction": np.full(count, 2.0),
            "rating": pa.array(ratings, pa.float32()),
            **columns,
        }
    )


def found(table: pa.Table, *names: str, **options: object) -> dict[str, float]:
    """Return the segments with the n of each."""
    segments = evaluate(table, segments=names, resamples=0, **options).segments()
    return {name: figures["n"] for name, figures in segments.items() if name != "all"}


def test_the_true_level_is_that_of_the_rating_where_no_probabilities_tell_levels() -> None:
    assert found(pairs(), "level") == {"level=1": 1, "level=2": 2, "level=3": 1}


def test_with_probabilities_levels_are_those_of_the_model() -> None:
    rows = pa.array([[0.5, 0.5]] * 4, pa.list_(pa.float32(), 2))
    levels = {"levels": [1.25, 2.75], "edges": [1.5]}
    table = pairs(probabilities=rows).replace_schema_metadata(
        {METADATA_KEY: encode_metadata(PREDICTIONS, levels)}
    )

    assert found(table, "level") == {"level=1.25": 1, "level=2.75": 3}


def test_segments_have_all_figures_but_kappa_where_there_is_one_true_level() -> None:
    rows = pa.array(
        [[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4], [0.1, 0.4, 0.5]], pa.list_(pa.float32(), 3)
    )
    table = pairs(probabilities=rows, genre=["a", "a", "b", "b"]).replace_schema_metadata(
        {METADATA_KEY: encode_metadata(PREDICTIONS, {"levels": [1.0, 2.0, 3.0], "edges": None})}
    )

    result = evaluate(table, segments=["level", "genre"], resamples=0).segments()

    assert result["level=2"] == {
        "n": 2,
        "share": 0.5,
        "rmse": 0.0,
        "mae": 0.0,
        "nll": pytest.approx(-(np.log(0.6) + np.log(0.3)) / 2, rel=1e-6),
        "rps": pytest.approx((0.04 + 0.04 + 0.09 + 0.16) / 2 / 2, rel=1e-6),
        "accuracy": 0.5,
    }
    assert "kappa" in result["genre=a"]


def test_activity_and_popularity_count_ratings_of_the_history_that_are_not_asked_pairs() -> None:
    history = pa.table(
        {
            "user": [0] * 3 + [1] * 30 + [2, 2],
            "item": [10, 11, 12, *range(10, 40), 10, 0],
            "rating": [1.0, 2.0] * 17 + [3.0],
        }
    )

    by_user = found(pairs(), "activity", history=history)
    by_item = found(pairs(), "popularity", history=history)

    # User 2 has rated item 0, which is asked for, and one more; nobody has rated the items besides.
    assert by_user == {"activity=0": 1, "activity=1-2": 1, "activity=3-9": 1, "activity=30-99": 1}
    assert by_item == {"popularity=0": 4}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([0, 0, 1, 2], {"time=1970-01-01": 2, "time=1970-01-02": 1, "time=1970-01-03": 1}),
        ([*range(0, 40, 2), *range(20)], {"time=1970-01": 36, "time=1970-02": 4}),
        (
            range(0, 500, 10),
            {f"time={1970 + q // 4}-Q{q % 4 + 1}": n for q, n in enumerate([9, 10, 9, 9, 9, 4])},
        ),
        (
            range(0, 365 * 4, 100),
            {f"time={year}": n for year, n in zip(range(1970, 1974), [4, 4, 3, 4], strict=True)},
        ),
    ],
)
def test_time_is_cut_by_the_shortest_period_that_makes_no_more_than_twelve(
    days: Sequence[int], expected: dict[str, int]
) -> None:
    seconds = [day * DAY + 7 for day in days]
    ratings = [1 + place % 2 for place in range(len(seconds))]

    assert found(pairs(ratings, timestamp=seconds), "time") == expected


def test_a_rating_without_time_is_a_segment_of_its_own() -> None:
    seconds = pa.array([5, None, 6, 7], pa.int64())

    assert found(pairs(timestamp=seconds), "time") == {"time=1970-01-01": 3, "time=null": 1}


def test_the_truth_tells_time_and_columns_too() -> None:
    truth = pa.table(
        {
            "user": [3, 2, 1, 0],
            "item": [1, 0, 1, 0],
            "rating": [1.0, 2.0, 3.0, 1.0],
            "timestamp": [0, 0, 0, DAY],
            "device": ["phone", "web", "web", None],
        }
    )

    assert found(pairs(), "time", "device", truth=truth) == {
        "time=1970-01-01": 3,
        "time=1970-01-02": 1,
        "device=phone": 1,
        "device=web": 2,
        "device=null": 1,
    }


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["b", "a", "b", None], {"x=a": 1, "x=b": 2, "x=null": 1}),
        ([True, False, False, False], {"x=false": 3, "x=true": 1}),
        ([10, 9, 9, 10], {"x=9": 2, "x=10": 2}),
        (pa.array(["u", "v", "u", "u"]).dictionary_encode(), {"x=u": 3, "x=v": 1}),
    ],
)
def test_a_column_is_cut_by_its_values(column: object, expected: dict[str, int]) -> None:
    assert found(pairs(x=column), "x") == expected


def test_many_numbers_are_cut_into_fifths() -> None:
    numbers = np.arange(50) / 2

    assert found(pairs([1, 2] * 25, x=numbers), "x") == {
        f"x={low:g} to {low + 4.5:g}": 10 for low in (0, 5, 10, 15, 20)
    }


def test_of_many_texts_the_rarest_are_put_together() -> None:
    words = [f"w{number:02}" for number in range(30)] * 2 + ["w29"] * 2

    segments = found(pairs([1, 2] * 31, x=words), "x")

    assert segments["x=w29"] == 4
    assert segments["x=w00"] == 2
    assert segments["x=other"] == 2 * 11
    assert len(segments) == 20


def test_nan_in_a_column_of_numbers_is_null() -> None:
    numbers = [float("nan"), *np.arange(49)]

    assert found(pairs([1, 2] * 25, x=numbers), "x")["x=null"] == 1


def test_all_is_every_kind_that_the_inputs_can_tell() -> None:
    table = pairs(source=["model"] * 4)

    assert set(found(table, "all")) == {"source=model", "level=1", "level=2", "level=3"}


@pytest.mark.parametrize("name", ["activity", "popularity", "time", "source"])
def test_a_kind_that_needs_what_was_not_given_says_so(name: str) -> None:
    with pytest.raises(UsageError, match=f"--segments {name}: "):
        evaluate(pairs(), segments=[name])


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="there is no column 'genre'"):
        evaluate(pairs(), segments=["genre"])


def test_a_column_of_lists_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'x' is list<.*expected text"):
        evaluate(pairs(x=[[1]] * 4), segments=["x"])


def test_baselines_are_measured_on_segments_too() -> None:
    history = pa.table({"user": [0, 1], "item": [0, 1], "rating": [1.0, 3.0]})
    asked = pairs().slice(1).append_column("x", pa.array(["a", "b", "b"]))

    result = evaluate(asked, history=history.slice(0, 1), segments=["x"], resamples=0)

    assert result.segments("global mean")["x=b"]["mae"] == pytest.approx(1.5)


@pytest.mark.parametrize("text", ["", "level,", "level,level"])
def test_a_list_of_names_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected different names"):
        parse_segments(text)


@settings(max_examples=30, deadline=None)
@given(
    column=st.one_of(
        st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=60),
        st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), min_size=1, max_size=60),
        st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=60),
    )
)
def test_the_segments_of_a_column_are_parts_that_make_the_whole(column: list[object]) -> None:
    segments = found(pairs([1] * len(column), x=pa.array(column)), "x")

    assert sum(segments.values()) == len(column)
