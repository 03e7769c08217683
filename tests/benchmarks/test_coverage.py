"""The benchmark of intervals: its made-up population, what it counts, and its script."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks import coverage as benchmark
from benchmarks.coverage import coverage, population
from rbmcli.models.moments import FIGURES, counts_from, figures_from
from tests.benchmarks.conftest import run_script


def test_users_are_of_very_unequal_activity() -> None:
    pairs = np.sort(counts_from(population(2000)[0])[:, 0])

    assert np.median(pairs) <= 11
    assert pairs[-20] > 90


def test_the_two_models_differ_and_users_differ_more_than_their_pairs_alone_would() -> None:
    first, second = population(2000)
    squared = first[:, 1] / first[:, 0]
    several = first[:, 0] > 30

    assert (figures_from(first.sum(axis=0)) != figures_from(second.sum(axis=0))).all()
    # Squared errors of about thirty pairs would have a standard deviation of a quarter of their mean.
    assert squared[several].std() > 0.4 * squared[several].mean()


def test_most_intervals_hold_the_figures_of_the_population_and_their_differences() -> None:
    shares = coverage(population(2000), data_sets=30, users=60)

    assert min(shares["figures"]) > 0.75
    assert min(shares["differences"]) > 0.75


def test_coverage_is_far_below_where_the_true_figures_are_others(monkeypatch) -> None:
    models = population(500)
    monkeypatch.setattr(benchmark, "figures_from", lambda sums: figures_from(sums) + 1)

    assert max(coverage(models, data_sets=3, users=50)["figures"]) == 0


def test_the_script_writes_the_coverage_of_every_figure(tmp_path: Path) -> None:
    done = run_script("coverage", "--sets", 4, "--users", "20,30", "--json", tmp_path / "coverage.json")

    told = json.loads((tmp_path / "coverage.json").read_text(encoding="utf-8"))
    assert done.returncode in (0, 1), done.stderr
    assert [(each["users"], each["of"]) for each in told["coverage"]] == [
        (20, "figures"),
        (20, "differences"),
        (30, "figures"),
        (30, "differences"),
    ]
    assert all(0 <= each[name] <= 1 for each in told["coverage"] for name in FIGURES)
    assert "kappa" in done.stdout
