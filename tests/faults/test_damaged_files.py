"""A damaged file is refused with code 3 or 4, or changes nothing; it never ends in a traceback or a hang."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from rbmcli.data.readers.parquet import read_arrow_input
from rbmcli.data.readers.sources import open_input
from rbmcli.data.storage import read_footer, read_parquet
from rbmcli.errors import RbmcliError
from tests.faults.commands import put
from tests.faults.conftest import Inputs, Tally
from tests.faults.damage import damaged, every_byte_flipped
from tests.faults.feeding import MOST_SECONDS, Fed, Meal, fed
from tests.faults.processes import warm

REFUSED = frozenset({3, 4})
HISTORY = "--history in/prepared/train.parquet"


@dataclass(frozen=True)
class Kind:
    """A kind of file, and the command that reads it.

    Attributes
    ----------
    name : str
        For the names of tests.
    made_by : str
        The command that writes it; empty where it is made from others.
    file : str
        Its name; in/... is one of the inputs.
    reader : str
        The command that reads it under the name `damaged` with the ending of the file.
    output : str
        What the reader writes.
    is_checked : bool
        Whether all damage shows; text has no checksums.
    codes : frozenset of int
        With which codes a damaged one may be refused.
    """

    name: str
    made_by: str
    file: str
    reader: str
    output: str
    is_checked: bool = True
    codes: frozenset[int] = REFUSED


KINDS = [
    Kind(
        "ratings", "", "in/all.parquet", "prepare damaged.parquet --split none -o out.parquet", "out.parquet"
    ),
    Kind(
        "model with rows of items",
        "",
        "in/model.parquet",
        f"predict damaged.parquet {HISTORY} --pairs in/prepared/test.parquet -o out.parquet",
        "out.parquet",
    ),
    Kind(
        "model with rows of users",
        "train in/prepared/train.parquet --by user --hidden 4 --epochs 1 -o made.parquet",
        "made.parquet",
        f"predict damaged.parquet {HISTORY} --pairs in/prepared/test.parquet -o out.parquet",
        "out.parquet",
    ),
    Kind(
        "predictions with probabilities",
        "",
        "in/predictions.parquet",
        "evaluate damaged.parquet -o out.json",
        "out.json",
    ),
    Kind(
        "recommendations",
        "",
        "in/recommendations.parquet",
        f"predict in/model.parquet {HISTORY} --pairs damaged.parquet -o out.parquet",
        "out.parquet",
    ),
    Kind("metrics", "", "in/metrics.parquet", "inspect damaged.parquet", ""),
    Kind(
        "checkpoint",
        "",
        "in/run.checkpoint",
        "train in/prepared/train.parquet --by item --hidden 4 --epochs 2 --checkpoint damaged.checkpoint "
        "--checkpoint-interval 0 --resume -o out.parquet",
        "out.parquet",
    ),
    Kind(
        "ratings as an Arrow stream",
        "prepare in/ratings.csv --split none -o made.arrow",
        "made.arrow",
        "prepare damaged.arrow --split none -o out.parquet",
        "out.parquet",
    ),
    Kind(
        "settings of tune",
        "",
        "in/best.toml",
        "train in/prepared/train.parquet --config damaged.toml --epochs 1 --batch-size 64 --hidden 4 "
        "-o out.parquet",
        "out.parquet",
        is_checked=False,
        codes=frozenset({2, 3, 4}),
    ),
    Kind(
        "journal of tune",
        "",
        "in/best.tune.journal",
        "tune in/prepared/train.parquet --by item --hidden 4 --epochs 1 --trials 3 --journal damaged.journal "
        "-o out.toml",
        "out.toml",
        is_checked=False,
    ),
    Kind(
        "CSV",
        "",
        "in/ratings.csv",
        "prepare damaged.csv --split none -o out.parquet",
        "out.parquet",
        is_checked=False,
    ),
    Kind(
        "CSV in gzip",
        "",
        "ratings.csv.gz",
        "prepare damaged.csv.gz --split none -o out.parquet",
        "out.parquet",
        is_checked=False,
    ),
    Kind(
        "JSON Lines",
        "prepare in/ratings.csv --split none -o made.jsonl",
        "made.jsonl",
        "prepare damaged.jsonl --split none -o out.parquet",
        "out.parquet",
        is_checked=False,
    ),
]


BY_LIBRARY = [kind for kind in KINDS if kind.is_checked]


@pytest.fixture
def meal(kind: Kind, inputs: Inputs, tmp_path: Path) -> Meal:
    """The sound file, and the command that reads it."""
    folder = tmp_path / "work"
    put({}, folder, inputs.folder)
    with gzip.open(folder / "ratings.csv.gz", "wb") as file:
        file.write((inputs.folder / "ratings.csv").read_bytes())
    if kind.made_by:
        made = warm(kind.made_by.split(), folder)
        assert made.code == 0, made.err
    name = next(word for word in kind.reader.split() if word.startswith("damaged."))
    sound = (folder / kind.file).read_bytes()
    return Meal(folder, name, sound, tuple(kind.reader.split()), kind.output)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_damaged_file_is_refused_or_changes_nothing(
    kind: Kind, meal: Meal, is_full: bool, tally: Tally
) -> None:
    cases = list(damaged(meal.sound, 200 if is_full else 20, kind.name))

    answers = list(fed(meal.feed, meal.sound, cases))

    wrong = [f"{words}: {answer}" for words, answer in answers if not _is_good(answer, kind)]
    for _, answer in answers:
        tally.add(_outcome(answer), answer.seconds)
    assert not wrong, "\n".join(wrong)


def _is_good(answer: Fed, kind: Kind) -> bool:
    is_told = answer.code in kind.codes and not answer.has_traceback
    is_done = answer.code == 0 and (answer.is_same or not kind.is_checked)
    return (is_told or is_done) and answer.seconds < MOST_SECONDS


def _outcome(answer: Fed) -> str:
    if answer.code == 0:
        return "the same result" if answer.is_same else "another result"
    return "died" if answer.code is None else f"code {answer.code}"


@dataclass(frozen=True)
class Reading:
    """Reads a file whole, and what its footer says of it, by the functions below all commands."""

    path: Path

    def feed(self, content: bytes) -> tuple[int, object, str]:
        """Return code, result, and what is said."""
        self.path.write_bytes(content)
        try:
            if self.path.suffix == ".arrow":
                with open_input(self.path, "auto") as source:
                    raw = read_arrow_input(source)
                table, metadata = raw.table, raw.metadata
            else:
                table, metadata = read_parquet(self.path)
            return 0, (_types(table.schema), table.to_pydict(), metadata), ""
        except RbmcliError as error:
            return error.exit_code, None, error.message


@dataclass(frozen=True)
class ReadingFooter:
    """Reads what the footer of a file says."""

    path: Path

    def feed(self, content: bytes) -> tuple[int, object, str]:
        """Return code, result, and what is said."""
        self.path.write_bytes(content)
        try:
            schema, metadata, footer = read_footer(self.path)
        except RbmcliError as error:
            return error.exit_code, None, error.message
        described = _types(schema), metadata, footer.num_rows
        return 0, described, ""


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


@pytest.fixture(scope="module")
def tiny(only_in_full: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small files of each kind."""
    folder = tmp_path_factory.mktemp("tiny")
    rows = [
        f"u{user},i{item},{(user + item) % 3 + 1}\n" for user in range(5) for item in range(4) if user != item
    ]
    (folder / "ratings.csv").write_text("user,item,rating\n" + "".join(rows))
    train = "train ratings.parquet --hidden 2 --epochs 1 --no-valid"
    for line in (
        "prepare ratings.csv --split none -o ratings.parquet",
        "prepare ratings.csv --split none -o ratings.arrow",
        f"{train} --by item -o model_of_items.parquet --checkpoint checkpoint.parquet",
        f"{train} --by user -o model_of_users.parquet",
        "predict model_of_items.parquet --history ratings.parquet --pairs ratings.parquet --probabilities "
        "-o predictions.parquet",
        "recommend model_of_items.parquet --history ratings.parquet --top 2 -o recommendations.parquet",
        "evaluate predictions.parquet -o metrics.parquet",
    ):
        made = warm(line.split(), folder)
        assert made.code == 0, made.err
    return folder


@pytest.mark.usefixtures("only_in_full")
@pytest.mark.parametrize("reading", [Reading, ReadingFooter])
@pytest.mark.parametrize(
    "name",
    [
        "ratings.parquet",
        "ratings.arrow",
        "model_of_items.parquet",
        "model_of_users.parquet",
        "checkpoint.parquet",
        "predictions.parquet",
        "recommendations.parquet",
        "metrics.parquet",
    ],
)
def test_any_flipped_bit_shows_or_changes_nothing(
    name: str, reading: type[Reading | ReadingFooter], tiny: Path, tmp_path: Path, tally: Tally
) -> None:
    if reading is ReadingFooter and name.endswith(".arrow"):
        pytest.skip("a stream has no footer")
    sound = (tiny / name).read_bytes()
    feed = reading(tmp_path / f"damaged{Path(name).suffix}").feed
    kind = KINDS[0]
    wrong = []

    for words, answer in fed(feed, sound, list(every_byte_flipped(sound))):
        tally.add(_outcome(answer), answer.seconds)
        if not _is_good(answer, kind):
            wrong.append(f"{words}: {answer}")

    assert not wrong, "\n".join([f"{len(wrong)} in all", *wrong[:40]])
