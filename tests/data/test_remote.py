"""What comes from a remote store is read whole or not at all, and so is what goes there."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from rbmcli.data.folders import folder_of
from rbmcli.data.intake import read_ratings
from rbmcli.data.outputs import check_target, open_output
from rbmcli.data.remote import downloaded, is_below, is_same, plain_path
from rbmcli.errors import DataError, OutputError, UsageError
from tests.s3_store import REFUSED_KEY, S3Store, running_store
from tests.small_ratings import ratings

LARGE = 25 << 20
"""More than fits in one part of an upload."""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Store]:
    with running_store() as store:
        yield store


@pytest.fixture
def store(server: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Store:
    server.reset()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return server


def as_csv() -> bytes:
    file = io.BytesIO()
    pyarrow.csv.write_csv(ratings(), file)
    return file.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def test_an_object_is_read_and_its_copy_is_gone_afterwards(store: S3Store, tmp_path: Path) -> None:
    store.put("in/r.csv", as_csv())

    read = read_ratings("s3://ratings/in/r.csv")

    assert read.table.num_rows == ratings().num_rows
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_address_may_hold_the_settings_of_its_store(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a b/r.csv", as_csv())
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    host = store.url.removeprefix("http://")

    read = read_ratings(f"s3://ratings/a%20b/r.csv?endpoint_override={host}&scheme=http&region=eu-west-1")

    assert read.table.num_rows == ratings().num_rows


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_partitioned_folder_is_read_with_its_keys(store: S3Store, slash: str) -> None:
    table = pa.table({"item": [1, 2], "rating": [3.0, 4.0]})
    for user in (7, 8):
        store.put(f"in/user={user}/part.parquet", as_parquet(table))
    store.put("in/_SUCCESS", b"")

    read = read_ratings(f"s3://ratings/in{slash}").table

    assert read["user"].to_pylist() == [7, 7, 8, 8]
    assert read["item"].to_pylist() == [1, 2, 1, 2]


def test_a_name_that_leads_out_of_its_folder_is_refused(store: S3Store) -> None:
    store.put("in/../../r.parquet", b"x")

    with pytest.raises(DataError, match="cannot be one here"), downloaded("s3://ratings/in"):
        pass


def test_an_object_that_is_replaced_while_it_is_read_is_refused(store: S3Store) -> None:
    store.put("r.csv", as_csv())

    def replace(method: str, target: str) -> bool:
        if method == "GET":
            store.fails = lambda method, target: False
            store.put("r.csv", as_csv()[::-1])
        return False

    store.fails = replace
    # The store tells the time in whole seconds.
    time.sleep(1.1)
    refused = pytest.raises(DataError, match="was changed while it was read")
    with refused, downloaded("s3://ratings/r.csv"):
        pass


@pytest.mark.parametrize("address", ["s3://ratings/none.csv", "s3://no-such-bucket/r.csv"])
def test_what_is_not_there_is_no_input(store: S3Store, address: str) -> None:
    with pytest.raises(DataError, match=f"{address}: no such file"):
        read_ratings(address)


def test_a_copy_that_finds_no_room_is_an_error_of_the_output(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store.put("r.csv", as_csv())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    with pytest.raises(OutputError, match="TMPDIR"):
        read_ratings("s3://ratings/r.csv")


def test_an_output_is_one_object_put_as_a_whole(store: S3Store) -> None:
    with open_output("s3://ratings/out/r.txt") as file:
        file.write(b"half")
        file.flush()
        assert store.written == []
        file.write(b" and half")

    assert store.get("out/r.txt") == b"half and half"


def test_an_output_that_fails_here_sends_nothing(store: S3Store, tmp_path: Path) -> None:
    store.put("r.txt", b"old")

    with pytest.raises(RuntimeError), open_output("s3://ratings/r.txt") as file:
        file.write(b"half")
        raise RuntimeError

    assert (store.get("r.txt"), store.written) == (b"old", [])
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_upload_that_fails_half_way_leaves_the_old_object(store: S3Store, tmp_path: Path) -> None:
    store.put("r.txt", b"old")
    store.fails = lambda method, target: method == "PUT" and "partNumber=2" in target

    refused = pytest.raises(OutputError, match=r"s3://ratings/r\.txt: cannot be written")
    with refused, open_output("s3://ratings/r.txt") as file:
        file.write(bytes(LARGE))

    assert any("partNumber=1" in request for request in store.written)
    assert (store.names(), store.get("r.txt")) == (["r.txt"], b"old")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_upload_that_is_interrupted_leaves_the_old_object(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("r.txt", b"old")
    monkeypatch.setattr("rbmcli.data.remote._SENT_BYTES", 12 << 20)
    opened = Path.open

    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise KeyboardInterrupt
            return super().read(size)

    def open_interrupted(path: Path, mode: str = "r") -> object:
        return Interrupted(bytes(LARGE)) if mode == "rb" else opened(path, mode)

    with pytest.raises(KeyboardInterrupt), open_output("s3://ratings/r.txt") as file:
        file.write(bytes(LARGE))
        monkeypatch.setattr(Path, "open", open_interrupted)

    assert any("partNumber=1" in request for request in store.written)
    assert (store.names(), store.get("r.txt")) == (["r.txt"], b"old")


def test_the_marker_of_a_folder_goes_first_and_comes_last(store: S3Store) -> None:
    for name in ("_SUCCESS", "a", "stale"):
        store.put(f"out/{name}", b"old")
    folder = folder_of("s3://ratings/out")

    folder.replace(
        {"a": lambda file: file.write(b"1"), "b": lambda file: file.write(b"2")},
        ("_SUCCESS", lambda file: file.write(b"3")),
        ["stale"],
    )

    named = [request for request in store.written if request.startswith(("PUT /ratings/out/", "DELETE"))]
    places = [request.partition("?")[0].removeprefix("PUT /ratings/out/") for request in named]
    assert places[0] == "DELETE /ratings/out/_SUCCESS"
    assert places[-1] == "_SUCCESS"
    assert folder.names() == ["_SUCCESS", "a", "b"]


def test_a_remote_folder_stays_whole_where_writing_another_fails(store: S3Store) -> None:
    store.put("out/_SUCCESS", b"old")

    def fail(file: object) -> None:
        raise OSError(28, "no space")

    with pytest.raises(OutputError, match="no space left on device"):
        folder_of("s3://ratings/out").replace({"a": fail}, ("_SUCCESS", fail), ["stale"])

    assert (store.names(), store.written) == (["out/_SUCCESS"], [])


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("s3://no-such-bucket/m.parquet", OutputError, "NO_SUCH_BUCKET"),
        ("s3://ratings/", UsageError, "is a folder"),
        ("s3://ratings/out/", UsageError, "is a folder"),
        ("s3:///m.parquet", UsageError, "names no bucket"),
        ("s3://ratings/m#1.parquet", UsageError, "%23"),
        ("s3://me:it@ratings/m.parquet", UsageError, "holds a password"),
        ("s3://ratings/m.parquet?retries=9", UsageError, "'retries=9' is no setting of S3"),
        ("s3://ratings/m.parquet?request_timeout=long", UsageError, "is no setting of S3"),
        ("zz://ratings/m.parquet", UsageError, "Unrecognized filesystem"),
        ("s3://ratings:port/m.parquet", UsageError, "no valid address"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(
    store: S3Store, address: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        check_target(address)

    assert "it@" not in str(caught.value)


@pytest.mark.parametrize(
    "same", ["s3://ratings/r.csv", "s3://ratings//r.csv?region=x", "S3://ratings/%72.csv"]
)
def test_a_remote_input_is_not_written_over(store: S3Store, same: str) -> None:
    with pytest.raises(UsageError, match="is an input"):
        check_target(same, ["s3://ratings/r.csv"])


def test_addresses_are_compared_by_what_they_lead_to() -> None:
    assert is_below("s3://b/in/out", "s3://b/in/")
    assert not is_below("s3://b/input", "s3://b/in")
    assert not is_same("s3://b/x?endpoint_override=one", "s3://b/x?endpoint_override=two")


def test_who_may_write_but_not_list_is_let_through(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.s3_store._DENIAL", b"<Error><Code>AccessDenied</Code></Error>")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REFUSED_KEY)

    check_target("s3://ratings/m.parquet")


def test_credentials_that_the_store_does_not_know_are_told(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REFUSED_KEY)

    with pytest.raises(DataError, match="ACCESS_DENIED"):
        read_ratings("s3://ratings/r.csv")
    with pytest.raises(OutputError, match="No such access key"):
        check_target("s3://ratings/m.parquet")


def test_a_store_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch, store: S3Store) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"s3://ratings/r.csv?endpoint_override=127.0.0.1:{silent.getsockname()[1]}&scheme=http"

        with pytest.raises(DataError, match=r"cannot be read: .*NETWORK_CONNECTION"):
            read_ratings(f"{address}&request_timeout=1")


def test_a_file_of_this_machine_may_be_named_by_its_address() -> None:
    assert plain_path("file:///a%20b/c") == Path("/a b/c")
    with pytest.raises(UsageError, match="on the machine 'elsewhere'"):
        plain_path("file://elsewhere/a")
