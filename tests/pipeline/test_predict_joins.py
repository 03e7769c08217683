"""Which histories and pairs go with a model, and what is done about those that do not."""

from __future__ import annotations

import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import InputSettings, PredictSettings
from rbmcli.errors import DataError, MismatchError
from tests.recorder import Recorder
from tests.small_ratings import pairs_of, ratings, table_of, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])


def numbers_only() -> pa.Table:
    """Return the small ratings with integers for users."""
    names = [int(name[1:]) for name in ratings()["user"].to_pylist()]
    return ratings().set_column(0, "user", pa.array(names, pa.int64()))


@BOTH
def test_nothing_known_at_all_is_a_mismatch_unless_that_is_allowed(by: str) -> None:
    strange, pairs = table_of(["x", "x"], [7, 8], [3, 2]), pairs_of("x", 9)

    with pytest.raises(MismatchError, match="not one of its users and items is known to the model"):
        rbmcli.predict(trained(by), strange, pairs)

    allowed = rbmcli.predict(trained(by), strange, pairs, settings=PredictSettings(allow_unknown=True))
    assert allowed.counts["row_prior" if by == "user" else "visible_prior"] == 1


@pytest.mark.parametrize("by", ["user", "item"])
def test_texts_of_integers_join_a_model_with_integers(by: str) -> None:
    table = numbers_only()
    model = trained(by, table)
    as_text = table.set_column(0, "user", table["user"].cast(pa.string()))
    as_text = as_text.set_column(1, "item", table["item"].cast(pa.string()).dictionary_encode())

    found = rbmcli.predict(model, as_text, as_text.select(["user", "item"]))

    assert found.table["prediction"].equals(rbmcli.predict(model, table, table).table["prediction"])
    assert found.counts["model"] == table.num_rows


def test_other_texts_do_not_join_integers_nor_integers_texts() -> None:
    with pytest.raises(MismatchError, match="column 'user' is string"):
        rbmcli.predict(trained("user", numbers_only()), table_of(["007"], [100], [1]))
    with pytest.raises(MismatchError, match="column 'user' is int64"):
        rbmcli.predict(trained("user"), table_of([7], [100], [1]))


@pytest.mark.parametrize(("policy", "source"), [("nearest", "folded_in"), ("drop", "visible_prior")])
def test_a_history_on_another_scale_is_a_mismatch_unless_told_what_to_do(policy: str, source: str) -> None:
    history, pairs = table_of(["new"], [100], [87]), pairs_of("new", 101)

    with pytest.raises(MismatchError, match=r"rating 87 \(row 1\) is on no level"):
        rbmcli.predict(trained("user"), history, pairs)

    recorder = Recorder()
    settings = InputSettings(unknown_level=policy)
    result = rbmcli.predict(trained("user"), history, pairs, input_settings=settings, progress=recorder)
    assert result.table["source"].to_pylist() == [source]
    assert any("1 ratings are on no level" in message for message in recorder.warnings)


@BOTH
@pytest.mark.parametrize(("policy", "rating"), [("first", 1), ("last", 5)])
def test_duplicates_in_a_history_are_an_error_unless_one_is_to_be_kept(
    by: str, policy: str, rating: float
) -> None:
    twice, pairs = table_of(["new", "new"], [100, 100], [1, 5]), pairs_of("new", 101, 102)

    with pytest.raises(DataError, match="user 'new' rated item 100 more than once"):
        rbmcli.predict(trained(by), twice, pairs)

    settings = InputSettings(duplicates=policy)
    kept = rbmcli.predict(trained(by), twice, pairs, input_settings=settings).table
    once = rbmcli.predict(trained(by), table_of(["new"], [100], [rating]), pairs).table
    assert kept.equals(once)


def test_files_of_two_runs_of_prepare_are_not_mixed() -> None:
    one, other = (rbmcli.prepare(ratings(), settings=rbmcli.PrepareSettings(seed=seed)) for seed in (1, 2))

    with pytest.raises(MismatchError, match="different runs of prepare"):
        rbmcli.predict(trained("user"), one.train, other.test)


def test_pairs_without_an_id_are_bad_data() -> None:
    pairs = pa.table({"user": ["u00", None], "item": [100, 101]})

    with pytest.raises(DataError, match="user"):
        rbmcli.predict(trained("user"), ratings(), pairs)


def test_the_mean_of_duplicates_in_a_history_is_put_on_a_level_of_the_model() -> None:
    model, pairs = trained("user"), pairs_of("new", 105)
    twice = table_of(["new", "new", "new"], [100, 100, 101], [2, 4, 2])
    mean = table_of(["new", "new"], [100, 101], [3, 2])

    from_both = rbmcli.predict(model, twice, pairs, input_settings=InputSettings(duplicates="mean"))

    assert from_both.table.equals(rbmcli.predict(model, mean, pairs).table)
