"""The form of a machine: functions of the level that weights are sums of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.config import ResolvedSettings
from rbmcli.errors import UsageError
from rbmcli.models.form import form_of, level_basis

STARS = np.arange(1, 6, dtype=np.float32)


@st.composite
def scales(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Values of levels, increasing, and a number of functions of them."""
    steps = draw(st.lists(st.integers(1, 5), min_size=1, max_size=19))
    values = draw(st.integers(-50, 50)) + np.concatenate(([0], np.cumsum(steps)))
    return values.astype(np.float32) / 2, draw(st.integers(1, len(steps)))


@given(scale=scales())
def test_functions_of_the_level_are_orthonormal_and_sum_to_0(scale):
    values, functions = scale

    basis = level_basis(values, functions).astype(np.float64)

    assert basis.shape == (len(values), functions)
    np.testing.assert_allclose(basis.T @ basis, np.eye(functions), atol=1e-5)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-5)


@given(scale=scales())
def test_the_first_function_is_the_centred_value_of_the_level(scale):
    values, functions = scale

    first = level_basis(values, functions)[:, 0]

    centred = values.astype(np.float64) - values.mean(dtype=np.float64)
    np.testing.assert_allclose(first, centred / np.sqrt((centred**2).sum()), atol=1e-5)


@pytest.mark.parametrize("functions", [1, 2, 3, 4])
def test_the_first_functions_span_the_powers_of_the_value(functions):
    basis = level_basis(STARS, functions).astype(np.float64)

    powers = np.vander(STARS.astype(np.float64), functions + 1, increasing=True)
    spanned = np.hstack([np.ones((5, 1)), basis])
    fitted = spanned @ np.linalg.lstsq(spanned, powers, rcond=None)[0]
    np.testing.assert_allclose(fitted, powers, rtol=1e-4)


def test_more_functions_leave_the_first_as_they_are():
    np.testing.assert_allclose(level_basis(STARS, 4)[:, :2], level_basis(STARS, 2), atol=1e-6)


def test_without_functions_every_level_has_weights_of_its_own():
    np.testing.assert_array_equal(level_basis(STARS, 0), np.eye(5, dtype=np.float32))


@pytest.mark.parametrize("functions", [5, 6, 254])
def test_more_functions_than_levels_differ_by_are_a_usage_error(functions):
    with pytest.raises(UsageError, match=f"--level-functions {functions}: expected at most 4"):
        level_basis(STARS, functions)


def test_the_form_is_what_the_settings_say():
    settings = ResolvedSettings(
        hidden=7, hidden_units="gaussian", factors=3, level_functions=2, conditional=False
    )

    form = form_of(settings, STARS)

    assert form[:5] == (7, 3, True, False, True)
    np.testing.assert_array_equal(form.basis, level_basis(STARS, 2))


def test_the_plain_form_is_binary_with_weights_for_every_level():
    form = form_of(ResolvedSettings(hidden=7, level_functions=0), STARS)

    assert form[:5] == (7, 0, False, True, False)
    assert form.basis.shape == (5, 5)
