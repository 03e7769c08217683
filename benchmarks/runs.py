"""Which trainings accuracy is measured by, and of what: a list, group by group."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

MOVIELENS = ("ml-100k-r90", "ml-latest-small-r90", "ml-1m-r90")
DATED = ("ml-100k-r90", "ml-latest-small-r90", "movietweetings-100k")
"""Sets whose ratings have timestamps."""

OTHERS = ("goodbooks-sample", "movietweetings-100k", "jester5k")
ALL = MOVIELENS + OTHERS

TEST, NEW_USERS, NOTHING = "test", "new users", "nothing"


@dataclass(frozen=True)
class Run:
    """One training, and what its model is asked.

    Attributes
    ----------
    set : str
        Name of the rating set.
    options : str
        Options of `rbmcli train`, as on a command line; what is not given is left to the defaults.
    seed : int
        Its seed.
    asks : {"test", "new users", "nothing"}
        The test pairs; half of the ratings of users whom training did not have; or nothing, where it counts
        alone whether training ends well.
    inference : str
        Option of `rbmcli predict`.
    rate_factor : int
        What learning rates are multiplied by, after they have been chosen.
    """

    set: str
    options: str = ""
    seed: int = 0
    asks: str = TEST
    inference: str = "auto"
    rate_factor: int = 1


BOTH_WAYS = ("--by item", "--by user")

TABLE = (
    "--preset accurate --objective divergence --by item",
    "--preset accurate --fine-tune --by item",
    "--preset accurate --objective discriminative --by item",
    "--preset accurate --objective discriminative --by user",
)

PRESETS = ("--preset fast", "--preset accurate")

_STABILITY = tuple(
    f"{way} --objective {objective}"
    for way, objective in itertools.product(BOTH_WAYS, ("discriminative", "divergence"))
)

GROUPS: dict[str, list[Run]] = {
    "defaults": [Run(name, way) for name, way in itertools.product(ALL, BOTH_WAYS)],
    "table": [Run(name, options) for name, options in itertools.product(MOVIELENS, TABLE)],
    "new-users": [Run(name, way, asks=NEW_USERS) for name, way in itertools.product(MOVIELENS, BOTH_WAYS)],
    "presets": [Run(name, preset) for name, preset in itertools.product(ALL, PRESETS)],
    "days": [
        Run(name, f"--preset accurate --by item{option}")
        for name, option in itertools.product(DATED, ("", " --day-bias"))
    ],
    "divergence": [
        *(
            Run(name, options, seed, NOTHING)
            for name, options, seed in itertools.product(ALL, _STABILITY, range(3))
        ),
        *(
            Run(name, options, 0, NOTHING, rate_factor=10)
            for name, options in itertools.product(ALL, _STABILITY)
        ),
    ],
    "inference": [
        Run(name, options, inference=inference)
        for name, options, inference in itertools.product(
            MOVIELENS,
            ("--objective divergence --by item", "--objective divergence --by user", *BOTH_WAYS),
            ("mean-field", "exact"),
        )
    ],
}
"""The runs by group. A training that several runs share is done once."""
