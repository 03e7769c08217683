"""What CD-1 has to do for one rating, counted, to compare its speed with what the machine can do.

Counted for a plain form with sampled levels: K levels, F hidden units, W with their padding.
"""

from __future__ import annotations

from collections.abc import Sequence

from rbmcli.kernels.arrays import Batch


def multiply_adds(levels: int, hidden: int) -> int:
    """Return (K + 4) F: the hidden units twice, K logits, and the gradient of both sides."""
    return (levels + 4) * hidden


def bytes_moved(batches: Sequence[Batch], levels: int, width: int) -> float:
    """Return an estimate of the bytes that a rating moves.

    Every number that a loop over ratings reads or writes counts once, those of a loop over columns once for
    each mini-batch that the column is in, and sums that stay in registers or in the nearest cache not at all.
    Much of what is counted never leaves the caches.

    Parameters
    ----------
    batches : sequence of Batch
        The mini-batches of an epoch.
    levels, width : int
        K and W.
    """
    ratings = sum(len(batch.column) for batch in batches)
    columns = sum(len(batch.columns) for batch in batches)
    unit = 4 * width
    # A group's weights at one level, its column and level; from the data and from the reconstruction.
    hidden = 2 * (unit + 5)
    # The row's hidden units, four indices, the row bias, and the level that is drawn, in two orders.
    reconstruction = unit + 13 + 4 * levels + 2
    # The row's hidden units of both sides, each with the index of the row, and two levels.
    update = 2 * (unit + 4) + 2
    # Weights read to reconstruct; weights and velocity read and written to update.
    of_column = 5 * unit * levels
    return hidden + reconstruction + update + of_column * columns / ratings
