"""The engine of a Ray cluster: its workers do tasks, and what is lost with one of them is done again.

With ray_jobs.py the only module that knows Ray. What fails by itself is told apart from what fails with its
worker: an exception of a task comes back as its result, and any error of Ray's own means that the task is to
be done again.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rbmcli.engine.interface import Engine, Part, Result, Task
from rbmcli.engine.ray_jobs import Job, Outcome, Tell, outcome_of, packed, ray, unpacked_call
from rbmcli.engine.threads import use_threads
from rbmcli.errors import UsageError
from rbmcli.models.crews import Crew

_SECONDS_TO_ANSWER = 5.0


def _do(work: bytes, task: bytes, threads: int) -> Outcome:
    # Before anything is unpacked, which loads the kernels.
    use_threads(threads)
    return outcome_of(unpacked_call, work, task)


class _MadeOnce:
    """A member of a crew, where it works."""

    def __init__(self, make: bytes, part: bytes, threads: int) -> None:
        use_threads(threads)
        self._made = outcome_of(unpacked_call, make, part)

    def do(self, work: Callable[[Any, Any], Any], task: Any) -> Outcome:
        """Let the member do a task."""
        if self._made.error is not None:
            return self._made
        return outcome_of(work, self._made.result, task)


class _RayCrew(Crew):
    """Members that are actors; one that is lost is made again of its part."""

    def __init__(self, make: Callable[[Part], Any], parts: Sequence[Part], threads: int, tell: Tell) -> None:
        self._make, self._threads, self._tell = ray.put(packed(make)), threads, tell
        self._parts = [ray.put(packed(part)) for part in parts]
        options = {"num_cpus": threads, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._actor = ray.remote(**options)(_MadeOnce)
        self._members = [self._made(place) for place in range(len(parts))]

    def each(self, work: Callable[[Any, Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Let each member do its task; one object that is the task of several is sent once.

        Arrays of tasks are read-only for the members.
        """
        sent: dict[int, Any] = {}
        for task in tasks:
            if id(task) not in sent:
                sent[id(task)] = ray.put(task)
        jobs = [
            self._job(place, work, sent[id(task)])
            for place, task in zip(range(len(self._members)), tasks, strict=True)
        ]
        return [job.result() for job in jobs]

    def dismiss(self) -> None:
        """End all members."""
        for member in self._members:
            ray.kill(member)

    def _job(self, place: int, work: Callable[..., Any], task: Any) -> Job:
        is_first = True

        def begin() -> Any:
            """Begin the task; another time, by a member that is made anew."""
            nonlocal is_first
            if not is_first:
                ray.kill(self._members[place])
                self._members[place] = self._made(place)
            is_first = False
            return self._members[place].do.remote(work, task)

        return Job(begin, self._tell)

    def _made(self, place: int) -> Any:
        return self._actor.remote(self._make, self._parts[place], self._threads)


class RayEngine(Engine):
    """A Ray cluster that this process is connected to.

    Parameters
    ----------
    workers : int
        Tasks that are done at a time.
    threads : int
        Threads of each.
    tell : callable
        Told when a worker is lost.
    """

    is_here = False

    def __init__(self, workers: int, threads: int, tell: Tell) -> None:
        self.workers, self._threads, self._tell = workers, threads, tell

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Do tasks, at most twice as many ahead as there are workers, and yield results in order."""
        shared = ray.put(packed(work))
        remote = ray.remote(num_cpus=self._threads, max_retries=0, scheduling_strategy="SPREAD")(_do)

        def job(task: Task) -> Job:
            """Begin a task."""
            sent = ray.put(packed(task))
            return Job(lambda: remote.remote(shared, sent, self._threads), self._tell)

        under_way: deque[Job] = deque()
        try:
            for task in tasks:
                under_way.append(job(task))
                if len(under_way) == 2 * self.workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for left in under_way:
                ray.cancel(left.reference, force=True)

    @contextmanager
    def crew(self, make: Callable[[Part], Any], parts: Sequence[Part]) -> Iterator[Crew]:
        """Yield a crew of actors."""
        has = int(ray.cluster_resources().get("CPU", 0))
        if len(parts) * self._threads > has:
            raise UsageError(
                f"--workers {len(parts)}: the cluster has {has} CPUs, expected {self._threads} for each",
                hint="give fewer --workers, or a larger cluster",
            )
        crew = _RayCrew(make, parts, self._threads, self._tell)
        try:
            yield crew
        finally:
            crew.dismiss()


@contextmanager
def ray_engine(
    address: str | None, workers: int | None, threads: int | None, tell: Tell
) -> Iterator[RayEngine]:
    """Connect to a cluster, or start one on this machine; what was started is ended with the block.

    Where this process is connected already, that cluster is used, and left as it is.

    Parameters
    ----------
    address : str or None
        Address of a cluster; None starts one.
    workers : int or None
        Tasks at a time; None takes as many as the cluster, or the machine, has CPUs for.
    threads : int or None
        Threads of each task; one if not given.
    tell : callable
        Told when a worker is lost.
    """
    threads = threads or 1
    if ray.is_initialized():
        yield RayEngine(workers or _room(threads), threads, tell)
        return
    if address is None and workers is None:
        workers = max((os.cpu_count() or 1) // threads, 1)
    _connect(address, None if address is not None else (workers or 1) * threads)
    try:
        yield RayEngine(workers or _room(threads), threads, tell)
    finally:
        ray.shutdown()


def _room(threads: int) -> int:
    return max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1)


def _check_answers(address: str) -> None:
    """Check that something answers at HOST:PORT; Ray itself would try for minutes, and tell of each time."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--address {address}: nothing answers there: {error}",
            hint="start a cluster with ray start --head, and give the address that it tells",
        ) from None


def _connect(address: str | None, cpus: int | None) -> None:
    if address is not None:
        _check_answers(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    _keep_off_standard_output()
    # Ray would have SIGTERM end the process before anything is put in order.
    handled = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address or "local",
            num_cpus=cpus,
            include_dashboard=False if address is None else None,
            configure_logging=False,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        where = "a cluster of this machine" if address is None else f"--address {address}"
        hint = (
            "" if address is None else "start one with ray start --head, and give the address that it tells"
        )
        raise UsageError(f"{where}: no Ray cluster is reached: {told}", hint=hint) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handled)


def _keep_off_standard_output() -> None:
    """Have Ray write nothing of lost workers to standard output, where data may go; the engine tells of them.

    No option of Ray does that: `log_to_driver` is about what workers print.
    """
    module: Any = importlib.import_module("ray._private.worker")
    if hasattr(module, "print_to_stdstream"):
        module.print_to_stdstream = _drop


def _drop(*given: Any, **named: Any) -> None:
    """Do nothing."""
