"""An S3-compatible server on loopback that keeps a log of what is asked of it, and can be made to fail."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

REFUSED_KEY = "refused"
_DENIAL = b"<Error><Code>InvalidAccessKeyId</Code><Message>No such access key</Message></Error>"
_FAILURE = b"<Error><Code>InternalError</Code><Message>It failed</Message></Error>"

Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]


class S3Store:
    """The server with one bucket, `ratings`.

    Attributes
    ----------
    written : list of str
        Every request that changed an object or began or ended one: method, path and query.
    fails : callable
        Tells, by method and by path and query, whether a request is answered with an error.
    waits : threading.Event or None
        What a request that `fails` waits for before it is answered.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.written: list[str] = []
        self.fails: Callable[[str, str], bool] = lambda method, target: False
        self.waits: threading.Event | None = None
        self.reached = threading.Event()
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="me",
            aws_secret_access_key="it",
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to reach the server by s3://ratings/name."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "it",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """Empty the bucket and the log, and answer everything again."""
        self.fails, self.waits = (lambda method, target: False), None
        self.reached.clear()
        for name in self.names():
            self.client.delete_object(Bucket="ratings", Key=name)
        self.written.clear()

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket="ratings", Key=name, Body=content)
        self.written.clear()

    def get(self, name: str) -> bytes:
        content: bytes = self.client.get_object(Bucket="ratings", Key=name)["Body"].read()
        return content

    def names(self) -> list[str]:
        """Return the names of all objects but the empty ones that stand for folders."""
        objects = self.client.list_objects_v2(Bucket="ratings").get("Contents", [])
        return sorted(entry["Key"] for entry in objects if not entry["Key"].endswith("/"))

    def wrapped(self, application: Application) -> Application:
        """Return an application with the log and the failures."""

        def answer(environ: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
            method, path, query = (environ[key] for key in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING"))
            target = f"{path}?{query}" if query else path
            if method in {"PUT", "POST", "DELETE"}:
                self.written.append(f"{method} {target}")
            if f"Credential={REFUSED_KEY}" in environ.get("HTTP_AUTHORIZATION", ""):
                return _error(environ, start, "403 Forbidden", _DENIAL)
            if self.fails(method, target):
                self.reached.set()
                if self.waits is not None:
                    self.waits.wait(timeout=30)
                return _error(environ, start, "500 Internal Server Error", _FAILURE)
            return application(environ, start)

        return answer


@contextmanager
def running_store() -> Iterator[S3Store]:
    """Run the server while the block lasts."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    store = S3Store(f"http://127.0.0.1:{server.port}")
    server.app = store.wrapped(server.app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        store.client.create_bucket(Bucket="ratings")
        yield store
    finally:
        store.client.close()
        server.shutdown()
        server.server_close()
        thread.join()


def _error(environ: Environment, start: Callable[..., Any], status: str, content: bytes) -> Iterable[bytes]:
    # What is sent must be read before the answer, or the connection breaks instead.
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
    return [content]
