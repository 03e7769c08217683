"""A trial falls behind where half of its kind had done better by the same epoch, and not before."""

from __future__ import annotations

import math

import pytest

from rbmcli.pipeline.pruning import EPOCHS_OF_GRACE, FEWEST_PEERS, Peers

LATE = EPOCHS_OF_GRACE + 5


def peers_of(*levels: float, kind: str = "divergence", epochs: int = 100) -> Peers:
    """Return peers whose curves stay at these levels."""
    peers = Peers()
    for level in levels:
        peers.add(kind, [level] * epochs)
    return peers


@pytest.mark.parametrize(("best", "is_behind"), [(2.4, False), (2.5, False), (2.6, True), (math.nan, True)])
def test_the_median_of_the_peers_is_the_limit(best: float, is_behind: bool) -> None:
    assert peers_of(1.0, 2.0, 3.0, 4.0).leave_behind("divergence", LATE, best) == is_behind


def test_nobody_is_left_behind_in_the_first_epochs() -> None:
    peers = peers_of(1.0, 1.0, 1.0, 1.0)

    assert not peers.leave_behind("divergence", EPOCHS_OF_GRACE - 1, 9.0)
    assert peers.leave_behind("divergence", EPOCHS_OF_GRACE, 9.0)


def test_nobody_is_left_behind_by_few() -> None:
    assert not peers_of(*[1.0] * (FEWEST_PEERS - 1)).leave_behind("divergence", LATE, 9.0)
    assert not Peers().leave_behind("divergence", LATE, 9.0)


def test_only_trials_of_the_same_kind_are_peers() -> None:
    peers = peers_of(1.0, 1.0, 1.0, 1.0, kind="divergence")

    assert not peers.leave_behind("discriminative", LATE, 9.0)


def test_peers_count_with_the_best_that_they_had_by_that_epoch() -> None:
    curve = [5.0] * EPOCHS_OF_GRACE + [1.0, 3.0, 3.0]
    peers = Peers()
    for _ in range(FEWEST_PEERS):
        peers.add("divergence", curve)

    assert not peers.leave_behind("divergence", EPOCHS_OF_GRACE, 4.0)
    assert peers.leave_behind("divergence", EPOCHS_OF_GRACE + 3, 2.0)


def test_a_peer_that_was_through_earlier_counts_with_its_best() -> None:
    peers = peers_of(1.0, 1.0, 1.0, 1.0, epochs=3)

    assert peers.leave_behind("divergence", LATE, 1.1)
    assert not peers.leave_behind("divergence", LATE, 0.9)
