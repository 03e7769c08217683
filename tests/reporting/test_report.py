"""A report tells what its inputs hold, leaves out what they do not, and is the same for equal inputs."""

from __future__ import annotations

import dataclasses
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

import rbmcli
from tests.reporting.small_report import SETTINGS, Given, Page, given, whole_report
from tests.small_ratings import quick, ratings, shuffled

BOTH = pytest.mark.parametrize("by", ["user", "item"])
EVERY = [
    *("data", "training", "comparison", "calibration", "segments", "confusion", "learned", "examples"),
    "making",
]
NASTY = "<script>alert('x')</script> & \"quoted\" $x^2$ \x00"


@BOTH
def test_with_every_input_every_section_is_there_and_linked(by: str) -> None:
    result = whole_report(by)

    page = Page(result.html)
    assert result.sections == EVERY
    assert [link["href"] for link in page.of("a")] == [f"#{name}" for name in EVERY]
    assert {section["id"] for section in page.of("section")} == set(EVERY)
    assert result.left_out == []
    assert "Not shown here" not in page.text


@BOTH
def test_the_page_is_sound(by: str) -> None:
    page = Page(whole_report(by).html)

    assert page.problems == []
    assert page.twice() == []
    assert all(head.get("scope") in {"col", "row"} for head in page.of("th"))
    assert all(picture.get("role") == "img" and picture.get("aria-label") for picture in page.of("svg"))
    assert len(page.of("figure")) == len(page.of("figcaption")) == len(page.of("svg"))
    assert len(page.of("table")) == len(page.of("caption"))
    labels = {part["aria-labelledby"] for part in page.of("section")}
    assert labels <= {attributes.get("id") for _, attributes in page.elements}
    depths = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert depths[0] == 1
    assert depths.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(depths))


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    page = Page(whole_report().html)

    assert not {"script", "iframe", "object", "embed", "img"} & {tag for tag, _ in page.elements}
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert str(attributes.get("href", "#")).startswith(("#", "data:"))
    policy = next(meta["content"] for meta in page.of("meta") if "http-equiv" in meta)
    assert str(policy).startswith("default-src 'none'")
    assert "script-src" not in str(policy)
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", whole_report().html)


@BOTH
def test_equal_inputs_make_equal_bytes_in_any_order_of_their_rows(by: str, tmp_path: Path) -> None:
    whole = given(by)
    mixed = Given(whole.model, shuffled(whole.history), shuffled(whole.predictions), shuffled(whole.titles))

    first = whole.report(plots=tmp_path / "one")
    second = mixed.report(plots=tmp_path / "two")

    assert first.html == second.html
    names = [path.name for path in sorted((tmp_path / "one").iterdir())]
    assert names == [path.name for path in sorted((tmp_path / "two").iterdir())]
    assert all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names
    )


def test_another_seed_draws_other_users() -> None:
    users = []
    for seed in range(3):
        settings = rbmcli.ReportSettings(resamples=0, seed=seed)
        users.append(re.findall(r"<h3>User (\w+)</h3>", given().report(settings=settings).html))

    assert all(len(set(drawn)) == 3 for drawn in users)
    assert len({tuple(drawn) for drawn in users}) > 1


def test_the_figures_are_those_of_the_evaluation() -> None:
    whole = given()
    result = whole_report()

    found = rbmcli.evaluate(whole.predictions, history=whole.history, resamples=50)
    text = Page(result.html).text
    assert result.evaluation is not None
    assert result.evaluation.segments()["all"] == found.segments()["all"]
    low, high = found.intervals()["all"]["rmse"]
    assert f"95% interval {low:.3f} to {high:.3f}" in text
    for name in found.predictors:
        assert f"{found.segments(name)['all']['rmse']:.3f}" in text
    assert result.finding.startswith(f"RMSE {found.segments()['all']['rmse']:.3f}, ")
    assert result.as_dict()["figures"] == result.evaluation.gated()


@pytest.mark.parametrize(
    ("changed", "missing", "told"),
    [
        ({"predictions": None}, {"comparison", "calibration", "segments", "confusion"}, "--predictions"),
        ({"history": None}, {"examples"}, "--history"),
        ({"settings": rbmcli.ReportSettings(examples=0, resamples=0)}, {"examples"}, "--examples"),
        ({"items": None}, set(), "--items"),
    ],
)
def test_what_is_not_given_is_left_out_and_the_report_says_what_would_add_it(
    changed: dict, missing: set[str], told: str
) -> None:
    result = given().report(**changed)

    page = Page(result.html)
    assert result.sections == [name for name in EVERY if name not in missing]
    assert any(told in line for line in result.left_out)
    assert told in page.text.partition("Not shown here")[2]
    assert page.problems == []


def test_without_probabilities_or_timestamps_there_is_less_to_tell() -> None:
    whole = given()
    columns = ["user", "item", "rating", "prediction"]

    result = whole.report(predictions=whole.predictions.select(columns).replace_schema_metadata(None))

    assert result.sections == [name for name in EVERY if name not in {"calibration", "confusion"}]
    assert any("--probabilities" in line for line in result.left_out)
    assert any("--truth" in line for line in result.left_out)


def test_without_intervals_none_are_told() -> None:
    text = Page(given().report(settings=rbmcli.ReportSettings(resamples=0)).html).text

    assert "95% interval" not in text
    assert "–" not in text.partition("Beside the baselines")[2].partition("NLL")[0]


def test_whatever_stands_in_ids_titles_and_names_stays_text(tmp_path: Path) -> None:
    whole = given()
    ids = whole.model.item_ids.values.to_pylist()
    titles = pa.table({"item": ids, "title": [f"{NASTY}{id_}" for id_ in ids]})
    user = pa.array([f"<b>{name}</b>" for name in whole.history["user"].to_pylist()])
    strange = whole.history.set_column(0, "user", user).replace_schema_metadata(None)
    for name in ("<i>one.parquet", "<i>two.parquet"):
        rbmcli.predict(whole.model, whole.history, _pairs(whole), tmp_path / name)

    result = whole.report(
        predictions=[tmp_path / "<i>one.parquet", tmp_path / "<i>two.parquet"],
        truth=_pairs(whole),
        history=strange,
        items=titles,
        settings=rbmcli.ReportSettings(title=NASTY, resamples=0),
        input_settings=rbmcli.InputSettings(),
    )

    page = Page(result.html)
    assert not {"script", "i"} & {tag for tag, _ in page.elements}
    assert "<script>alert('x')</script> & \"quoted\" $x^2$" in page.text
    assert "User <b>u" in page.text
    assert "<i>one" in page.text
    assert page.problems == []
    assert "<script" not in result.html


def test_items_are_told_by_title_and_without_a_catalogue_by_id() -> None:
    named, plain = whole_report(), given().report(items=None)

    assert "Title of 10" in named.html
    assert not re.search(r"\bitem 1\d\d\b", named.html)
    assert re.search(r"\bitem 1\d\d\b", plain.html)


def test_several_predictions_are_compared_and_none_is_told_with_its_folders(tmp_path: Path) -> None:
    whole, other = given(), given("user")
    for folder, model in (("a", whole.model), ("b", other.model)):
        (tmp_path / folder).mkdir()
        pairs = _pairs(whole)
        rbmcli.predict(model, whole.history, pairs, tmp_path / folder / "p.parquet")

    result = whole.report(predictions=[tmp_path / "a" / "p.parquet", tmp_path / "b" / "p.parquet"])

    text = Page(result.html).text
    assert "Of the 2 predictions" in text
    assert "p.parquet (1)" in text
    assert "p.parquet (2)" in text
    assert str(tmp_path) not in result.html
    assert tmp_path.name not in result.html


def test_neither_places_of_files_nor_their_standing_change_the_page(tmp_path: Path) -> None:
    whole = given()
    pages = []
    for folder in (tmp_path / "one", tmp_path / "two" / "deeper"):
        folder.mkdir(parents=True)
        rbmcli.save_model(whole.model, folder / "m.parquet")
        rbmcli.predict(
            whole.model,
            whole.history,
            _pairs(whole),
            folder / "p.parquet",
        )
        pages.append(
            whole.report(
                model=folder / "m.parquet", predictions=folder / "p.parquet", output=folder / "r.html"
            ).html
        )
        assert (folder / "r.html").read_text(encoding="utf-8") == pages[-1]

    assert pages[0] == pages[1]
    assert "m.parquet" in pages[0]


@pytest.mark.parametrize("what", ["predictions", "recommendations"])
def test_what_is_of_another_model_is_refused(what: str, tmp_path: Path) -> None:
    other, path = given("user"), tmp_path / "other.parquet"
    if what == "predictions":
        rbmcli.predict(other.model, other.history, _pairs(other), path)
    else:
        rbmcli.recommend(other.model, other.history, output=path)

    with pytest.raises(rbmcli.RbmcliError, match="of another model") as raised:
        given().report(**{what: path}, output=tmp_path / "r.html")

    assert raised.value.exit_code == 4
    assert not (tmp_path / "r.html").exists()


def _pairs(whole: Given) -> pa.Table:
    return whole.predictions.select(["user", "item", "rating"]).replace_schema_metadata(None)


@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_each_picture_is_written_as_a_file_too(file_format: str, tmp_path: Path) -> None:
    settings = rbmcli.ReportSettings(resamples=0, plots_format=file_format)

    result = given().report(output=tmp_path / "r.html", plots=tmp_path / "plots", settings=settings)

    written = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert written == sorted(f"{picture.name}.{file_format}" for picture in result.pictures)
    assert len(written) > 10
    assert sorted(map(str, result.files)) == sorted(
        [str(tmp_path / "r.html"), *(str(tmp_path / "plots" / name) for name in written)]
    )
    assert file_format not in re.findall(r"<dd>(\w+)</dd>", result.html)


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    given().report(output=tmp_path / "r.html", plots=tmp_path / "plots")
    before = (tmp_path / "r.html").read_bytes()
    (tmp_path / "plots" / "confusion.png").unlink()
    (tmp_path / "plots" / "confusion.png").mkdir()
    stood = (tmp_path / "plots" / "calibration.png").read_bytes()

    settings = rbmcli.ReportSettings(resamples=0)
    with pytest.raises(rbmcli.RbmcliError, match=r"confusion\.png"):
        given().report(output=tmp_path / "r.html", plots=tmp_path / "plots", settings=settings)

    assert (tmp_path / "r.html").read_bytes() == before
    assert (tmp_path / "plots" / "calibration.png").read_bytes() == stood
    shutil.rmtree(tmp_path / "plots")


@pytest.mark.parametrize(
    ("plots", "words"),
    [
        ("r.txt", "is a file"),
        ("none/plots", "does not exist"),
        ("s3://bucket/x", "of this machine"),
        ("-", "of this"),
    ],
)
def test_a_folder_of_pictures_that_may_not_be_is_refused_before_any_work(
    plots: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.txt").touch()

    with pytest.raises(rbmcli.RbmcliError, match=words) as raised:
        rbmcli.report("no model", plots=plots)

    assert raised.value.exit_code == 2


def test_a_report_of_a_model_alone_tells_its_validation_figure() -> None:
    model = given().model
    best = model.record["epochs"][model.record["best_epoch"] - 1]["valid_rmse"]

    result = rbmcli.report(model, settings=SETTINGS)

    assert result.sections == ["data", "training", "learned", "making"]
    assert f"RMSE {best:.3f}" in result.finding
    assert result.evaluation is None


def _predicted(shift: float) -> pa.Table:
    """Return predictions that are off by so much, half of them up and half of them down."""
    rows = _pairs(given()).to_pylist()
    shifted = [row["rating"] + shift * (-1) ** place for place, row in enumerate(rows)]
    return _pairs(given()).append_column("prediction", pa.array(shifted))


@pytest.mark.parametrize(
    ("shift", "finding"),
    [(0.1, r"RMSE 0\.100, 9\d\.\d% below the "), (3.0, r"RMSE 3\.000, \d+\.\d% above the ")],
)
def test_the_finding_says_how_far_it_is_from_the_best_baseline(shift: float, finding: str) -> None:
    result = given().report(predictions=_predicted(shift))

    assert re.match(finding, result.finding)
    assert result.finding in Page(result.html).text
    baselines = rbmcli.evaluate(_predicted(shift), history=given().history, resamples=0)
    best = min(baselines.predictors[1:], key=lambda name: baselines.segments(name)["all"]["rmse"])
    assert result.finding.endswith(f" the {best}")
    assert "is beyond chance" in Page(result.html).text


def test_what_may_be_chance_is_told_as_no_clear_difference() -> None:
    history = given().history
    baselines = rbmcli.evaluate(_predicted(0), history=history, resamples=0)
    best = min(baselines.segments(name)["all"]["rmse"] for name in baselines.predictors[1:])

    result = given().report(predictions=_predicted(best))

    assert f"RMSE {best:.3f}, no clear difference from the " in result.finding
    assert "is within chance" in Page(result.html).text


def test_settings_that_were_tried_are_told_with_the_best_in_bold() -> None:
    model = given().model
    one = {
        **{name: getattr(model.settings, name) for name in ("by", "objective", "hidden", "penalty")},
        **{"level_functions": 2, "best_epoch": 3, "valid_rmse": 1.25, "valid_nll": 1.5},
    }
    tried = [one, {**one, "hidden": 99, "valid_rmse": 1.125}, {**one, "valid_rmse": None, "valid_nll": None}]

    html = rbmcli.report(dataclasses.replace(model, record={**model.record, "tried": tried})).html

    assert "The 3 settings that were tried" in html
    strong = re.findall(r'<tr class="strong">(.*?)</tr>', html)
    assert len(strong) == 1
    assert ">99</td>" in strong[0]
    assert ">1.1250</td>" in strong[0]


def test_a_model_that_was_set_right_is_told_as_such(tmp_path: Path) -> None:
    whole = given()
    rbmcli.evaluate(whole.predictions, model=whole.model, calibrate=tmp_path / "right.parquet", resamples=0)
    model = rbmcli.load_model(tmp_path / "right.parquet")
    settings = rbmcli.PredictSettings(probabilities=True)
    predictions = rbmcli.predict(model, whole.history, _pairs(whole), settings=settings).table

    text = Page(whole.report(model=model, predictions=predictions).html).text

    assert f"were set right after training, on {len(_pairs(whole))} predictions" in text
    assert "were set right" not in Page(whole_report().html).text


@pytest.mark.parametrize("levels", [2, 11, 30])
def test_scales_of_few_and_of_many_levels_are_shown(levels: int) -> None:
    table = ratings(40, 40, levels=levels)
    history, asked = table.slice(0, 600), table.slice(600)
    scale = rbmcli.LevelSettings(levels=tuple(range(1, levels + 1)))
    model = rbmcli.train(history, settings=quick(epochs=2), level_settings=scale).model
    settings = rbmcli.PredictSettings(probabilities=True)
    predictions = rbmcli.predict(model, history, asked, settings=settings).table

    result = rbmcli.report(model, predictions, history=history, settings=SETTINGS)

    names = [picture.name for picture in result.pictures]
    assert ("calibration-by-level" in names) == (levels <= 12)
    assert "confusion" in names
    assert Page(result.html).problems == []
