"""Day biases against the oracle, which takes the pair's own rating out before it computes anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.day_bias import NO_DAY, Dated, day_biases
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import NOT_OWN
from tests import reference
from tests.kernels.runs import smoothing

TOLERANCE = 5e-5


@dataclass(frozen=True)
class Diary:
    """Ratings of every user, a day for each pair of user and item, and base rates of the items.

    Attributes
    ----------
    visible : ndarray of float64, shape (U, M, K)
        The ratings, one-hot; some users have none.
    day : ndarray of int64, shape (U, M)
        Day of each pair, rated or not.
    item_prior : ndarray of float32, shape (M, K)
        p_i^k.
    """

    visible: np.ndarray
    day: np.ndarray
    item_prior: np.ndarray

    def found(self, of_user: Smoothing, of_day: Smoothing, *, leave_out: bool) -> np.ndarray:
        """Return what the kernel makes of every pair, (U, M, K); its own rating is left out or not."""
        users, items, levels = self.visible.shape
        rated = self._dated(self.visible.any(axis=2), self.visible.argmax(axis=2))
        own = np.where(self.visible.any(axis=2) & leave_out, self.visible.argmax(axis=2), NOT_OWN)
        asked = self._dated(np.ones((users, items), bool), own)
        bias = np.full((users * items, levels), np.nan, np.float32)
        day_biases(rated, asked, self.item_prior, of_user, of_day, bias)
        found = np.full_like(self.visible, np.nan)
        found[np.repeat(np.arange(users), items), asked.item] = bias
        return found

    def expected(self, of_user: Smoothing, of_day: Smoothing, *, leave_out: bool) -> np.ndarray:
        """Return what the oracle makes of the same."""
        prior, biases = self.item_prior.astype(np.float64), np.zeros_like(self.visible)
        for user, item in np.ndindex(self.day.shape):
            kept, day = self.visible[user].copy(), self.day[user] == self.day[user, item]
            if leave_out:
                kept[item] = 0.0
            if self.day[user, item] != NO_DAY:
                biases[user, item] = reference.day_bias(kept, day, prior, of_user, of_day)
        return biases

    def _dated(self, chosen: np.ndarray, level: np.ndarray) -> Dated:
        user, item = np.nonzero(chosen)
        order = np.lexsort((item, self.day[user, item], user))
        user, item = user[order], item[order]
        return Dated(
            np.searchsorted(user, np.arange(len(chosen) + 1)),
            item.astype(np.int32),
            level[user, item].astype(np.uint8),
            self.day[user, item],
        )


def random_diary(users: int, items: int, levels: int, days: int, seed: int, density: float = 0.5) -> Diary:
    """Return ratings on a few days, some of which are not known."""
    generator = np.random.default_rng(seed)
    level = generator.integers(levels, size=(users, items))
    visible = np.eye(levels)[level] * (generator.random((users, items, 1)) < density)
    day = generator.integers(-1, days, (users, items))
    prior = generator.dirichlet(np.full(levels, 2.0), items).astype(np.float32)
    return Diary(visible, np.where(day < 0, NO_DAY, day * 7 - 3), prior)


@pytest.mark.parametrize("leave_out", [True, False])
@pytest.mark.parametrize("levels", [2, 5, 11])
@pytest.mark.parametrize(("strength", "tilt_strength"), [(0.01, 1.0), (60.0, 8.0), (1000.0, 0.1)])
def test_day_biases_agree_with_the_formula(strength, tilt_strength, levels, leave_out):
    diary = random_diary(users=6, items=9, levels=levels, days=3, seed=levels, density=0.7)
    of_user, of_day = smoothing(levels, 20.0, 4.0), smoothing(levels, strength, tilt_strength)

    found = diary.found(of_user, of_day, leave_out=leave_out)

    expected = diary.expected(of_user, of_day, leave_out=leave_out)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    assert np.abs(expected).max() > 0.1


def test_a_pair_without_other_ratings_of_its_day_has_no_bias():
    diary = random_diary(users=9, items=5, levels=3, days=5, seed=1)
    how = smoothing(3)

    found = diary.found(how, how, leave_out=True)

    rated = diary.visible.any(axis=2)
    for user, item in np.ndindex(rated.shape):
        others = rated[user] & (diary.day[user] == diary.day[user, item])
        others[item] = False
        assert found[user, item].any() == (others.any() and diary.day[user, item] != NO_DAY)


def test_the_own_rating_plays_no_part():
    diary, how = random_diary(users=4, items=6, levels=5, days=2, seed=2, density=1.0), smoothing(5)
    other = diary.visible.copy()
    other[:, 0] = np.roll(other[:, 0], 1, axis=1)

    before, after = (
        Diary(visible, diary.day, diary.item_prior).found(how, how, leave_out=True)
        for visible in (diary.visible, other)
    )

    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-6)
    assert np.abs(after[:, 1:] - before[:, 1:]).max() > 1e-3


def test_what_is_rated_as_on_other_days_moves_little_and_what_differs_moves_the_way_it_differs():
    prior = np.full((26, 5), 0.2, np.float32)
    level = np.array([3] * 20 + [3] * 3 + [0] * 3)
    diary = Diary(np.eye(5)[level][None], np.array([[1] * 20 + [2] * 3 + [3] * 3]), prior)
    how = smoothing(5, 60.0, 8.0)

    bias = diary.found(how, how, leave_out=False)[0]

    like_the_others, unlike = bias[20], bias[25]
    assert unlike[0] - unlike[4] > 1.0
    assert abs(like_the_others[0] - like_the_others[4]) < 0.5


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(2, 11), st.integers(1, 4)),
    density=st.floats(0.0, 1.0),
    strengths=st.tuples(st.sampled_from([1.0, 60.0, 1e6]), st.sampled_from([1.0, 8.0, 1e9])),
    leave_out=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_day_bias_is_finite_and_as_the_formula_has_it(sizes, density, strengths, leave_out, seed):
    diary = random_diary(*sizes, seed=seed, density=density)
    how = smoothing(sizes[2], *strengths)

    found = diary.found(how, how, leave_out=leave_out)

    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, diary.expected(how, how, leave_out=leave_out), atol=1e-3, rtol=1e-3)
