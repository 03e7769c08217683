"""The columns of user, item, rating and timestamp are found by their usual names, or as the options say."""

from __future__ import annotations

import pytest

from rbmcli.config import InputSettings
from rbmcli.data.columns import check_distinct, count_known, default_names, find_roles, rename_roles
from rbmcli.errors import DataError


def roles_of(
    *names: str, needs_rating: bool = True, headerless: bool = False, **options: str
) -> dict[str, int]:
    return find_roles(
        names, InputSettings(**options), "r.csv", needs_rating=needs_rating, headerless=headerless
    )


@pytest.mark.parametrize("user", ["user", "userId", "user_id", "USERID", "User-ID", "uid", "reviewerID"])
@pytest.mark.parametrize(
    "item", ["item", "itemId", "movieId", "movie_id", "book_id", "ISBN", "asin", "product"]
)
def test_usual_names_are_recognised_whatever_their_case(user: str, item: str) -> None:
    assert roles_of(item, "rating", user) == {"user": 2, "item": 0, "rating": 1}


@pytest.mark.parametrize("rating", ["rating", "Score", "stars", "overall", "value"])
@pytest.mark.parametrize("timestamp", ["timestamp", "time", "Date", "unixReviewTime"])
def test_usual_names_of_ratings_and_timestamps_are_recognised(rating: str, timestamp: str) -> None:
    assert roles_of("user", "item", timestamp, rating) == {"user": 0, "item": 1, "rating": 3, "timestamp": 2}


def test_a_timestamp_of_pairs_is_looked_for_only_if_wanted_and_found_where_the_option_says() -> None:
    def of_pairs(*names: str, timestamps: bool, **options: str) -> dict[str, int]:
        how = InputSettings(**options)
        return find_roles(names, how, "p.csv", needs_rating=False, timestamps=timestamps)

    names = ("user", "item", "date", "when")
    assert of_pairs(*names, timestamps=False) == {"user": 0, "item": 1}
    assert of_pairs(*names, timestamps=True)["timestamp"] == 2
    assert of_pairs(*names, timestamps=True, timestamp_column="when")["timestamp"] == 3
    assert "timestamp" not in of_pairs(*names, timestamps=True, timestamp_column="")
    # The option may be for the history alone.
    assert of_pairs("user", "item", timestamps=True, timestamp_column="when") == {"user": 0, "item": 1}


def test_the_own_name_of_a_role_wins_over_another_usual_name() -> None:
    assert roles_of("userId", "user", "item", "score", "rating") == {"user": 1, "item": 2, "rating": 4}


def test_an_option_names_a_column_in_any_case() -> None:
    assert roles_of("a", "item", "rating", user_column="A")["user"] == 0


def test_an_option_of_digits_counts_columns_from_one() -> None:
    assert roles_of("rating", "item", "x", user_column="3") == {"user": 2, "item": 1, "rating": 0}


def test_an_option_takes_its_column_away_from_the_guesses() -> None:
    assert roles_of("userId", "user", "rating", item_column="user") == {"user": 0, "item": 1, "rating": 2}


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("a", "item", "rating"), {}, "no column is known to be the user"),
        (("user", "item", "a"), {}, "no column is known to be the rating"),
        (("user", "movie", "book", "rating"), {}, "the item may be any of the columns 'movie', 'book'"),
        (("user", "item", "rating", "date", "time"), {}, "the timestamp may be any of"),
        (("user", "item", "rating"), {"user_column": "4"}, "expected a position from 1 to 3"),
        (("user", "item", "rating"), {"user_column": "0"}, "expected a position from 1 to 3"),
        (("user", "item", "rating"), {"user_column": "who"}, "there is no column 'who'"),
        (("user", "item", "rating"), {"user_column": "1", "item_column": "user"}, "chosen for two"),
    ],
)
def test_an_undecided_column_is_told_with_the_columns_found(
    names: tuple[str, ...], options: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        roles_of(*names, **options)

    assert message in caught.value.message
    assert caught.value.message.startswith("r.csv: ")
    assert ", ".join(names) in caught.value.hint


def test_the_hint_names_the_option() -> None:
    with pytest.raises(DataError) as caught:
        roles_of("user", "item", "a")

    assert "--rating-column" in caught.value.hint


def test_an_empty_timestamp_option_leaves_timestamps_out() -> None:
    assert "timestamp" not in roles_of("user", "item", "rating", "date", "time", timestamp_column="")


def test_pairs_need_no_rating_and_ignore_its_option() -> None:
    roles = roles_of("user", "item", "time", needs_rating=False, rating_column="stars")

    assert roles == {"user": 0, "item": 1}


def test_a_text_without_names_has_the_roles_in_their_order() -> None:
    names = default_names(6)

    assert names == ["user", "item", "rating", "timestamp", "column5", "column6"]


def test_a_further_column_with_the_name_of_a_role_gets_a_free_name() -> None:
    names = ["user", "item", "rating", "rating_2", "stars"]
    roles = roles_of(*names, rating_column="stars")

    assert rename_roles(names, roles) == ["user", "item", "rating_3", "rating_2", "rating"]


def test_known_names_are_counted_by_role() -> None:
    assert count_known(["userId", "movieId", "asin", "year"]) == 2
    assert count_known(["movieId", "title", "genres"]) == 2


def test_a_repeated_name_is_refused() -> None:
    with pytest.raises(DataError, match="several columns are named 'a'"):
        check_distinct(["a", "b", "a"], "r.csv")
