"""The model card: what it says is what the model is, it renders, and equal models have equal cards."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from markdown_it import MarkdownIt

import rbmcli
from rbmcli.data.schemas import MODEL
from rbmcli.data.storage import read_footer
from rbmcli.data.writing import write_table
from rbmcli.errors import MismatchError, UsageError
from rbmcli.models.kinds import has_vectors
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.rbm import Rbm
from rbmcli.pipeline.card import model_card
from rbmcli.pipeline.inspect import inspect
from rbmcli.pipeline.rating_spread import Spread
from tests.every_kind import MADE_OF_OTHERS, MF, OPTIONS, SETTINGS, members, model_of, trained_with
from tests.small_ratings import FORMS, dated, quick, ratings, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])
EACH = pytest.mark.parametrize("kind", OPTIONS)
MADE_OF = "What it is made of"
SECTIONS = [
    *("What it is", MADE_OF, "Data", "How good it is", "What it is for"),
    *("New users, new ratings, new items", "Limits", "How to use it", "Settings"),
]


def card_of(model: RatingModel, folder: Path) -> str:
    rbmcli.save_model(model, folder / "m.parquet")
    return model_card(folder / "m.parquet", "m.parquet").text


def validated(**changes: object) -> Rbm:
    return rbmcli.train(ratings(), settings=quick(validation="holdout", **changes)).model


@BOTH
def test_the_card_tells_what_the_model_is_and_what_it_was_made_of(by: str, tmp_path: Path) -> None:
    model = trained(by)

    text = card_of(model, tmp_path)

    metadata = inspect(tmp_path / "m.parquet").metadata
    assert f"| kind | `rbm`, rows of {by}s |" in text
    assert "| scale | 5 levels: 1, 2, 3, 4, 5 |" in text
    assert f"| fingerprint of the model | `{metadata['fingerprint']}` |" in text
    assert f"| fingerprint of the ratings | `{metadata['data_fingerprint']}` |" in text
    assert f"| ratings given to training | {ratings().num_rows} |" in text
    assert "| users | 30 |" in text
    assert "| items | 12 |" in text
    for level, share in enumerate(model.global_prior, 1):
        assert f"| {level} | {share:.1%} |" in text
    for name in metadata["settings"]:
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("options", [*FORMS.values(), {"layers": "6,4,3"}], ids=[*FORMS, "layers"])
def test_the_trained_numbers_are_those_that_the_file_holds(options: dict, tmp_path: Path) -> None:
    model = trained("user", **options)
    parameters, form = model.parameters, model.form
    used = [
        parameters.weights[:, :, : form.factors or form.hidden],
        parameters.conditional[:, : form.hidden * form.conditional],
        parameters.visible_bias,
        parameters.hidden_bias[: form.hidden],
        parameters.factors[: form.factors, : form.hidden],
    ]
    for layer, (below, above) in enumerate(pairwise((form.hidden, *form.upper))):
        used.append(parameters.upper_weights[layer, :above, :below])
        used.append(parameters.decoding_weights[layer, :above, :below])
        used += [parameters.upper_bias[layer, :above], parameters.decoding_bias[layer, :below]]

    assert f"| trained numbers | {sum(array.size for array in used):,} |" in card_of(model, tmp_path)


def test_the_best_epoch_stands_out_among_the_first_the_last_and_some_between(tmp_path: Path) -> None:
    model = validated(epochs=60, patience=1000)

    text = card_of(model, tmp_path)

    best = model.record["best_epoch"]
    rows = re.findall(r"^\| (\*\*)?(\d+)(?:\*\*)? \| .* \| .* \| .* \|$", text, re.MULTILINE)
    numbers = [int(number) for _, number in rows]
    assert [int(number) for mark, number in rows if mark] == [best]
    assert (numbers[0], numbers[-1]) == (1, 60)
    assert len(numbers) <= 12
    rmse = model.record["epochs"][best - 1]["valid_rmse"]
    assert f"The best epoch is {best}: RMSE {rmse:.4f} in units of the rating" in text
    assert "10.0% of the ratings, which were held out" in text


def test_a_model_without_validation_is_said_to_be_of_unknown_worth(tmp_path: Path) -> None:
    text = card_of(trained("user"), tmp_path)

    assert "nothing is known of how well it predicts" in text
    assert "**No validation.**" in text
    assert "The best epoch is" not in text


def test_a_refit_a_day_bias_and_normal_units_are_told(tmp_path: Path) -> None:
    plain = card_of(validated(), tmp_path)
    refit = card_of(validated(refit=True), tmp_path)
    by_day = card_of(trained("user", dated(ratings()), day_bias=True), tmp_path)

    assert "trained again on all ratings" in refit
    assert "trained again on all ratings" not in plain
    assert "How a user rates on a day counts" in by_day
    assert "6 normal hidden units" in card_of(trained("user", hidden_units="gaussian"), tmp_path)


@BOTH
def test_how_new_users_are_served_is_that_of_the_rows(by: str, tmp_path: Path) -> None:
    told = "in one pass" if by == "user" else "is folded in"

    assert told in card_of(trained(by), tmp_path)


def test_versions_are_told_where_the_file_has_them(tmp_path: Path) -> None:
    model = trained("user")
    record = {**model.record, "versions": {"numpy": "2.0"}}

    assert "## Versions" not in card_of(model, tmp_path)
    assert "| numpy | 2.0 |" in card_of(dataclasses.replace(model, record=record), tmp_path)


def test_equal_models_have_equal_cards_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    rbmcli.save_model(trained("user"), tmp_path / "elsewhere" / "n.parquet")

    inspect(tmp_path / "elsewhere" / "n.parquet", tmp_path / "card.md")

    text = (tmp_path / "card.md").read_text()
    assert text == card_of(trained("user"), tmp_path)
    assert "n.parquet" not in text


@BOTH
def test_every_table_and_list_of_the_card_renders(by: str, tmp_path: Path) -> None:
    text = card_of(validated(by=by), tmp_path)

    html = MarkdownIt("commonmark").enable("table").render(text)

    assert html.count("<table>") == 5
    assert html.count("<ul>") == 2
    assert "|" not in re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    assert "**" not in html
    assert html.count("<h2>") == 8


def test_the_spread_of_ratings_is_counted() -> None:
    found = Spread.of(np.array([1, 9, 4, 5, 1, 5, 5, 5, 5, 5, 5]))

    assert found == Spread(11, 1, 5, 9, (9 + 5) / 50, 3)


def test_what_is_no_model_has_no_card_and_nothing_is_written(tmp_path: Path) -> None:
    rbmcli.prepare(ratings(), tmp_path / "r.parquet", rbmcli.PrepareSettings(split="none"))

    with pytest.raises(MismatchError, match="expected a file of format 'model', found 'ratings'"):
        inspect(tmp_path / "r.parquet", tmp_path / "card.md")

    assert [path.name for path in tmp_path.iterdir()] == ["r.parquet"]


def test_the_card_does_not_replace_the_model(tmp_path: Path) -> None:
    rbmcli.save_model(trained("user"), tmp_path / "m.parquet")

    with pytest.raises(UsageError, match="is an input"):
        inspect(tmp_path / "m.parquet", tmp_path / "m.parquet")


@EACH
def test_every_kind_has_a_card_whose_sections_and_tables_render(kind: str, tmp_path: Path) -> None:
    model = model_of(kind)

    text = card_of(model, tmp_path)

    html = MarkdownIt("commonmark").enable("table").render(text)
    titles = re.findall("<h2>(.*?)</h2>", html)
    assert titles == [title for title in SECTIONS if title != MADE_OF or kind in MADE_OF_OTHERS]
    assert f"| kind | `{kind}`" in text
    told = model.settings.as_dict()
    for name in vars(model.settings):
        assert (f"| `{name}` |" in text) == (name in told and name != "members")
    assert "|" not in re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    assert "**" not in html
    assert "None" not in text
    assert ("rbmcli similar MODEL ITEM" in text) == has_vectors(model)


@EACH
def test_every_kind_tells_its_figures_on_validation_ratings(kind: str, tmp_path: Path) -> None:
    model = model_of(kind)
    best = next(entry for entry in model.record["epochs"] if entry["epoch"] == model.record["best_epoch"])

    text = card_of(model, tmp_path)

    figures = text[text.index("## How good it is") : text.index("## What it is for")]
    assert (
        f"RMSE {best['valid_rmse']:.4f} in units of the rating, NLL {best['valid_nll']:.4f} nats" in figures
    )
    steps = {"rbm": "epoch", "autoencoder": "epoch", "mf": "sweep"}
    heads = re.findall(r"^\| (\w+) \| loss", figures, re.MULTILINE)
    assert heads == [step for name, step in steps.items() if name == kind]


@pytest.mark.parametrize("kind", MADE_OF_OTHERS)
def test_the_card_has_a_row_for_each_member_and_one_for_all(kind: str, tmp_path: Path) -> None:
    model = model_of(kind)

    text = card_of(model, tmp_path)

    for entry in model.record["of_members"]:
        row = f"| `{entry['member']}` | {entry['valid_rmse']:.4f} | {entry['valid_nll']:.4f} |"
        if "share" in entry:
            row += f" {entry['weight']:.2f} | {entry['share']:.0%} |"
        assert row in text
    figures = model.record["epochs"][0]
    assert f"** | **{figures['valid_rmse']:.4f}** | **{figures['valid_nll']:.4f}** |" in text


def test_the_card_of_an_ensemble_without_validation_has_members_without_figures(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS["ensemble"], validation="none")

    text = card_of(trained_with(settings), tmp_path)

    assert "| member | weight | share |" in text
    assert "nothing is known of how well it predicts" in text
    assert "trained again on all ratings" not in text
    assert "together" not in text


def test_the_card_of_a_boosted_blend_tells_of_its_trees(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS["blend"], members=members("bias", MF), combiner="boosted")
    model = trained_with(settings)
    trees = len(model.combination.trees.value)

    text = card_of(model, tmp_path)

    assert ("regression trees" in text) == (trees > 0)
    assert "boosted" in text


@EACH
def test_users_and_items_of_a_card_are_those_of_the_model_and_not_of_its_members(
    kind: str, tmp_path: Path
) -> None:
    model = model_of(kind)
    rbmcli.save_model(model, tmp_path / "m.parquet")

    card = model_card(tmp_path / "m.parquet", "m.parquet")

    assert card.users == Spread.of(model.user_ratings)
    assert card.items == Spread.of(model.item_ratings)


def test_a_kind_of_a_later_version_has_no_card(tmp_path: Path) -> None:
    rbmcli.save_model(model_of("bias"), tmp_path / "m.parquet")
    _, metadata, _ = read_footer(tmp_path / "m.parquet")
    told = {name: value for name, value in metadata.items() if name not in {"format", "format_version"}}
    table = pq.read_table(tmp_path / "m.parquet").replace_schema_metadata(None)
    write_table(table, tmp_path / "later.parquet", MODEL, {**told, "kind": "oracle"})

    with pytest.raises(MismatchError, match="a model of kind 'oracle', expected 'rbm' or"):
        inspect(tmp_path / "later.parquet", tmp_path / "card.md")

    assert not (tmp_path / "card.md").exists()
    assert "model" not in dict(inspect(tmp_path / "later.parquet").facts())
