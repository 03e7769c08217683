"""The command `train`: options, what it tells, exit codes, and equal bytes at any number of threads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.config import ResolvedSettings
from tests.small_ratings import dated, ratings, shuffled

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
QUICK = ["--hidden", "6", "--epochs", "3"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")
    pyarrow.csv.write_csv(shuffled(ratings()), "r.csv")


def train(*arguments: str, source: str = "r.parquet", output: str = "m.parquet") -> int:
    return main(["train", source, "-o", output, *QUICK, *arguments])


@pytest.mark.parametrize("by", ["user", "item"])
def test_threads_format_and_order_of_the_input_leave_the_bytes_of_a_model_as_they_are(by: str) -> None:
    runs = [("r.parquet", "1", "a"), ("r.parquet", "2", "b"), ("r.csv", "2", "c")]
    for source, threads, output in runs:
        assert train("--by", by, "--threads", threads, "-q", source=source, output=output) == 0

    assert len({Path(name).read_bytes() for name in "abc"}) == 1


def test_what_is_told_is_one_line_an_epoch_and_the_model_kept(capsys: pytest.CaptureFixture[str]) -> None:
    code = train()

    told = capsys.readouterr()
    assert (code, told.out) == (0, "")
    lines = told.err.splitlines()
    assert len([line for line in lines if "epoch 1/3" in line or "epoch 2/3" in line]) == 2
    assert any("no validation ratings given" in line for line in lines)
    assert any("m.parquet: the model of epoch" in line and "validation RMSE" in line for line in lines)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("-q") == 0

    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_with_the_figures_of_the_best_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--json", "-q", "--seed", "5", "--by", "item") == 0

    told = json.loads(capsys.readouterr().out)
    model = rbmcli.load_model("m.parquet")
    best = model.record["epochs"][told["figures"]["best_epoch"] - 1]
    assert (told["command"], told["seed"]) == ("train", 5)
    assert told["figures"]["valid_rmse"] == best["valid_rmse"]
    assert told["figures"]["levels"] == [1, 2, 3, 4, 5]
    assert told["settings"] == model.settings.as_dict()
    assert told["files"] == [{"path": "m.parquet", "bytes": Path("m.parquet").stat().st_size}]


def test_every_option_reaches_the_settings() -> None:
    options = (
        "--preset accurate --by item --hidden 7 --hidden-units gaussian --factors 2 --level-functions 3 "
        "--no-conditional --no-row-bias --row-bias-strength 3 --prior-strength 4 --tilt-strength 2.5 "
        "--day-bias --day-bias-strength 5 "
        "--inference exact --objective divergence --fine-tune --epochs 2 --patience 9 --batch-size 11 "
        "--average 4 --learning-rate 0.01 --rate-decay 0.2 --momentum 0.5,0.8@2 --weight-decay 0.03 "
        "--cd-steps 1,2@2 --reconstruction sampled --persistent --keep 0.6 --squared-share 0.1 "
        "--network-rate 0.002 --network-rate-decay 0.4 --penalty 1.5 --holdout 0.2 --no-refit --seed 9"
    )

    pq.write_table(dated(ratings()), "dated.parquet")

    assert train(*options.split(), "-q", source="dated.parquet") == 0

    settings = rbmcli.load_model("m.parquet").settings
    assert settings == ResolvedSettings(
        preset="accurate",
        by="item",
        hidden=7,
        hidden_units="gaussian",
        factors=2,
        level_functions=3,
        conditional=False,
        row_bias=False,
        row_bias_strength=3,
        prior_strength=4,
        tilt_strength=2.5,
        day_bias=True,
        day_bias_strength=5,
        inference="exact",
        objective="divergence",
        fine_tune=True,
        epochs=2,
        patience=9,
        batch_size=11,
        average=4,
        learning_rate=0.01,
        rate_decay=0.2,
        momentum="0.5,0.8@2",
        weight_decay=0.03,
        cd_steps="1,2@2",
        reconstruction="sampled",
        persistent=True,
        keep=0.6,
        squared_share=0.1,
        network_rate=0.002,
        network_rate_decay=0.4,
        penalty=1.5,
        validation="holdout",
        holdout=0.2,
        refit=False,
        seed=9,
    )
    # None of them is what it would be without its option, but layers and workers, which this form lacks.
    plain = vars(rbmcli.TrainSettings())
    assert [name for name, value in vars(settings).items() if value == plain[name]] == [
        "layers",
        "validation",
        "workers",
        "average_every",
    ]


def test_options_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RBMCLI_TRAIN_EPOCHS", "2")
    monkeypatch.setenv("RBMCLI_TRAIN_BY", "item")
    monkeypatch.setenv("RBMCLI_QUIET", "1")

    assert main(["train", "r.parquet", "-o", "m.parquet", "--hidden", "3"]) == 0

    settings = rbmcli.load_model("m.parquet").settings
    assert (settings.epochs, settings.by, settings.hidden) == (2, "item", 3)


def test_the_defaults_of_the_command_are_those_of_the_settings() -> None:
    assert main(["train", "r.parquet", "-o", "m.parquet", "-q"]) == 0

    expected = rbmcli.train(ratings(), settings=rbmcli.TrainSettings()).model.settings
    assert rbmcli.load_model("m.parquet").settings == expected


def test_without_validation_the_epochs_asked_for_are_run() -> None:
    assert train("--no-valid", "-q") == 0

    model = rbmcli.load_model("m.parquet")
    assert model.record["best_epoch"] == len(model.record["epochs"]) == 3
    assert model.record["epochs"][0]["valid_rmse"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--no-valid"], 2, "--no-valid needs --epochs"),
        (["--no-valid", "--epochs", "0"], 2, "--epochs 0 is outside"),
        (["--epochs", "0"], 2, "--epochs 0 is outside"),
        (["--no-valid", "--epochs", "2", "--valid", "r.csv"], 2, "--no-valid"),
        (["--no-valid", "--epochs", "2", "--refit"], 2, "--refit"),
        (["--hidden", "0"], 2, "--hidden 0 is outside"),
        (["--by", "shop"], 2, "--by"),
        (["--cd-steps", "none"], 2, "--cd-steps"),
        (["--cd-steps", "1,3"], 2, "--cd-steps '1,3'"),
        (["--cd-steps", "1,2.5@3"], 2, "expected whole numbers"),
        (["--cd-steps", "1,3@9,5@4"], 2, "'5@4' does not begin after the part before it"),
        (["--momentum", "much"], 2, "--momentum 'much' is no schedule"),
        (["--momentum", "0.5,1@3"], 2, "--momentum '0.5,1@3' is no schedule"),
        (["--hidden-units", "many"], 2, "--hidden-units"),
        (["--factors", "-1"], 2, "--factors -1 is outside"),
        (["--level-functions", "5"], 2, "--level-functions 5: expected at most 4"),
        (["--objective", "likelihood"], 2, "--objective"),
        (["--preset", "perfect"], 2, "--preset"),
        (["--average", "0"], 2, "--average 0 is outside"),
        (["--keep", "1"], 2, "--keep 1.0 is outside"),
        (["--also-rated", "missing.csv"], 3, "missing.csv: no such file"),
        (["--also-rated", "r.csv", "-o", "r.csv"], 2, "is an input"),
        (["--levels", "1;2"], 2, "--levels"),
        (["--levels", "1,2", "--bins", "2"], 2, "exclude each other"),
        (["--levels", "1,2"], 3, "is on no level"),
        (["--valid", "r.csv"], 4, "stand in r.parquet too"),
        (["--valid", "missing.csv"], 3, "missing.csv: no such file"),
        (["--rating-column", "stars"], 3, "stars"),
    ],
)
def test_a_mistake_ends_with_its_code_and_leaves_the_old_model(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("m.parquet").write_bytes(b"the old one")

    ended_with = main(["train", "r.parquet", "-o", "m.parquet", *arguments])

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert Path("m.parquet").read_bytes() == b"the old one"


@pytest.mark.parametrize("by", ["user", "item"])
@pytest.mark.parametrize(
    "form", [[], ["--hidden-units", "gaussian"], ["--factors", "3"], ["--fine-tune", "--persistent"]]
)
def test_a_learning_rate_far_too_large_ends_with_1_and_a_hint(
    by: str, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--objective divergence --learning-rate 1000 --weight-decay 10 --momentum 0.99 --epochs 40"

    code = train(*options.split(), *form, "--by", by)

    told = capsys.readouterr().err
    assert code == 1
    assert "left the finite numbers" in told
    assert "hint: choose a --learning-rate below 1000" in told
    assert "Traceback" not in told
    assert not Path("m.parquet").exists()


def test_files_of_two_runs_of_prepare_end_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("1", "2"):
        assert main(["prepare", "r.parquet", "-o", f"run{seed}", "--seed", seed, "-q"]) == 0

    code = train("--valid", "run2/valid.parquet", source="run1/train.parquet")

    assert (code, "different runs of prepare" in capsys.readouterr().err) == (4, True)


def test_what_prepare_wrote_can_be_trained_on_without_its_validation_file() -> None:
    assert main(["prepare", "r.parquet", "-o", "run", "-q"]) == 0

    assert train("-q", source="run/train.parquet") == 0


def test_the_real_command_reads_ratings_from_a_pipe(run_command: RunCommand) -> None:
    piped = run_command("train", "-", "-o", "piped", *QUICK, "-q", stdin=Path("r.csv").read_text())

    assert (piped.returncode, piped.stdout, piped.stderr) == (0, "", "")
    assert train("-q") == 0
    assert Path("piped").read_bytes() == Path("m.parquet").read_bytes()
