"""A Ray cluster of this machine for all tests of a process that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rbmcli.engine import Engine, open_engine


@pytest.fixture(scope="session")
def ray_engine() -> Iterator[Engine]:
    with open_engine("ray", workers=4) as engine:
        yield engine
