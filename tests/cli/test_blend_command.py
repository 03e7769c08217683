"""`train --model blend`, `--model ensemble` and `--preset best` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.data.storage import read_footer
from rbmcli.models.blend import BlendModel
from tests.small_ratings import dated, pairs_of, ratings

MF = "mf:latent-factors=3,sweeps=20,burn-in=4,samples=4"
MEMBERS = ["--model", "blend", "--member", MF, "--member", "bias"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(users=60), "r.parquet")


def train(*arguments: str, output: str = "m.parquet") -> int:
    return main(["train", "r.parquet", "-o", output, *arguments])


def test_one_file_goes_from_ratings_to_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pairs_of("u03", 100, 101, 999), "pairs.parquet")
    assert train(*MEMBERS) == 0
    told = capsys.readouterr().err

    asked = "--history r.parquet --pairs pairs.parquet --probabilities -o p.parquet"
    assert main(["predict", "m.parquet", *asked.split()]) == 0

    assert f"{MF}: RMSE" in told
    assert "all 2 together: RMSE" in told
    assert pq.read_table("p.parquet").column("prediction").null_count == 0


def test_threads_leave_the_bytes_as_they_are() -> None:
    for threads in ("1", "2"):
        assert train(*MEMBERS, "--threads", threads, "-q", output=threads) == 0

    assert Path("1").read_bytes() == Path("2").read_bytes()


def test_json_has_the_figures_of_members_and_settings_that_make_the_same_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(*MEMBERS, "--json", "-q", "--seed", "5") == 0

    told = json.loads(capsys.readouterr().out)
    assert [entry["member"] for entry in told["figures"]["members"]] == [f"{MF},seed=5", "bias:seed=5"]
    assert sum(entry["share"] for entry in told["figures"]["members"]) == pytest.approx(1, abs=1e-6)
    assert told["settings"]["members"][1]["kind"] == "bias"
    assert told["figures"]["valid_rmse"] == rbmcli.load_model("m.parquet").record["epochs"][0]["valid_rmse"]


def test_an_ensemble_has_as_many_members_as_seeds() -> None:
    assert train("--model", "ensemble", "--member", MF, "--seeds", "3", "-q") == 0

    model = rbmcli.load_model("m.parquet")
    assert isinstance(model, BlendModel)
    assert [member.settings.as_dict()["seed"] for member in model.members] == [0, 1, 2]


def test_the_preset_is_a_blend(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--preset", "best", "-q", "--time-budget", "0") == 0

    assert rbmcli.load_model("m.parquet").kind == "blend"
    assert main(["inspect", "m.parquet"]) == 0
    told = capsys.readouterr().out
    assert "settings.preset" in told
    assert "kind" in told


def test_days_are_for_the_machines_of_the_preset_alone() -> None:
    pq.write_table(dated(ratings(users=60)), "r.parquet")
    assert train("--preset", "best", "--day-bias", "-q", "--dry-run") == 0
    assert (
        train(*MEMBERS[:2], "--member", "rbm:by=item,day-bias,hidden=4,epochs=2", "--member", "bias", "-q")
        == 0
    )

    model = rbmcli.load_model("m.parquet")
    assert [member.takes_days for member in model.members] == [True, False]
    assert model.takes_days


def test_a_dry_run_tells_the_members_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert train(*MEMBERS, "--dry-run", "--json", "-q") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["members"] == [MF, "bias"]
    assert not Path("m.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "blend"], "give --member once for each model, or --preset best"),
        (["--model", "blend", "--member", "svd"], "'svd' is none of"),
        (["--model", "ensemble"], "expected one member, got 0"),
        (["--model", "mf", "--member", "bias"], "--members: not an option of --model mf"),
        (["--model", "mf", "--preset", "best"], "--preset: not an option of --model mf"),
        ([*MEMBERS, "--day-bias"], "give it to the members that are to have it"),
        ([*MEMBERS, "--hidden", "5"], "--hidden: not an option of --model blend"),
        ([*MEMBERS, "--no-valid"], "--no-valid: the weights of a blend need ratings"),
        ([*MEMBERS, "--checkpoint", "c"], "--checkpoint and --also-rated are for --model rbm"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*arguments) == 2

    assert message in capsys.readouterr().err
    assert not Path("m.parquet").exists()


def test_the_file_names_its_members(tmp_path: Path) -> None:
    assert train(*MEMBERS, "-q") == 0

    _, metadata, _ = read_footer(tmp_path / "m.parquet", name="m.parquet")
    assert [member["kind"] for member in metadata["members"]] == ["mf", "bias"]
    assert set(pq.read_table("m.parquet").column("member").to_pylist()) == {None, "1", "2"}
