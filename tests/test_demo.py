"""`make demo` does what it promises: the table, the titles, and no step twice."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ROOT
from tests.demo import Demo

STEPS = ("prepare", "train", "predict", "evaluate", "recommend", "report")
PLACE = "The report, for a browser: demo/report.html"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def first_run(demo: Demo) -> str:
    """What the first run printed."""
    return demo.run()


def _steps(printed: str) -> list[str]:
    return [step for step in STEPS if f"rbmcli {step} " in printed]


def test_the_first_run_does_every_step_and_the_model_beats_the_baselines(demo: Demo, first_run: str) -> None:
    model, *others = json.loads((demo.folder / "demo" / "metrics.json").read_text())["figures"]["predictors"]
    baselines = [other["segments"]["all"]["rmse"] for other in others if other["is_baseline"]]

    assert sorted(_steps(first_run)) == sorted(STEPS)
    assert len(baselines) == 3
    assert model["segments"]["all"]["rmse"] < min(baselines) - 0.02


def test_it_ends_with_the_table_five_titles_for_one_reader_and_the_place_of_the_report(
    demo: Demo, first_run: str
) -> None:
    *lines, space, place = first_run.splitlines()
    rows = [line.split("  ")[0] for line in lines]
    titles = [line for line in lines[-5:] if line.startswith("   ")]

    first = rows.index("predictor")
    assert rows[first + 1 : first + 5] == ["model", "global mean", "item mean", "user+item bias"]
    assert lines[-6].startswith("and may like")
    assert len(titles) == 5
    catalogue = (ROOT / "sample_data" / "items.csv").read_text()
    assert all(title[9:].rstrip("…") in catalogue for title in titles)
    assert (space, place) == ("", PLACE)
    assert (demo.folder / "demo" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_second_run_starts_no_step_and_prints_the_same_table(demo: Demo, first_run: str) -> None:
    before = demo.times()

    second = demo.run()

    assert _steps(second) == []
    summary = (demo.folder / "demo" / "summary.txt").read_text()
    assert second.strip() == f"{summary}\n{PLACE}".strip()
    assert first_run.endswith(second)
    assert demo.times() == before


def test_touching_the_ratings_rebuilds_everything_to_the_same_bytes(demo: Demo, first_run: str) -> None:
    made = ("model.parquet", "report.html")
    before, contents = demo.times(), [(demo.folder / "demo" / name).read_bytes() for name in made]

    (demo.folder / "sample_data" / "ratings.csv").touch()
    again = demo.run()

    assert sorted(_steps(again)) == sorted(STEPS)
    assert all(after > before[name] for name, after in demo.times().items())
    assert [(demo.folder / "demo" / name).read_bytes() for name in made] == contents
    assert first_run.splitlines()[-20:] == again.splitlines()[-20:]
