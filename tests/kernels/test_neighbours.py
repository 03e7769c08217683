"""Similarities of items and sums over their neighbours, against the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.kernels.neighbours import find_neighbours
from rbmcli.models.neighbourhood import Neighbourhood, Residuals, starts_of
from tests.reference_neighbours import neighbours, sums

USERS, ITEMS = 30, 17


class Case:
    """Residuals of some pairs, by user and by item."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        # The last item is rated by none, and users have few ratings or many.
        share = generator.uniform(0.05, 0.9, (USERS, 1))
        user, item = np.nonzero((generator.random((USERS, ITEMS)) < share) & (np.arange(ITEMS) < ITEMS - 1))
        value = generator.normal(size=len(user))
        self.residuals = {(int(u), int(i)): v for u, i, v in zip(user, item, value, strict=True)}
        self.known = Residuals(starts_of(user, USERS), item.astype(np.int32), value)
        order = np.argsort(item, kind="stable")
        self.by_item = starts_of(item, ITEMS), user[order].astype(np.int32), value[order]

    def found(self, most: int, shrinkage: float, cuts: list[int]) -> tuple[np.ndarray, np.ndarray]:
        neighbour = np.full((ITEMS, most), 99, np.int32)
        similarity = np.full((ITEMS, most), np.nan, np.float32)
        bound = np.array([0, *cuts, ITEMS], np.int64)
        find_neighbours(self.by_item, tuple(self.known), bound, shrinkage, neighbour, similarity)
        return neighbour, similarity


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [1, 4, 16])
def test_neighbours_are_those_of_the_oracle(seed: int, most: int) -> None:
    case = Case(seed)

    neighbour, similarity = case.found(most, 3.0, [5, 5, 11])

    for item in range(ITEMS):
        expected = neighbours(case.residuals, item, ITEMS, 3.0, most)
        count = len(expected)
        assert neighbour[item].tolist() == [*expected, *[-1] * (most - count)]
        np.testing.assert_allclose(similarity[item, :count], list(expected.values()), rtol=1e-5)
        assert not similarity[item, count:].any()


def test_how_items_are_cut_into_pieces_makes_no_difference() -> None:
    case = Case(1)

    whole, pieces = case.found(6, 10.0, []), case.found(6, 10.0, list(range(1, ITEMS)))

    for left, right in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("most", [2, 16])
def test_sums_over_neighbours_are_those_of_the_oracle(most: int) -> None:
    case = Case(2)
    near = Neighbourhood(*case.found(most, 3.0, [8]), gain=1.5, pull=0.5, sharpness=1.0)
    generator = np.random.default_rng(0)
    user, item = generator.integers(USERS, size=200), generator.integers(-1, ITEMS, 200)

    total, support = near.sums(case.known, user, item)

    for place, (u, i) in enumerate(zip(user, item, strict=True)):
        weights = {} if i < 0 else neighbours(case.residuals, int(i), ITEMS, 3.0, most)
        expected = sums(case.residuals, int(u), weights)
        assert (total[place], support[place]) == pytest.approx(expected, rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(near.added(total, support), 1.5 * total / (support + 0.5))


def test_many_pairs_of_a_user_are_added_up_like_few() -> None:
    case = Case(2)
    near = Neighbourhood(*case.found(6, 3.0, []), gain=1.0, pull=1.0, sharpness=1.0)
    few = np.repeat(np.arange(USERS), ITEMS), np.tile(np.arange(ITEMS), USERS)

    many = near.sums(case.known, *(np.tile(each, 5) for each in few))

    for together, alone in zip(many, near.sums(case.known, *few), strict=True):
        np.testing.assert_array_equal(together, np.tile(alone, 5))
