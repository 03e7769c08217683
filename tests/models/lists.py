"""Random ranked lists, and their figures by another implementation."""

from __future__ import annotations

import ir_measures
import numpy as np
from ir_measures import AP, RR, P, R, Success, nDCG

from rbmcli.models.ranking import RankedItems, RelevantItems


def random_lists(
    users: int, items: int, seed: int, most: int = 12, graded: bool = False
) -> tuple[RankedItems, RelevantItems]:
    """Return lists of up to `most` items, some of them empty, and the relevant items that some users have."""
    generator = np.random.default_rng(seed)
    listed, held = [], []
    for user in range(users):
        length = int(generator.integers(0, min(most, items) + 1))
        chosen = generator.permutation(items)[:length]
        listed += [(user, rank, item) for rank, item in enumerate(chosen, 1)]
        liked = generator.permutation(items)[: int(generator.integers(0, items // 2 + 1))]
        held += [(user, item, 1 + generator.integers(5) if graded else 1) for item in liked]
    ranked = generator.permutation(np.array(listed, np.int64).reshape(-1, 3))
    relevant = generator.permutation(np.array(held, np.int64).reshape(-1, 3))
    return RankedItems(*ranked.T), RelevantItems(*relevant.T[:2], relevant[:, 2].astype(np.float64))


def by_another(ranked: RankedItems, relevant: RelevantItems, cutoff: int) -> dict[int, list[float]]:
    """Return the figures of each user, in our order, by another implementation."""
    qrels: dict[str, dict[str, int]] = {}
    for user, item, gain in zip(relevant.user, relevant.item, relevant.gain, strict=True):
        qrels.setdefault(str(user), {})[str(item)] = int(gain)
    run: dict[str, dict[str, float]] = {}
    for user, rank, item in zip(ranked.user, ranked.rank, ranked.item, strict=True):
        run.setdefault(str(user), {})[str(item)] = float(-rank)
    measures = [each @ cutoff for each in (P, R, nDCG, AP, RR, Success)]
    found = {int(user): [0.0] * 6 for user in qrels}
    for metric in ir_measures.iter_calc(measures, qrels, run):
        if metric.query_id in qrels:
            found[int(metric.query_id)][measures.index(metric.measure)] = metric.value
    return found
