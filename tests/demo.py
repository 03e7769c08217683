"""`make demo` in a copy of the tree, all but the installation: the real chain of Make on the real sample."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

FILES = (
    "prepared/_SUCCESS",
    "model.parquet",
    "predictions.parquet",
    "metrics.json",
    "recommendations.parquet",
    "summary.txt",
    "report.html",
)


class Demo:
    """A copy of what the demo needs, with an environment that counts as installed.

    Parameters
    ----------
    folder : Path
        Empty folder to copy to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
        for name in ("sample_data", "examples"):
            shutil.copytree(ROOT / name, folder / name)
        # Empty, so that what runs is the package of this tree, whose kernels are compiled already.
        (folder / "rbmcli").mkdir()
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, command in (("rbmcli", f'"{sys.executable}" -m rbmcli'), ("python", f'"{sys.executable}"')):
            program = programs / name
            program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {command} "$@"\n')
            program.chmod(0o755)
        (folder / ".venv" / "installed").touch()

    def run(self) -> str:
        """Run `make demo` and return what it printed on standard output."""
        done = subprocess.run(
            ["make", "--no-print-directory", "demo"],
            cwd=self.folder,
            env={**os.environ, "MAKEFLAGS": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def times(self) -> dict[str, int]:
        """Return when each file of the chain was made."""
        return {name: (self.folder / "demo" / name).stat().st_mtime_ns for name in FILES}
