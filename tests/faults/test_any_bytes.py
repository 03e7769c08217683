"""Whatever bytes a reader gets, it gives a table or says in an error of rbmcli what is wrong with them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rbmcli.data.intake import read_ratings
from rbmcli.data.storage import read_footer, read_parquet
from rbmcli.errors import RbmcliError
from rbmcli.models.store import load_model
from tests.faults.conftest import Inputs, Tally
from tests.faults.damage import WAYS
from tests.faults.processes import warm

FULL_SECONDS = 100
"""For each of the six properties: ten minutes in all."""

TEXTS = [
    b"user,item,rating\nu1,i1,3\nu2,i1,4.5\nu2,i2,1\n",
    b"1::10::5::978300760\n1::11::3::978302109\n2::10::4::978301968\n",
    b'{"user": "u1", "item": 3, "rating": 2.5}\n{"user": "u2", "item": 3, "rating": 1}\n',
    'user;item;rating\nä;b;1,5\n"c";d;2\n'.encode(),
    b"\xef\xbb\xbfuser\titem\trating\n007\t1\t5\n008\t1\t4\n",
]
PIECES = [
    b"\n",
    b"\r",
    b",",
    b"::",
    b'"',
    b"\0",
    b"\xff\xfe",
    b"nan",
    b"{",
    b"}",
    b"[",
    b"1e999",
    b"PAR1",
    b"ARROW1",
]
ANY_BYTES = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(PIECES + [line for text in TEXTS for line in text.splitlines(True)]), max_size=12
    ).map(b"".join),
    st.binary(max_size=60).map(lambda middle: b"PAR1" + middle + len(middle).to_bytes(4, "little") + b"PAR1"),
    st.binary(max_size=60).map(lambda rest: b"\xff\xff\xff\xff" + rest),
)
DAMAGE = st.lists(st.tuples(st.sampled_from(WAYS), st.integers(0, 1 << 32)), min_size=1, max_size=4)
Read = Callable[[Path], object]


def _mutations(sound: list[bytes]) -> st.SearchStrategy[bytes]:
    def mutated(content: bytes, damage: list) -> bytes:
        for way, number in damage:
            if len(content) > 4:
                _, content = way(content, random.Random(number))
        return content

    return st.builds(mutated, st.sampled_from(sound), DAMAGE)


def _hold(contents: st.SearchStrategy[bytes], read: Read, path: Path, is_full: bool, tally: Tally) -> None:
    """Check the property for a few contents, or for as many as go into the time of the full form."""
    end = time.monotonic() + (FULL_SECONDS if is_full else 0)
    for number in range(1 << 30):

        @seed(number)
        @settings(
            max_examples=2000 if is_full else 60,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(contents)
        def holds(content: bytes) -> None:
            path.write_bytes(content)
            start = time.monotonic()
            try:
                read(path)
            except RbmcliError as error:
                assert error.exit_code in {3, 4}
                assert str(error)
                tally.add(f"code {error.exit_code}", time.monotonic() - start)
            else:
                tally.add("a table", time.monotonic() - start)

        holds()
        if time.monotonic() >= end:
            return


@pytest.mark.parametrize("name", ["ratings", "ratings.parquet", "ratings.arrow"])
def test_any_bytes_are_ratings_or_bad_data(name: str, tmp_path: Path, is_full: bool, tally: Tally) -> None:
    _hold(ANY_BYTES, read_ratings, tmp_path / name, is_full, tally)


def test_damaged_ratings_are_ratings_or_bad_data(
    inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    made = warm(["prepare", str(inputs.folder / "ratings.csv"), "--split", "none", "-o", "r.arrow"], tmp_path)
    assert made.code == 0, made.err
    tables = [(inputs.folder / "all.parquet").read_bytes(), (tmp_path / "r.arrow").read_bytes()]

    _hold(_mutations(TEXTS + tables), read_ratings, tmp_path / "ratings", is_full, tally)


def test_a_damaged_model_is_a_model_or_bad_data(
    inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    sound = [(inputs.folder / "model.parquet").read_bytes()]

    _hold(_mutations(sound), load_model, tmp_path / "model.parquet", is_full, tally)


def test_a_damaged_file_of_any_kind_is_one_of_that_kind_or_bad_data(
    inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    names = ["predictions.parquet", "recommendations.parquet", "metrics.parquet", "run.checkpoint"]
    sound = [(inputs.folder / name).read_bytes() for name in names]

    def read(path: Path) -> object:
        read_footer(path)
        return read_parquet(path)

    _hold(_mutations(sound), read, tmp_path / "file.parquet", is_full, tally)
