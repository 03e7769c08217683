"""Which trials of a search to give up early: those that fall behind the others of their kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST_PEERS = 4
"""Complete trials of a kind that a trial is compared with at least."""

EPOCHS_OF_GRACE = 20
"""Before that, all curves are near the base rates, and only tell a large learning rate from a small one."""

SHARE_KEPT = 0.5


class Peers:
    """The validation curves of complete trials, by kind.

    A trial falls behind where the smallest validation RMSE that it has had up to an epoch is larger than
    what half of its peers had by then. The kind is the objective: one needs several times the epochs of the
    other, so that trials of both, compared at one epoch, would always be given up on the same side. A peer
    that was through earlier counts with its best.
    """

    def __init__(self) -> None:
        self._curves: dict[str, list[np.ndarray]] = {}

    def add(self, kind: str, curve: Sequence[float]) -> None:
        """Add the validation RMSE of each epoch of a complete trial."""
        self._curves.setdefault(kind, []).append(np.fmin.accumulate(np.asarray(curve, np.float64)))

    def leave_behind(self, kind: str, epoch: int, best: float) -> bool:
        """Tell whether a trial falls behind whose best RMSE up to an epoch, counted from 1, is this."""
        curves = self._curves.get(kind, [])
        if epoch < EPOCHS_OF_GRACE or len(curves) < FEWEST_PEERS:
            return False
        by_then = [curve[min(epoch, len(curve)) - 1] for curve in curves]
        return not best <= np.quantile(by_then, SHARE_KEPT)
