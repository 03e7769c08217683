"""Compare rbmcli with public rating predictors, all on the same splits.

    python -m benchmarks.peers --data FOLDER [--only SET,...] [--tools TOOL,...] [--json FILE]

What is compared is listed in `benchmarks.peers.tools`, the sets in `benchmarks.rating_sets`. Peers get the
training ratings and the pairs asked for; only `rbmcli evaluate` reads the ratings of test files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.commands import needed, run_command
from benchmarks.machine import description
from benchmarks.names import names_of
from benchmarks.peers.bench import DONE, Bench
from benchmarks.peers.tables import tell
from benchmarks.peers.tools import COMMANDS, PEERS, Command
from benchmarks.processes import ROOT
from benchmarks.rating_sets import SOURCES, source_of
from benchmarks.results import write_json

_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
_REQUIREMENTS = ROOT / "benchmarks" / "peers-requirements.txt"


def main() -> int:
    """Do the rows that the arguments name; the exit code is 1 if none of them could be done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    tools = {tool.name: tool for tool in (*PEERS, *COMMANDS)}
    sets = list(SOURCES)
    parser.add_argument("--data", type=Path, required=True, help="folder of rating sets")
    parser.add_argument("--only", type=lambda text: names_of(text, sets), default=sets, help="rating sets")
    parser.add_argument(
        "--tools",
        type=lambda text: names_of(text, list(tools)),
        default=list(tools),
        help="rows of the table",
    )
    parser.add_argument("--json", type=Path, help="file to write the figures to, after every row")
    parser.add_argument("--python", type=Path, default=_PYTHON, help="Python that has the peers' libraries")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a peer is ended")
    parser.add_argument(
        "--folder",
        type=Path,
        help="folder to keep predictions in; peers that are done there are not run again",
    )
    chosen = parser.parse_args()
    present = [name for name in chosen.only if source_of(name, chosen.data)]
    if not present:
        parser.error(f"none of {', '.join(chosen.only)} is in the folder that --data names")
    result: dict[str, Any] = {
        "benchmark": "peers",
        "machine": description(),
        "seed": 0,
        "rows": [],
        "differences": [],
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)).resolve()
        requirements = _REQUIREMENTS.read_text(encoding="utf-8")
        bench = Bench(chosen.data.resolve(), folder, chosen.python, requirements, chosen.limit)
        if any(isinstance(tools[each], Command) for each in chosen.tools):
            # Compile every kernel, so that no row has to.
            needed(run_command("warmup"))
        for name in present:
            rows = []
            for tool in (tools[each] for each in chosen.tools if name in tools[each].sets):
                rows.append(bench.do(name, tool))
                result["rows"].append(rows[-1])
                # A line at a time, since all of them take long.
                print(f"{name} {tool.name}: {rows[-1]['outcome']}", file=sys.stderr, flush=True)
                if chosen.json:
                    write_json(chosen.json, result)
            differences = bench.compare(name, rows)
            result["differences"] += differences
            tell(name, rows, differences)
        if chosen.json:
            write_json(chosen.json, result)
    return int(not any(row["outcome"] == DONE for row in result["rows"]))


if __name__ == "__main__":
    sys.exit(main())
