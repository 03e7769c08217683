"""What is compared: models of public libraries, and commands of rbmcli. A line more here is a row more.

Values of `search` are tried on a tenth of the training ratings, held out, each with each; the best of them
is trained anew on all. What a library offers as its default has no search. Nothing here was chosen by test
ratings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.runs import ALL, DATED

_ADAPTERS = "benchmarks.peers.adapters"
_DEFAULT = "the library's defaults"
_GRID = "search over a grid of our own; the defaults of the library for all else"
_EXAMPLE = "myFM's examples/ml-100k-regression.py: features, groups, rank and number of samples"


@dataclass(frozen=True)
class Peer:
    """A model of a public library.

    Attributes
    ----------
    name : str
        What its row is called.
    adapter : str
        Module that trains and asks it.
    settings : dict
        What the adapter is told.
    source : str
        Where they are from.
    search : dict of str to list
        Settings to be searched for, with values to try.
    sets : tuple of str
        The sets that it is for.
    """

    name: str
    adapter: str
    settings: dict[str, Any]
    source: str = _DEFAULT
    search: dict[str, list[Any]] = field(default_factory=dict)
    sets: tuple[str, ...] = ALL


RIVALS = ("myfm-svdpp", "myfm-svdpp-probit", "myfm-timesvdpp-probit", "myfm-svdpp-rank32")
"""The peers that commands are compared with, pair by pair."""


@dataclass(frozen=True)
class Command:
    """A training by rbmcli.

    Attributes
    ----------
    name : str
        What its row is called.
    options : str
        Those of `train`, as on a command line.
    sets : tuple of str
        The sets that it is for.
    against : tuple of str
        The rows that it is compared with, pair by pair.
    """

    name: str
    options: str
    sets: tuple[str, ...] = ALL
    against: tuple[str, ...] = RIVALS


def _myfm(name: str, source: str = _EXAMPLE, sets: tuple[str, ...] = ALL, **changes: Any) -> Peer:
    settings = {"rank": 10, "samples": 512, "implicit": True, "days": False, "probit": False, **changes}
    return Peer(name, f"{_ADAPTERS}.with_myfm", settings, source, sets=sets)


def _searched(name: str, library: str, settings: dict[str, Any], **search: list[Any]) -> Peer:
    return Peer(name, f"{_ADAPTERS}.with_{library}", settings, _GRID, search)


PEERS = (
    Peer("surprise-svd", f"{_ADAPTERS}.with_surprise", {"model": "SVD"}),
    _searched(
        "surprise-svd-tuned",
        "surprise",
        {"model": "SVD", "n_factors": 50},
        n_epochs=[40, 100],
        reg_all=[0.05, 0.1, 0.4],
    ),
    Peer("surprise-svdpp", f"{_ADAPTERS}.with_surprise", {"model": "SVDpp", "cache_ratings": True}),
    Peer("lenskit-itemknn", f"{_ADAPTERS}.with_lenskit", {"model": "ItemKNN"}),
    Peer("lenskit-als", f"{_ADAPTERS}.with_lenskit", {"model": "BiasedMF"}),
    Peer("cornac-mf", f"{_ADAPTERS}.with_cornac", {}),
    _searched(
        "cornac-mf-tuned",
        "cornac",
        {"k": 50, "max_iter": 100},
        learning_rate=[0.0025, 0.01],
        lambda_reg=[0.05, 0.1, 0.4],
    ),
    Peer("libmf", f"{_ADAPTERS}.with_libmf", {}),
    _searched("libmf-tuned", "libmf", {"nr_iters": 50}, k=[16, 50], penalty=[0.05, 0.1, 0.3]),
    _myfm(
        "myfm-mf",
        "myFM's documentation, the tutorial with MovieLens: groups, rank and number of samples",
        samples=200,
        implicit=False,
    ),
    _myfm("myfm-svdpp"),
    _myfm("myfm-svdpp-probit", probit=True),
    _myfm("myfm-timesvdpp-probit", days=True, probit=True, sets=DATED),
    _myfm(
        "myfm-svdpp-rank32",
        "myFM's examples/ml-1m-regression.py: features, groups, rank and number of samples, without days",
        rank=32,
        sets=("ml-1m-r90",),
    ),
)

COMMANDS = (
    Command("rbmcli-bias", "--model bias", against=()),
    Command("rbmcli-rbm", "--by item --refit", against=()),
    Command("rbmcli-als", "--model mf --method als"),
    Command("rbmcli-mf", "--model mf"),
    Command(
        "rbmcli-rbm-and-mf",
        "--model blend --member mf --member rbm:by=item",
        against=("rbmcli-rbm", "rbmcli-mf"),
    ),
    Command("rbmcli-best", "--preset best"),
    Command("rbmcli-best-days", "--preset best --day-bias", DATED),
)
