"""A report of a model of any kind: each section is there, or the report says that the kind has none."""

from __future__ import annotations

import dataclasses
import functools
import re
from pathlib import Path

import pytest

import rbmcli
from rbmcli.reporting.report import ReportResult
from tests.every_kind import MADE_OF_OTHERS, OPTIONS, OTHERS, SETTINGS, trained_with
from tests.reporting.small_report import SETTINGS as QUICK
from tests.reporting.small_report import Given, Page, given_of_kind
from tests.small_ratings import shuffled

EACH = pytest.mark.parametrize("kind", OPTIONS)
OTHER = pytest.mark.parametrize("kind", OTHERS)
OF_OTHERS = pytest.mark.parametrize("kind", MADE_OF_OTHERS)
EVERY = [
    *("data", "members", "training", "comparison", "calibration", "segments", "confusion", "learned"),
    *("examples", "making"),
]
STEP_BY_STEP = {"rbm", "autoencoder", "mf"}


@functools.cache
def whole_report(kind: str) -> ReportResult:
    return given_of_kind(kind).report()


def test_each_section_is_there_or_named_as_left_out() -> None:
    for kind in OPTIONS:
        result = whole_report(kind)
        missing = {
            "members": kind not in MADE_OF_OTHERS,
            "training": kind not in STEP_BY_STEP,
            # The base of these neighbours is user and item effects.
            "learned": kind in {"bias", "neighbours"},
        }
        assert result.sections == [name for name in EVERY if not missing.get(name)], kind
        told = [line.partition(":")[0] for line in result.left_out]
        expected = {
            "The course of training": missing["training"],
            "What hidden units respond to": kind != "rbm",
            "Which items are alike": missing["learned"],
        }
        assert told == [name for name, is_missing in expected.items() if is_missing], kind


@EACH
def test_the_page_is_sound_and_what_is_left_out_stands_in_it(kind: str) -> None:
    result = whole_report(kind)
    page = Page(result.html)

    assert page.problems == []
    assert page.twice() == []
    assert len(page.of("figure")) == len(page.of("figcaption")) == len(page.of("svg"))
    assert len(page.of("table")) == len(page.of("caption"))
    assert all(line in page.text for line in result.left_out)
    assert "None" not in page.text


@OTHER
def test_equal_inputs_make_equal_bytes_in_any_order_of_their_rows(kind: str) -> None:
    whole = given_of_kind(kind)
    mixed = Given(whole.model, shuffled(whole.history), shuffled(whole.predictions), shuffled(whole.titles))

    assert mixed.report().html == whole.report().html == whole_report(kind).html


@EACH
def test_a_model_from_its_file_has_the_report_of_the_model_in_memory(kind: str, tmp_path: Path) -> None:
    rbmcli.save_model(given_of_kind(kind).model, tmp_path / "m.parquet")

    report = rbmcli.report(tmp_path / "m.parquet", settings=QUICK).html

    in_memory = rbmcli.report(given_of_kind(kind).model, settings=QUICK).html
    assert report.replace("m.parquet", "given in memory") == in_memory


@OF_OTHERS
def test_members_are_shown_with_their_figures_and_weights(kind: str) -> None:
    record = given_of_kind(kind).model.record
    html = whole_report(kind).html

    section = html[html.index('<section id="members"') : html.index('<section id="comparison"')]
    rows = re.findall("<tr.*?</tr>", section)[1:]
    assert len(rows) == len(record["of_members"]) + 1
    for number, (row, entry) in enumerate(zip(rows, record["of_members"], strict=False), 1):
        head, _, settings = entry["member"].partition(":")
        assert f"{number}. {head}" in row
        assert settings.replace(",", ", ").replace("=", " ") in row
        figures = [f"{entry['valid_rmse']:.4f}", f"{entry['valid_nll']:.4f}"]
        if "share" in entry:
            figures += [f"{entry['weight']:.2f}", f"{100 * entry['share']:.0f}%"]
        assert re.findall(r"<td[^>]*>(.*?)</td>", row) == figures
    assert 'class="strong"' in rows[-1]
    best = record["epochs"][0]
    assert f"{best['valid_rmse']:.4f}" in rows[-1]
    assert f"{best['valid_nll']:.4f}" in rows[-1]
    assert "members" in [picture.name for picture in whole_report(kind).pictures]


def test_members_without_figures_are_shown_without_a_picture() -> None:
    model = trained_with(dataclasses.replace(SETTINGS["ensemble"], validation="none"))

    result = rbmcli.report(model, settings=QUICK)

    assert result.sections == ["data", "members", "learned", "making"]
    assert "members" not in [picture.name for picture in result.pictures]
    assert result.finding == "How well it predicts has not been measured"


@EACH
def test_a_report_of_a_model_alone_tells_its_figure_and_what_it_is_of(kind: str) -> None:
    model = given_of_kind(kind).model
    best = next(entry for entry in model.record["epochs"] if entry["epoch"] == model.record["best_epoch"])

    result = rbmcli.report(model, settings=QUICK)

    assert result.finding.startswith(f"RMSE {best['valid_rmse']:.3f} on ")
    assert result.finding in Page(result.html).text


def test_the_course_of_a_sampling_goes_by_sweeps_of_which_none_was_chosen() -> None:
    text = Page(whole_report("mf").html).text

    assert "Training took 20 sweeps." in text
    assert "The best epoch" not in text
    pictures = {picture.name: picture.text for picture in whole_report("mf").pictures}
    assert "by sweep, from" in pictures["training-loss"]
    # Of the last sweep alone a figure is no curve, and is told in words.
    assert "training-validation-nll" not in pictures
    assert re.search(r"its RMSE is \d\.\d{3} and its NLL \d\.\d{3}\.", text)


@EACH
def test_users_and_items_are_counted_by_the_model_where_there_is_no_history(kind: str) -> None:
    model = given_of_kind(kind).model

    text = Page(rbmcli.report(model, settings=QUICK).html).text

    least, most = int(model.user_ratings.min()), int(model.user_ratings.max())
    assert re.search(rf"Half of the users have \d+ ratings or more, from {least} to {most}\.", text)


@EACH
def test_why_something_is_recommended_is_told_by_the_ratings_of_the_user(kind: str) -> None:
    html = whole_report(kind).html

    examples = html[html.index('<section id="examples"') :]
    assert "Title of 1" in examples
    assert re.search(r'<span class="(up|down)">', examples)
