"""What the documents say is true: commands, options, snippets, links, places in the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rbmcli import errors
from tests.commands_in_readme import readme_with, reference
from tests.conftest import ROOT
from tests.demo import Demo

DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "docs/model.md",
    "docs/files.md",
    "sample_data/README.md",
    "benchmarks/README.md",
)
OTHER_OPTIONS = {"--help"}
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


def _text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def _blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _text(document), re.DOTALL)


def _session() -> list[list[str]]:
    """Return the arguments of each command of the README's session, paths of the sample made absolute."""
    lines = [line for block in _blocks("README.md", "sh") for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines]
    assert all(words[0] == "rbmcli" for words in commands)
    return [
        [str(ROOT / word) if word.startswith("sample_data/") else word for word in words[1:]]
        for words in commands
    ]


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    """The help of the program, under '', and of each command that it lists."""

    def help_of(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "rbmcli", *command, "--help"],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "400"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    whole = help_of()
    _, _, listed = whole.partition("Commands")
    return {"": whole} | {name: help_of(name) for name in re.findall(r"^│ ([a-z]+) ", listed, re.MULTILINE)}


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sample_data/ and demo/, as `make demo` leaves it."""
    demo = Demo(tmp_path_factory.mktemp("documents"))
    demo.run()
    return demo.folder


def test_every_command_is_in_the_readme_with_what_it_does_and_in_its_session(helps: dict[str, str]) -> None:
    commands = set(helps) - {""}

    assert len(commands) >= 6
    assert set(re.findall(r"^\| `([a-z]+)` \| \w", _text("README.md"), re.MULTILINE)) == commands
    assert {words[0] for words in _session()} == commands


def test_every_command_has_help_with_an_example_that_begins_with_it(helps: dict[str, str]) -> None:
    for name in set(helps) - {""}:
        assert f"rbmcli {name} " in helps[name].replace(f"Usage: rbmcli {name}", "")


def test_the_session_of_the_readme_runs_on_the_sample(run_command: RunCommand, tmp_path: Path) -> None:
    for words in _session():
        epochs = {f"RBMCLI_{command}_EPOCHS": "2" for command in ("TRAIN", "TUNE", "CROSSVAL")}
        done = run_command(*words, **epochs)
        assert done.returncode == 0, done.stderr

    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {
        "prepared",
        "model.parquet",
        "predictions.parquet",
        "recommendations.parquet",
        "crossval",
        "report.html",
        "best.toml",
        "best.tune.journal",
        "of_valid.parquet",
        "of_test.parquet",
        "calibrated.parquet",
    }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_that_a_document_names_is_one_of_a_command(document: str, helps: dict[str, str]) -> None:
    known = set(re.findall(r"--[a-z][a-z-]*", " ".join(helps.values()))) | OTHER_OPTIONS

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", _text(document)))

    assert named <= known


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(document: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", _text(document)) if "://" not in link]

    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}


def test_every_function_that_the_model_document_names_is_in_the_file_it_names() -> None:
    text = _text("docs/model.md").replace("\n", " ")
    places = re.findall(r"((?:`\w+`(?:, | and )?)+) (?:in|of) `(rbmcli/[\w/]+\.py)`", text)

    assert len(places) >= 10
    for names, path in places:
        for name in re.findall(r"`(\w+)`", names):
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{name} in {path}"


def test_the_readme_lists_the_exit_code_of_every_error() -> None:
    codes = {value.exit_code for value in vars(errors).values() if isinstance(value, type)}

    assert codes | {0} <= {
        int(code) for code in re.findall(r"^\| (\d+) \|", _text("README.md"), re.MULTILINE)
    }


@pytest.mark.parametrize("document", ["README.md", "docs/model.md", "docs/files.md"])
def test_the_python_of_a_document_runs_on_the_files_of_the_demo(document: str, demo_folder: Path) -> None:
    program = "\n".join(_blocks(document, "python"))

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=demo_folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert program.count("import") >= 1
    assert done.returncode == 0, done.stderr


def test_the_readme_holds_the_reference_that_the_help_makes() -> None:
    assert _text("README.md") == readme_with(reference()), "run: make reference"
