"""The engine of this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rbmcli.engine import LOCAL


def test_results_come_in_the_order_of_the_tasks_and_no_task_is_taken_early() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(3):
            taken.append(number)
            yield number

    results = LOCAL.map(lambda number: 10 * number, tasks())
    assert next(results) == 0
    assert taken == [0]
    assert list(results) == [10, 20]


def test_a_crew_keeps_what_it_was_made_of() -> None:
    made: list[int] = []

    def make(part: int) -> list[int]:
        made.append(part)
        return [part]

    with LOCAL.crew(make, [1, 2]) as crew:
        assert crew.each(lambda member, task: member[0] * task, [10, 100]) == [10, 200]
        assert crew.each(lambda member, task: member[0] + task, [1, 1]) == [2, 3]
    assert made == [1, 2]


def test_a_crew_needs_a_task_for_each_member() -> None:
    with LOCAL.crew(str, [1, 2]) as crew, pytest.raises(ValueError, match="zip"):
        crew.each(lambda member, task: member + task, ["a"])
